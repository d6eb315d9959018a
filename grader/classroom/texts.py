"""The files that a new class gets beside its notebooks."""

from __future__ import annotations

import re

CONFIG = '''\
"""Settings of nbgrader for this class, written by `mle class init`; yours to change."""

from grader.classroom.execute import autograde_steps, find_own_commands

c = get_config()  # noqa: F821  # nbgrader gives this name

# The name of the class in the exchange and in the grade book.
c.CourseDirectory.course_id = "{course_id}"

# The exchange: a folder that exists already and that you and every student can write to.
# Students set the same value, and the same course_id, in an nbgrader_config.py of their own.
# Without an exchange leave this out, hand out release/ and put what comes back into
# submitted/STUDENT/ASSIGNMENT/.
# c.Exchange.root = "PATH OF THE EXCHANGE"

# Seconds that one cell may take. Checks of the course allow {limit_seconds:g} s; the machine that grades a
# class may be slower.
c.Execute.timeout = {timeout_seconds}
c.Execute.startup_timeout = 120

# nbgrader's own steps of autograde, with another Execute: hidden tests draw their data from this class's secret
# (seatrial.json), the same for every student and every re-grade; the course's tests run in a process of their
# own; everything runs in a jail, and nothing where there can be none. "reduced" does without, for submissions
# that you trust. docs/nbgrader-plugin.md of the course says more.
c.Autograde.autograde_preprocessors = autograde_steps()
c.ClassExecute.isolation = "full"

# nbgrader calls `alembic` by name to make a grade book; this finds it in the environment that nbgrader is in.
find_own_commands()

# Files that nbgrader copies neither to students nor back: caches, and stores of MLflow.
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints",
    "*.pyc",
    "__pycache__",
    "feedback",
    "mlflow.db*",
    "mlruns",
    "mlartifacts",
]
'''

README = """\
# Class {course_id}

An nbgrader course made by `mle class init`. Each folder of `source/` is an assignment, each notebook in it a
unit. Run the commands here, with an assignment's name in place of ASSIGNMENT:

```text
nbgrader generate_assignment ASSIGNMENT    release/: without solutions and hidden tests
nbgrader release_assignment ASSIGNMENT     to the exchange; students fetch and submit
nbgrader collect ASSIGNMENT                from the exchange to submitted/
mle class grade .                          run and judge everything; scores go to gradebook.db
nbgrader autograde ASSIGNMENT              the same with nbgrader's own command
nbgrader generate_feedback ASSIGNMENT      pages with scores and messages
nbgrader release_feedback ASSIGNMENT       to the exchange; students fetch them
nbgrader export                            grades.csv
jupyter lab                                formgrader is in the menu Nbgrader
```

The exchange is set in `nbgrader_config.py`. `seatrial.json` holds the secret of the hidden data: keep it and
keep it to yourself. `mle class init .` brings back what is missing and updates the notebooks of `source/` that you
did not edit; `--units` and `--modules` add units. The course's docs/grading-a-class.md says more.
"""

GITIGNORE = """\
# The secret of the hidden data, grades, and students' work.
seatrial.json
.seatrial/
gradebook.db*
submitted/
autograded/
feedback/
grades.csv
"""

MIN_TIMEOUT_SECONDS = 120


def config_text(course_id: str, limit_seconds: float) -> str:
    """The class's nbgrader_config.py; limit_seconds: the longest that a unit of the course allows a cell."""
    timeout = max(MIN_TIMEOUT_SECONDS, int(2 * limit_seconds))
    return CONFIG.format(course_id=course_id, limit_seconds=limit_seconds, timeout_seconds=timeout)


def course_id_of(name: str) -> str:
    """A folder's name as nbgrader and its exchange take it: letters, digits, underscores and hyphens."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "class"
