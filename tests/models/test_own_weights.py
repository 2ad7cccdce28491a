"""The course's own weights for the small residual network and the quick Mask R-CNN: the files', or a sentence."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from tolerances import EXACT

from course_utils.metrics.overlaps import mask_iou
from course_utils.models import pretrained
from course_utils.models.backbones.small import WIDTHS, small_resnet
from course_utils.models.detection.quick_mask_rcnn import quick_mask_rcnn
from course_utils.models.pretrained import CHECKSUMS, OWN
from course_utils.recipes.nuclei import STEPS

NAME = "small_resnet_patterns.safetensors"


@pytest.mark.parametrize("output_stride", [None, 32, 16, 8, 4, 2])
def test_the_weights_are_the_files_at_every_output_stride(output_stride: int | None) -> None:
    found = small_resnet(output_stride=output_stride, weights="patterns").state_dict()
    kept = load_file(OWN / NAME)
    assert found.keys() == kept.keys()
    for name, value in found.items():
        assert value.dtype in (torch.float32, torch.int64)
        torch.testing.assert_close(value, kept[name].to(value.dtype), **EXACT)


def test_dilated_maps_are_those_of_the_strided_network() -> None:
    """Every fourth value of the map at output stride 8 is the one at stride 32, with the same weights."""
    images = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        few, many = (small_resnet(output_stride=n, weights="patterns").eval()(images)[-1] for n in (32, 8))
    assert few.std() > 0.01
    torch.testing.assert_close(many[:, :, ::4, ::4], few, rtol=0, atol=1e-4 * few.abs().max().item())


def test_the_file_is_small_and_the_one_that_is_meant() -> None:
    content = (OWN / NAME).read_bytes()
    assert len(content) < 3_000_000
    assert hashlib.sha256(content).hexdigest() == CHECKSUMS[NAME]


def test_weights_have_a_name_and_one_set_of_widths() -> None:
    with pytest.raises(ValueError, match="weights must be \"patterns\", or None for random ones, but is 'imagenet'"):
        small_resnet(weights="imagenet")
    with pytest.raises(ValueError, match=r"are those of widths \(24, 40.*but widths is \(24, 40\); take these widths"):
        small_resnet(widths=(24, 40), weights="patterns")
    assert small_resnet(widths=list(WIDTHS), weights="patterns").channels == WIDTHS


@pytest.mark.parametrize(("content", "error"), [(None, FileNotFoundError), (b"", ValueError), (b"page", ValueError)])
def test_a_file_that_is_missing_or_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, error: type
) -> None:
    monkeypatch.setattr(pretrained, "OWN", tmp_path)
    if content is not None:
        (tmp_path / NAME).write_bytes(content)
    with pytest.raises(
        error, match=f"{NAME} (are missing|is damaged or another file).*git checkout -- data/weights/{NAME}"
    ):
        small_resnet(weights="patterns")


def test_random_weights_need_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "OWN", tmp_path)
    small_resnet()


# --- The quick Mask R-CNN that has learnt to find nuclei

NUCLEI = "quick_mask_rcnn_nuclei.safetensors"


def test_the_detector_s_weights_are_the_file_s() -> None:
    model, kept = quick_mask_rcnn(2, weights="nuclei"), load_file(OWN / NUCLEI)
    assert model.rpn.kept == (48, 300)
    found = model.state_dict()
    assert found.keys() == kept.keys()
    for name, value in found.items():
        assert value.dtype in (torch.float32, torch.int64)
        torch.testing.assert_close(value, kept[name].to(value.dtype), **EXACT)


def test_the_detector_s_file_is_small_and_the_one_that_is_meant() -> None:
    content = (OWN / NUCLEI).read_bytes()
    assert len(content) < 3_000_000
    assert hashlib.sha256(content).hexdigest() == CHECKSUMS[NUCLEI]
    with safe_open(OWN / NUCLEI, framework="pt") as file:
        made = json.loads(file.metadata()["made"])
    assert made["steps"] == STEPS and made["seed"] == 0 and made["ap50"] > 0.6


def test_it_finds_bright_discs() -> None:
    """On black, as under a fluorescence microscope: each has one sure detection, whose mask is the disc."""
    y, x = torch.meshgrid(torch.arange(96), torch.arange(128), indexing="ij")
    discs = torch.stack([(y - cy) ** 2 + (x - cx) ** 2 < 8**2 for cy, cx in ((24, 30), (60, 90), (70, 40))])
    image = (0.05 + 0.5 * discs.any(0)).expand(1, 3, -1, -1)
    with torch.no_grad():
        (found,) = quick_mask_rcnn(2, weights="nuclei").eval()(image)
    assert (mask_iou(found["masks"][found["scores"] > 0.5], discs).max(0).values > 0.8).all()


def test_the_detector_s_weights_have_a_name_and_a_network() -> None:
    with pytest.raises(ValueError, match="weights must be \"nuclei\", or None for random ones, but is 'coco'"):
        quick_mask_rcnn(2, weights="coco")
    with pytest.raises(
        ValueError, match=r'those of 2 classes .* num_classes is 8; write `quick_mask_rcnn\(2, weights="nu'
    ):
        quick_mask_rcnn(8, weights="nuclei")
    with pytest.raises(ValueError, match="num_classes is 2 and there is another backbone"):
        quick_mask_rcnn(2, backbone=small_resnet(), weights="nuclei")
