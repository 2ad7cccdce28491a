"""How far the outlines of two masks are apart: average distance and the share within a tolerance, in pixels or millimetres."""

import math

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from course_utils.ops.checks import real_number, require_tensor
from course_utils.ops.distance import distance_to
from course_utils.ops.masks import boundaries
from course_utils.ops.precision import float64_device

Spacing = float | tuple[float, float]
"""The size of a pixel: one number, or height and width where they differ."""


def average_surface_distance(a: Tensor, b: Tensor, *, spacing: Spacing = 1.0) -> float:
    """The mean distance of all contour pixels of either mask to the contour of the other (ASSD).

    Source: Heimann et al. 2009, Comparison and evaluation of methods for liver segmentation from CT datasets, section II.D.

    Two empty masks have the distance 0; one empty mask is infinitely far from the other.

    Shapes: bool (H, W) each. Raises: ValueError for other types or shapes, and a spacing that is not above 0.
    """
    distances = torch.cat(contour_distances(a, b, spacing=spacing))
    return float(distances.mean()) if len(distances) else 0.0


def surface_dice(a: Tensor, b: Tensor, *, tolerance: float, spacing: Spacing = 1.0) -> float:
    """The share of all contour pixels of either mask that are within a tolerance of the other contour (NSD).

    The tolerance has the unit of the spacing; take the distance at which experts differ. A pixel exactly at it counts.

    Source: Nikolov et al. 2018, section 4, arXiv:1809.04430. Differs from it: contour pixels are counted.

    1 for two empty masks, 0 if one is empty.

    Shapes: bool (H, W) each. Raises: ValueError for other types or shapes, a spacing of 0, a tolerance below 0.
    """
    tolerance = real_number(tolerance, "tolerance", 0, math.inf)
    distances = torch.cat(contour_distances(a, b, spacing=spacing))
    return float((distances <= tolerance + 1e-9).double().mean()) if len(distances) else 1.0


def contour_distances(a: Tensor, b: Tensor, *, spacing: Spacing = 1.0) -> tuple[Tensor, Tensor]:
    """The distance of each contour pixel of `a` to the contour of `b`, and the other way round: two (N,) float64.

    They are infinite where the other mask is empty.

    Shapes: bool (H, W) each. Raises: ValueError for other types or shapes, and a spacing that is not above 0.
    """
    for mask, name in ((a, "a"), (b, "b")):
        require_tensor(mask, name)
    if a.dtype != torch.bool or b.dtype != torch.bool or a.shape != b.shape or a.ndim != 2:
        raise ValueError(
            f"Contours are compared of two bool masks (H, W), but got {a.dtype} {tuple(a.shape)} and {b.dtype} "
            f"{tuple(b.shape)}; compare labels with a class (`labels == 3`)."
        )
    spacing = checked_spacing(spacing)
    of_a, of_b = (contour(mask.to(float64_device(mask.device))) for mask in (a, b))
    return distances_to(of_b, spacing)[of_a], distances_to(of_a, spacing)[of_b]


def contour(mask: Tensor) -> Tensor:
    """The pixels of a mask with a neighbour, of four, outside it; what lies beyond the image is outside. bool (…, H, W)."""
    return mask & boundaries(mask, border=True)


def checked_spacing(spacing: Spacing) -> tuple[float, float]:
    """Height and width of a pixel. Raises: ValueError for what is not above 0."""
    both = spacing if isinstance(spacing, tuple) and len(spacing) == 2 else (spacing, spacing)
    height, width = (real_number(size, "spacing", 0, math.inf) for size in both)
    if height == 0 or width == 0:
        raise ValueError(f"spacing must be above 0, the size of a pixel or its height and width, but is {spacing!r}.")
    return height, width


def distances_to(points: Tensor, spacing: tuple[float, float]) -> Tensor:
    """The distance of every pixel to the nearest of some (H, W), in the unit of the spacing; infinite where there are none."""
    height, width = spacing
    if height == width or not points.any():
        return distance_to(points, dtype=torch.float64) * height
    found = torch.from_numpy(distance_transform_edt(~points.cpu().numpy(), sampling=spacing))
    return found.to(points.device)
