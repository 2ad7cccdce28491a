"""Run lengths: by hand, on odd cases, equal to pycocotools, and what is said when they are damaged."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from pycocotools import mask as coco
from torch import Tensor

from course_utils.datasets.coco_masks import counts_to_text, mask_to_rle, rle_to_mask, text_to_counts

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # of pycocotools

# Columns 0 1 1, 1 0 1, 0 0 0: read downwards, one outside, three inside, one outside, one inside, three outside.
MASK = torch.tensor([[0, 1, 0], [1, 0, 0], [1, 1, 0]], dtype=torch.bool)
COUNTS = [1, 3, 1, 1, 3]


def random_masks(count: int, seed: int = 0) -> list[Tensor]:
    """Masks of all sizes from 1×1 on, empty, full, and in between; every second one in blobs."""
    draws = np.random.default_rng(seed)
    masks = []
    for number in range(count):
        height, width = draws.integers(1, 40, 2)
        mask = draws.random((height, width)) < draws.choice([0, 0.05, 0.5, 0.95, 1])
        if number % 2:
            mask = np.repeat(np.repeat(mask, 3, 0), 2, 1)
        masks.append(torch.from_numpy(mask))
    return masks


def as_pycocotools_wants(mask: Tensor) -> np.ndarray:
    return np.asfortranarray(mask.numpy().astype(np.uint8))


def test_run_lengths_by_hand() -> None:
    assert mask_to_rle(MASK, compressed=False) == {"size": [3, 3], "counts": COUNTS}
    assert torch.equal(rle_to_mask({"size": [3, 3], "counts": COUNTS}), MASK)
    # A mask that begins inside has no pixel outside first.
    assert mask_to_rle(~MASK, compressed=False)["counts"] == [0, *COUNTS]
    assert mask_to_rle(torch.zeros(2, 3, dtype=torch.bool), compressed=False)["counts"] == [6]
    assert mask_to_rle(torch.ones(2, 3, dtype=torch.bool), compressed=False)["counts"] == [0, 6]


def test_text_by_hand() -> None:
    # 1, 3 and 1 are one group each; 1 is 2 less than 3: -2 ends in 11110, a 30; 3 is 2 more than 1.
    assert counts_to_text(COUNTS) == "".join(chr(48 + group) for group in (1, 3, 1, 30, 2))
    # 15 has room in five bits with a sign, 16 has not: its first group, 16, says that a second one follows.
    assert counts_to_text([15]) == chr(48 + 15) and counts_to_text([16]) == chr(48 + 32 + 16) + "0"
    assert text_to_counts(counts_to_text([16])) == [16]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**28), max_size=12))
def test_text_gives_the_numbers_back(counts: list[int]) -> None:
    text = counts_to_text(counts)
    assert text_to_counts(text) == counts
    assert text_to_counts(text.encode()) == counts


def test_run_lengths_equal_pycocotools() -> None:
    texts = set()
    for mask in random_masks(150):
        theirs = coco.encode(as_pycocotools_wants(mask))
        ours = mask_to_rle(mask)
        assert ours == {"size": theirs["size"], "counts": theirs["counts"].decode()}
        assert coco.frPyObjects(mask_to_rle(mask, compressed=False), *mask.shape) == theirs
        for rle in (ours, theirs, mask_to_rle(mask, compressed=False)):
            assert torch.equal(rle_to_mask(rle), mask)
        texts.add(ours["counts"])
    assert len(texts) > 80


def test_a_large_mask_equals_pycocotools() -> None:
    y, x = np.mgrid[:900, :1100]
    mask = torch.from_numpy((y - 450) ** 2 + (x - 500) ** 2 < 400**2 + 90_000 * np.sin(x / 9))
    ours, theirs = mask_to_rle(mask), coco.encode(as_pycocotools_wants(mask))
    assert ours["counts"] == theirs["counts"].decode() and len(ours["counts"]) > 1000
    assert torch.equal(rle_to_mask(ours), mask)


def test_a_mask_may_lie_in_memory_as_it_likes() -> None:
    mask = random_masks(8)[7]
    assert mask_to_rle(mask.T.contiguous().T) == mask_to_rle(mask)
    assert mask_to_rle(mask.repeat_interleave(2, 1)[:, ::2]) == mask_to_rle(mask)


@pytest.mark.parametrize("mask", [MASK.float(), MASK.long(), MASK[None], MASK[0], MASK.tolist()])
def test_what_is_no_mask_is_refused(mask: object) -> None:
    with pytest.raises(ValueError, match="mask must be"):
        mask_to_rle(mask)


@pytest.mark.parametrize(
    ("rle", "what"),
    [
        (None, "a dictionary with 'size' and 'counts'"),
        ({"size": [3, 3]}, "a dictionary with 'size' and 'counts'"),
        ({"size": [3], "counts": COUNTS}, r"size should be \(height, width\)"),
        ({"size": [0, 3], "counts": []}, r"size should be \(height, width\)"),
        ({"size": [10**6, 10**6], "counts": [10**12]}, "its size is damaged"),
        ({"size": [3, 3], "counts": [1, 3, 1, 1]}, "must add up to 9, but give 6"),
        ({"size": [3, 3], "counts": [*COUNTS, 1]}, "must add up to 9, but give 10"),
        ({"size": [3, 3], "counts": [10, -1]}, "whole numbers from 0 on"),
        ({"size": [3, 3], "counts": [4.5, 4.5]}, "whole numbers from 0 on"),
        ({"size": [3, 3], "counts": [9, True]}, "whole numbers from 0 on"),
        ({"size": [3, 3], "counts": 9}, "whole numbers from 0 on"),
        ({"size": [3, 3], "counts": counts_to_text([9, -1])}, "whole numbers from 0 on"),
        ({"size": [3, 3], "counts": "1z"}, "holds 'z', but its characters are '0' to 'o'"),
        ({"size": [3, 3], "counts": "1é"}, "holds 'é'"),
        ({"size": [3, 3], "counts": "1`"}, "cut short"),
    ],
)
def test_damaged_run_lengths_are_refused(rle: object, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        rle_to_mask(rle)


def test_pycocotools_gives_back_what_was_in_memory_where_we_refuse() -> None:
    """Why the sum is checked: the nine pixels are two runs of three, and three that nothing has written."""
    rle = {"size": [3, 3], "counts": [3, 3]}
    assert coco.decode([coco.frPyObjects(rle, 3, 3)]).shape == (3, 3, 1)
    with pytest.raises(ValueError, match="add up to 9"):
        rle_to_mask(rle)


@pytest.mark.gpu
def test_a_mask_on_a_gpu() -> None:
    assert mask_to_rle(MASK.cuda()) == mask_to_rle(MASK)
