"""How files write a panoptic map down: COCO's colours, Cityscapes' class · 1000 + number, KITTI's two bytes."""

from collections.abc import Collection, Sequence
from typing import TypedDict

import torch
from torch import Tensor

from course_utils.ops.checks import require_tensor
from course_utils.ops.labels import require_label_type
from course_utils.ops.panoptic import VOID, checked_things, class_and_id, is_thing, require_crowd, require_from_0


class Segment(TypedDict):
    """One entry of COCO's `segments_info`."""

    id: int
    category_id: int
    area: int
    bbox: list[int]
    iscrowd: int


def to_coco(panoptic: Tensor, *, crowd: Tensor | None = None) -> tuple[Tensor, list[Segment]]:
    """COCO's form: an RGB picture of segment ids, R + 256·G + 256²·B, and what each segment is; void is 0.

    Segments are numbered 1, 2, … by class and id. `crowd` bool (H, W): where many objects of a class are not told apart.

    Source: https://cocodataset.org/#format-data, section 4.

    Shapes: (H, W, 2) → uint8 (H, W, 3). Raises: ValueError for another shape or type.
    """
    classes, ids = class_and_id(panoptic, "panoptic")
    if panoptic.ndim != 3:
        raise ValueError(f"to_coco takes the map of one image (H, W, 2), but got the shape {tuple(panoptic.shape)}.")
    if crowd is not None:
        require_crowd(crowd, classes)
    pairs, numbers = panoptic.long().reshape(-1, 2).unique(dim=0, return_inverse=True)
    known = pairs[:, 0] != VOID
    names = torch.where(known, known.cumsum(0), 0)
    numbers = names[numbers].view(classes.shape)
    segments = []
    for name, (label, _) in zip(names[known].tolist(), pairs[known].tolist(), strict=True):
        rows, columns = (numbers == name).nonzero(as_tuple=True)
        left, top = int(columns.min()), int(rows.min())
        box = [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top]
        of_crowd = int(crowd is not None and bool(crowd[rows, columns].all()))
        segments.append(Segment(id=name, category_id=label, area=len(rows), bbox=box, iscrowd=of_crowd))
    return ids_to_rgb(numbers), segments


def from_coco(picture: Tensor, segments: Sequence[Segment], *, things: Collection[int]) -> Tensor:
    """The panoptic map of COCO's form. The objects of a class are numbered 1, 2, … in the order of their segments.

    Shapes: uint8 (H, W, 3) → (H, W, 2). Raises: ValueError for another picture, and one with ids that no segment has.
    """
    numbers, kinds = rgb_to_ids(picture), checked_things(things)
    panoptic = torch.stack([torch.full_like(numbers, VOID), torch.zeros_like(numbers)], -1)
    unknown = set(numbers.unique().tolist()) - {0} - {segment["id"] for segment in segments}
    if unknown:
        raise ValueError(
            f"The picture has the ids {sorted(unknown)[:5]}, which no segment has; are these two of one image?"
        )
    seen: dict[int, int] = {}
    for segment in segments:
        label = segment["category_id"]
        if label in kinds:
            seen[label] = seen.get(label, 0) + 1
        panoptic[numbers == segment["id"]] = torch.tensor([label, seen.get(label, 0)], device=numbers.device)
    return panoptic


def ids_to_rgb(ids: Tensor) -> Tensor:
    """Ids up to 256³ - 1 as colours: (…) → uint8 (…, 3). Raises: ValueError for other ids."""
    require_label_type(ids, "ids")
    require_from_0(ids, "ids")
    if ids.numel() and int(ids.max()) >= 256**3:
        raise ValueError(
            f"Three bytes hold ids up to {256**3 - 1}, but the largest is {int(ids.max())}; number them anew."
        )
    return torch.stack([ids.long() >> shift & 255 for shift in (0, 8, 16)], -1).to(torch.uint8)


def rgb_to_ids(picture: Tensor) -> Tensor:
    """The other way round: uint8 (…, 3) → int64 (…). Raises: ValueError for another type or shape."""
    require_tensor(picture, "picture")
    if picture.dtype != torch.uint8 or picture.shape[-1:] != (3,):
        raise ValueError(
            f"picture must be uint8 (…, 3), but is {picture.dtype} {tuple(picture.shape)}; read it without converting colours, "
            "and channels last."
        )
    red, green, blue = picture.long().unbind(-1)
    return red + 256 * green + 256**2 * blue


def to_cityscapes(panoptic: Tensor, *, things: Collection[int]) -> Tensor:
    """Cityscapes' `instanceIds`: class · 1000 + the object's number, from 0 on; for stuff the class alone, for void 255.

    Ids 1, 2, … become 0, 1, …; up to 1000 objects of a class.

    Shapes: (…, H, W, 2) → int32 (…, H, W). Raises: ValueError for ids above 1000, and for things without an id.
    """
    classes, ids = class_and_id(panoptic, "panoptic")
    return _packed(classes, ids, things, base=1000, first=1).int()


def from_cityscapes(numbers: Tensor) -> Tensor:
    """The panoptic map of Cityscapes' `instanceIds`: (…, H, W) → (…, H, W, 2); crowds, which have no number, have the id 0.

    Raises: ValueError for numbers below 0.
    """
    require_label_type(numbers, "numbers")
    require_from_0(numbers, "numbers")
    numbers = numbers.long()
    of_thing = numbers >= 1000
    return torch.stack(
        [torch.where(of_thing, numbers // 1000, numbers), torch.where(of_thing, numbers % 1000 + 1, 0)], -1
    )


def to_kitti(panoptic: Tensor, *, things: Collection[int]) -> Tensor:
    """KITTI's 16 bits: class · 256 + id, so that the high byte is the class and the low byte the object; stuff has id 0.

    Shapes: (…, H, W, 2) → int32 (…, H, W), in 0 … 65535. Raises: ValueError for ids above 255, and things without an id.
    """
    classes, ids = class_and_id(panoptic, "panoptic")
    return _packed(classes, ids, things, base=256, first=0).int()


def from_kitti(numbers: Tensor) -> Tensor:
    """The panoptic map of KITTI's 16 bits: (…, H, W) → (…, H, W, 2). Raises: ValueError for numbers outside 0 … 65535."""
    require_label_type(numbers, "numbers")
    require_from_0(numbers, "numbers")
    numbers = numbers.long()
    if numbers.numel() and int(numbers.max()) >= 2**16:
        raise ValueError(f"16 bits hold numbers up to 65535, but the largest is {int(numbers.max())}.")
    return torch.stack([numbers >> 8, numbers & 255], -1)


def _packed(classes: Tensor, ids: Tensor, things: Collection[int], *, base: int, first: int) -> Tensor:
    of_thing = is_thing(classes, things)
    own = ids[of_thing]
    if own.numel() and not (1 <= int(own.min()) and int(own.max()) < base + first):
        raise ValueError(
            f"Ids of things must be from 1 to {base + first - 1} to be written so, but are from {int(own.min())} to "
            f"{int(own.max())}; number the objects of each class anew."
        )
    stuff = classes if base == 1000 else classes * base
    return torch.where(of_thing, classes * base + ids - first, stuff)
