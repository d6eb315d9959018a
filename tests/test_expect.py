"""Every word holds for honest forms, fails for all others, and says four things when it fails."""

from __future__ import annotations

import decimal
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from grader import expect
from grader.expect import ExpectationFailed
from grader.expect.host import LocalHost
from grader.store_models import RegisteredRecord, VersionRecord
from grader.tracking import RunRecord

SAY: dict[str, Any] = {"what": "f(x)", "why": "the rows are shares", "look_at": "the axis"}


def failure(word: Any, *args: Any, **kwargs: Any) -> ExpectationFailed:
    """The failure of one use of a word; its text has the four parts and one full stop at the end."""
    with pytest.raises(ExpectationFailed) as caught:
        word(*args, **kwargs, **SAY)
    text = str(caught.value)
    assert text.startswith("f(x): got ")
    assert ", expected " in text
    assert ", because the rows are shares. Look at the axis" in text
    assert text.endswith(".")
    assert not text.endswith("..")
    return caught.value


class Recorder(LocalHost):
    """A host that keeps the words it was told of, and gives what a test sets."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.record: RunRecord | None = None
        self.model: object = None
        self.registered: tuple[RegisteredRecord, ...] = ()

    def checked(self, word: str) -> None:
        self.words.append(word)

    def newest_run(self) -> RunRecord | None:
        return self.record

    def registered_models(self) -> tuple[RegisteredRecord, ...]:
        return self.registered

    def load_model(self, record: RunRecord, name: str | None) -> object:
        if isinstance(self.model, Exception):
            raise self.model
        return self.model


@pytest.fixture
def host():
    recorder = Recorder()
    previous = expect.host.use(recorder)
    yield recorder
    expect.host.use(previous)


# ---- close


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1, 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.array(2.0), 2.0),
        ([1, 2], np.array([1.0, 2.0])),
        ((1, 2), [1, 2]),
        (pd.Series([1.0, 2.0]), [1, 2]),
        (pd.Index([1, 2]), (1.0, 2.0)),
        (pd.array([1, 2], dtype="Int64"), [1, 2]),
        (pd.DataFrame({"a": [1, 2]}), [[1], [2]]),
        ([np.array([1.0]), [2]], [[1], [2]]),
        (np.ma.array([1.0, 2.0]), [1, 2]),
        ([], np.array([])),
        (float("inf"), np.inf),
        (1j, 1j),
        (0.1 + 0.2, 0.3),
    ],
)
def test_close_takes_every_honest_form_of_the_same_numbers(got, expected):
    """Ints for floats, lists, arrays, Series and 0-d arrays are all the same numbers."""
    expect.close(got, expected, **SAY)


@pytest.mark.parametrize(
    ("got", "shown"),
    [
        ([1.0, 2.112], "2.112 at index (1,)"),
        (np.array([[1.0], [1.0], [1.0]]), "shape (3, 1)"),
        ([np.nan, 1], "nan at index (0,)"),
        ([1, np.inf], "inf at index (1,)"),
        ("abc", "a str, 'abc'"),
        (None, "None"),
        (True, "True"),
        ([1.0, True], "True at index 1"),
        ([1.0, None], "None at index 1"),
        (np.array([True, True]), "an array of shape (2,) and dtype bool"),
        (np.array([1.0, 1.0], dtype=object), "an array of shape (2,) and dtype object"),
        (np.ma.array([1.0, 1.0], mask=[True, False]), "a MaskedArray"),
        (pd.array([1, None], dtype="Int64"), "a missing value at index 1"),
        ([[1.0], [1.0, 1.0]], "rows of shapes (1,) and, at index 1, (2,)"),
        (1.0, "1"),
        ({"a": 1}, "{'a': 1}"),
        (decimal.Decimal(1), "a Decimal, 1"),
        (np.array([1 + 1j, 1]), "complex numbers"),
        (lambda: 1, "a function"),
        (pd.Series(["a", "b"]), "a Series of shape (2,) with dtype str"),
    ],
)
def test_close_shows_what_came_instead(got, shown):
    """The first place that is wrong, the shape, or the kind of thing that came."""
    assert failure(expect.close, got, np.ones(2)).got == shown


def test_close_tells_numbers_apart_that_look_alike():
    """Where six digits are the same, all are shown."""
    failed = failure(expect.close, 1.00000001, 1.0)

    assert (failed.got, failed.expected) == ("1.00000001", "1.0")


def test_the_coarse_form_carries_no_content():
    """A hidden check shows the kind of value only, with long sides as n."""
    assert failure(expect.close, 2.112, 1.0).got_coarse == "a float that is off by more than 1 %"
    assert failure(expect.close, 1.002, 1.0).got_coarse == "a float that is off by less than 1 %"
    assert failure(expect.close, [float("nan")], [1.0]).got_coarse == "nan"
    assert failure(expect.close, np.ones((57, 1)), np.ones(57)).got_coarse == "an array of shape (n, 1)"
    assert failure(expect.close, "secret", 1.0).got_coarse == "a str"
    assert failure(expect.equal, type("Secret42", (), {})(), 1).got_coarse == "an object"
    failed = failure(expect.close, 2.112, 1.0)
    failed.hidden = True
    assert "2.112" not in str(failed)


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        ({"why": ""}, ValueError),
        ({"look_at": " . "}, ValueError),
        ({"what": 3}, TypeError),
    ],
)
def test_an_author_who_says_nothing_is_told_so(texts, error):
    """The three texts are needed, as texts, and not empty."""
    with pytest.raises(error, match=r"expect\.close: .*\.$"):
        expect.close(1, 1, **{**SAY, **texts})
    with pytest.raises(TypeError):
        expect.close(1, 1, what="f(x)")  # type: ignore[call-arg]


def test_an_expected_that_nothing_can_meet_is_the_authors_error():
    """NaN, text and a tolerance below 0 are refused."""
    for bad in (float("nan"), "abc", None):
        with pytest.raises((TypeError, ValueError), match=r"expect\.close"):
            expect.close(1, bad, **SAY)
    with pytest.raises(ValueError, match="tolerance"):
        expect.close(1, 1, tolerance=-1, **SAY)


# ---- equal, shape, finite, between, true, raises


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1, 1.0),
        (np.int64(1), 1),
        (np.str_("a"), "a"),
        ([1, (2, "a")], (1, [2, "a"])),
        ({"a": [1], 2: None}, {2: None, "a": [1]}),
        ({1, "a"}, frozenset(["a", 1])),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.array(["a", None], dtype=object), np.array(["a", None], dtype=object)),
        (float("nan"), float("nan")),
        ([np.nan], [float("nan")]),
        (pd.Series([1, 2], name="a"), pd.Series([1.0, 2.0], name="a")),
        (pd.DataFrame({"a": ["x", None]}), pd.DataFrame({"a": ["x", None]})),
        (pd.Index(["a"]), pd.Index(["a"])),
        (pd.Timestamp("2026"), pd.Timestamp("2026")),
        (pd.NaT, pd.NaT),
        (pd.NA, pd.NA),
        (b"a", b"a"),
        (None, None),
    ],
)
def test_equal_takes_the_same_plain_values(got, expected):
    """Order counts in sequences and not in dicts and sets; a list equals a tuple."""
    expect.equal(got, expected, **SAY)


@pytest.mark.parametrize(
    ("got", "expected", "shown"),
    [
        (1, True, "1"),
        (True, 1, "True"),
        ([1, 0], [1, False], "0 at [1]"),
        ({"a": 1}, {"a": 2}, "1 at ['a']"),
        ({1: "x"}, {True: "x"}, "nothing at [True]"),
        ({"a": 1, "b": 2}, {"a": 1}, "2 at ['b']"),
        ("1", 1, "a str, '1'"),
        ([1], [1, 2], "[1]"),
        (np.array([1, 2]), [1, 2], "an array of shape (2,)"),
        (np.array([1, 3]), np.array([1, 2]), "3 at [1]"),
        (pd.Series([1, 2]), pd.Series([1, 3]), "2 at [1]"),
        (None, 0, "None"),
        (len, len, "a builtin_function_or_method"),
        (pd.NA, 1, "NA"),
        (decimal.Decimal("sNaN"), decimal.Decimal(1), "a Decimal, sNaN"),
    ],
)
def test_equal_shows_the_first_difference(got, expected, shown):
    """The place inside of the value stands behind what is there."""
    assert failure(expect.equal, got, expected).got == shown


def test_shape_takes_arrays_and_tables():
    """None stands for any length; lists have no shape."""
    expect.shape(np.zeros((3, 2)), (3, 2), **SAY)
    expect.shape(pd.DataFrame({"a": [1]}), (None, 1), **SAY)

    assert failure(expect.shape, np.zeros(3), (3, 1)).got == "shape (3,)"
    assert failure(expect.shape, [1, 2], (2,)).got == "[1, 2]"
    with pytest.raises(TypeError):
        expect.shape(np.zeros(3), 3, **SAY)  # type: ignore[arg-type]


def test_finite_and_between_name_the_place():
    """NaN, infinity, bool, and no numbers at all are caught."""
    expect.finite([1, 2.5], **SAY)
    expect.between(np.array([0.0, 1.0]), 0, 1, **SAY)

    assert failure(expect.finite, [1, np.nan]).got == "nan at index (1,)"
    assert failure(expect.finite, []).got == "no numbers"
    assert failure(expect.finite, True).got == "True"
    assert failure(expect.between, [0.5, 1.5], 0, 1).got == "1.5 at index (1,)"
    assert failure(expect.between, float("nan"), 0, 1).got == "nan"


def test_probability_rows_sum_to_one():
    """Two dimensions, shares from 0 to 1, sum 1."""
    expect.probability_rows([[0.25, 0.75], [1, 0]], **SAY)

    assert failure(expect.probability_rows, [[0.5, 0.6]]).got == "a sum of 1.1 in row 0"
    assert failure(expect.probability_rows, [[1.5, -0.5]]).got == "1.5 at index (0, 0)"
    assert failure(expect.probability_rows, [0.5, 0.5]).got == "shape (2,)"


def test_true_takes_only_true_itself():
    """A truthy value is not True."""
    expect.true(np.bool_(True), got=1, expected="more", **SAY)

    assert failure(expect.true, False, got="fewer rows", expected="more rows.").got == "fewer rows"
    assert failure(expect.true, 1, got=1, expected="more").got == "an int, which is neither True nor False"
    assert "neither" in failure(expect.true, np.array([True]), got=1, expected="more").got


def test_raises_wants_the_error_and_not_a_stub():
    """A stub's NotImplementedError goes through, also where any RuntimeError would do."""

    def refuse(error: Exception) -> None:
        raise error

    expect.raises(ValueError, refuse, ValueError("no"), **SAY)
    expect.raises((KeyError, ValueError), lambda: int("a"), **SAY)
    expect.raises(NotImplementedError, refuse, NotImplementedError(), **SAY)

    assert failure(expect.raises, ValueError, lambda: 3).got == "no exception but 3"
    assert failure(expect.raises, ValueError, refuse, KeyError("k")).got == "a KeyError"
    assert failure(expect.raises, ValueError, refuse, AssertionError("k")).got == "an AssertionError"
    for error in (RuntimeError, Exception, ValueError):
        with pytest.raises(NotImplementedError):
            expect.raises(error, refuse, NotImplementedError(), **SAY)


