"""A unit's notebook as a learner would hand it in."""

from __future__ import annotations

import json
from collections.abc import Mapping

from grader.build import learner_notebook
from grader.model import Unit
from grader.untouched import answer_text


def filled_notebook(unit: Unit, answers: Mapping[str, str], notebook: str | None = None) -> str:
    """The learner's notebook with every answer filled in.

    answers: text by answer name, for a file answer the file's text; the reference where none is given.
    notebook: the handed-out notebook, for example nbgrader's release; a fresh build if None.
    Raises KeyError for a name that is no answer of the unit.
    """
    texts = {answer.name: answer.reference for answer in unit.answers}
    for name, text in answers.items():
        texts[unit.answer(name).name] = text
    content = json.loads(learner_notebook(unit) if notebook is None else notebook)
    for cell in content["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in texts:
            cell["source"] = answer_text(unit.answer(name), texts[name])
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
