"""The runs that lesson 02 and its study share."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import seed
from course_utils.datasets.samples import VOID
from course_utils.datasets.scenes import Scenes
from course_utils.datasets.windows import draw_windows
from course_utils.recipes import patches
from course_utils.sliding.windows import sliding_window_logits

LESSON = Path(__file__).parents[2] / "notebooks" / "02_sliding_window.ipynb"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, Tensor]:
    """Two scenes, in the place of all that are trained on and scored."""
    scenes = Scenes("train", length=2)
    images, labels = (torch.stack([scene[layer] for scene in scenes]) for layer in (0, 1))
    monkeypatch.setattr(patches, "scenes_of_windows", lambda _split: (images, labels))
    return images, labels


def written_out(images: Tensor, labels: Tensor) -> dict[str, object]:
    """What the cells of lesson 02 that write out the classifier and its training bind."""
    cells = ["".join(cell["source"]) for cell in json.loads(LESSON.read_text(encoding="utf-8"))["cells"]]
    (classifier,) = [source for source in cells if "def patch_classifier(" in source]
    (loop,) = [source for source in cells if "def train(" in source]
    names = {"torch": torch, "nn": nn, "F": F, "seed": seed, "draw_windows": draw_windows}
    names |= {"images": images, "labels": labels}
    exec(classifier.split("\n\n\n")[0], names)  # the claim after it is the lesson's own
    exec(loop, names)
    return names


@pytest.mark.parametrize("window", [1, 9, 33])
@pytest.mark.parametrize("moved", ["0", "1"])
def test_the_loop_of_the_lesson_is_that_of_the_study(
    few: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch, window: int, moved: str
) -> None:
    monkeypatch.setenv("COURSE_SEED", moved)
    lesson = written_out(*few)["train"](window, steps=3)
    study = patches.train_on_windows(*few, window=window, seed=1000 * int(moved), steps=3)
    assert not lesson.training and not study.training
    expected, found = lesson.state_dict(), study.state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_classifiers_are_alike_in_size_and_others_are_refused() -> None:
    for window in (1, 9, 33):
        classifier = patches.window_classifier(window)
        assert 24_000 < sum(parameter.numel() for parameter in classifier.parameters()) < 30_000
        assert classifier(torch.rand(2, 3, window, window)).shape == (2, 8)
    with pytest.raises(ValueError, match="1, 9 or 33 pixels, but window is 5"):
        patches.window_classifier(5)


@pytest.mark.parametrize("window", [1, 9])
def test_scores_are_of_the_pixels_that_the_largest_window_answers_for(few: tuple[Tensor, Tensor], window: int) -> None:
    found = patches.windows_on_scenes(4, window=window, steps=30)
    images, labels = few
    classifier = patches.train_on_windows(images, labels, window=window, seed=4, steps=30)
    with torch.no_grad():
        by_windows = sliding_window_logits(classifier, images, window=window).argmax(1)
    rest = (by_windows.shape[1] - (96 - 32)) // 2
    maps = by_windows[:, rest : by_windows.shape[1] - rest, rest : by_windows.shape[2] - rest]
    truth = labels[:, 16:-16, 16:-16]
    border = patches.boundaries(labels, 3)[:, 16:-16, 16:-16]
    assert maps.shape == truth.shape == (2, 64, 96)
    for name, zone in (("inside", ~border), ("near", border)):
        of_zone = zone & (truth != VOID)
        assert found[name] == pytest.approx(float((maps == truth)[of_zone].float().mean()), abs=1e-3)
    assert found["steps"] == 30 and 0 < found["mean_iou"] < 1