def test_unchanged_sees_changes_in_place():
    """Lists, arrays, dicts and frames are compared with what they were."""
    frame, numbers, table = pd.DataFrame({"a": [1, 2]}), [1, 2], np.zeros(3)
    with expect.unchanged(frame, numbers, table, **SAY):
        frame.sum()

    def change(value: Any, action: Any) -> str:
        def body(**say: Any) -> None:
            with expect.unchanged(value, **say):
                action(value)

        return failure(body).got

    assert change(numbers, lambda value: value.append(3)) == "an argument with [1, 2, 3] where [1, 2] was"
    assert change(table, lambda value: value.fill(2)) == "an argument with 2 at [0] where 0 was"
    assert "changed" in change({"a": 1, "b": 2}, lambda value: value.update(a=value.pop("a")))
    assert "shape (2, 2)" in change(frame, lambda value: value.insert(1, "b", 1))
    with pytest.raises(KeyError), expect.unchanged(numbers, **SAY):
        raise KeyError


# ---- same_frame

TABLE = pd.DataFrame({"name": ["a", "b", "c"], "share": [0.1, 0.2, None]})


def test_same_frame_takes_equal_tables():
    """Index, storage and tiny gaps do not count unless asked for."""
    expect.same_frame(TABLE.copy(), TABLE, **SAY)
    expect.same_frame(TABLE.set_axis([5, 6, 7]), TABLE, **SAY)
    expect.same_frame(TABLE.assign(share=TABLE["share"] + 1e-12), TABLE, **SAY)
    expect.same_frame(TABLE.astype({"name": "category", "share": "Float64"}), TABLE, **SAY)
    expect.same_frame(TABLE[["share", "name"]].iloc[::-1], TABLE, check_order=False, **SAY)
    expect.same_frame(TABLE["share"], TABLE["share"], **SAY)


