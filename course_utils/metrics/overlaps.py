"""How well instances overlap: the IoU of masks, counted in packed bits, of their boundaries, and of boxes."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from course_utils.ops.checks import require_tensor, whole_number
from course_utils.ops.precision import float64_device

_WORDS_AT_ONCE = 1 << 15  # 256 KiB: they stay in the processor's cache between one step and the next


def mask_iou(a: Tensor, b: Tensor, *, crowd: Tensor | None = None) -> Tensor:
    """The IoU of each mask of `a` with each of `b`, of whole counts of pixels; 0 where both are empty.

    A crowd of `b` is a region with many objects, so that a mask inside it overlaps with it completely: there, |a ∩ b| is
    divided by |a| alone (Lin et al. 2014, arXiv 1405.0312, and its evaluation code).

    64 pixels become one word, whose shared bits a processor counts in one step. NumPy does it, on the CPU; the result is on
    the device of `a` if that has float64. Equal to pycocotools' `mask.iou`.

    Shapes: `a` bool (N, H, W), `b` bool (M, H, W), `crowd` bool (M,) → (N, M) float64.

    Raises: ValueError for masks of another type, or of two sizes.
    """
    require_two_stacks(a, b)
    _require_crowd(crowd, len(b))
    n, m = np.indices((len(a), len(b))).reshape(2, -1)
    iou = PackedMasks(a).iou(PackedMasks(b), n, m, host_array(crowd, len(b)))
    return torch.from_numpy(iou.reshape(len(a), len(b))).to(float64_device(a.device))


def boundary_mask_iou(a: Tensor, b: Tensor, *, crowd: Tensor | None = None, width: int | None = None) -> Tensor:
    """The IoU of masks or that of their boundaries, whichever is less: what boundary AP asks of a match.

    Source: Cheng et al. 2021, section 5 (arXiv 2103.16562), as in the LVIS challenge of 2021. A large object may have a high
    IoU with a coarse outline; that of its boundary then is low. For a crowd the IoU of the masks counts.

    Shapes: as `mask_iou`; `width` as `mask_boundaries`. Raises: ValueError as these do.
    """
    iou = mask_iou(a, b, crowd=crowd)
    of_boundaries = mask_iou(mask_boundaries(a, width), mask_boundaries(b, width), crowd=crowd)
    lower = torch.minimum(iou, of_boundaries)
    return lower if crowd is None else torch.where(crowd.to(iou.device), iou, lower)


def mask_boundaries(masks: Tensor, width: int | None = None) -> Tensor:
    """The pixels of each mask that lie within `width` steps of its outside; a step goes to one of eight neighbours.

    What lies beyond the image is outside. `width=None` is the paper's 2 % of the image's diagonal, at least 1.

    Source: Cheng et al. 2021, section 4 (arXiv 2103.16562), G_d ∩ G. Differs from the paper: nothing from its code, which
    counts these steps. Its text speaks of distances; Euclidean ones are those of `ops.masks.boundaries`.

    Shapes: bool (N, H, W) → bool (N, H, W).

    Raises: ValueError for masks of another type, and a width that is not a whole number of 1 or more.
    """
    require_masks(masks, "masks")
    height, breadth = masks.shape[-2:]
    width = round(0.02 * math.hypot(height, breadth)) if width is None else whole_number(width, "width", minimum=1)
    width = min(max(width, 1), max(height, breadth))
    surrounded = pad(masks, (width, width, width, width), value=False)  # (N, H + 2 width, W + 2 width)
    for axis in (-2, -1):
        surrounded = _all_of_window(surrounded, 2 * width + 1, axis)
    return masks & ~surrounded  # (N, H, W)


def _all_of_window(masks: Tensor, size: int, axis: int) -> Tensor:
    """Whether all pixels of each window of `size` along an axis are set; L pixels have L - size + 1 windows."""
    seen = 1
    while seen < size:  # two windows that overlap or touch make a longer one
        step = min(seen, size - seen)
        windows = masks.shape[axis] - step
        masks = masks.narrow(axis, 0, windows) & masks.narrow(axis, step, windows)
        seen += step
    return masks


class PackedMasks:
    """Masks as words of 64 pixels, NumPy arrays: `words` (N, W) uint64, `areas` (N,) int64.

    The words from `first` to just before `end` (N,) hold all of a mask's pixels.
    """

    def __init__(self, masks: Tensor) -> None:
        pixels = masks.detach().cpu().numpy().reshape(len(masks), math.prod(masks.shape[-2:]))
        packed = np.packbits(pixels, axis=1, bitorder="little")  # (N, ⌈H·W / 8⌉) bytes
        self.words = np.zeros((len(pixels), pixels.shape[1] // 64 + 1), dtype=np.uint64)
        self.words.view(np.uint8)[:, : packed.shape[1]] = packed
        self.areas = np.bitwise_count(self.words).sum(axis=1, dtype=np.int64)
        touched = self.words != 0
        self.first, self.end = touched.argmax(axis=1), touched.shape[1] - touched[:, ::-1].argmax(axis=1)

    def iou(self, others: "PackedMasks", n: np.ndarray, m: np.ndarray, crowd: np.ndarray) -> np.ndarray:
        """The IoU of the pairs (n[p], m[p]): (P,) float64. `crowd`: of the others, see `mask_iou`."""
        shared = np.zeros(len(n), dtype=np.int64)
        near = np.flatnonzero((self.first[n] < others.end[m]) & (others.first[m] < self.end[n]))
        step = max(1, _WORDS_AT_ONCE // self.words.shape[1])
        for start in range(0, len(near), step):
            pairs = near[start : start + step]
            both = self.words[n[pairs]] & others.words[m[pairs]]
            shared[pairs] = np.bitwise_count(both).sum(axis=1, dtype=np.uint32)
        union = np.where(crowd[m], self.areas[n], self.areas[n] + others.areas[m] - shared)
        return np.asarray(shared / np.maximum(union, 1))


def paired_box_iou(a: np.ndarray, b: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """The IoU of the boxes a[p] and b[p], (P, 4) float64 → (P,); crowds among the second as in `mask_iou`."""
    top_left, bottom_right = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    shared = np.prod(np.maximum(bottom_right - top_left, 0), axis=1)
    union = np.where(crowd, box_areas(a), box_areas(a) + box_areas(b) - shared)
    return np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) → (N,)."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def host_array(flags: Tensor | None, count: int) -> np.ndarray:
    """Flags as a NumPy array of bools (count,); none are all False."""
    return np.zeros(count, dtype=bool) if flags is None else flags.detach().cpu().numpy().astype(bool)


def require_masks(masks: Tensor, name: str) -> None:
    """Refuse what is not bool (N, H, W).

    Raises: ValueError that names the argument and says how to make masks of what came.
    """
    require_tensor(masks, name)
    if masks.dtype == torch.bool and masks.ndim == 3:
        return
    remedy = "compare probabilities with a threshold (`masks[:, 0] > 0.5`)"
    if not masks.is_floating_point() and masks.ndim in (2, 3):
        remedy = "make masks of ids by `ops.masks.ids_to_masks`" if masks.ndim == 2 else "convert them with `.bool()`"
    raise ValueError(f"{name} must be bool (N, H, W), but is {masks.dtype} {tuple(masks.shape)}; {remedy}.")


def require_two_stacks(a: Tensor, b: Tensor, names: tuple[str, str] = ("a", "b")) -> None:
    """Refuse what are not two stacks of masks of one image.

    Raises: ValueError that names both.
    """
    for name, masks in zip(names, (a, b), strict=True):
        require_masks(masks, name)
    if a.shape[1:] != b.shape[1:]:
        raise ValueError(
            f"{names[0]} and {names[1]} must be masks of one image, but have the sizes {tuple(a.shape[1:])} and "
            f"{tuple(b.shape[1:])}; resize the one to the other's."
        )


def _require_crowd(crowd: Tensor | None, count: int) -> None:
    if crowd is not None:
        require_tensor(crowd, "crowd")
        if crowd.dtype != torch.bool or crowd.shape != (count,):
            raise ValueError(
                f"crowd must be bool, one for each mask of b ({count}), but is {crowd.dtype} {tuple(crowd.shape)}."
            )
