"""Writing: delivered files, tracking stores and folders that are something else."""

# ruff: noqa: E501
from __future__ import annotations

from hostile.case import Case, code

CASES = (
    Case(
        "next_file_is_a_pipe",
        "Has a pipe where the test is going to write.",
        own={"each": "import os\nos.mkfifo('next.txt')\n"},
        may_lose="report",
    ),
    Case(
        "next_file_is_a_link",
        "Has a link to the grade book where the test is going to write.",
        own={"each": "import os\nos.symlink('@FOLDER@/class/gradebook.db', 'next.txt')\n"},
        may_lose="report",
    ),
    Case(
        "next_file_is_a_folder",
        "Has a folder where the test is going to write.",
        own={"each": "import os\nos.makedirs('next.txt/inner')\n"},
        may_lose="report",
    ),
    Case(
        "delivered_link",
        "Delivers a link to somebody's file in the place of its own.",
        {"report": "print('never')\n"},
        own={
            "report": "import os\nos.unlink('report.py')\nos.symlink('@FOLDER@/course/solutions/solution.py', 'report.py')\n"
        },
        loses="report",
    ),
    Case(
        "delivered_pipe",
        "Delivers a pipe in the place of its file, at which whoever opens it waits.",
        own={"report": "import os\nos.unlink('report.py')\nos.mkfifo('report.py')\n"},
        loses="report",
    ),
    Case(
        "delivered_hard_link",
        "Delivers a second name of a file of the course.",
        own={
            "report": "import os\nos.unlink('report.py')\n"
            "try:\n    os.link('@FOLDER@/course/solutions/solution.py', 'report.py')\nexcept OSError:\n    print('no')\n"
        },
        loses="report",
    ),
    Case(
        "delivered_folder",
        "Delivers a folder with a program in it.",
        own={
            "report": "import os\nos.unlink('report.py')\nos.mkdir('report.py')\nopen('report.py/__main__.py', 'w').write('print(42)')\n"
        },
        loses="report",
    ),
    Case(
        "folder_turned_into_link",
        "Moves the run's own folder away and puts a link to the class in its place.",
        own={
            "each": "import os\nhere = os.getcwd()\ntry:\n    os.rename(here, here + '-moved')\n"
            "    os.symlink('@FOLDER@/class', here)\nexcept OSError:\n    print('no')\n"
        },
        may_lose="report",
    ),
    Case(
        "store_as_pipe",
        "Puts a pipe in the place of the tracking store.",
        own={
            "tracked": "import os\nf = os.environ['MLFLOW_TRACKING_URI'].removeprefix('sqlite:///')\nos.unlink(f)\nos.mkfifo(f)\n"
        },
        tracked=True,
        loses="tracked",
    ),
    Case(
        "store_as_link",
        "Puts a link to the grade book in the place of the tracking store.",
        own={
            "tracked": "import os\nf = os.environ['MLFLOW_TRACKING_URI'].removeprefix('sqlite:///')\nos.unlink(f)\nos.symlink('@FOLDER@/class/gradebook.db', f)\n"
        },
        tracked=True,
        loses="tracked",
    ),
    Case(
        "store_of_views",
        "Makes views and triggers of the store's tables that never come to an end.",
        own={
            "tracked": code("""
            import os, sqlite3

            with sqlite3.connect(os.environ["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///")) as book:
                book.execute("ALTER TABLE runs RENAME TO old_runs")
                endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT * FROM old_runs, c"
                book.execute(f"CREATE VIEW runs AS {endless}")
                book.execute("PRAGMA writable_schema = ON")
                book.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE x(' || printf('%.*c', 500000, 'y') || ')' WHERE name = 'tags'")
            """)
        },
        tracked=True,
        loses="tracked",
    ),
    Case(
        "store_of_no_size",
        "Lets the tracking store seem to be a terabyte.",
        own={
            "tracked": "import os\ntry:\n    os.truncate(os.environ['MLFLOW_TRACKING_URI'].removeprefix('sqlite:///'), 2**40)\nexcept OSError:\n    open(os.environ['MLFLOW_TRACKING_URI'].removeprefix('sqlite:///'), 'w').write('x')\n"
        },
        tracked=True,
        loses="tracked",
    ),
    Case(
        "artefacts_elsewhere",
        "Says that its artefacts and its model lie in the class, by path and by link.",
        own={
            "tracked": code("""
            import os, sqlite3

            file = os.environ["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///")
            with sqlite3.connect(file) as book:
                book.execute("UPDATE runs SET artifact_uri = '@FOLDER@/class'")
                book.execute("UPDATE logged_models SET artifact_location = ?", (os.path.dirname(file) + "/../../../../@FOLDER@",))
            os.symlink("@FOLDER@/class", os.path.dirname(file) + "/link")
            """)
        },
        tracked=True,
        loses="tracked",
    ),
)