@pytest.mark.parametrize(
    ("got", "shown"),
    [
        (TABLE.iloc[::-1], "a str, 'c' in column 'name', row 0"),
        (TABLE[["share", "name"]], "columns in the order ['share', 'name']"),
        (TABLE[["name"]], "no column 'share'"),
        (TABLE.assign(more=1), "a column 'more'"),
        (TABLE.head(2), "2 rows"),
        (TABLE.assign(share=[0.1, 0.3, None]), "0.3 in column 'share', row 1"),
        (TABLE.fillna(0), "0 in column 'share', row 2"),
        (TABLE.assign(share=TABLE["share"].astype(str)), "column 'share' with dtype str"),
        (TABLE.to_dict("list"), None),
        (None, "None"),
    ],
    ids=range(10),
)
def test_same_frame_shows_what_differs(got, shown):
    """A column, a row, a type, or that it is no table."""
    got_text = failure(expect.same_frame, got, TABLE).got

    assert shown is None or got_text == shown


def test_same_frame_checks_the_index_when_asked():
    """check_index compares the index's entries."""
    moved = TABLE.set_axis([5, 6, 7])

    assert failure(expect.same_frame, moved, TABLE, check_index=True).got == "5 in the index, row 0"
    assert "row" in failure(expect.same_frame, TABLE.assign(share=1.0), TABLE, check_order=False).got


