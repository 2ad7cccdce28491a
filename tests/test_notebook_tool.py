"""The notebook tool: executing and storing, the normal form, real-data cells. Each test has its own notebook."""

import copy
from pathlib import Path

import notebook_files
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import notebooks


def code(source: str, *tags: str, slide: str = "slide", outputs: tuple[NotebookNode, ...] = ()) -> NotebookNode:
    metadata = {"slideshow": {"slide_type": slide}} | ({"tags": list(tags)} if tags else {})
    return new_code_cell(source, metadata=metadata, outputs=list(outputs))


def stored(folder: Path, *cells: NotebookNode, stem: str = "01_made_up") -> Path:
    path = folder / f"{stem}.ipynb"
    notebook_files.write(new_notebook(cells=list(cells)), path)
    return path


def absent(name: str) -> bool:
    return False


def present(name: str) -> bool:
    return True


VARIED = (
    code("import os, warnings\nfor i in range(3):\n    print(i, flush=True)"),
    new_markdown_cell("Text between."),
    code("warnings.warn('careful')\nos.environ['COURSE_STRICT'], os.environ['OMP_NUM_THREADS'], os.getcwd() == HERE"),
    code("from ipywidgets import IntSlider\nslider = IntSlider(3)\nslider", "nbval-ignore-output"),
    code("import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()"),
)


@pytest.mark.slow
def test_executing_twice_gives_the_same_bytes_in_normal_form(tmp_path: Path) -> None:
    path = stored(tmp_path, code("import pathlib\nHERE = str(pathlib.Path.cwd())"), *VARIED)
    notebooks.renew(path, absent)
    first = path.read_bytes()
    notebooks.renew(path, absent)
    assert path.read_bytes() == first

    notebook = notebook_files.read(path)
    assert [cell.id for cell in notebook.cells] == [f"01_made_up-{i:02d}" for i in range(6)]
    assert [cell.execution_count for _, cell in notebook_files.code_cells(notebook)] == [1, 2, 3, 4, 5]
    assert notebook.cells[1].outputs == [new_output("stream", name="stdout", text="0\n1\n2\n")]
    warning, value = notebook.cells[3].outputs
    assert warning.text.startswith("<cell>:1: UserWarning: careful")
    assert value.data["text/plain"] == "('1', '1', True)"
    assert "image/png" in notebook.cells[5].outputs[0].data
    assert set(notebook.metadata) == {"course", "kernelspec", "language_info"}
    assert notebook.cells[4].metadata == {"slideshow": {"slide_type": "slide"}, "tags": ["nbval-ignore-output"]}
    assert notebooks.problems(path) == []
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("1 / 0", r"cell 01 \(1 / 0\) fails(.|\n)*ZeroDivisionError"),
        ("import os\nos._exit(3)", r"cell 01 \(import os\) fails(.|\n)*kernel died(.|\n)*os._exit\(3\)"),
        ("while True:\n    pass", r"cell 01 \(while True:\) fails(.|\n)*timed out"),
        ("import os\nprint(os.path.abspath(os.sep) + 'home/ada/x.png')", r"names this machine: /home/"),
        ("import os\nprint(os.urandom(600_000).hex())", r"more than 1000; the largest outputs: cell 01 .* 1200 kB"),
    ],
)
def test_a_failing_notebook_is_left_untouched(tmp_path: Path, source: str, complaint: str) -> None:
    path = stored(tmp_path, new_markdown_cell("# Title"), code(source))
    before = path.read_bytes()
    # Only what never ends is given little time.
    limit = {"seconds_a_cell": 3} if "while" in source else {}
    with pytest.raises(ValueError, match=complaint):
        notebooks.renew(path, absent, **limit)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_what_a_maintainer_has_set_does_not_reach_the_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_BUDGET", "full")
    monkeypatch.setenv("COURSE_DEVICE", "cuda")
    monkeypatch.setenv("COURSE_SEED", "3")
    names = ("COURSE_BUDGET", "COURSE_DEVICE", "COURSE_SEED")
    path = stored(tmp_path, code(f"import os\n[os.environ.get(name) for name in {names}]"))
    notebooks.renew(path, absent)
    assert notebook_files.read(path).cells[0].outputs[0].data["text/plain"] == "[None, 'cpu', None]"


@pytest.mark.parametrize("change", ["source", "tags", "new cell", "order"])
def test_changed_code_makes_outputs_stale(change: str) -> None:
    notebook = new_notebook(cells=[code("x = 1"), new_markdown_cell("Text."), code("x", "nbval-ignore-output")])
    notebook.metadata["course"] = {"source": notebook_files.source_hash(notebook)}
    notebook.cells[1].source = "Another text."
    assert notebook_files.stored_outputs_are_fresh(notebook)
    if change == "source":
        notebook.cells[0].source = "x = 2"
    elif change == "tags":
        notebook.cells[2].metadata.tags = []
    elif change == "new cell":
        notebook.cells.append(code("x"))
    else:
        notebook.cells.reverse()
    assert not notebook_files.stored_outputs_are_fresh(notebook)


