"""Cells are parsed by several threads at once, as a class is graded."""

import gc
import time
from concurrent.futures import ThreadPoolExecutor

from grader.names import names_of, parse

DEEP = "value = " + "(" * 60 + "1" + ")" * 60 + "\n"
LONG = "\n".join(
    f"def f{number}(a, b=[{{'x': (1, 2)}}]):\n    return [a, b, {number}]\n" for number in range(150)
)


def test_threads_that_parse_at_once_do_not_disturb_each_other():
    """Python 3.11 keeps one counter of depth for all threads, and where the collector lets another thread parse
    in between, it may raise SystemError."""

    def parsed(number: int) -> tuple[int, int]:
        text = (LONG if number % 2 else DEEP) + f"last = {number}\n"
        tree = parse(text)
        assert tree is not None
        return len(tree.body), len(names_of(text).bound)

    def let_others_run(phase: str, info: dict) -> None:
        time.sleep(0)

    before = gc.get_threshold()
    gc.callbacks.append(let_others_run)
    gc.set_threshold(100)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(parsed, range(40)))
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(let_others_run)

    assert found == [(151, 151) if number % 2 else (2, 2) for number in range(40)]