# ---- how an answer uses its data

RNG = np.random.default_rng(0)
TRAIN = pd.DataFrame({"size": RNG.normal(size=20), "kind": ["a", "b"] * 10, "rank": range(20)})
HELD_OUT = pd.DataFrame({"size": RNG.normal(size=8), "kind": ["a", "b"] * 4, "rank": range(8)})


def test_fitted_only_on_sees_what_leaks():
    """An output that moves with the held-out rows is caught, whatever carried it."""
    expect.fitted_only_on(
        lambda train, held_out: train["size"] - train["size"].mean(), TRAIN, HELD_OUT, **SAY
    )

    def by_mean(train, held_out):
        return train["size"] - pd.concat([train, held_out])["size"].mean()

    def by_count(train, held_out):
        return train["size"] / (len(train) + len(held_out))

    def by_category(train, held_out):
        return train["size"] * (held_out["kind"].iloc[0] == "a")

    for leak in (by_mean, by_count, by_category):
        assert "after" in failure(expect.fitted_only_on, leak, TRAIN, HELD_OUT).got
    arrays = (TRAIN[["size"]].to_numpy(), np.arange(20)), (HELD_OUT[["size"]].to_numpy(), np.arange(8))
    assert "after" in failure(expect.fitted_only_on, lambda a, b: a[0] - b[1].max(), *arrays).got