def test_a_notebook_that_was_never_executed_is_stale() -> None:
    assert not notebook_files.stored_outputs_are_fresh(new_notebook(cells=[code("x = 1")]))


def view(model: str) -> NotebookNode:
    data = {notebook_files.WIDGET: {"model_id": model}, "text/html": f"<b>{model}</b>"}
    return new_output("display_data", data=data)


def test_widget_models_keep_apart_when_a_widget_is_inserted_before_them() -> None:
    notebook = new_notebook(cells=[code("a", outputs=(view("a" * 32),)), code("b", outputs=(view("b" * 32),))])
    notebook_files.normalise(notebook, "01")
    first, second = (cell.outputs[0].data[notebook_files.WIDGET]["model_id"] for cell in notebook.cells)
    assert first != second
    notebook.cells.insert(0, code("c", outputs=(view("c" * 32),)))
    notebook_files.normalise(notebook, "01")
    models = [cell.outputs[0].data[notebook_files.WIDGET]["model_id"] for cell in notebook.cells]
    assert models[:2] == [first, second] and models[2] not in (first, second)
    assert [cell.outputs[0].data["text/html"] for cell in notebook.cells] == [f"<b>{model}</b>" for model in models]


def test_check_lists_stale_and_untidy_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = stored(tmp_path, code("print(1)"))
    notebooks.renew(path, absent)
    assert notebooks.main(["--check"], tmp_path) == 0
    assert capsys.readouterr().out == ""

    notebook = notebook_files.read(path)
    notebook.cells[0].source = "print(2)"
    notebook.cells[0].metadata["scrolled"] = True
    notebook_files.write(notebook, path)
    assert notebooks.main(["--check"], tmp_path) == 1
    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()] == [
        "the code has changed since the outputs were stored",
        "the file is not in normal form (--tidy)",
    ]
    assert notebooks.main(["--tidy", "1"], tmp_path) == 0
    assert notebooks.main(["--check"], tmp_path) == 1
    assert "normal form" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["02"], ["x"], ["--solved", "."], ["--check", "--tidy"], ["--seed", "1"], ["--prove", "--seed", "-1"]],
)
def test_a_wrong_command_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    stored(tmp_path, code("print(1)"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        notebooks.main(arguments, tmp_path)
    assert stop.value.code == 2


def test_a_file_that_is_no_notebook_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "03_broken.ipynb").write_text('{"cells": [')
    assert notebooks.main(["--check"], tmp_path) == 1
    assert "03_broken.ipynb should be a Jupyter notebook" in capsys.readouterr().err


REAL = 'if datasets.present("camvid"):\n    print("mIoU 0.31")\n    plots.show()\nelse:\n    print("not here")'
PICTURE = new_output("display_data", data={"image/png": "iVBOR", "text/plain": "A street, its truth and the errors."})


def run_of(*cells: NotebookNode, data: bool) -> NotebookNode:
    """What a run with or without the data gives, before anything is kept."""
    notebook = new_notebook(cells=[copy.deepcopy(cell) for cell in cells])
    for cell in notebook.cells:
        text = new_output("stream", text="mIoU 0.31\n" if data else "not here\n")
        cell.outputs, cell.execution_count = [text, copy.deepcopy(PICTURE)] if data else [text], 1
    return notebook


def test_real_data_cells_keep_their_text_and_lose_their_pictures() -> None:
    real = code(REAL, "real-data", "nbval-ignore-output")
    with_data = run_of(real, data=True)
    notebook_files.keep_real_data_outputs(with_data, new_notebook(cells=[real]), present)
    notebook_files.normalise(with_data, "01")
    text, picture = with_data.cells[0].outputs
    assert text.text == "mIoU 0.31\n"
    assert picture.data == {"text/plain": "A street, its truth and the errors."}

    without = run_of(real, data=False)
    notebook_files.keep_real_data_outputs(without, with_data, absent)
    assert without.cells[0].outputs == with_data.cells[0].outputs
    assert without.metadata.course.real_data == with_data.metadata.course.real_data


def test_real_data_cells_never_run_with_data_store_what_this_run_gave() -> None:
    real = code(REAL, "real-data", "nbval-ignore-output")
    before, after = run_of(real, data=False), run_of(real, data=False)
    after.cells[0].outputs[0].text = "not here, still\n"
    notebook_files.keep_real_data_outputs(after, before, absent)
    assert after.cells[0].outputs[0].text == "not here, still\n"
    assert "course" not in after.metadata


def test_changed_real_data_cells_need_the_data() -> None:
    real = code(REAL, "real-data", "nbval-ignore-output")
    before = run_of(real, data=True)
    notebook_files.keep_real_data_outputs(before, before, present)
    changed = code(REAL.replace("0.31", "0.32"), "real-data", "nbval-ignore-output")
    with pytest.raises(ValueError, match="data set 'camvid' is not here(.|\n)*COURSE_DATA"):
        notebook_files.keep_real_data_outputs(run_of(changed, data=False), before, absent)
    notebook_files.keep_real_data_outputs(run_of(changed, data=True), before, present)
    # A second cell beside an unchanged first one has nothing stored that could be lost.
    notebook_files.keep_real_data_outputs(run_of(real, changed, data=False), before, absent)
