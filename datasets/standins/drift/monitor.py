import hashlib
import json
import math
import pickle
import sys
from pathlib import Path

import mlflow
import pandas as pd
from alarms import Alarms
from mlflow.entities import Metric
from normal import chances, learn

FIELDS = ["amount", "items", "channel", "ship_country", "address_age_days", "device", "device_known"]
FIELDS += ["card_country", "attempts", "hour", "score"]
PER_YEAR = 2


def read_calendar(path):
    """(holidays, planned): Timestamps, and a list of (first, last, fields). Given."""
    calendar = json.loads(Path(path).read_text())
    planned = [
        (pd.Timestamp(one["first"]), pd.Timestamp(one["last"]), one["fields"]) for one in calendar["planned"]
    ]
    return [pd.Timestamp(day) for day in calendar["holidays"]], planned


def log_days(per_day):
    """Log metrics of many days to the run that is open. Given.

    per_day: {Timestamp: {name of the metric: float}}.
    """
    start = pd.Timestamp("2025-01-01")
    metrics = [
        Metric(name, value, 0, (day - start).days)
        for day, row in per_day.items()
        for name, value in row.items()
    ]
    for first in range(0, len(metrics), 1000):
        run_id = mlflow.active_run().info.run_id
        mlflow.MlflowClient().log_batch(run_id, metrics[first : first + 1000])


def start(orders_file, calendar_file, state_file):
    """python monitor.py learn: begin a new state. Returns the exit code."""
    orders, (holidays, _) = pd.read_parquet(orders_file), read_calendar(calendar_file)
    normal = {field: learn(orders, [field], holidays) for field in FIELDS}
    state = {"normal": normal, "alarms": Alarms(FIELDS, PER_YEAR), "last": orders["day"].max()}
    Path(state_file).write_bytes(pickle.dumps(state))
    return 0


def watch(orders_file, calendar_file, state_file):
    """python monitor.py watch: see the new days, log the run, write alarms.json. Returns the exit code."""
    orders, (holidays, planned) = pd.read_parquet(orders_file), read_calendar(calendar_file)
    state = pickle.loads(Path(state_file).read_bytes())
    alarms, raised, per_day = state["alarms"], [], {}
    for day, rows in orders[orders["day"] > state["last"]].groupby("day"):  # in the order of the days
        found = {}
        for normal in state["normal"].values():
            found |= chances(normal, rows, holidays)
        per_day[day] = {f"surprise.{field}": -math.log10(max(p, 1e-99)) for field, p in found.items()}
        known = {field for first, last, fields in planned if first <= day <= last for field in fields}
        judged = {field: p for field, p in found.items() if field not in known}
        raised += alarms.see(day.date(), judged)
        state["last"] = day
    Path(state_file).write_bytes(pickle.dumps(state))
    raised = [{name: str(value) for name, value in one.items()} for one in raised]
    opened = {field: str(since) for field, since in alarms.open.items()}
    Path("alarms.json").write_text(json.dumps({"raised": raised, "open": opened}))
    with mlflow.start_run():
        mlflow.log_param("orders_sha256", hashlib.sha256(Path(orders_file).read_bytes()).hexdigest())
        log_days(per_day)
        mlflow.log_metrics({"days": len(per_day), "alarms": len(raised)})
        mlflow.set_tag("open", ",".join(sorted(opened)) or "none")
        mlflow.log_artifact("alarms.json")
    return int(len(raised) > 0)


def rebase(orders_file, calendar_file, state_file, field):
    """python monitor.py rebase: the field is normal as it is in these orders. Returns the exit code."""
    orders, (holidays, _) = pd.read_parquet(orders_file), read_calendar(calendar_file)
    state = pickle.loads(Path(state_file).read_bytes())
    state["normal"][field] = learn(orders, [field], holidays)
    state["alarms"].rebase(field)
    Path(state_file).write_bytes(pickle.dumps(state))
    return 0


def main(command, *arguments):
    """Run one of the three commands. Given."""
    return {"learn": start, "watch": watch, "rebase": rebase}[command](*arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
