"""Which version is the champion: promotion behind gates, and the way back."""

import mlflow
from gates import examine

SLOWER = 10  # times as slow as the champion


def promote(name, rows, margin):
    """Put the candidates of the model `name` through the gates on rows, and move the aliases.

    margin: how much more average precision the best candidate needs, a float, 0 or more.
    Returns the decision: a dict with before, after, challenger, failed, average_precision.
    Raises RuntimeError, and moves nothing, if the champion fails a gate or was moved by somebody else.
    """
    client = mlflow.MlflowClient()
    before = alias(client, name, "champion")
    versions = client.search_model_versions(f"name = '{name}'")
    new = {int(version.version) for version in versions if "rolled_back" not in version.tags}
    reports = {number: examine(name, number, rows) for number in sorted(new) if number > (before or 0)}
    failed = {number: report["failed"] for number, report in reports.items() if report["failed"]}
    precision = {number: report["average_precision"] for number, report in reports.items()}
    if before is not None:
        champion = examine(name, before, rows)
        if champion["failed"]:
            raise RuntimeError(f"{name}: champion {before} fails the gate {champion['failed']}.")
        precision[before] = champion["average_precision"]
        for number in reports.keys() - failed.keys():
            if reports[number]["seconds"] > SLOWER * champion["seconds"]:
                failed[number] = "fast"
    passed = sorted(reports.keys() - failed.keys(), key=lambda number: (-precision[number], number))
    after = before
    if passed and (before is None or precision[passed[0]] - precision[before] > margin):
        after = passed[0]
    others = [number for number in passed if number != after]
    challenger = others[0] if others else None

    if alias(client, name, "champion") != before:
        raise RuntimeError(f"{name}: somebody has moved the champion from version {before}.")
    if after != before:
        if before is not None:
            client.set_registered_model_alias(name, "previous", str(before))
        client.set_registered_model_alias(name, "champion", str(after))
    if challenger is not None:
        client.set_registered_model_alias(name, "challenger", str(challenger))
    elif alias(client, name, "challenger") is not None:
        client.delete_registered_model_alias(name, "challenger")
    failed |= dict.fromkeys(others, "better")
    precision = {number: value for number, value in precision.items() if number == before or number in passed}
    return {
        "before": before,
        "after": after,
        "challenger": challenger,
        "failed": failed,
        "average_precision": precision,
    }


def alias(client, name, alias):
    """The number that an alias of the model names, or None."""
    number = client.get_registered_model(name).aliases.get(alias)
    return None if number is None else int(number)


def rollback(name):
    """Make the version that `previous` names the champion again, for good.

    Returns its number. Raises LookupError, and changes nothing, if there is nothing to go back to.
    """
    client = mlflow.MlflowClient()
    previous, champion = alias(client, name, "previous"), alias(client, name, "champion")
    if previous is None or previous == champion:
        raise LookupError(f"{name}: no previous champion to go back to.")
    client.set_model_version_tag(name, str(champion), "rolled_back", "true")
    client.set_registered_model_alias(name, "champion", str(previous))
    client.delete_registered_model_alias(name, "previous")
    return previous