def test_fitted_only_on_refuses_lazy_and_random_outputs():
    """None, one number for all rows, and an output that differs from call to call say so."""
    random = np.random.default_rng(1)

    assert failure(expect.fitted_only_on, lambda a, b: None, TRAIN, HELD_OUT).got == "None"
    assert failure(expect.fitted_only_on, lambda a, b: 0, TRAIN, HELD_OUT).got == "0"
    noisy = failure(expect.fitted_only_on, lambda a, b: random.normal(size=len(a)), TRAIN, HELD_OUT)
    assert "second call" in noisy.got


def test_same_under_permutation_follows_rows():
    """Row by row, or one result for all of them."""
    expect.same_under_permutation(lambda rows: rows["size"] * 2, TRAIN, **SAY)
    expect.same_under_permutation(lambda rows: rows["size"].mean(), TRAIN, aggregate=True, **SAY)
    expect.same_under_permutation(lambda pair: pair[0] + pair[1], (np.arange(5), np.ones(5)), **SAY)

    failed = failure(expect.same_under_permutation, lambda rows: rows["size"].cumsum(), TRAIN)
    assert "another order" in failed.got
    failure(expect.same_under_permutation, lambda rows: rows["size"].iloc[0], TRAIN, aggregate=True)
    failure(expect.same_under_permutation, lambda rows: None, TRAIN, aggregate=True)
    failure(expect.same_under_permutation, lambda rows: 0, TRAIN)


# ---- figures


def test_figure_reads_what_is_drawn():
    """Labels, scales, limits, lines, bars and points come back as plain values."""
    fig, axes = plt.subplots()
    axes.plot([1, 10], [0.5, 0.7], label="valid")
    axes.bar([1, 2], [3.0, 4.0])
    axes.scatter([1.0], [2.0])
    axes.set(title="Loss by size", xlabel="rows", ylabel="loss", xscale="log")
    axes.legend()
    view = expect.figure(fig, title="loss", x_label="rows", x_scale="log", **SAY)

    assert view.lines[0]["label"] == "valid"
    assert view.lines[0]["y"].tolist() == [0.5, 0.7]
    assert [bar["height"] for bar in view.bars] == [3.0, 4.0]
    assert view.points[0]["xy"].tolist() == [[1.0, 2.0]]
    assert view.legend == ["valid"]
    assert failure(expect.figure, fig, y_scale="log").got == "'linear' as y_scale"
    assert failure(expect.figure, fig, x_label="epochs").got == "'rows' as x_label"
    assert expect.figure(axes, **SAY).title == "Loss by size"
    plt.close(fig)


def test_figure_refuses_what_shows_nothing():
    """No figure, an empty one, and one without labels are told apart."""
    fig, axes = plt.subplots()

    assert failure(expect.figure, None).got == "None"
    assert failure(expect.figure, fig).got == "a figure with nothing drawn"
    axes.plot([1])
    assert failure(expect.figure, fig, y_label="").got == "no y_label"
    plt.close(fig)


# ---- runs


def record(**changes: Any) -> RunRecord:
    facts: dict[str, Any] = {
        "run_id": "1",
        "status": "FINISHED",
        "start_time_ms": 0,
        "params": {"depth": "3", "rate": "0.1"},
        "metrics": {"loss": 0.25, "broken": float("nan")},
        "tags": {"data": "wine"},
    }
    return RunRecord(**{**facts, **changes})


