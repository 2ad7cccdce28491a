"""The metrics and the operations below them against their library counterparts, see `tools/bench.py`."""

from collections.abc import Callable

import torch
from torch.nn.functional import avg_pool2d

from course_utils.metrics.boundary import boundary_f1, boundary_iou
from course_utils.metrics.panoptic import PanopticQuality
from course_utils.metrics.semantic import ConfusionMatrix, confusion_matrix
from course_utils.ops.distance import distance_transform
from course_utils.ops.masks import boundaries, connected_components

Comparison = tuple[Callable[[], object], Callable[[], object], float | None]
CLASSES = 11


def _maps(images: int = 100, height: int = 360, width: int = 480) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions and truths that look like CamVid's: 11 classes in blocks, 8 % void, 15 % of the pixels wrong."""
    draw = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, CLASSES + 1, (images, height // 30, width // 40), generator=draw)
    target = coarse.repeat_interleave(30, 1).repeat_interleave(40, 2)
    target = target.masked_fill(target == CLASSES, 255)
    anything = torch.randint(0, CLASSES, target.shape, generator=draw)
    redrawn = (torch.rand(target.shape, generator=draw) < 0.15) | (target == 255)
    return torch.where(redrawn, anything, target), target


def _plain_bincount(pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    valid = target != 255
    return torch.bincount(target[valid] * CLASSES + pred[valid], minlength=CLASSES**2)


def _image_by_image(metric, pred: torch.Tensor, target: torch.Tensor) -> object:
    for p, t in zip(pred, target, strict=True):
        metric.update(p, t)
    return metric.compute()


def _blob(height: int, width: int) -> torch.Tensor:
    """A mask of smooth shapes that covers about half of the image."""
    noise = torch.randn(1, 1, height, width, generator=torch.Generator().manual_seed(0))
    window = height // 8 + 1
    smooth = avg_pool2d(avg_pool2d(noise, window, 1, window // 2), window, 1, window // 2)
    return smooth[0, 0, :height, :width] > 0


def bench_confusion_matrix_vs_bincount() -> Comparison:
    pred, target = _maps()
    return (lambda: confusion_matrix(pred, target, CLASSES), lambda: _plain_bincount(pred, target), 0.35)


def bench_confusion_matrix_vs_bincount_image_by_image() -> Comparison:
    pred, target = _maps()
    return (
        lambda: sum(confusion_matrix(p, t, CLASSES) for p, t in zip(pred, target, strict=True)),
        lambda: sum(_plain_bincount(p, t) for p, t in zip(pred, target, strict=True)),
        None,
    )


def bench_mean_iou_vs_torchmetrics() -> Comparison:
    from torchmetrics.classification import MulticlassJaccardIndex

    pred, target = _maps()
    return (
        lambda: _image_by_image(ConfusionMatrix(CLASSES), pred, target),
        lambda: _image_by_image(MulticlassJaccardIndex(CLASSES, ignore_index=255), pred, target),
        0.1,
    )


def bench_mean_iou_vs_torchmetrics_in_one_go() -> Comparison:
    from torchmetrics.classification import MulticlassJaccardIndex

    pred, target = _maps()
    return (
        lambda: _image_by_image(ConfusionMatrix(CLASSES), pred[None], target[None]),
        lambda: _image_by_image(MulticlassJaccardIndex(CLASSES, ignore_index=255), pred[None], target[None]),
        0.1,
    )


def _distance(mask: torch.Tensor) -> Comparison:
    from scipy.ndimage import distance_transform_edt

    array = mask.numpy()
    return (lambda: distance_transform(mask, dtype=torch.float64), lambda: distance_transform_edt(array), 5)


def bench_distance_transform_96x128() -> Comparison:
    return _distance(_blob(96, 128))


def bench_distance_transform_512x512() -> Comparison:
    return _distance(_blob(512, 512))


def bench_distance_transform_512x512_one_pixel_outside() -> Comparison:
    mask = torch.ones(512, 512, dtype=torch.bool)
    mask[0, 0] = False
    return _distance(mask)


def bench_boundaries_vs_skimage() -> Comparison:
    from skimage.segmentation import find_boundaries

    _, target = _maps(images=1)
    array = target[0].numpy()
    return (lambda: boundaries(target[0]), lambda: find_boundaries(array, connectivity=1, mode="thick"), None)


def bench_connected_components_vs_skimage() -> Comparison:
    from skimage.measure import label

    mask = torch.rand(512, 512, generator=torch.Generator().manual_seed(0)) < 0.55
    array = mask.numpy()
    return (lambda: connected_components(mask), lambda: label(array, connectivity=1), None)


def bench_boundary_iou_vs_confusion_matrix() -> Comparison:
    """No library has it: how much dearer than the IoU it is, at the paper's width (12 pixels here)."""
    pred, target = _maps(images=4)
    return (lambda: boundary_iou(pred, target, CLASSES), lambda: confusion_matrix(pred, target, CLASSES), None)


def bench_boundary_f1_vs_confusion_matrix() -> Comparison:
    pred, target = _maps(images=4)
    return (lambda: boundary_f1(pred, target, CLASSES), lambda: confusion_matrix(pred, target, CLASSES), None)


def bench_panoptic_quality_48_segments_vs_torchmetrics() -> Comparison:
    from torchmetrics.functional.detection import panoptic_quality

    ids = torch.arange(48).view(6, 8).repeat_interleave(40, 0).repeat_interleave(40, 1)
    truth = torch.stack([2 + ids % 2, ids + 1], -1)
    pred = truth.roll((3, 5), (0, 1))

    def ours() -> object:
        metric = PanopticQuality(4, (2, 3))
        metric.update(pred, truth)
        return metric.compute()

    return ours, lambda: panoptic_quality(pred[None], truth[None], things={2, 3}, stuffs={0, 1}), 0.01
