"""A learner's first minutes in a real browser: JupyterLab from `mle start`, a wrong answer, %check, the right one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
START_SECONDS = 120
STOP_SECONDS = 60
CLICKS = 5
BEGIN_MS = 15_000
STEP_MS = 120_000
QUIET_CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WRONG_PRECISION = """def precision(tp, fp, zero_division=0.0):
    with np.errstate(invalid="ignore"):
        return np.asarray(tp) / np.asarray(np.asarray(tp) + fp, dtype=float)"""
RIGHT_PRECISION = """def precision(tp, fp, zero_division=0.0):
    total = np.asarray(tp) + fp
    return np.where(total == 0, zero_division, tp / np.where(total == 0, 1, total))[()]"""
RIGHT_RECALL = """def recall(tp, fn, zero_division=0.0):
    return precision(tp, fn, zero_division)"""

PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
PROMPTS = f"[...document.querySelectorAll('{PANEL} .jp-InputPrompt')].map(prompt => prompt.textContent)"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path; install Debian's package chromium"),
]


def hear_ctrl_c() -> None:
    """In the child: a shell that runs the tests in its background has them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="module")
def lab_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the JupyterLab that `mle start` opens, as it tells the browser."""
    home = tmp_path_factory.mktemp("home")
    told = home / "told"
    browser = home / "browser"
    browser.write_text(f'#!/bin/sh\nprintf "%s" "$1" > "{told}.part" && mv "{told}.part" "{told}"\n')
    browser.chmod(0o755)
    environment = {
        **os.environ,
        "HOME": str(home),
        "SEATRIAL_HOME": str(home / "work"),
        "BROWSER": f"{browser} %s",
    }
    log = home / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "grader.cli", "start", "first-check"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=hear_ctrl_c,
        )
    deadline = time.monotonic() + START_SECONDS
    while not told.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    page = Path(told.read_text().removeprefix("file://")).read_text()
    found = re.search(r'url=([^"]+)"', page)
    assert found
    yield found.group(1).replace("&amp;", "&")
    started = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does on a terminal
    _, left = psutil.wait_procs(started, timeout=STOP_SECONDS)
    for child in left:
        child.kill()
    process.kill()
    process.wait()
    assert left == [], "Ctrl-C leaves a process behind"


@pytest.fixture(scope="module")
def page(lab_url: str) -> Iterator[Any]:
    """The browser's page with the lesson open."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET_CHROMIUM)
        page = browser.new_page(viewport={"width": 1400, "height": 1100})
        page.set_default_timeout(STEP_MS)
        page.goto(lab_url)
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        yield page
        browser.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: SEATRIAL_PICTURES, or a temporary folder."""
    chosen = os.environ.get("SEATRIAL_PICTURES")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cell_with(page: Any, text: str) -> Any:
    """The first code cell of the visible notebook whose editor holds `text`."""
    return page.locator(PANEL).locator(".jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first


def type_into(page: Any, cell: Any, text: str) -> None:
    """Replace what stands in a cell, and run it."""
    cell.locator(".cm-content").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)
    page.keyboard.press("Control+Enter")


def open_file(page: Any, name: str) -> None:
    """Double-click a file in the file browser, as a learner does."""
    page.locator(".jp-DirListing-item", has_text=name).dblclick()
    page.locator(".lm-TabBar-tab.lm-mod-current", has_text=name).wait_for()
    page.wait_for_selector(f"{PANEL} .jp-CodeCell")


def playwright_timeout() -> type[Exception]:
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    return PlaywrightTimeout


def run_all(page: Any) -> None:
    """Run > Run All Cells on the visible notebook, as soon as its kernel is there, and wait for the last."""
    page.wait_for_selector(f"{PANEL} .jp-Notebook-ExecutionIndicator[data-status='idle']")
    begun = f"() => {PROMPTS}.some(text => /\\[[*0-9]+\\]/.test(text))"
    for _ in range(CLICKS):
        page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
        with contextlib.suppress(playwright_timeout()):  # JupyterLab drops a click while it restores its tabs
            page.wait_for_function(begun, timeout=BEGIN_MS)
            break
    page.wait_for_function(f"() => !{PROMPTS}.some(text => text.includes('*'))")


def test_first_minutes_in_jupyterlab(page: Any, lab_url: str, pictures: Path) -> None:
    """Untouched, wrong, right: each shows in JupyterLab as one plain message, and %check follows the answer."""
    assert page.locator(".jp-Notebook h1").first.inner_text()
    page.screenshot(path=pictures / "1-lesson.png")

    open_file(page, "01-first-check.ipynb")
    run_all(page)
    rates = cell_with(page, "precision(90, 10)")
    rates.scroll_into_view_if_needed()
    untouched = rates.locator(".jp-OutputArea-output").first
    untouched.get_by_text("Not attempted").wait_for()
    assert "Traceback" not in untouched.inner_text()
    page.screenshot(path=pictures / "2-untouched.png")

    type_into(page, cell_with(page, "def precision"), WRONG_PRECISION)
    type_into(page, cell_with(page, "def recall"), RIGHT_RECALL)
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.insert_text("%load_ext grader\n%check")
    page.keyboard.press("Control+Enter")
    verdict = cell_with(page, "%load_ext grader").locator(".jp-OutputArea-output").first
    verdict.get_by_text("of 12 points").wait_for()
    failed = verdict.inner_text()
    page.screenshot(path=pictures / "3-failed.png")

    type_into(page, cell_with(page, "def precision"), RIGHT_PRECISION)
    type_into(page, cell_with(page, "def recall"), RIGHT_RECALL)
    type_into(page, cell_with(page, "%load_ext grader"), "%check first-check")
    verdict = cell_with(page, "%check first-check").locator(".jp-OutputArea-output").first
    verdict.get_by_text("4 of 12 points").wait_for()
    passed = verdict.inner_text()
    page.screenshot(path=pictures / "4-passed.png")

    assert re.search(r"failed\s+zero.divisions\s+0 of 2", failed)
    assert "got nan" in failed
    assert "NaN on no positives" in failed
    assert re.search(r"passed\s+zero.divisions\s+2 of 2", passed)
    assert "not attempted" in passed


def test_no_question_about_news_is_asked(page: Any) -> None:
    """JupyterLab does not ask the learner whether it may look for news outside."""
    assert page.get_by_text("Would you like to").count() == 0