def test_run_judges_what_was_logged(host):
    """Params and tags as texts, metrics as numbers."""
    host.record = record()
    view = expect.run(params={"depth": 3, "rate": 0.1}, metrics={"loss": 0.25}, tags={"data": "wine"}, **SAY)

    assert view.metrics["loss"] == 0.25
    assert failure(expect.run, params={"depth": 4}).got == "'3' in the param depth"
    assert failure(expect.run, params={"width": 4}).got == "a run without the param width"
    assert failure(expect.run, metrics={"loss": 0.5}).got == "0.25 in the metric loss"
    assert failure(expect.run, metrics={"broken": 0.5}).got == "nan in the metric broken"
    assert failure(expect.run, metrics={"gain": 0.5}).got == "a run without the metric gain"
    assert failure(expect.run, tags={"data": "iris"}).got == "'wine' in the tag data"


def test_run_says_how_to_begin_and_end_one(host):
    """No run, and a run that nothing ended."""
    none = failure(expect.run)
    host.record = record(status="RUNNING")

    assert none.got == "no run"
    assert "mlflow.start_run()" in none.look_at
    assert "RUNNING" in failure(expect.run).got


def test_run_lists_artifacts_without_links(host, tmp_path):
    """Only regular files of the run count."""
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "loss.txt").write_bytes(b"1")
    (tmp_path / "link").symlink_to("/etc/passwd")
    host.record = record(artifact_folder=tmp_path)
    view = expect.run(**SAY)

    assert view.artifacts == ("plots/loss.txt",)
    assert view.artifact("plots/loss.txt") == b"1"
    for name in ("link", "../x", "/etc/passwd"):
        with pytest.raises(ExpectationFailed):
            view.artifact(name)


def test_registered_gives_versions_by_number_and_by_alias(host, tmp_path):
    """A look at which run made which version, and into its files."""
    (tmp_path / "MLmodel").write_bytes(b"flavors: {}")
    versions = (
        VersionRecord("fraud", 1, "r1", "models:/m-0a", "READY"),
        VersionRecord("fraud", 2, "r2", "models:/m-0b", "READY", {"data": "week 5"}, tmp_path),
    )
    host.registered = (RegisteredRecord("fraud", versions, {"live": 2, "gone": 7}), RegisteredRecord("late"))
    view = expect.registered("fraud", **SAY)

    assert [(version.number, version.run_id) for version in view.versions] == [(1, "r1"), (2, "r2")]
    assert view.alias("live").tags == {"data": "week 5"}
    assert view.alias("live").file("MLmodel") == b"flavors: {}"
    cases: list[tuple[Callable[[Any], object], Any]] = [
        (view.alias, "champion"),
        (view.alias, "gone"),
        (view.version, 3),
        (view.versions[0].file, "MLmodel"),
        (view.versions[1].file, "../x"),
        (view.versions[1].file, "conda.yaml"),
    ]
    for word, argument in cases:
        with pytest.raises(ExpectationFailed):
            word(argument)


def test_registered_says_what_there_is_instead(host):
    """No model, another name, and a name without a version."""
    none = failure(expect.registered, "fraud")
    host.registered = (RegisteredRecord("late"),)

    assert none.got == "no registered model"
    assert failure(expect.registered, "fraud").got == "registered models with other names ('late')"
    assert failure(expect.registered, "late").got == "a registered model late without a version"


def test_a_model_that_does_not_load_fails_the_run(host):
    """The author's texts stand in this failure too."""
    host.record = record()
    view = expect.run(**SAY)
    host.model = ModuleNotFoundError("notebook")
    with pytest.raises(ExpectationFailed, match="a ModuleNotFoundError when the model was loaded"):
        view.model()
    host.model = FileNotFoundError("the run has no model")
    with pytest.raises(ExpectationFailed, match="got the run has no model, expected a model"):
        view.model()


# ---- the host


