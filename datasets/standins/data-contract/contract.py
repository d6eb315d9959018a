import json
import sys
from pathlib import Path

import pandas as pd
from batch_rules import alarms
from pandas.api.types import is_object_dtype
from row_rules import split

MAX_QUARANTINED = 0.02  # of a day's rows


def main(contract_file, reference_file, inbox, outbox):
    """Check each day of the inbox, write accepted.parquet, quarantine.parquet and report.json.

    All four: names of files and folders.
    Returns the exit code: 0, or 1 if a day was stopped.
    """
    contract = json.loads(Path(contract_file).read_text())
    reference = json.loads(Path(reference_file).read_text())
    good, bad, days = [], [], {}
    for file in sorted(Path(inbox).glob("*.parquet")):
        day = pd.read_parquet(file)
        accepted, quarantine = split(day, contract)
        found = list(alarms(accepted, reference)) if len(accepted) else []
        if len(quarantine) / max(len(day), 1) > MAX_QUARANTINED:
            found.append("rows:quarantined")
        if found:
            held = accepted.assign(reason=", ".join(found))
            accepted, quarantine = accepted.iloc[:0], pd.concat([quarantine, held])
        good.append(accepted)
        bad.append(quarantine.assign(day=file.stem))
        counts = {"rows_in": len(day), "rows_accepted": len(accepted), "rows_quarantined": len(quarantine)}
        days[file.stem] = {**counts, "alarms": found}
    quarantine = pd.concat(bad)
    reasons = quarantine["reason"].str.split(", ").explode().value_counts()
    totals = {
        name: sum(day[name] for day in days.values())
        for name in ("rows_in", "rows_accepted", "rows_quarantined")
    }
    report = {"contract_version": contract["version"], **totals}
    report |= {"reasons": {name: int(count) for name, count in reasons.items()}, "days": days}
    folder = Path(outbox)
    folder.mkdir(parents=True, exist_ok=True)
    of_one_type(pd.concat(good)).to_parquet(folder / "accepted.parquet")
    of_one_type(quarantine).to_parquet(folder / "quarantine.parquet")
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    return int(any(day["alarms"] for day in days.values()))


def of_one_type(rows):
    """The rows with each column of several types, such as numbers and texts, as text; empty cells stay empty."""
    for name in rows.columns:
        if is_object_dtype(rows[name]) and rows[name].dropna().map(type).nunique() > 1:
            rows[name] = rows[name].map(str, na_action="ignore")
    return rows


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
