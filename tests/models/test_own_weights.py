"""The course's own weights for the small residual network: the file's, at every output stride, or a sentence."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tolerances import EXACT

from course_utils.models import pretrained
from course_utils.models.backbones.small import WIDTHS, small_resnet
from course_utils.models.pretrained import CHECKSUMS, OWN

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
