"""Boxes, their suppression, and features of regions against torchvision, see `tools/bench.py`.

Maps have 256 channels and the sizes of a pyramid's levels for an image of 800 × 1088 pixels; regions span 8 to 24 cells.
Some results are larger than 32 MB: both sides then wait for new pages of memory, and which of them waits longer is chance.
"""

from collections.abc import Callable
from itertools import cycle

import torch
from torch import Tensor

from course_utils.ops import boxes as box_functions, roi

Comparison = tuple[Callable[[], object], Callable[[], object], float | None]
LEVELS = {"p5": (25, 34), "p4": (50, 68), "p3": (100, 136), "p2": (200, 272)}


def _map(level: str, *, channels_last: bool = False) -> Tensor:
    x = torch.randn(1, 256, *LEVELS[level], generator=torch.Generator().manual_seed(0))
    return x.contiguous(memory_format=torch.channels_last) if channels_last else x


def _regions(count: int, level: str) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    height, width = LEVELS[level]
    size = 8 + 16 * torch.rand(count, 2, generator=draw)
    corner = torch.rand(count, 2, generator=draw) * (torch.tensor([width, height]) - size)
    return torch.cat([torch.zeros(count, 1), corner, corner + size], 1)


def _with_backward(function: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], object]:
    leaf = x.detach().clone().requires_grad_()
    weight = torch.randn_like(function(leaf))
    return lambda: torch.autograd.grad(function(leaf), leaf, weight)


def _align(
    level: str, count: int, size: int, goal: float | None, *, backward: bool = False, nhwc: bool = True, ratio: int = 2
) -> Comparison:
    from torchvision.ops import roi_align

    x, regions = _map(level, channels_last=nhwc), _regions(count, level)

    def ours(x: Tensor) -> Tensor:
        return roi.roi_align(x, regions, size, sampling_ratio=ratio, aligned=True)

    def library(x: Tensor) -> Tensor:
        return roi_align(x, regions, size, 1.0, ratio, True)

    if backward:
        return _with_backward(ours, x), _with_backward(library, x), goal
    return (lambda: ours(x), lambda: library(x), goal)


def bench_roi_align_p2_512_7x7_channels_last() -> Comparison:
    return _align("p2", 512, 7, 0.12)


def bench_roi_align_p3_512_7x7_channels_last() -> Comparison:
    return _align("p3", 512, 7, 0.12)


def bench_roi_align_p4_512_7x7_channels_last() -> Comparison:
    return _align("p4", 512, 7, 0.12)


def bench_roi_align_p4_128_7x7_channels_last() -> Comparison:
    return _align("p4", 128, 7, 0.12)


def bench_roi_align_p5_128_7x7_channels_last() -> Comparison:
    return _align("p5", 128, 7, 0.12)


def bench_roi_align_p2_128_14x14_channels_last() -> Comparison:
    return _align("p2", 128, 14, 0.12)


def bench_roi_align_p4_128_14x14_channels_last() -> Comparison:
    return _align("p4", 128, 14, 0.12)


def bench_roi_align_p3_512_14x14_channels_last() -> Comparison:
    return _align("p3", 512, 14, 0.12)


def bench_roi_align_p4_512_14x14_channels_last() -> Comparison:
    return _align("p4", 512, 14, 0.12)


def bench_roi_align_p3_512_7x7_channels_last_as_many_samples_as_cells() -> Comparison:
    return _align("p3", 512, 7, 0.12, ratio=-1)


def bench_roi_align_p3_512_7x7_contiguous() -> Comparison:
    return _align("p3", 512, 7, None, nhwc=False)


def bench_roi_align_p2_512_7x7_contiguous_forward_backward() -> Comparison:
    return _align("p2", 512, 7, 0.5, nhwc=False, backward=True)


def bench_roi_align_p4_128_7x7_contiguous_forward_backward() -> Comparison:
    return _align("p4", 128, 7, 0.5, nhwc=False, backward=True)


def bench_roi_align_p4_512_14x14_contiguous_forward_backward() -> Comparison:
    return _align("p4", 512, 14, 0.5, nhwc=False, backward=True)


def bench_roi_align_p3_512_7x7_channels_last_forward_backward() -> Comparison:
    return _align("p3", 512, 7, None, backward=True)


def _pool(level: str, count: int, size: int, *, backward: bool = False, nhwc: bool = False) -> Comparison:
    from torchvision.ops import roi_pool

    x, regions = _map(level, channels_last=nhwc), _regions(count, level)

    def ours(x: Tensor) -> Tensor:
        return roi.roi_pool(x, regions, size)

    def library(x: Tensor) -> Tensor:
        return roi_pool(x, regions, size)

    if backward:
        return _with_backward(ours, x), _with_backward(library, x), 2.5
    return (lambda: ours(x), lambda: library(x), 2.5)


