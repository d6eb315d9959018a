# ---
# title: "Which row of an order counts?"
# minutes: 10
# data: []
# needs: [add-up]
# runs_on: []
# limit_seconds: 15
# sources:
#   - "Python Library Reference, csv, reader and writer"
# hints:
#   - "Look at the spaces around the fields, and at orders that stand twice."
#   - "A dictionary by order keeps the last row that it is given."
#   - "last = {row[0]: row for row in rows}"
# ---

# %% [markdown]
# # Which row of an order counts?
#
# A unit that delivers a file.

# %%
import grader

grader.begin("tidy-file")

# %% [markdown]
# A script: `python tidy.py orders.csv tidy.csv`. In: a CSV file whose first row is its header and whose first
# column is the order; fields hold neither commas nor quotes. Out: the same without spaces around the fields
# and with the last row of each order, at the place of its first. If there is no input, exit code 2 and no output.


# %% answer="tidy" file="tidy.py"
import csv
import sys


def main(arguments):
    """Tidy one file.

    arguments: name of the input and of the output.
    Returns the exit code: 0, or 2 if there is no input.
    """
    ### BEGIN SOLUTION
    source, target = arguments
    try:
        with open(source, newline="") as file:
            rows = [[field.strip() for field in row] for row in csv.reader(file)]
    except FileNotFoundError:
        return 2
    last = {row[0]: row for row in rows}
    with open(target, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(last.values())
    return 0
    ### END SOLUTION


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))


# %% test="missing_input" of="tidy" points=1
from grader import expect

with expect.process("tidy.py", "nowhere.csv", "none.csv") as script:
    expect.equal(
        script.wait(),
        2,
        what="the exit code of tidy.py without input",
        why="whoever starts the script must see that there was nothing to read",
        look_at="what you do where the file is missing",
    )
    expect.true(
        "none.csv" not in script.files(),
        got="a file none.csv",
        expected="no output",
        what="tidy.py without input",
        why="an empty output looks like a day without orders",
        look_at="when you open the output",
    )

# %% test="last_row_counts" of="tidy" points=2
from grader import expect


def tidied(text):
    """The output of the script for an input with this text; a first start puts the input there."""
    with expect.process("tidy.py", "nowhere.csv", "none.csv") as script:
        script.wait()
        script.write("orders.csv", text.encode())
    with expect.process("tidy.py", "orders.csv", "tidy.csv") as script:
        script.wait()
        return script.read("tidy.csv").decode().split()


expect.equal(
    tidied("order,amount\n7 ,250\n8 ,90\n7 ,300 \n"),
    ["order,amount", "7,300", "8,90"],
    what="tidy.py with the order 7 twice",
    why="the last row of an order counts",
    look_at="which row you keep, and the spaces",
)
### BEGIN HIDDEN TESTS
amounts = [int(amount) for amount in expect.rng().integers(1, 10_000, size=3)]
expect.equal(
    tidied(f"order,amount\n8, {amounts[0]}\n 8,{amounts[1]}\n9,{amounts[2]}\n"),
    ["order,amount", f"8,{amounts[1]}", f"9,{amounts[2]}"],
    what="tidy.py with spaces before the fields",
    why="a space is no part of an order or of an amount",
    look_at="on which side you take spaces away",
)
### END HIDDEN TESTS

# %% wrong="keeps_first" of="tidy" caught_by="last_row_counts"
# The first row of an order is an old state; this keeps it.
import csv
import sys


def main(arguments):
    source, target = arguments
    try:
        with open(source, newline="") as file:
            rows = [[field.strip() for field in row] for row in csv.reader(file)]
    except FileNotFoundError:
        return 2
    first = {}
    for row in rows:
        first.setdefault(row[0], row)
    with open(target, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(first.values())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))


# %% wrong="strips_one_side" of="tidy" caught_by="last_row_counts"
# Spaces stand on both sides of a field; this takes away those at its end.
import csv
import sys


def main(arguments):
    source, target = arguments
    try:
        with open(source, newline="") as file:
            rows = [[field.rstrip() for field in row] for row in csv.reader(file)]
    except FileNotFoundError:
        return 2
    last = {row[0]: row for row in rows}
    with open(target, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(last.values())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))


# %% wrong="nothing_is_fine" of="tidy" caught_by="missing_input"
# A missing input is not an empty one; this writes an output and ends with 0.
import csv
import os
import sys


def main(arguments):
    source, target = arguments
    rows = []
    if os.path.exists(source):
        with open(source, newline="") as file:
            rows = [[field.strip() for field in row] for row in csv.reader(file)]
    last = {row[0]: row for row in rows}
    with open(target, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(last.values())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))


# %% also="plain_text" of="tidy"
import sys
from pathlib import Path

source, target = map(Path, sys.argv[1:])
if not source.exists():
    sys.exit(2)
last = {}
for line in source.read_text().splitlines():
    fields = [field.strip() for field in line.split(",")]
    last[fields[0]] = ",".join(fields)
target.write_text("\n".join(last.values()) + "\n")


# %% also="named_columns" of="tidy"
import csv
import sys


def main(source, target):
    try:
        file = open(source, newline="")
    except OSError:
        print("no input", file=sys.stderr)
        return 2
    with file:
        rows = list(csv.DictReader(file, skipinitialspace=True))
    kept = {}
    for row in rows:
        clean = {key.strip(): value.strip() for key, value in row.items()}
        kept[clean["order"]] = clean
    with open(target, "w", newline="") as file:
        writer = csv.DictWriter(file, list(clean))
        writer.writeheader()
        writer.writerows(kept.values())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
