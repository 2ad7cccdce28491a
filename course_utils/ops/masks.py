"""Masks: their boundaries, their connected components, and instance ids as masks and back."""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from course_utils.ops.checks import real_number, require_bools, require_tensor
from course_utils.ops.labels import require_label_type, void_label


def boundaries(labels: Tensor, width: float = 1, *, ignore_index: int | None = 255, border: bool = False) -> Tensor:
    """The pixels within `width` of a pixel with another label: the boundary truth of a label map.

    Distances are Euclidean, between centres of pixels: with `width=1` a pixel is on a boundary if one of its four
    neighbours has another label, so that a boundary is two pixels wide, one on each side. Void counts as another label,
    since an object's outline is often void; void pixels themselves are on no boundary. With `border=True` what lies
    beyond the image counts as another label too.

    Shapes: `labels` integer or bool (…, H, W) → bool (…, H, W).

    Raises: ValueError for labels that are floating or have fewer than two dimensions, for a width that is infinite or below
    1, the distance of neighbours, and if `ignore_index` is not a label.
    """
    require_label_type(labels, "labels")
    if labels.ndim < 2:
        raise ValueError(f"boundaries needs label maps (…, H, W), but got the shape {tuple(labels.shape)}.")
    require_bools(border=border)
    width, ignore_index = real_number(width, "width", 1, math.inf), void_label(ignore_index)
    if labels.numel() == 0:
        return torch.zeros(labels.shape, dtype=torch.bool, device=labels.device)
    width = min(width, sum(labels.shape[-2:]))  # no two pixels are farther apart
    along_row = _distance_along_row(labels)
    found = along_row <= width
    # Another label near, some rows away: straight above or below, or else where the run of equal labels there ends.
    for rows in range(1, min(int(width), labels.shape[-2] - 1) + 1):
        reach = math.floor(math.sqrt(width**2 - rows**2) + 1e-6)
        upper, lower = (..., slice(None, -rows), slice(None)), (..., slice(rows, None), slice(None))
        differ = labels[upper] != labels[lower]
        found[upper] |= differ | (along_row[lower] <= reach)
        found[lower] |= differ | (along_row[upper] <= reach)
    if border:
        rim = int(width)
        for side in (found[..., :rim, :], found[..., -rim:, :], found[..., :, :rim], found[..., :, -rim:]):
            side.fill_(True)
    return found if ignore_index is None or labels.dtype == torch.bool else found & (labels.long() != ignore_index)


def _distance_along_row(labels: Tensor) -> Tensor:
    """Steps to the nearest pixel with another label to the left or right, int32; more than H + W where there is none."""
    height, width = labels.shape[-2:]
    far = height + 2 * width
    x = torch.arange(width, dtype=torch.int32, device=labels.device)
    change = labels[..., 1:] != labels[..., :-1]
    left = pad(torch.where(change, x[:-1], -far), (1, 0), value=-far).cummax(-1).values
    right = pad(torch.where(change, x[1:], far), (0, 1), value=far).flip(-1).cummin(-1).values.flip(-1)
    return torch.minimum(x - left, right - x)


def connected_components(mask: Tensor, *, connectivity: int = 4) -> Tensor:
    """Number the connected pieces of a mask: 0 outside, 1, 2, … in the order of their first pixels, row by row.

    Pixels are connected to their four neighbours, or to all eight. Each image is numbered on its own. SciPy does the
    work, on the CPU; the result is on the mask's device.

    Shapes: `mask` bool (…, H, W) → int64 (…, H, W).

    Raises: ValueError for a mask that is not bool and for another connectivity.
    """
    require_tensor(mask, "mask")
    from scipy.ndimage import generate_binary_structure, label

    if mask.dtype != torch.bool or mask.ndim < 2:
        raise ValueError(
            f"connected_components needs a bool mask (…, H, W), but got {mask.dtype} of shape {tuple(mask.shape)}; "
            "compare it with something (`labels == 3`)."
        )
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity must be 4 or 8 neighbours, but is {connectivity}.")
    neighbours = generate_binary_structure(2, {4: 1, 8: 2}[connectivity])
    components = torch.zeros(mask.shape, dtype=torch.int64, device="cpu")
    images = mask.cpu().reshape(math.prod(mask.shape[:-2]), *mask.shape[-2:])
    for image, out in zip(images, components.view(images.shape), strict=True):
        label(image.numpy(), structure=neighbours, output=out.numpy())
    return components.to(mask.device)


def ids_to_masks(instances: Tensor) -> tuple[Tensor, Tensor]:
    """The instances of a map as masks, in the order of their ids.

    Shapes: `instances` integer (H, W), 0 where there is none → ids (N,) int64, ascending, and masks (N, H, W) bool.

    Raises: ValueError for a map of another type or shape, and for negative ids, which stand for "no instance truth".
    """
    require_tensor(instances, "instances")
    if instances.is_floating_point() or instances.dtype == torch.bool or instances.ndim != 2:
        raise ValueError(
            f"ids_to_masks needs integer ids (H, W), but got {instances.dtype} of shape {tuple(instances.shape)}; "
            "a mask becomes ids with `connected_components`."
        )
    instances = instances.long()
    if (instances < 0).any():
        raise ValueError(
            "Instance ids are 0 (none) and above, but this map holds negative ones: it has no instance truth."
        )
    ids = instances.unique()
    ids = ids[ids > 0]
    return ids, instances == ids[:, None, None]


def masks_to_ids(masks: Tensor, *, overlap: bool = False) -> Tensor:
    """Draw masks into one map of ids, mask n with id n + 1; with `overlap=True` a later mask covers earlier ones.

    Shapes: `masks` bool (N, H, W) → int64 (H, W), 0 where there is no mask.

    Raises: ValueError for masks of another type or shape, and for masks that overlap, unless that is allowed.
    """
    require_tensor(masks, "masks")
    if masks.dtype != torch.bool or masks.ndim != 3:
        raise ValueError(
            f"masks_to_ids needs bool masks (N, H, W), but got {masks.dtype} of shape {tuple(masks.shape)}."
        )
    if not overlap and (masks.sum(0) > 1).any():
        raise ValueError(
            "Some pixels are in more than one mask, but a map has one id for each. Pass overlap=True to let the later mask "
            "cover the earlier (sort by score or depth first), or keep the masks."
        )
    instances = torch.zeros(masks.shape[1:], dtype=torch.int64, device=masks.device)
    for n, mask in enumerate(masks):
        instances.masked_fill_(mask, n + 1)
    return instances