def bench_roi_pool_p4_128_7x7_contiguous() -> Comparison:
    return _pool("p4", 128, 7)


def bench_roi_pool_p3_512_7x7_contiguous() -> Comparison:
    return _pool("p3", 512, 7)


def bench_roi_pool_p4_512_7x7_channels_last() -> Comparison:
    return _pool("p4", 512, 7, nhwc=True)


def bench_roi_pool_p4_128_14x14_contiguous() -> Comparison:
    return _pool("p4", 128, 14)


def bench_roi_pool_p4_512_7x7_contiguous_forward_backward() -> Comparison:
    return _pool("p4", 512, 7, backward=True)


def _boxes(count: int, objects: int | None = None, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random boxes of 16 to 200 pixels in an image of 800 × 1333, or as many proposals around some objects."""
    draw = torch.Generator().manual_seed(seed)
    corner = torch.rand(objects or count, 2, generator=draw) * torch.tensor([1333, 800])
    size = 16 + 184 * torch.rand(objects or count, 2, generator=draw)
    boxes = torch.cat([corner, corner + size], 1)
    if objects is not None:
        which = torch.randint(objects, (count,), generator=draw)
        boxes = boxes[which] + 0.1 * torch.randn(count, 4, generator=draw) * size[which].repeat(1, 2)
    return boxes, torch.rand(count, generator=draw)


def _nms(count: int, objects: int | None, goal: float) -> Comparison:
    """Twenty sets of boxes in turn: what one set makes of each branch, a processor soon knows by heart."""
    from torchvision.ops import nms

    sets = [_boxes(count, objects, seed) for seed in range(20)]
    ours, library = cycle(sets), cycle(sets)
    return (lambda: box_functions.nms(*next(ours), 0.5), lambda: nms(*next(library), 0.5), goal)


def bench_nms_1000_random() -> Comparison:
    return _nms(1000, None, 2.5)


def bench_nms_1000_around_50_objects() -> Comparison:
    return _nms(1000, 50, 2.5)


def bench_nms_1000_around_200_objects() -> Comparison:
    return _nms(1000, 200, 2.5)


def bench_nms_10000_random() -> Comparison:
    return _nms(10000, None, 1.0)


def bench_nms_10000_around_50_objects() -> Comparison:
    return _nms(10000, 50, 1.0)


def _batched_nms(count: int, groups: int) -> Comparison:
    from torchvision.ops import batched_nms

    sets = [(*_boxes(count, 50, seed), torch.arange(count) % groups) for seed in range(20)]
    ours, library = cycle(sets), cycle(sets)
    return (lambda: box_functions.batched_nms(*next(ours), 0.5), lambda: batched_nms(*next(library), 0.5), None)


def bench_batched_nms_1000_of_80_classes() -> Comparison:
    return _batched_nms(1000, 80)


def bench_batched_nms_5000_of_5_levels() -> Comparison:
    return _batched_nms(5000, 5)


def bench_box_iou_2000_with_20() -> Comparison:
    from torchvision.ops import box_iou

    (a, _), (b, _) = _boxes(2000), _boxes(20)
    return (lambda: box_functions.box_iou(a, b), lambda: box_iou(a, b), None)


def bench_masks_to_boxes_50_masks_480x640() -> Comparison:
    from torchvision.ops import masks_to_boxes

    masks = torch.rand(50, 480, 640, generator=torch.Generator().manual_seed(0)) < 0.01
    return (lambda: box_functions.masks_to_boxes(masks), lambda: masks_to_boxes(masks), None)


def _paste(count: int, height: int, width: int) -> Comparison:
    from torchvision.models.detection.roi_heads import paste_masks_in_image

    draw = torch.Generator().manual_seed(0)
    masks = torch.rand(count, 1, 28, 28, generator=draw)
    corner = torch.rand(count, 2, generator=draw) * torch.tensor([width, height]) / 2
    boxes = torch.cat([corner, corner + 8 + torch.rand(count, 2, generator=draw) * 0.4 * corner.amax()], 1)
    return (
        lambda: roi.paste_masks(masks, boxes, (height, width)),
        lambda: paste_masks_in_image(masks, boxes, (height, width)),
        None,
    )


def bench_paste_masks_20_into_96x128() -> Comparison:
    return _paste(20, 96, 128)


def bench_paste_masks_100_into_480x640() -> Comparison:
    return _paste(100, 480, 640)
