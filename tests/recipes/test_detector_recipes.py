"""Detectors on scenes and nuclei: the recipes on a few small images, and torchvision's detector beside ours."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from course_utils.datasets.samples import Sample
from course_utils.models.detection.quick_mask_rcnn import quick_mask_rcnn
from course_utils.models.quick_unet import QuickResNet
from course_utils.ops.boxes import masks_to_boxes
from course_utils.recipes import instances, nuclei
from course_utils.recipes.instances import MUON, USUAL, competing_masks, instances_on_scenes, rounded_regions
from course_utils.recipes.nuclei import instances_on_nuclei, main, turn
from course_utils.recipes.scenes import scenes_in_memory
from course_utils.recipes.whole_detectors import torchvision_mask_rcnn, usual_mask_rcnn


def narrow(num_classes: int) -> torch.nn.Module:
    return quick_mask_rcnn(num_classes, backbone=QuickResNet((4, 6, 8, 8, 8), 1))


@pytest.fixture
def few_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "SCENES", 4)
    monkeypatch.setattr(instances, "VALIDATION", 3)


@pytest.fixture
def slides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ten images in the layout of `nuclei`: eight to learn from and two to evaluate on, with two squares each."""
    for number in range(10):
        folder = tmp_path / "sets" / "nuclei" / "stage1_train" / f"{number:03}"
        (folder / "masks").mkdir(parents=True)
        (folder / "images").mkdir()
        image = np.full((40, 48, 3), 60, dtype=np.uint8)
        for place in range(2):
            mask = np.zeros((40, 48), dtype=np.uint8)
            mask[4 + 16 * place : 16 + 16 * place, 8 : 20 + number] = 255
            image[mask > 0] = 200
            Image.fromarray(mask).save(folder / "masks" / f"{place}.png")
        Image.fromarray(image).save(folder / "images" / f"{number:03}.png")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "sets"))
    monkeypatch.setattr(nuclei, "WINDOW", (32, 32))
    nuclei.nuclei_in_memory.cache_clear()
    yield
    nuclei.nuclei_in_memory.cache_clear()


# Rows of the studies


@pytest.mark.usefixtures("few_scenes")
def test_a_row_of_the_study_on_scenes() -> None:
    rows = [instances_on_scenes(0, steps=2, make=lambda: narrow(8)) for _ in range(2)]
    assert set(rows[0]) == {"ap", "ap50", "ap75", "ap50 car", "ap50 person", "steps", "training_cpu_seconds"}
    assert rows[0]["steps"] == 2 and rows[0]["ap"] == rows[1]["ap"]


@pytest.mark.usefixtures("slides")
def test_a_row_of_the_study_on_nuclei() -> None:
    rows = [instances_on_nuclei(0, steps=2, make=lambda: narrow(2)) for _ in range(2)]
    assert set(rows[0]) == {"ap", "ap50", "ap75", "steps", "training_cpu_seconds"} and rows[0]["steps"] == 2
    assert 0 <= rows[0]["ap"] == rows[1]["ap"] <= 1


def test_a_recipe_decides_how_the_network_learns() -> None:
    data, rates = scenes_in_memory("train", 2), []
    for recipe in (MUON, USUAL):
        torch.manual_seed(0)
        history = instances.train_instances(narrow(8), data, seed=0, steps=3, batch_size=2, progress=False, **recipe)
        rates.append([row["learning_rate"] for row in history.steps])
    assert max(rates[0]) <= 8e-3 and max(rates[1]) <= 2e-3 and rates[0] != [4 * rate for rate in rates[1]]


def test_turned_samples_keep_their_truth() -> None:
    image = torch.rand(3, 4, 6)
    labels = (image[0] * 9).long()
    turned = set()
    for seed in range(20):
        sample = turn(Sample(image, labels, labels + 1), torch.Generator().manual_seed(seed))
        assert torch.equal((sample.image[0] * 9).long(), sample.labels)
        assert torch.equal(sample.labels + 1, sample.instances)
        turned.add(int(sample.labels[0, 0]) if sample.labels.shape == (4, 6) else tuple(sample.labels.shape))
    assert turned == {int(labels[0, 0]), int(labels[-1, -1]), (6, 4)}


