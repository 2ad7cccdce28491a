"""What YOLACT is made of: anchors, the head that all levels share, prototypes, and masks that are sums of them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.models.layers import conv_norm, resize
from course_utils.ops.boxes import box_area
from course_utils.ops.checks import Pair, int_pair, is_number, real_number, require_tensor
from course_utils.ops.overlap import require_boxes, require_same_device

BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
"""Of `ops.boxes.encode`: the inverse of SSD's variances 0.1 and 0.2."""


class Outputs(NamedTuple):
    """What YOLACT says of the N anchors of an image, and of the image as a whole.

    Shapes: `classes` (B, N, 1 + K) logits, 0 for background; `offsets` (B, N, 4), see `ops.boxes.encode`; `coefficients`
    (B, N, k); `anchors` (N, 4); `prototypes` (B, k, h, w) of 0 and above; `semantic` (B, K, h/2, w/2) logits.
    """

    classes: Tensor
    offsets: Tensor
    coefficients: Tensor
    anchors: Tensor
    prototypes: Tensor
    semantic: Tensor


def grid_anchors(grid: Pair, size: Pair, side: float, ratios: Sequence[float], *, like: Tensor) -> Tensor:
    """Boxes of one area, side², and of several ratios of width to height around the centre of each cell of a map.

    Source: Bolya, Zhou, Xiao and Lee 2019, section 4 (arXiv:1904.02689), for the three ratios 1, 1/2 and 2.

    `grid`: (h, w) of the map; `size`: (H, W) of the image that it covers; `like`: a tensor of the type and device wanted.

    Shapes: → (h · w · A, 4) for A ratios, cell by cell in rows, the ratios of one cell together.

    Differs from the authors' code: theirs makes the ratio 1/2 a smaller square and 2 a larger one, by mistake, as it says.

    Raises: ValueError for sizes that are not of positive integers, and for a side or a ratio that is not above 0.
    """
    (h, w), (height, width) = int_pair(grid, "grid"), int_pair(size, "size")
    side, ratios = real_number(side, "side", 0, math.inf, exclusive=True), positive_numbers(ratios, "ratios")
    require_tensor(like, "like")
    y = (torch.arange(h, dtype=like.dtype, device=like.device) + 0.5) * (height / h)
    x = (torch.arange(w, dtype=like.dtype, device=like.device) + 0.5) * (width / w)
    halves = [(side * math.sqrt(ratio) / 2, side / math.sqrt(ratio) / 2) for ratio in ratios]
    half = torch.tensor(halves, dtype=like.dtype, device=like.device)  # (A, 2): width, height
    centre = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[:, :, None]  # (h, w, 1, 2)
    return torch.cat([centre - half, centre + half], -1).view(-1, 4)  # (h · w · A, 4)


def touched(boxes: Tensor, size: Pair) -> Tensor:
    """The pixels of a map that each box touches, were it by a corner only; none for a box without area.

    Shapes: `boxes` floating (…, 4), in pixels of that map → bool (…, *size).

    Raises: ValueError for other boxes, and a size that is not of positive integers.
    """
    require_boxes(boxes, "boxes")
    height, width = int_pair(size, "size")
    x1, y1, x2, y2 = boxes[..., None].unbind(-2)  # (…, 1)
    y = torch.arange(height, dtype=boxes.dtype, device=boxes.device)
    x = torch.arange(width, dtype=boxes.dtype, device=boxes.device)
    rows, columns = (y + 1 > y1) & (y < y2), (x + 1 > x1) & (x < x2)  # (…, H), (…, W)
    return rows[..., :, None] & columns[..., None, :] & (box_area(boxes) > 0)[..., None, None]


def assemble_masks(prototypes: Tensor, coefficients: Tensor, boxes: Tensor, size: Pair) -> Tensor:
    """The masks of an image's instances: σ(P Cᵀ), each cut off at its box, where it is above a half.

    Source: Bolya et al. 2019, section 3.3 and equation 1 (arXiv:1904.02689). A coefficient below 0 takes a prototype away.

    Shapes: `prototypes` (k, h, w), `coefficients` (N, k), `boxes` (N, 4) in pixels of an image of `size` (H, W), all floating
    → bool (N, H, W). σ is above a half where its argument is above 0.

    Differs from the paper: the sum is enlarged to the image first and compared there, so that outlines are finer.

    Raises: ValueError for shapes that do not fit each other, other types, tensors on two devices, and a size that is not of
    positive integers.
    """
    require_tensor(prototypes, "prototypes")
    require_tensor(coefficients, "coefficients")
    require_boxes(boxes, "boxes")
    fit = prototypes.ndim == 3 and coefficients.shape == (len(boxes), len(prototypes)) and boxes.ndim == 2
    if not fit or not (prototypes.is_floating_point() and coefficients.is_floating_point()):
        raise ValueError(
            "assemble_masks needs floating prototypes (k, h, w), coefficients (N, k) and boxes (N, 4) of one image, but got "
            f"{tuple(prototypes.shape)}, {tuple(coefficients.shape)} and {tuple(boxes.shape)}; take one image of the batch."
        )
    require_same_device(prototypes=prototypes, coefficients=coefficients, boxes=boxes)
    size = int_pair(size, "size")
    # Enlarged sums are sums of what has been enlarged, and there are fewer prototypes than objects.
    prototypes = resize(prototypes[None], size)  # (1, k, H, W)
    return (weighted_sums(prototypes, coefficients[None])[0] > 0) & touched(boxes, size)  # (N, H, W)


