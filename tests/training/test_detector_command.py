"""`python -m course_utils.training` with networks that find objects."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from course_utils.datasets import procedural
from course_utils.datasets.samples import Sample
from course_utils.datasets.transforms import scale_and_crop
from course_utils.models import catalogue
from course_utils.models.detection.quick_mask_rcnn import quick_mask_rcnn
from course_utils.models.quick_unet import QuickResNet
from course_utils.training import __main__ as command
from course_utils.training.batches import stack
from course_utils.training.instance_objectives import targets_of


def small_detector(num_classes: int) -> nn.Module:
    return quick_mask_rcnn(num_classes, backbone=QuickResNet((4, 6, 8, 8, 8), 1))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.DETECTORS, "tiny_detector", catalogue.Entry(__name__, "small_detector"))
    monkeypatch.setitem(procedural.LENGTHS, "val", 3)
    monkeypatch.delenv("COURSE_DATA", raising=False)


def arguments(folder: Path, **changes: str | None) -> list[str]:
    given = {
        "model": "tiny_detector", "data": "scenes", "steps": "4", "size": "48 64", "samples": "6", "batch-size": "2",
        "augment": "flip", "output": str(folder), "min-area": "16",
    } | changes  # fmt: skip
    return [word for name, value in given.items() if value is not None for word in (f"--{name}", *value.split())]


def metrics_in(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_average_precision_is_written(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert command.main(arguments(tmp_path, **{"evaluate-every": "2"})) == 0
    metrics = metrics_in(tmp_path)
    assert {"ap", "ap50", "ap75", "ap50 car", "ap50 person"} == set(metrics["scores"])
    assert metrics["scores"]["ap"] is not None and 0 <= metrics["scores"]["ap"] <= 1
    rows = list(csv.DictReader((tmp_path / "history.csv").open()))
    assert len(rows) == 4 and all(float(rows[3][name]) > 0 for name in ("objectness", "rpn_boxes", "classes"))
    assert rows[0]["ap"] == "" and float(rows[1]["ap50"]) >= 0
    told = capsys.readouterr().out
    assert "tiny_detector on scenes: 4 steps" in told and "CPU seconds: ap 0.000, ap50 0.000" in told


def test_an_interrupted_run_ends_as_one_without_a_break(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command.main(arguments(tmp_path / "whole")) == 0
    given, calls = [*arguments(tmp_path / "cut"), "--checkpoint-every", "2"], []

    def dies(sample: Sample, generator: torch.Generator) -> Sample:
        calls.append(1)
        if len(calls) > 5:
            raise KeyboardInterrupt
        return known(sample, generator)

    known = command.flip
    with monkeypatch.context() as patched:
        patched.setattr(command, "flip", dies)
        assert command.main(given) == 130
    assert not (tmp_path / "cut" / "metrics.json").exists()
    assert command.main(given) == 0
    whole, cut = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "cut"))
    assert whole.keys() == cut.keys() and all(torch.equal(whole[name], cut[name]) for name in whole)
    assert metrics_in(tmp_path / "whole")["scores"] == metrics_in(tmp_path / "cut")["scores"]


def test_windows_cut_objects_and_tiny_rests_are_dropped() -> None:
    """A square of 8 × 8 pixels; of the windows of 12 × 12 in an image of 12 × 20 some see all of it, others a few columns."""
    labels, instances = torch.zeros(2, 12, 20, dtype=torch.int64)
    labels[2:10, 10:18] = instances[2:10, 10:18] = 1
    sample, areas = Sample(torch.zeros(3, 12, 20), labels, instances), set()
    for seed in range(20):
        window = scale_and_crop(sample, torch.Generator().manual_seed(seed), size=(12, 12), scales=(1, 1))
        (target,) = targets_of(stack([window], ("a",)), min_area=24)
        left = int(window.instances.sum())
        assert target["area"].tolist() == [left] * (left >= 24)
        areas.add(left)
        if left >= 24:
            x1, y1, x2, y2 = target["boxes"][0].tolist()
            assert (x2 - x1) * (y2 - y1) == left and x2 <= 12 and (y1, y2) == (2, 10)
    assert {16, 24, 64} <= areas


@pytest.fixture
def cells_on_slides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten images in the layout of `nuclei`, of two sizes, with two squares each: eight to learn from and two to evaluate on."""
    for number in range(10):
        folder = tmp_path / "sets" / "nuclei" / "stage1_train" / f"{number:03}"
        height, width = (40, 48) if number % 2 else (48, 40)
        image = np.full((height, width, 3), 60, dtype=np.uint8)
        for place in range(2):
            mask = np.zeros((height, width), dtype=np.uint8)
            mask[6 + 16 * place : 18 + 16 * place, 8 : 20 + number] = 255
            image[mask > 0] = 200
            (folder / "masks").mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(folder / "masks" / f"{place}.png")
        (folder / "images").mkdir()
        Image.fromarray(image).save(folder / "images" / f"{number:03}.png")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "sets"))


