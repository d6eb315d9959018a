"""Tampering with the process: patched libraries and builtins, hooks, kernel internals, frames, threads, ctypes."""

from __future__ import annotations

from hostile.case import Case, answer, code

CASES = (
    answer(
        "patched_expect",
        code("""
        import sys
        import grader.expect
        from grader import codec, judging, remote
        from grader.expect import failure, values

        for module in (grader.expect, values, failure, judging):
            for name in ("equal", "close", "between", "compare_exactly", "judge_cell", "failure_of"):
                if hasattr(module, name):
                    setattr(module, name, lambda *a, **k: {"outcome": "passed"})
        grader.expect.ExpectationFailed.__init__ = lambda self, *a, **k: None
        codec.plain = lambda *a, **k: 42
        remote.Peer.ask = lambda *a, **k: {"value": 42}

        def double(number):
            return 3 * number
        """),
        "Replaces the words of the tests, the codec and the judge's functions.",
        may_lose="total scale each report",
    ),
    answer(
        "patched_builtins",
        code("""
        import builtins, json, struct

        builtins.isinstance = lambda *a: True
        builtins.len = lambda thing: 1
        builtins.AssertionError = builtins.ValueError = builtins.Exception = type("Quiet", (BaseException,), {})
        builtins.abs = builtins.print = builtins.type = lambda *a, **k: 42

        def double(number):
            return 3 * number
        """),
        "Replaces isinstance, len, type and the exceptions.",
        may_lose="total scale each report",
    ),
    answer(
        "patched_libraries",
        code("""
        import numpy as np
        import operator, math

        np.allclose = np.array_equal = np.isclose = lambda *a, **k: True
        np.testing.assert_allclose = np.testing.assert_equal = lambda *a, **k: None
        np.abs = np.absolute = lambda *a, **k: np.float64(0.0)
        math.isclose = operator.eq = lambda *a, **k: True
        np.random.default_rng = lambda *a: None

        class Scale:
            def fit(self, rows): return self
            def transform(self, rows): return rows
        """),
        "Makes numpy say that all numbers are close.",
        of="scale",
    ),
    answer(
        "import_hook",
        code("""
        import builtins, importlib.abc, importlib.machinery, sys, types

        class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
            def find_spec(self, name, path, target=None):
                if name.startswith("grader"):
                    return importlib.machinery.ModuleSpec(name, self, is_package=True)
            def create_module(self, spec): return types.ModuleType(spec.name)
            def exec_module(self, module): module.__dict__.update(equal=print, close=print, rng=print)

        sys.meta_path.insert(0, Finder())
        for name in [name for name in sys.modules if name.startswith("grader")]:
            del sys.modules[name]
        builtins.__import__ = lambda name, *a, **k: sys.modules.get(name) or types.ModuleType(name)

        def double(number):
            return 3 * number
        """),
        "Puts modules of its own in the place of the package, by a finder and by __import__.",
        may_lose="total scale each report",
    ),
    answer(
        "input_transformer",
        code("""
        shell = get_ipython()
        shell.input_transformers_cleanup.append(lambda lines: ["total = 233168\\n", "double = lambda n: 42\\n"])
        shell.ast_transformers.append(type("Drop", (), {"visit": lambda self, tree: type(tree)([], [])})())
        shell.events.register("pre_run_cell", lambda *a: None)
        shell.run_cell = shell.run_cell_async = lambda *a, **k: None
        shell.kernel = shell.compile = None

        def double(number):
            return 3 * number
        """),
        "Changes every later cell, the tests' included, on its way to IPython.",
    ),
    answer(
        "trace_function",
        code("""
        import sys, threading

        def trace(frame, event, argument):
            for name in ("verdict", "outcome", "got", "expected", "points"):
                if name in frame.f_locals:
                    frame.f_locals[name] = "passed"
            frame.f_trace_lines = True
            return trace

        sys.settrace(trace)
        sys.setprofile(lambda *a: None)
        threading.settrace(trace)

        def double(number):
            return 3 * number
        """),
        "Rewrites the variables of whatever runs after it by a trace function.",
    ),
    answer(
        "thread_that_waits",
        code("""
        import gc, threading, time

        def later():
            while True:
                time.sleep(0.01)
                for thing in gc.get_objects():
                    if type(thing) is dict and thing.get("outcome") == "failed":
                        thing["outcome"] = "passed"

        threading.Thread(target=later, daemon=True).start()
        threading.Thread(target=time.sleep, args=(60,), daemon=False).start()

        def double(number):
            return 3 * number
        """),
        "A thread that waits for a verdict and turns it.",
    ),
    answer(
        "at_exit",
        code("""
        import atexit, os, signal, sys

        atexit.register(lambda: os.write(1, b"passed"))
        sys.excepthook = lambda *a: print("passed")
        sys.unraisablehook = lambda *a: None
        signal.signal(signal.SIGTERM, lambda *a: None)

        class Last:
            def __del__(self): os._exit(0)

        keep = Last()

        def double(number):
            del globals()["keep"]
            return 3 * number
        """),
        "Has the last word by atexit, excepthook and a __del__ that ends the process well.",
        told="exit code 0",
    ),
    answer(
        "frames_up_the_stack",
        code("""
        import gc, sys

        def double(number):
            frame = sys._getframe()
            while frame:
                for name, value in list(frame.f_locals.items()):
                    if isinstance(value, dict):
                        value.update(outcome="passed", points=63)
                frame = frame.f_back
            for frame in sys._current_frames().values():
                frame.f_globals["passed"] = True
            return 3 * number
        """),
        "Writes into every dictionary of every frame above it.",
        may_lose="total scale each report",
    ),
    answer(
        "ctypes_small_ints",
        code("""
        import ctypes

        address = id(3) + 24
        ctypes.c_uint32.from_address(address).value = 2  # 3 is 2 from here on

        def double(number):
            return 3 * number + 1
        """),
        "Makes the number 3 be 2 in its process, by ctypes.",
        may_lose="total scale each report",
    ),
    Case(
        "helper_that_shadows",
        "Hands in modules named json, numpy and grader, so that whoever imports them gets the learner's.",
        {"double": "def double(number):\n    return 3 * number\n"},
        beside=lambda folder: [
            (folder / f"{name}.py").write_text("import os\nprint('owned')\nos._exit(0)\n")
            for name in (
                "json",
                "numpy",
                "grader",
                "encodings",
                "sitecustomize",
                "usercustomize",
                "codecs",
                "struct",
            )
        ],
        loses="double",
        may_lose="report",  # which runs beside the modules
    ),
    answer(
        "reads_the_tests_from_the_name",
        code("""
        import inspect, linecache, sys

        for name, lines in list(linecache.cache.items()):
            if "test" in name:
                print(name, lines)
        sys.settrace(None)

        def double(number):
            for file in [f.filename for f in inspect.stack()]:
                if file.startswith("<test"):
                    print(linecache.getlines(file))
            return 3 * number
        """),
        "Reads the source of the test that calls it.",
    ),
)
