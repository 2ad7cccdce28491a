"""CamVid in five minutes: on a made-up set of the same layout, and for a few steps on the real one."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.models.backbones.small import small_resnet
from course_utils.recipes import camvid
from course_utils.recipes.camvid import CLASSES, NETWORKS, camvid_scores, main, network_on_camvid
from course_utils.training.checkpoints import load_network, read_settings


@pytest.fixture
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three frames a split, of noise, with all classes and void in stripes."""
    folder = tmp_path / "sets" / "camvid"
    draw = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        for part in (split, f"{split}annot"):
            (folder / part).mkdir(parents=True)
        for n in range(3):
            pixels = draw.integers(0, 256, (12, 24, 3), dtype=np.uint8)
            labels = np.repeat(np.arange(12, dtype=np.uint8), 2)[None].repeat(12, 0)
            Image.fromarray(pixels).save(folder / split / f"{n}.png")
            Image.fromarray(labels).save(folder / f"{split}annot" / f"{n}.png")
        lines = [f"/SegNet/CamVid/{split}/{n}.png /SegNet/CamVid/{split}annot/{n}.png\n" for n in range(3)]
        (folder / f"{split}.txt").write_text("".join(lines))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "sets"))
    monkeypatch.setattr(camvid, "SIZE", (24, 32))
    camvid.camvid_in_memory.cache_clear()
    yield
    camvid.camvid_in_memory.cache_clear()


@pytest.mark.usefixtures("frames")
def test_a_row_of_the_study() -> None:
    row = network_on_camvid(0, make=NETWORKS["pretrained"], steps=3)
    assert row["steps"] == 3
    scores = {name: value for name, value in row.items() if "iou" in name}
    assert len(scores) == 6 and all(0 <= value <= 1 for value in scores.values())
    again = network_on_camvid(0, make=NETWORKS["pretrained"], steps=3)
    assert all(again[name] == value for name, value in scores.items())


def test_networks_begin_as_they_are_called() -> None:
    images = torch.rand(1, 3, 33, 40)
    for make in NETWORKS.values():
        assert make().eval()(images).shape == (1, CLASSES, 33, 40)
    known = small_resnet(weights="patterns").state_dict()
    begun = {name: NETWORKS[name]().backbone.state_dict() for name in ("scratch", "pretrained")}
    assert all(torch.equal(begun["pretrained"][name], value) for name, value in known.items())
    assert not torch.equal(begun["scratch"]["stem.0.0.weight"], known["stem.0.0.weight"])


@pytest.mark.usefixtures("frames")
def test_the_command_writes_a_network_that_can_be_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "network.safetensors"
    assert main(["--output", str(path), "--network", "scratch", "--steps", "2"]) == 0
    assert list(path.parent.iterdir()) == [path] and read_settings(path)["steps"] == 2
    model = NETWORKS["scratch"]()
    load_network(path, model)
    assert f'"mean_iou": {camvid_scores(model)["mean_iou"]}' in capsys.readouterr().out


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize(
    ("given", "told"), [(["--steps", "0"], "--steps must be"), (["--seed", "-1"], "--seed must be")]
)
def test_the_command_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list, told: str) -> None:
    assert main(["--output", str(tmp_path / "network.safetensors"), *given]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "network.safetensors").exists()


@pytest.mark.slow
@pytest.mark.real_data
def test_real_frames() -> None:
    assert os.environ["COURSE_DATA"]
    camvid.camvid_in_memory.cache_clear()
    row = network_on_camvid(0, make=NETWORKS["pretrained"], steps=2)
    assert 0 < row["mirrored_mean_iou"] < 0.5