def weighted_sums(prototypes: Tensor, coefficients: Tensor) -> Tensor:
    """P Cᵀ: the sum of the prototypes, weighted for each instance by its own coefficients.

    Shapes: `prototypes` (B, k, h, w), `coefficients` (B, N, k) → (B, N, h, w). Differentiable.
    """
    return (coefficients @ prototypes.flatten(2)).unflatten(2, prototypes.shape[2:])


def convolution(in_channels: int, out_channels: int, *, batch_norm: bool) -> nn.Sequential:
    """A 3×3 convolution and ReLU, with batch norm between them if wanted."""
    plain = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    return nn.Sequential(conv_norm(in_channels, out_channels) if batch_norm else plain, nn.ReLU(inplace=True))


class ProtoNet(nn.Module):
    """Prototypes of an image at twice the size of a map.

    Source: Bolya et al. 2019, section 3.1 and figure 3 (arXiv:1904.02689). ReLU at the end: a prototype is 0 or more.

    Shapes: `maps` (B, channels, h, w) → (B, count, 2h, 2w).
    """

    def __init__(self, channels: int, count: int, *, width: int, batch_norm: bool) -> None:
        super().__init__()
        self.before = nn.Sequential(
            *(convolution(before, width, batch_norm=batch_norm) for before in (channels, width, width))
        )
        self.after = convolution(width, width, batch_norm=batch_norm)
        self.prototypes = nn.Conv2d(width, count, 1)

    def forward(self, maps: Tensor) -> Tensor:
        x = self.before(maps)  # (B, width, h, w)
        x = resize(x, [2 * n for n in x.shape[2:]])  # (B, width, 2h, 2w)
        return self.prototypes(self.after(x)).relu()  # (B, count, 2h, 2w)


class PredictionHead(nn.Module):
    """Classes, offsets and coefficients of each anchor, by the same convolutions at all levels.

    Source: Bolya et al. 2019, sections 3.2 and 4, figure 4 (arXiv:1904.02689): one 3×3 convolution, then one for each of the
    three outputs; tanh for the coefficients.

    `batch_norm`: one for each level after the first convolution, since values at different levels have different means, and a
    common one would learn a mean that fits none of them.

    Shapes: `maps` (B, channels, h, w), finest first → logits (B, N, outcomes), offsets (B, N, 4), coefficients (B, N, count)
    for the N anchors of all maps, in the order of `grid_anchors`.
    """

    def __init__(
        self, channels: int, outcomes: int, count: int, *, anchors: int, levels: int, batch_norm: bool
    ) -> None:
        super().__init__()
        self.shared = nn.Conv2d(channels, channels, 3, padding=1, bias=not batch_norm)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) if batch_norm else nn.Identity() for _ in range(levels))
        self.classes = nn.Conv2d(channels, anchors * outcomes, 3, padding=1)
        self.offsets = nn.Conv2d(channels, anchors * 4, 3, padding=1)
        self.coefficients = nn.Conv2d(channels, anchors * count, 3, padding=1)
        self.anchors = anchors

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        shared = [norm(self.shared(x)).relu() for norm, x in zip(self.norms, maps, strict=True)]
        classes, offsets, coefficients = (
            torch.cat([self._by_anchor(output(x)) for x in shared], 1)  # (B, N, …)
            for output in (self.classes, self.offsets, self.coefficients)
        )
        return classes, offsets, coefficients.tanh()

    def _by_anchor(self, maps: Tensor) -> Tensor:
        values = maps.shape[1] // self.anchors
        return maps.permute(0, 2, 3, 1).reshape(len(maps), -1, values)  # (B, A · values, h, w) → (B, h · w · A, values)


def positive_numbers(values: Sequence[float], name: str) -> tuple[float, ...]:
    """Numbers above 0 as Python's floats.

    Raises: ValueError that names the argument, for anything else.
    """
    right = isinstance(values, (tuple, list)) and values and all(is_number(value) and value > 0 for value in values)
    if not right:
        raise ValueError(f"{name} must be a tuple of numbers above 0, but is {values!r}.")
    return tuple(float(value) for value in values)
