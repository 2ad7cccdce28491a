"""The areas of boxes and of what two of them share: the arithmetic below IoU and non-maximum suppression."""

import torch
from torch import Tensor

from course_utils.ops.checks import require_tensor


def require_boxes(boxes: Tensor, name: str) -> None:
    """Refuse what cannot be boxes (…, 4).

    Raises: ValueError that names the argument and says how to make boxes of what came.
    """
    require_tensor(boxes, name)
    if not boxes.is_floating_point() or boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise ValueError(
            f"{name} must be floating boxes (…, 4), each (x1, y1, x2, y2), but is {boxes.dtype} of shape "
            f"{tuple(boxes.shape)}; use `.float()`, and for no boxes at all `torch.zeros(0, 4)`."
        )


def require_same_device(**tensors: Tensor) -> None:
    """Refuse tensors on two devices.

    Raises: ValueError that names the arguments and where they are.
    """
    if len({tensor.device for tensor in tensors.values()}) > 1:
        places = ", ".join(f"{name} on {tensor.device}" for name, tensor in tensors.items())
        raise ValueError(f"All tensors must be on one device, but there are {places}; use `.to`.")


def box_area(boxes: Tensor) -> Tensor:
    """Width times height.

    Differs from torchvision: a box whose corners are the wrong way round is empty, and its area 0, not negative.

    Shapes: `boxes` floating (…, 4) → (…). Differentiable.

    Raises: ValueError for other shapes and types.
    """
    require_boxes(boxes, "boxes")
    width, height = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).unbind(-1)
    return width * height


def intersection_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The areas of what two boxes share and of what they cover together.

    Shapes: `a` (…, 4) and `b` (…, 4), broadcast → both (…); `a[:, None]` and `b` give all pairs. Differentiable.
    """
    areas = box_area(a) + box_area(b)
    axes = max(a.ndim, b.ndim)
    a, b = (x.reshape(*[1] * (axes - x.ndim), *x.shape).movedim(-1, 0).contiguous() for x in (a, b))  # (4, …)
    intersection = shared_area(a, b)
    return intersection, areas.sub_(intersection)


def shared_area(a: Tensor, b: Tensor) -> Tensor:
    """The area of what two boxes share, given coordinate by coordinate, which takes much less time for many pairs.

    Shapes: `a` (4, …) and `b` (4, …), with as many axes, broadcast → (…). Differentiable, although computed in place.
    """
    sides = torch.minimum(a[2:], b[2:]).sub_(torch.maximum(a[:2], b[:2])).clamp_(min=0)  # (2, …)
    return sides[0] * sides[1]
