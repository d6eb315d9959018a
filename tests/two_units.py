"""A course of two units: one leaves a file in its run, the other goes on with it."""

from pathlib import Path

from grader.course import Course

HEADER = """\
# ---
# title: "{title}"
# minutes: 5
# data: []
# needs: {needs}
# runs_on: []
# sources: []
# hints: ["where", "which", "how"]
{more}# ---

# %%
import grader

grader.begin("{word}")
"""
LEAVER = (
    HEADER.format(title="Leave a note", needs="[]", more="# leaves: [note.txt]\n", word="leaver")
    + '''
# %% [markdown]
# Log a note.

# %% answer="leave"
def leave(text):
    """Log `text` as note.txt."""
    ### BEGIN SOLUTION
    import mlflow

    with mlflow.start_run():
        mlflow.log_param("letters", len(text))
        mlflow.log_metric("words", len(text.split()))
        mlflow.set_tag("kind", "note")
        mlflow.log_text(text, "note.txt")
    ### END SOLUTION

# %% test="leaves_a_note" of="leave" points=2
from grader import expect

leave("from the run")
run = expect.run(params={"letters": 12}, what="leave", why="it has 12 letters", look_at="log_param")
expect.equal(run.artifact("note.txt"), b"from the run", what="note.txt", why="it was given", look_at="log_text")
'''
)
GOER = (
    HEADER.format(title="Go on", needs="[leaver]", more="", word="goer")
    + '''start = grader.start_from("leaver")
note = start.path("note.txt").read_text()

# %% [markdown]
# Count the words.

# %% answer="count"
def count():
    """Words of the note, its origin, its letters."""
    ### BEGIN SOLUTION
    return len(note.split()), start.origin, start.params["letters"]
    ### END SOLUTION

# %% test="counts" of="count" points=1
from grader import expect

words, origin, letters = count()
expect.equal(words, 3, what="count()", why="the note has three words", look_at="split")
expect.equal(origin, "the stand-in of the course", what="origin", why="a check has no own run", look_at="start")
expect.equal(letters, "12", what="letters", why="the run has that parameter", look_at="params")
'''
)


def two_units(folder: Path, leaver: str = LEAVER, goer: str = GOER) -> Course:
    """The course below `folder`, with sources of both exercises and their lessons, nothing built."""
    for name, text in (("01-leaver", leaver), ("02-goer", goer)):
        file = folder / "solutions" / "00-two" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        lesson = folder / "modules" / "00-two" / f"{name}.py"
        lesson.parent.mkdir(parents=True, exist_ok=True)
        lesson.write_text('# ---\n# title: "Why?"\n# minutes: 5\n# ---\n\n# %% [markdown]\n# # Why?\n')
    (folder / "exercises").mkdir(exist_ok=True)
    return Course(folder)
