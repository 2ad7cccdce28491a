"""start, claim, device and messages: what a first cell needs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import course_utils
from course_utils import claim, start
from course_utils.devices import device
from course_utils.lessons import LESSONS
from course_utils.messages import Message, show_message


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, course_utils; print(*[m for m in ('torch', 'numpy', 'matplotlib') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


@pytest.mark.slow
def test_a_lesson_starts_without_the_slow_libraries() -> None:
    code = (
        "import sys; from course_utils import datasets, plots, start; start(lesson=0); start(lesson=1); "
        "from course_utils.plots import overlays, curves, tables; from course_utils.widgets import threshold, overlap; "
        "datasets.load('scenes', 'val')[0]; "
        "slow = ('torchvision', 'timm', 'torchmetrics', 'segmentation_models_pytorch'); "
        "print('LOADED', *[m for m in slow if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "LOADED"


def test_start_says_title_minutes_and_exercises(capsys) -> None:
    start(lesson=1)
    out = capsys.readouterr().out
    assert "Lesson 01 · Metrics" in out and f"{LESSONS[1].minutes} minutes" in out
    assert "●●○ confusion_matrix (12 min)" in out


def test_start_seeds(capsys) -> None:
    start(lesson=0)
    first = torch.rand(3)
    start(lesson=0)
    assert torch.equal(first, torch.rand(3))


def test_start_takes_the_threads_from_the_environment(monkeypatch, capsys) -> None:
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    start(lesson=0)
    assert torch.get_num_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "2,1")
    start(lesson=0)
    assert torch.get_num_threads() == 2
    for odd in ("0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", odd)
        start(lesson=0)
        assert torch.get_num_threads() >= 1
    monkeypatch.delenv("OMP_NUM_THREADS")
    start(lesson=0)
    assert torch.get_num_threads() == min(os.cpu_count() or 1, 4)
    torch.set_num_threads(before)


def test_start_refuses_a_lesson_that_is_not_there() -> None:
    for odd in (77, 1.0, "1", [1]):
        with pytest.raises(ValueError, match="There is no lesson"):
            start(lesson=odd)


def test_a_claim_that_holds_is_one_line(capsys) -> None:
    claim("one and one is two", torch.tensor(1 + 1 == 2))
    assert capsys.readouterr().out == "✓ one and one is two\n"


def test_a_claim_that_fails_raises_in_strict_runs_only(monkeypatch, capsys) -> None:
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    claim("one is two", False, found=1)
    out = capsys.readouterr().out
    assert "✗" in out and "Found: 1" in out
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(AssertionError, match="one is two"):
        claim("one is two", False)


def test_a_claim_needs_one_truth_value() -> None:
    for odd in (torch.tensor([True, False]), [False], float("nan"), None, "no", torch.tensor([1.0]).isfinite, 1.0):
        with pytest.raises(ValueError, match="True or False"):
            claim("all are right", odd)
    claim("tensors and NumPy count", torch.tensor([1.0]).isfinite().all())
    claim("tensors and NumPy count", np.float64(2) > 1)


def test_device(monkeypatch) -> None:
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert device() == torch.device("cpu")
    for name in ("abacus", "meta", "hpu"):
        monkeypatch.setenv("COURSE_DEVICE", name)
        with pytest.raises(ValueError, match=f"COURSE_DEVICE is '{name}'"):
            device()
    monkeypatch.delenv("COURSE_DEVICE")
    assert device().type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.gpu
def test_device_is_the_gpu_where_there_is_one(monkeypatch) -> None:
    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    assert device().type == "cuda"


def test_messages_are_escaped_in_html_and_plain_elsewhere(capsys) -> None:
    show_message("a < b")
    assert capsys.readouterr().out == "a < b\n"
    assert "a &lt; b" in Message("a < b", "good")._repr_html_()
    with pytest.raises(ValueError, match="tone must be one of"):
        show_message("a", tone="loud")


ROOT = Path(course_utils.__file__).parents[1]


def test_the_readme_lists_every_lesson_with_its_minutes() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for number, lesson in LESSONS.items():
        row = next(line for line in readme.splitlines() if f"(notebooks/{lesson.stem}.ipynb)" in line)
        assert row.startswith(f"| [{number:02d} {lesson.title}]") and row.endswith(f"| {lesson.minutes} |")


def test_every_lesson_has_a_notebook_and_every_notebook_a_lesson() -> None:
    folder = ROOT / "notebooks"
    assert sorted(file.stem for file in folder.glob("*.ipynb")) == sorted(lesson.stem for lesson in LESSONS.values())
