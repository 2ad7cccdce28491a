"""Boxes that cut regions out of a feature map: the forms in which they come, brought into one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.ops.checks import require_tensor
from course_utils.ops.known import on_host
from course_utils.ops.overlap import require_boxes, require_same_device
from course_utils.ops.precision import at_least_float32

Boxes = Tensor | Sequence[Tensor]
"""A tensor (L, 4) for each image of a batch, or one tensor (N, 5) whose first column is the index of the image."""


def image_and_corners(features: Tensor, boxes: Boxes) -> tuple[Tensor, Tensor]:
    """The image (N,) of each box, int64, and the boxes (N, 4), constants in the type in which coordinates are computed.

    Raises: ValueError for features that are not a floating map (B, C, H, W), boxes in neither of the forms, tensors on two
    devices, and, on the CPU, for the index of an image that is not there.
    """
    require_tensor(features, "features")
    if not features.is_floating_point() or features.ndim != 4 or 0 in features.shape[2:]:
        raise ValueError(
            f"features must be a floating map (B, C, H, W) with H and W at least 1, but are {features.dtype} of shape "
            f"{tuple(features.shape)}."
        )
    if isinstance(boxes, Tensor):
        if not boxes.is_floating_point() or boxes.ndim != 2 or boxes.shape[1] != 5:
            raise ValueError(
                "boxes must be floating (N, 5), the image's index before the corners, or a list with a tensor (L, 4) for each "
                f"image, but are {boxes.dtype} of shape {tuple(boxes.shape)}; boxes of a single image go into a list, `[boxes]`."
            )
        require_same_device(features=features, boxes=boxes)
        image, corners = boxes[:, 0], boxes[:, 1:]
        if on_host(boxes):
            known = (image >= 0) & (image < len(features)) & (image == image.floor())
            if not known.all():
                raise ValueError(
                    f"The first column of boxes is the index of one of {len(features)} images, from 0 on, but holds "
                    f"{image[~known][0].item()}."
                )
    else:
        if not isinstance(boxes, (list, tuple)) or not all(isinstance(some, Tensor) for some in boxes):
            raise ValueError(
                f"boxes must be a tensor (N, 5), or a list with a tensor (L, 4) for each image, but is {boxes!r}."
            )
        if len(boxes) != len(features) or not all(some.ndim == 2 for some in boxes):
            raise ValueError(
                f"boxes must hold a tensor (L, 4) for each of {len(features)} images, but the shapes are "
                f"{[tuple(some.shape) for some in boxes]}; for an image without boxes it is `torch.zeros(0, 4)`."
            )
        for n, some in enumerate(boxes):
            require_boxes(some, f"boxes[{n}]")
            require_same_device(features=features, boxes=some)
        corners = torch.cat([features.new_zeros(0, 4), *boxes])
        indices = [torch.full((len(some),), n, device=some.device) for n, some in enumerate([corners[:0], *boxes], -1)]
        image = torch.cat(indices)
    corners = corners.detach().to(torch.promote_types(corners.dtype, features.dtype))
    return image.long(), at_least_float32(corners)
