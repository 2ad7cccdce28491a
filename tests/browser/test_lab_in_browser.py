"""A student's first minutes in a real browser: open a lesson, run all cells, move a slider, see the figure change."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from course_command.lab import lab_command, quieten
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.lessons import LESSONS

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
# Bounds against hanging only, not on the speed of a machine.
SECONDS = 300
FIGURE = ".jp-OutputArea-output .widget-html img"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
# The lesson that runs from beginning to end, its training with its progress bar too.
WHOLE = 6
# A slider that redraws a figure, and a cell that fails: what the checks must tell apart.
SMALL = (
    "from course_utils.widgets.explorer import Explorer, Slider",
    "def draw(figure, *, x):\n    figure.subplots().plot([0, x], [0, 1])\n",
    "def alt(*, x):\n    return f'A line that ends at {x:.1f} of the width.'\n",
    "Explorer(draw, alt, {'x': Slider('x', 0.0, 1.0, 0.1, 0.5)}, []).show()",
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Lab(NamedTuple):
    """A running JupyterLab: its address and the folder that it serves."""

    address: str
    folder: Path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab as `course.py lab` starts it, on a free port, without a token, with none of the user's settings."""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "my_notebooks"
    folder.mkdir()
    quieten(Path(sys.prefix))
    port = free_port()
    command = lab_command(Path(sys.executable), root=home, open_path="my_notebooks", port=port, browser=False)
    command += ["--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True"]
    own = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    settings = {name: value for name, value in os.environ.items() if name not in ("COURSE_STRICT", "MPLBACKEND")}
    settings |= {f"JUPYTER_{name}": str(home / name) for name in own}
    with open(home / "log.txt", "wb") as log:
        server = subprocess.Popen(command, env=settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_it_answers(f"{address}/api", server, home / "log.txt")
            yield Lab(address, folder)
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_answers(url: str, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not answer at {url}:\n{log.read_text()}")


@pytest.fixture
def page(lab: Lab) -> Iterator:
    """A page of headless Chromium; fails the test where it asked another machine for something or logged an error."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), headless=True, args=CHROMIUM_FLAGS, timeout=SECONDS * 1000
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(SECONDS * 1000)
        elsewhere: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: elsewhere.append(request.url) if is_elsewhere(request.url, lab) else None)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        browser.close()
    assert elsewhere == []
    assert errors == []


def is_elsewhere(url: str, lab: Lab) -> bool:
    return not url.startswith((lab.address, lab.address.replace("http", "ws", 1), "data:", "blob:"))


def open_notebook(page, lab: Lab, name: str) -> None:
    """Open a notebook in a workspace of its own and wait for its kernel: commands before that do nothing."""
    page.goto(f"{lab.address}/lab/workspaces/auto-{name[:2]}/tree/my_notebooks/{name}?reset")
    page.wait_for_function(
        "path => window.jupyterapp?.shell.currentWidget?.context?.path === path",
        arg=f"my_notebooks/{name}",
    )
    page.evaluate(
        """async () => {
            const widget = jupyterapp.shell.currentWidget;
            await widget.context.ready;
            await widget.sessionContext.ready;
            await widget.sessionContext.session.kernel.info;
        }"""
    )


def run_all(page) -> list[dict]:
    """Run all cells; returns every output of every code cell."""
    page.evaluate("async () => { await jupyterapp.commands.execute('notebook:run-all-cells'); }")
    outputs = page.evaluate(
        """() => JSON.stringify(jupyterapp.shell.currentWidget.content.widgets
            .filter(cell => cell.model.type === 'code')
            .map(cell => cell.model.outputs.toJSON()))"""
    )
    return [output for cell in json.loads(outputs) for output in cell]


def move_first_control(page) -> None:
    """One step of a slider by keyboard or, if there is none, the next of some words; the figure has to become another one."""
    figure = page.locator(FIGURE).first
    figure.wait_for()
    before = figure.get_attribute("src")
    if page.locator(".widget-slider").count():
        handle = page.locator(".widget-slider .noUi-handle").first
        handle.scroll_into_view_if_needed()
        handle.focus()
        page.keyboard.press("ArrowRight")
    else:
        page.locator(".widget-dropdown select").first.select_option(index=1)
    page.wait_for_function(
        "([selector, before]) => { const image = document.querySelector(selector); return image && image.src !== before; }",
        arg=[FIGURE, before],
    )
    assert page.locator(FIGURE).first.get_attribute("src").startswith("data:image/png;base64,")


def test_the_checks_see_a_slider_and_an_error(page, lab: Lab) -> None:
    # A short notebook of known contents, so that a failure in the lesson below can be told from one of this machinery.
    cells = [new_code_cell(source) for source in (*SMALL, "1 / 0")]
    # Without a kernel's name, Lab would ask for one.
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), lab.folder / "90_small.ipynb")
    open_notebook(page, lab, "90_small.ipynb")
    errors = [output["ename"] for output in run_all(page) if output["output_type"] == "error"]
    assert errors == ["ZeroDivisionError"]
    # No question about news, no offer of an update: the only notification could be one of these.
    assert page.locator(".Toastify__toast").count() == 0
    move_first_control(page)


def has_explorer(number: int) -> bool:
    return "course_utils.widgets" in (NOTEBOOKS / f"{LESSONS[number].stem}.ipynb").read_text(encoding="utf-8")


def copy_up_to_its_explorers(name: str, folder: Path) -> None:
    """A lesson without the cells behind its last explorer, which every other run of the lesson executes as well."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    shows = [
        place
        for place, cell in enumerate(notebook.cells)
        if re.search(r"^[\w.]+\.show\(\)$", cell.source, re.MULTILINE)
    ]
    del notebook.cells[shows[-1] + 1 :]
    nbformat.write(notebook, folder / name)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", [number for number in LESSONS if number > 0 and has_explorer(number)])
def test_a_lesson_runs_and_its_first_control_changes_the_figure(page, lab: Lab, number: int) -> None:
    name = f"{LESSONS[number].stem}.ipynb"
    if number == WHOLE:
        shutil.copyfile(NOTEBOOKS / name, lab.folder / name)
    else:
        copy_up_to_its_explorers(name, lab.folder)
    open_notebook(page, lab, name)
    outputs = run_all(page)
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert any(output["output_type"] == "display_data" for output in outputs)
    move_first_control(page)
