"""Masks as COCO's files store them: run lengths, as a list of numbers or packed into text."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from course_utils.datasets.samples import checked_size
from course_utils.ops.checks import is_integer, require_bools, require_tensor

LARGEST_MASK = 2**28
"""Pixels. No photograph has more, and a damaged size shall not ask for all memory."""

BITS, MORE, SIGN, ZERO = 5, 32, 16, 48
"""Of the text: bits in a character, the bit that says that others follow, the sign bit, and the character of 0, "0"."""


class RunLengths(TypedDict):
    """What a file holds of a mask: `size` is [H, W]; `counts` a list of numbers, or the text that they are packed into."""

    size: list[int]
    counts: list[int] | str


def mask_to_rle(mask: Tensor, *, compressed: bool = True) -> RunLengths:
    """The run lengths of a mask, going down its columns: so many pixels outside, so many inside, outside, and so on.

    The first number is 0 where the first pixel is inside. With `compressed=True` the numbers are packed into text, as results
    files need it.

    Source: Lin et al., "Microsoft COCO: common objects in context", ECCV 2014 (arXiv 1405.0312), and the format of its files.

    Shapes: `mask` bool (H, W).

    Raises: ValueError for a mask of another type or shape.
    """
    require_mask(mask)
    require_bools(compressed=compressed)
    pixels = mask.cpu().numpy().ravel(order="F")  # (W·H,), column after column
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    starts_inside = [0] if pixels[:1].any() else []
    counts = np.diff([0, *starts_inside, *changes, pixels.size]).tolist()
    return {"size": list(mask.shape), "counts": counts_to_text(counts) if compressed else counts}


def rle_to_mask(rle: Mapping[str, object]) -> Tensor:
    """The mask of run lengths, packed or not: (H, W) bool.

    Differs from pycocotools: where the numbers add up to less than H·W, that gives back whatever was in memory. Here they are
    refused.

    Raises: ValueError where something is missing or damaged.
    """
    if not isinstance(rle, Mapping) or not {"size", "counts"} <= rle.keys():
        raise ValueError(f"Run lengths are a dictionary with 'size' and 'counts', but this is {_short(rle)}.")
    height, width = checked_mask_size(rle["size"])
    counts = rle["counts"]
    if isinstance(counts, str | bytes):
        counts = text_to_counts(counts)
    if not isinstance(counts, Sequence) or not all(is_integer(count) and count >= 0 for count in counts):
        raise ValueError(f"Run lengths must be whole numbers from 0 on, or text, but are {_short(counts)}.")
    if sum(counts) != height * width:
        raise ValueError(
            f"The run lengths of a mask of {height}×{width} must add up to {height * width}, but give {sum(counts)}."
        )
    inside = np.arange(len(counts)) % 2 == 1
    pixels = np.repeat(inside, np.array(counts, dtype=np.int64))  # (W·H,)
    return torch.from_numpy(np.ascontiguousarray(pixels.reshape(width, height).T))  # (H, W)


def counts_to_text(counts: Sequence[int]) -> str:
    """Run lengths as text: each number in groups of five bits, the lowest first, a printable character for each group.

    From the fourth number on, what is stored is the difference from the number two before it: runs of the same kind in
    neighbouring columns are about as long, and a small difference needs one character.
    """
    text = []
    for n, count in enumerate(counts):
        rest = count - counts[n - 2] if n > 2 else count
        more = True
        while more:
            group, rest = rest & (MORE - 1), rest >> BITS
            # A negative number goes on in ones for ever, others in zeros. The last group's top bit says which.
            more = rest != (-1 if group & SIGN else 0)
            text.append(chr(ZERO + group + MORE * more))
    return "".join(text)


def text_to_counts(text: str | bytes) -> list[int]:
    """The run lengths that a text holds.

    Raises: ValueError for a character that no packed number has, and for a text that is cut short.
    """
    counts: list[int] = []
    number, shift = 0, 0
    for code in text if isinstance(text, bytes) else map(ord, text):
        if not ZERO <= code < ZERO + 2 * MORE:
            raise ValueError(f"The text of run lengths holds {chr(code)!r}, but its characters are '0' to 'o'.")
        group = code - ZERO
        number, shift = number | (group & (MORE - 1)) << shift, shift + BITS
        if group & MORE:
            continue
        if group & SIGN:
            number -= 1 << shift
        counts.append(number + counts[-2] if len(counts) > 2 else number)
        number, shift = 0, 0
    if shift:
        raise ValueError("The text of run lengths ends within a number: it is cut short.")
    return counts


def require_mask(mask: Tensor) -> None:
    """Refuse what is not a bool mask (H, W).

    Raises: ValueError that says what came.
    """
    require_tensor(mask, "mask")
    if mask.dtype != torch.bool or mask.ndim != 2:
        raise ValueError(
            f"mask must be bool of shape (H, W), but is {mask.dtype} of shape {tuple(mask.shape)}; probabilities and logits "
            "become a mask by a comparison (`> 0.5`)."
        )


def checked_mask_size(size: object) -> tuple[int, int]:
    """Height and width of a mask as a file gives them.

    Raises: ValueError for anything but two positive whole numbers, and for a mask too large to be one of a photograph.
    """
    height, width = checked_size(size)
    if height * width > LARGEST_MASK:
        raise ValueError(f"A mask of {height}×{width} has more than {LARGEST_MASK} pixels: its size is damaged.")
    return height, width


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."