@pytest.mark.parametrize(
    ("word", "got", "expected"),
    [
        (expect.close, pd.DataFrame({"x" * 10**6: ["text"]}), np.ones((1, 1))),
        (expect.close, ["x" * 10**6], [1.0]),
        (expect.equal, pd.DataFrame({"x" * 10**6: ["text"]}), 1),
        (expect.equal, 10**5000, 10**5000 + 1),
        (expect.equal, 10**4000, 10**4000 + 1),
    ],
    ids=range(5),
)
def test_no_value_makes_a_long_message(word, got, expected):
    """What came back is named and cut, also the name of a column and a number of thousands of digits."""
    assert len(str(failure(word, got, expected))) < 400


def test_every_word_tells_the_host(host, tmp_path, monkeypatch):
    """The judge knows on which lines something was checked."""
    monkeypatch.chdir(tmp_path)
    Path("out.txt").write_bytes(b"x")
    expect.close(1, 1, **SAY)
    expect.rng()
    expect.seed()
    expect.beside(len, [1])
    assert expect.file("out.txt", **SAY) == b"x"
    failure(expect.file, "none.txt")

    assert host.words == ["close", "rng", "seed", "beside", "file", "file"]


def test_the_seed_of_a_notebook_is_the_environments_or_fixed(monkeypatch):
    """SEATRIAL_SEED is taken if it is a number."""
    monkeypatch.setenv("SEATRIAL_SEED", str(2**127))
    assert expect.seed() == 2**127
    assert expect.rng().integers(10**9) == expect.rng().integers(10**9)
    monkeypatch.setenv("SEATRIAL_SEED", "many")
    assert expect.seed() == LocalHost().seed() > 0


NOTEBOOK = """
import grader
grader.begin("first-check")
import mlflow, numpy as np
from sklearn.linear_model import LinearRegression
from grader import expect
SAY = dict(what="the run", why="it is so", look_at="the code")
X = np.arange(10.0).reshape(-1, 1)
model = LinearRegression().fit(X, 2 * X[:, 0])
try:
    expect.run(**SAY)
except expect.ExpectationFailed as failed:
    print(failed.got)
with mlflow.start_run():
    mlflow.log_param("rate", 0.5)
    mlflow.log_metric("loss", 1.25)
    mlflow.sklearn.log_model(
        model, name="model", pip_requirements=["scikit-learn"], registered_model_name="line"
    )
    for trial in range(2):
        with mlflow.start_run(nested=True, run_name=f"trial {trial}"):
            mlflow.log_metric("gain", trial / 2, step=1)
            mlflow.log_metric("gain", trial + 0.25, step=3)
mlflow.MlflowClient().set_registered_model_alias("line", "live", 1)
version = expect.registered("line", **SAY).alias("live")
expect.equal(version.run_id, expect.run(**SAY).run_id, **SAY)
expect.true(b"flavors" in version.file("MLmodel"), got="other", expected="a description", **SAY)
view = expect.run(params={"rate": 0.5}, metrics={"loss": 1.25}, **SAY)
trials = [(child.name, child.status, child.metrics["gain"], child.history("gain")) for child in view.children]
first, second = trials
expect.equal(first, ("trial 0", "FINISHED", 0.25, [(1, 0.0), (3, 0.25)]), **SAY)
expect.equal(second, ("trial 1", "FINISHED", 1.25, [(1, 0.5), (3, 1.25)]), **SAY)
expect.equal(view.history("gain"), [], **SAY)
loaded = view.model()
expect.close(loaded.predict(X), model.predict(X), **SAY)
expect.close(loaded.coef_, [2.0], **SAY)
print("same")
"""


@pytest.mark.slow
def test_a_notebook_judges_its_own_run_and_a_fresh_copy_of_its_model(tmp_path):
    """Outside of the judge, the newest run is found and its model loads in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "no run\n" in done.stdout
    assert done.stdout.endswith("same\n")
