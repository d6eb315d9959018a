"""Takes the picture of MLflow's page that a lesson shows: python docs/pictures/mlflow_page.py tuning

Runs the lesson in a store of its own, opens MLflow's table of its runs in Debian's Chromium, and writes
NN-name.runs.png beside the lesson's source; needs the packages of the extra "dev".
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import nbformat
from nbclient import NotebookClient
from PIL import Image
from playwright.sync_api import sync_playwright

from grader.course import Course, find_course
from grader.jail.folders import free_port, listens, wait_until
from grader.lab import child_environment, mlflow_page
from grader.store import copy_store

WIDTH, HEIGHT = 1280, 620
START_SECONDS = 120
STEP_MS, SETTLE_MS = 1500, 4000
COLOURS = 64
CLICKS = [  # room: no assistant, no menu, fewer columns; then the nested runs, and a column for all that was logged
    "[aria-label='Close']",
    "[aria-label='Toggle sidebar']",
    "button:has-text('Columns')",
    *(f"[class*=tree-title]:text-is('{name}')" for name in ("Dataset", "Source", "Models")),
    *(f"[class*=tree-title]:has-text('{name} (')" for name in ("Metrics", "Parameters")),
    "[data-component-id*='runnamecellrenderer']",
]


def lesson_of(course: Course, name: str) -> Path:
    """The built notebook of the unit's lesson."""
    return course.root / "modules" / f"{course.unit(name).path}.ipynb"


def run_lesson(notebook: Path, address: str, folder: Path) -> None:
    """Runs the lesson from top to bottom; its runs go to the store at `address`."""
    os.environ["MLFLOW_TRACKING_URI"] = address
    cells = nbformat.read(notebook, as_version=4)
    NotebookClient(cells, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()


@contextlib.contextmanager
def served(address: str) -> Iterator[str]:
    """MLflow's page over the store; gives its address."""
    port, quiet = free_port(), subprocess.DEVNULL
    server = subprocess.Popen(mlflow_page(address, port), env=child_environment(), stdout=quiet, stderr=quiet)
    try:
        wait_until(lambda: listens(port), server.poll, time.sleep, START_SECONDS, "MLflow's page", "listened")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def experiment_id(page: str, name: str) -> str:
    """The id of the experiment that the lesson logged into."""
    answer = httpx.get(f"{page}/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": name})
    answer.raise_for_status()
    return str(answer.json()["experiment"]["experiment_id"])


def taken(address: str) -> bytes:
    """A PNG of the page at `address`."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(address)
        page.get_by_role("row").nth(1).wait_for(timeout=START_SECONDS * 1000)
        for place in CLICKS:
            page.wait_for_timeout(STEP_MS)
            button = page.locator(place)
            if button.count():
                button.first.click()
        page.wait_for_timeout(SETTLE_MS)
        picture = page.screenshot()
        browser.close()
    return picture


def small(picture: bytes) -> bytes:
    """The same picture with few colours, a fraction of the bytes."""
    out = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("unit")
    parser.add_argument(
        "--view", default="runs", help="what stands behind the experiment in the page's address"
    )
    given = parser.parse_args()
    lesson = lesson_of(find_course(), given.unit)
    with tempfile.TemporaryDirectory() as folder:
        address = copy_store(Path(folder))
        run_lesson(lesson, address, Path(folder))
        with served(address) as page:
            number = experiment_id(page, given.unit)
            picture = small(taken(f"{page}/#/experiments/{number}/{given.view}"))
    lesson.with_name(f"{lesson.stem}.runs.png").write_bytes(picture)


if __name__ == "__main__":
    main()