@pytest.mark.usefixtures("cells_on_slides")
def test_nuclei_of_two_sizes(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    changes = {"data": "nuclei", "size": None, "samples": None}
    assert command.main(arguments(tmp_path / "run", **changes, crop="32 32", scales="0.8 1.25", steps="2")) == 0
    metrics = metrics_in(tmp_path / "run")
    assert set(metrics["scores"]) == {"ap", "ap50", "ap75", "ap50 nucleus"}
    assert metrics["parameters"] == sum(parameter.numel() for parameter in small_detector(2).parameters())
    # Without windows they make no batch.
    assert command.main(arguments(tmp_path / "other", **changes)) == 1
    assert "The samples of a batch must have one size" in capsys.readouterr().err


def test_bfloat16_and_other_options(tmp_path: Path) -> None:
    changes = {
        "augment": "flip colour elastic", "optimiser": "muon", "schedule": "warm_up_cosine", "clip-norm": "5",
        "size": None, "crop": "40 48", "steps": "2", "min-area": None,
    }  # fmt: skip
    assert command.main([*arguments(tmp_path, **changes), "--bfloat16"]) == 0
    assert metrics_in(tmp_path)["scores"]["ap"] is not None


def test_yolact(tmp_path: Path) -> None:
    assert command.main(arguments(tmp_path, model="yolact", steps="2")) == 0
    metrics = metrics_in(tmp_path)
    assert {"ap", "ap50", "ap75", "ap50 car", "ap50 person"} == set(metrics["scores"]) and metrics["parameters"] > 1e5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"class-weights": "square_root"},
            "--class-weights weighs the classes of pixels, but tiny_detector finds objects",
        ),
        ({"model": "fcn8s"}, "--min-area is for networks that find objects, mask_rcnn, maskrcnn_resnet50_fpn, yolact"),
        ({"min-area": "-1"}, "'-1' should be a number of 0 or more"),
        ({"min-area": "nan"}, "'nan' should be a number of 0 or more"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, capsys: pytest.CaptureFixture, changes: dict, message: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments(tmp_path / "run", **changes))
    assert stopped.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.usefixtures("camvid_frames")
@pytest.mark.parametrize(
    ("data", "message"),
    [("camvid", "has no instance truth"), ("cells", "Label 0 of this data set, 'cell', is a thing")],
)
def test_data_that_nobody_can_learn_from(
    tmp_path: Path, capsys: pytest.CaptureFixture, data: str, message: str
) -> None:
    assert command.main(arguments(tmp_path / "run", data=data)) == 1
    assert message in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.fixture
def camvid_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "sets" / "camvid"
    for split in ("train", "val"):
        for part in (split, f"{split}annot"):
            (folder / part).mkdir(parents=True)
        Image.fromarray(np.zeros((48, 64, 3), dtype=np.uint8)).save(folder / split / "0.png")
        Image.fromarray(np.zeros((48, 64), dtype=np.uint8)).save(folder / f"{split}annot" / "0.png")
        (folder / f"{split}.txt").write_text(f"/SegNet/CamVid/{split}/0.png /SegNet/CamVid/{split}annot/0.png\n")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "sets"))


def main(folder: str) -> None:
    """What each of two processes does."""
    catalogue.DETECTORS["tiny_detector"] = catalogue.Entry(__name__, "small_detector")
    procedural.LENGTHS["val"] = 3
    sys.exit(command.main(arguments(Path(folder), **{"batch-size": "4", "steps": "2"})))


@pytest.mark.slow
def test_two_processes_are_nearly_one(tmp_path: Path) -> None:
    """Each divides its losses by its own counts, and draws its own regions: the first losses are alike, and not the same."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launcher, __file__, str(tmp_path / "two")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert command.main(arguments(tmp_path / "one", **{"batch-size": "4", "steps": "2"})) == 0
    assert metrics_in(tmp_path / "two")["processes"] == 2
    one, two = (list(csv.DictReader((tmp_path / name / "history.csv").open())) for name in ("one", "two"))
    for name in ("objectness", "rpn_boxes", "classes", "boxes", "masks"):
        have, want = float(two[0][name]), float(one[0][name])
        assert have == pytest.approx(want, rel=0.25), name
    assert two[0]["objectness"] != one[0]["objectness"]
    assert set(metrics_in(tmp_path / "two")["scores"]) == set(metrics_in(tmp_path / "one")["scores"])


if __name__ == "__main__":
    main(sys.argv[1])
