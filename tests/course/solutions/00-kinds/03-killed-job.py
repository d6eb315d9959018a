# ---
# title: "What does the night job leave when it is killed?"
# minutes: 15
# data: []
# needs: [tidy-file]
# runs_on: []
# limit_seconds: 20
# sources:
#   - "Python Library Reference, os, os.truncate"
# hints:
#   - "Look at what is in the output when the job starts again."
#   - "A line without its end was never finished: it goes, and its step is done again."
#   - "whole = text[: text.rfind('\\n') + 1]; then truncate to it and go on at whole.count('\\n')"
# ---

# %% [markdown]
# # What does the night job leave when it is killed?
#
# A unit that delivers a job which goes on where it was killed.

# %%
import grader

grader.begin("killed-job")

# %% [markdown]
# A job: `python job.py 50 done.csv` appends one line `number,square` for each number below 50, in order and each
# as soon as it is known, and goes on after the last whole line that is there. Each number stands once in the end.


# %% answer="job" file="job.py"
import os
import sys
import time
from pathlib import Path


def square(number):
    """One step of work, which takes as many seconds as STEP_SECONDS says."""
    time.sleep(float(os.environ.get("STEP_SECONDS", "0")))
    return number * number


def main(count, target):
    """Append what `target` lacks.

    count: numbers 0 to count - 1 are worked on. target: Path of the output.
    """
    ### BEGIN SOLUTION
    text = target.read_text() if target.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        os.truncate(target, len(whole))
    with target.open("a") as file:
        for number in range(whole.count("\n"), count):
            file.write(f"{number},{square(number)}\n")
            file.flush()
    ### END SOLUTION


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))


# %% test="killed_half_way" of="job" points=2
import time
from grader import expect

with expect.process("job.py", "50", "done.csv", env={"STEP_SECONDS": "0.03"}) as job:
    job.wait_for_file("done.csv")
    while job.running and job.read("done.csv").count(b"\n") < 3:
        time.sleep(0.01)
    job.kill()
    left = job.read("done.csv").count(b"\n")
expect.true(
    0 < left < 50,
    got="an output that is not written line by line",
    expected="some of the lines",
    what="done.csv when job.py is killed half-way",
    why="what is done must be there when the job is killed",
    look_at="when a line reaches the file",
)
with expect.process("job.py", "50", "done.csv") as job:
    job.wait()
    numbers = [int(line.split(b",")[0]) for line in job.read("done.csv").splitlines()]
expect.true(
    len(numbers) == len(set(numbers)),
    got="some numbers twice",
    expected="each number once",
    what="done.csv after a second start",
    why="a step that is done twice is paid twice",
    look_at="where the job goes on",
)
expect.equal(
    sorted(set(range(50)) - set(numbers)),
    [],
    what="the numbers that done.csv lacks",
    why="each number below 50 is worked on",
    look_at="where the job goes on",
)
### BEGIN HIDDEN TESTS
done = int(expect.rng().integers(5, 40))
with expect.process("job.py", "0", "torn.csv") as job:
    job.wait()
    job.write("torn.csv", "".join(f"{n},{n * n}\n" for n in range(done)).encode() + f"{done},1".encode())
with expect.process("job.py", "50", "torn.csv") as job:
    job.wait()
    lines = job.read("torn.csv").decode().splitlines()
expect.equal(
    lines,
    [f"{n},{n * n}" for n in range(50)],
    what="the output after a start with a last line that was cut off",
    why="a line that was cut off in the middle was never finished",
    look_at="the end of the file that you append to",
)
### END HIDDEN TESTS

# %% wrong="starts_over" of="job" caught_by="killed_half_way"
# Appending is not resuming: this does every step again.
import os
import sys
import time
from pathlib import Path


def square(number):
    time.sleep(float(os.environ.get("STEP_SECONDS", "0")))
    return number * number


def main(count, target):
    with target.open("a") as file:
        for number in range(count):
            file.write(f"{number},{square(number)}\n")
            file.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))


# %% wrong="writes_at_the_end" of="job" caught_by="killed_half_way"
# What is kept in memory dies with the process: this writes when all is done.
import os
import sys
import time
from pathlib import Path


def square(number):
    time.sleep(float(os.environ.get("STEP_SECONDS", "0")))
    return number * number


def main(count, target):
    with target.open("w") as file:
        file.write("".join(f"{number},{square(number)}\n" for number in range(count)))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))


# %% wrong="skips_one" of="job" caught_by="killed_half_way"
# As many lines as there are is the next number, since numbers begin at 0; this leaves one out.
import os
import sys
import time
from pathlib import Path


def square(number):
    time.sleep(float(os.environ.get("STEP_SECONDS", "0")))
    return number * number


def main(count, target):
    text = target.read_text() if target.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        os.truncate(target, len(whole))
    with target.open("a") as file:
        for number in range(whole.count("\n") + 1, count):
            file.write(f"{number},{square(number)}\n")
            file.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))


# %% wrong="trusts_the_last_line" of="job" caught_by="killed_half_way"
# A killed job may leave half a line, and this takes it for a whole one.
import os
import sys
import time
from pathlib import Path


def square(number):
    time.sleep(float(os.environ.get("STEP_SECONDS", "0")))
    return number * number


def main(count, target):
    lines = target.read_text().splitlines() if target.exists() else []
    with target.open("a") as file:
        for number in range(len(lines), count):
            file.write(f"{number},{square(number)}\n")
            file.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))


# %% also="set_of_done" of="job"
import os
import sys
import time


def main(count, target):
    lines = []
    if os.path.exists(target):
        with open(target) as file:
            lines = [line for line in file if line.endswith("\n")]
    with open(target, "w") as file:
        file.writelines(lines)
    done = {int(line.split(",")[0]) for line in lines}
    for number in sorted(set(range(count)) - done):
        time.sleep(float(os.environ.get("STEP_SECONDS", "0")))
        with open(target, "a") as file:
            file.write(f"{number},{number**2}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])


# %% also="unbuffered" of="job"
import os
import sys
import time
from pathlib import Path

count, target = int(sys.argv[1]), Path(sys.argv[2])
text = target.read_bytes() if target.exists() else b""
whole = text[: text.rfind(b"\n") + 1]
with open(target, "r+b" if target.exists() else "w+b", buffering=0) as file:
    file.truncate(len(whole))
    file.seek(0, os.SEEK_END)
    for number in range(whole.count(b"\n"), count):
        time.sleep(float(os.environ.get("STEP_SECONDS", "0")))
        file.write(b"%d,%d\n" % (number, number * number))