# Parts that the study changes


def test_softmax_masks_compete_in_every_cell() -> None:
    logits = torch.randn(2, 4, 3, 3)
    targets = (torch.rand(2, 3, 3) > 0.5).float()
    labels, wanted = torch.tensor([2, 3]), 0.0
    for n in range(2):
        for y in range(3):
            for x in range(3):
                own = int(labels[n]) if targets[n, y, x] else 0
                wanted -= logits[n, :, y, x].log_softmax(0)[own] / 18
    torch.testing.assert_close(competing_masks(logits, labels, targets), wanted)


def test_rounded_regions_read_whole_cells() -> None:
    features = torch.arange(48.0).view(1, 1, 6, 8)
    regions = torch.tensor([[0, 1.3, 1.4, 4.4, 4.2], [0, 1, 1, 4, 4]])
    found = rounded_regions(features, regions, 2)
    assert torch.equal(found[0], found[1]) and found.shape == (2, 1, 2, 2) and found[0, 0, 1, 1] == 36


# torchvision's detector beside ours

SIZE = (64, 96)


def image_and_target() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    masks = torch.zeros(2, *SIZE, dtype=torch.bool)
    masks[0, 8:28, 10:40] = masks[1, 20:60, 60:80] = True
    images = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    return images, {"boxes": masks_to_boxes(masks).float(), "labels": torch.tensor([1, 2]), "masks": masks}


def test_both_have_as_many_parameters_and_the_same_anchors() -> None:
    ours, theirs = usual_mask_rcnn(3), torchvision_mask_rcnn(3)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters()) == 858_993
    images, _ = image_and_target()
    maps = ours.eval().backbone(images)
    their_images = theirs.network.transform(list(images))[0]
    anchors = theirs.network.rpn.anchor_generator(their_images, maps)[0]
    sizes = [boxes[:, 2:] - boxes[:, :2] for boxes in (torch.cat(ours.rpn.anchors(maps)), anchors)]
    assert len(sizes[0]) == len(sizes[1])
    torch.testing.assert_close(*sizes, rtol=0, atol=1)  # torchvision rounds to whole pixels


def test_torchvisions_detector_is_called_as_ours_is() -> None:
    torch.manual_seed(0)
    images, target = image_and_target()
    empty = {name: part[:0] for name, part in target.items()}
    for model in (usual_mask_rcnn(3), torchvision_mask_rcnn(3)):
        losses = model(images, [target, empty])
        assert len(losses) == 5 and all(loss.isfinite() for loss in losses.values())
        sum(losses.values()).backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        with torch.no_grad():
            found = model.eval()(images)
        for some in found:
            assert {"boxes", "labels", "scores", "masks"} <= set(some)
            assert some["masks"].dtype == torch.bool and some["masks"].shape[1:] == SIZE


def test_torchvisions_detector_neither_resizes_nor_normalises() -> None:
    images, _ = image_and_target()
    for training in (True, False):
        batch = torchvision_mask_rcnn(3).train(training).network.transform(list(images))[0]
        assert torch.equal(batch.tensors, images) and batch.image_sizes == [SIZE, SIZE]


# The weights that are kept


@pytest.mark.usefixtures("slides")
def test_the_command_writes_a_network_that_can_be_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nuclei, "crowded_mask_rcnn", lambda: narrow(2))
    path = tmp_path / "new" / "network.safetensors"
    assert main(["--output", str(path), "--steps", "2"]) == 0
    with safe_open(path, framework="pt") as file:
        made = json.loads(file.metadata()["made"])
        state = {name: file.get_tensor(name) for name in file.keys()}
    assert made == json.loads(capsys.readouterr().out) and made["steps"] == 2 and set(made) > {"ap", "ap50"}
    narrow(2).load_state_dict(state)
    assert main(["--output", str(path), "--steps", "0"]) == 1
    assert "--steps must be" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.real_data
def test_the_kept_weights_find_nuclei() -> None:
    assert os.environ["COURSE_DATA"]
    nuclei.nuclei_in_memory.cache_clear()
    scores = nuclei.nuclei_scores(quick_mask_rcnn(2, weights="nuclei"))
    assert scores["ap50"] > 0.6 and scores["ap"] > 0.3
