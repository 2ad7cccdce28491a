"""A call of every public function of ops, sliding, losses, metrics, models and inference, for tests of what holds for all.

Values are such that numbers of 8 bits, in which a caller may hand them over, would overflow in the arithmetic that follows.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from losses.loss_cases import MULTICLASS, MULTILABEL
from torch import Tensor, nn

from course_utils.inference import augmentation, tiles
from course_utils.losses import (
    borders,
    boundary as boundary_losses,
    combination,
    distribution,
    lovasz,
    masking,
    region,
    skeleton,
    weights,
)
from course_utils.metrics import (
    average_precision,
    boundary,
    calibration,
    instance,
    keypoints,
    matching,
    overlaps,
    panoptic as panoptic_metric,
    rand,
    semantic,
    surface,
    uncertainty,
)
from course_utils.models import (
    aspp,
    catalogue,
    cost,
    crf,
    deconvnet,
    deeplab,
    deeplab_early,
    fcn,
    fpn,
    frozen_norm,
    hrnet,
    layers,
    linknet,
    memory,
    mirrored,
    nas_fpn,
    pspnet,
    quick_unet,
    segformer,
    segnet,
    semantic_fpn,
    unet,
    unet_plus_plus,
)
from course_utils.models.backbones import contract, resnet, small, timm, unet as unet_encoder, vgg
from course_utils.models.detection import (
    anchors,
    assignment,
    centre_rpn,
    fine_pyramid,
    quick_heads,
    quick_mask_rcnn,
    quick_targets,
    region_targets,
    yolact,
    yolact_losses,
    yolact_parts,
)
from course_utils.ops import (
    atrous,
    bands,
    boxes,
    convmatrix,
    convsizes,
    counts,
    csr,
    distance,
    labels,
    masks,
    overlap,
    panoptic,
    panoptic_codes,
    pasting,
    resample,
    roi,
    roi_pooling,
    row_sums,
    suppression,
    unpool,
    upscaling,
)
from course_utils.sliding import convolutional, dense, fields, windows


class Call(NamedTuple):
    """A function with arguments that it takes; tensors are on the CPU."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: dict[str, Any]


def call(function: Callable[..., Any], *arguments: Any, **named: Any) -> Call:
    return Call(function, arguments, named)


_draw = torch.Generator().manual_seed(0)


def floats(*shape: int) -> Tensor:
    return torch.rand(shape, generator=_draw, dtype=torch.float32, device="cpu")


def label_maps(*shape: int, classes: int = 5, void: bool = True) -> Tensor:
    """Random labels, some of them void, whose range is known, as it is of a batch."""
    found = torch.randint(classes, shape, generator=_draw, device="cpu")
    if void:
        found = found.masked_fill(torch.rand(shape, generator=_draw, device="cpu") < 0.2, 255)
    labels.label_range(found, 255 if void else None)
    return found


def masks_of(*shape: int) -> Tensor:
    return torch.rand(shape, generator=_draw, device="cpu") < 0.4


LOGITS, TARGET = floats(2, 5, 6, 7), label_maps(2, 6, 7)
ANSWERS = label_maps(2, 5, 6, 7, classes=2)
PRED = label_maps(2, 6, 7, void=False)
PANOPTIC = panoptic.panoptic_map(PRED, label_maps(2, 6, 7, classes=3, void=False), things=(2, 3))
MATRICES = label_maps(5, 3, 3, classes=9, void=False) + 1
WEIGHT = floats(4, 3, 3, 3)
STEPS = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}


def _classifier() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5)).eval()


def _drawn_sample(matches: Tensor, count: Any, share: Any) -> Tensor:
    generator = torch.Generator("cpu").manual_seed(0)
    return assignment.balanced_sample(matches, count, share, generator=generator)


def _through(make: Callable[[], nn.Module], *inputs: Any) -> Any:
    """What a new network gives, seeded, on inputs."""
    torch.manual_seed(0)
    return make().eval()(*inputs)


def _dense(images: Tensor) -> Tensor:
    return _through(lambda: windows.to_dense(_classifier(), window=8), images)


def _by_windows(images: Tensor, *, window: Any, stride: Any, batch_size: Any) -> Tensor:
    torch.manual_seed(0)
    return windows.sliding_window_logits(_classifier(), images, window=window, stride=stride, batch_size=batch_size)


def _stitched(images: Tensor, *, stride: Any, window: Any) -> Tensor:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.MaxPool2d(2)).eval()
    return windows.shift_and_stitch(network, images, stride=stride, window=window)


def _effective_field(size: Any, *, samples: Any, seed: Any) -> Tensor:
    torch.manual_seed(0)
    with torch.inference_mode(False):  # of parameters made in it, PyTorch takes no gradients ever after
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)).eval()
    return fields.effective_receptive_field(network, size, samples=samples, seed=seed)


def _gathered(pred: Tensor, target: Tensor, *, num_classes: Any, ignore_index: Any) -> Any:
    gathered = semantic.ConfusionMatrix(num_classes, ignore_index=ignore_index)
    gathered.update(pred, target)
    return gathered.compute()


def _panoptic_quality(pred: Tensor, truth: Tensor, *, num_classes: Any, things: Any) -> Any:
    gathered = panoptic_metric.PanopticQuality(num_classes, things)
    gathered.update(pred, truth)
    return gathered.compute()


def _share_right(matrix: Tensor) -> float:
    return int(matrix.diagonal().sum()) / int(matrix.sum())


def _averaged(scores: Tensor, hits: Tensor, *, positives: Any, points: Any) -> Any:
    return average_precision.average_precision(
        average_precision.precision_recall(scores, hits, positives), points=points
    )


def _ap_of_an_image(
    masks: Tensor, scores: Tensor, labels: Tensor, true_masks: Tensor, *, num_classes: Any, thresholds: Any, most: Any
) -> Any:
    gathered = instance.AveragePrecision(num_classes, thresholds=thresholds, max_detections=(most,))
    truth = {"masks": true_masks, "labels": labels}
    gathered.update([{"masks": masks, "scores": scores, "labels": labels}], [truth])
    return gathered.compute()


def boxes_of(*shape: int, size: float = 200) -> Tensor:
    corner = size * floats(*shape, 2)
    return torch.cat([corner, corner + size * floats(*shape, 2)], -1)


MAP = floats(2, 3, 20, 22)
REGIONS = torch.cat([torch.tensor([[0.0], [1], [1], [0]], dtype=torch.float32, device="cpu"), boxes_of(4, size=12)], 1)
INDICES = unpool.max_pool_with_indices(floats(1, 2, 6, 8), 2)[1]

OPS = {
    "atrous.atrous_conv2d": call(atrous.atrous_conv2d, floats(2, 3, 6, 7), WEIGHT, floats(4), rate=200),
    "atrous.atrous_by_phases": call(atrous.atrous_by_phases, floats(2, 3, 6, 7), WEIGHT, floats(4), rate=3),
    "atrous.zero_stuffed": call(atrous.zero_stuffed, WEIGHT, rate=150),
    "atrous.effective_kernel_size": call(atrous.effective_kernel_size, 200, 3),
    "atrous.taps_seen": call(atrous.taps_seen, 1, 200, kernel_size=3),
    "atrous.taps_inside": call(atrous.taps_inside, (200, 190), 150, kernel_size=3),
    "atrous.share_inside": call(atrous.share_inside, (200, 190), 90, kernel_size=17),
    "bands.two_sided_product": call(bands.two_sided_product, floats(6, 4), floats(2, 4, 5), floats(7, 5)),
    "boxes.box_iou": call(boxes.box_iou, boxes_of(5), boxes_of(4)),
    "boxes.generalised_box_iou": call(boxes.generalised_box_iou, boxes_of(5), boxes_of(5), paired=True),
    "boxes.clip_boxes": call(boxes.clip_boxes, boxes_of(5), (200, 190)),
    "boxes.encode": call(boxes.encode, boxes_of(5), boxes_of(5), weights=(10, 200, 5, 0.5)),
    "boxes.decode": call(boxes.decode, floats(5, 3, 4), boxes_of(5), weights=(10, 200, 5, 0.5), largest_growth=0.125),
    "boxes.masks_to_boxes": call(boxes.masks_to_boxes, masks_of(3, 9, 8)),
    "convmatrix.conv_matrix": call(convmatrix.conv_matrix, WEIGHT, (6, 7), **STEPS),
    "convmatrix.conv_matrix, one axis": call(convmatrix.conv_matrix, floats(2, 3, 3), 9, stride=2, padding=1),
    "convmatrix.conv2d": call(convmatrix.conv2d, floats(2, 3, 6, 7), WEIGHT, floats(4), **STEPS),
    "convmatrix.conv1d": call(convmatrix.conv1d, floats(2, 3, 9), floats(4, 3, 3), stride=2, padding=1, dilation=1),
    "convmatrix.conv_transpose2d": call(
        convmatrix.conv_transpose2d, floats(2, 4, 5, 6), WEIGHT, stride=2, padding=1, output_padding=1
    ),
    "convmatrix.conv_transpose2d, matrix": call(
        convmatrix.conv_transpose2d, floats(2, 4, 5, 6), WEIGHT, stride=2, padding=1, method="matrix"
    ),
    "convmatrix.conv_transpose2d, zero_stuffing": call(
        convmatrix.conv_transpose2d, floats(2, 4, 5, 6), WEIGHT, stride=2, padding=1, method="zero_stuffing"
    ),
    "convmatrix.conv_transpose1d": call(
        convmatrix.conv_transpose1d, floats(2, 4, 5), floats(4, 3, 3), stride=2, padding=1, output_padding=1
    ),
    "convmatrix.bilinear_kernel": call(convmatrix.bilinear_kernel, 200),
    "convmatrix.overlap_count": call(convmatrix.overlap_count, (100, 90), 3, stride=3, padding=1),
    "convmatrix.overlap_count, one axis": call(convmatrix.overlap_count, 100, 4, stride=3, padding=1),
    "convsizes.output_size": call(convsizes.output_size, 250, 100, stride=2, padding=99, dilation=3),
    "convsizes.transposed_output_size": call(
        convsizes.transposed_output_size, 250, 100, stride=200, padding=99, dilation=3, output_padding=120
    ),
    "counts.count_indices": call(counts.count_indices, label_maps(40, void=False), 5),
    "csr.transpose_csr": call(
        lambda weight: csr.transpose_csr(convmatrix.conv_matrix(weight, (6, 7), sparse=True)).to_dense(), WEIGHT
    ),
    "dense.LinearAsConvolution": call(_dense, floats(1, 3, 12, 11)),
    "dense.DilatedAverage": call(dense.DilatedAverage((2, 3), (2, 1), 6), floats(1, 3, 9, 8)),
    "dense.DilatedMaximum": call(dense.DilatedMaximum((2, 3), (2, 1)), floats(1, 3, 9, 8)),
    "distance.distance_transform": call(distance.distance_transform, masks_of(2, 30, 31)),
    "distance.distance_to": call(distance.distance_to, torch.zeros(30, 31).bool().index_fill(1, torch.tensor(3), True)),
    "distance.distance_to, limit": call(
        distance.distance_to, torch.zeros(30, 31).bool().index_fill(1, torch.tensor(3), True), limit=20
    ),
    "labels.label_range": call(labels.label_range, TARGET, 255),
    "masks.boundaries": call(masks.boundaries, label_maps(1, 40, 41), 20, ignore_index=255),
    "masks.connected_components": call(masks.connected_components, masks_of(20, 21), connectivity=8),
    "masks.ids_to_masks": call(masks.ids_to_masks, label_maps(9, 8, void=False)),
    "masks.masks_to_ids": call(masks.masks_to_ids, masks_of(3, 9, 8), overlap=True),
    "overlap.box_area": call(overlap.box_area, boxes_of(5)),
    "overlap.intersection_and_union": call(overlap.intersection_and_union, boxes_of(5), boxes_of(5)),
    "panoptic.panoptic_map": call(panoptic.panoptic_map, PRED, ANSWERS[:, 0], things=(2, 3)),
    "panoptic.is_thing": call(panoptic.is_thing, PRED, (2, 3)),
    "panoptic.to_instances": call(panoptic.to_instances, PANOPTIC[0], things=(2, 3)),
    "panoptic.merge": call(
        panoptic.merge,
        PRED[0],
        masks_of(2, 6, 7),
        torch.tensor([3, 2]),
        floats(2),
        things=(2, 3),
        min_score=0.125,
        max_overlap=0.75,
        min_stuff_area=2,
    ),
    "panoptic_codes.to_coco": call(panoptic_codes.to_coco, PANOPTIC[0], crowd=masks_of(6, 7)),
    "panoptic_codes.from_coco": call(panoptic_codes.from_coco, *panoptic_codes.to_coco(PANOPTIC[0]), things=(2, 3)),
    "panoptic_codes.ids_to_rgb": call(panoptic_codes.ids_to_rgb, PRED),
    "panoptic_codes.rgb_to_ids": call(panoptic_codes.rgb_to_ids, panoptic_codes.ids_to_rgb(PRED)),
    "panoptic_codes.to_cityscapes": call(panoptic_codes.to_cityscapes, PANOPTIC, things=(2, 3)),
    "panoptic_codes.from_cityscapes": call(panoptic_codes.from_cityscapes, PRED),
    "panoptic_codes.to_kitti": call(panoptic_codes.to_kitti, PANOPTIC, things=(2, 3)),
    "panoptic_codes.from_kitti": call(panoptic_codes.from_kitti, PRED),
    "pasting.paste_masks": call(pasting.paste_masks, floats(3, 5, 6), boxes_of(3, size=150), (200, 190)),
    "pasting.paste_masks, legacy": call(
        pasting.paste_masks, floats(3, 5, 6), boxes_of(3, size=150), (200, 190), legacy=True
    ),
    "fields.effective_receptive_field": call(_effective_field, (11, 13), samples=2, seed=200),
    "resample.nearest_resize": call(resample.nearest_resize, floats(2, 200, 7), (230, 16)),
    "resample.interpolation_matrix": call(resample.interpolation_matrix, 100, 230),
    "resample.bilinear_resize": call(resample.bilinear_resize, floats(2, 100, 7), (230, 16), antialias=True),
    "resample.bilinear_sample": call(resample.bilinear_sample, floats(2, 3, 6, 7), 6 * floats(2, 4, 5, 2)),
    "resample.bed_of_nails": call(resample.bed_of_nails, floats(2, 3, 2), 150),
    "roi.roi_align": call(roi.roi_align, MAP, REGIONS, (3, 2), spatial_scale=0.5, sampling_ratio=200, aligned=True),
    "roi.roi_align, by size": call(roi.roi_align, MAP, REGIONS, (3, 2), spatial_scale=0.5, sampling_ratio=0),
    "roi.multiscale_roi_align": call(
        roi.multiscale_roi_align,
        [MAP, floats(2, 3, 10, 11)],
        [boxes_of(4), boxes_of(3)],
        (3, 2),
        strides=(8, 16),
        sampling_ratio=2,
        canonical_size=200,
        canonical_level=4,
    ),
    "roi.fpn_levels": call(roi.fpn_levels, boxes_of(5), 2, 5, canonical_size=200, canonical_level=4),
    "roi_pooling.roi_pool": call(roi_pooling.roi_pool, MAP, REGIONS, (3, 2), spatial_scale=0.5),
    "row_sums.sum_rows": call(row_sums.sum_rows, floats(9, 4), label_maps(5, 3, void=False), floats(5, 3)),
    "suppression.nms": call(suppression.nms, boxes_of(20, size=20), floats(20), 0.5),
    "suppression.batched_nms": call(
        suppression.batched_nms, boxes_of(20, size=20), floats(20), label_maps(20, void=False), 0.25
    ),
    "suppression.fast_nms": call(suppression.fast_nms, boxes_of(20, size=20).view(2, 10, 4), floats(2, 10), 0.5),
    "suppression.soft_nms": call(
        suppression.soft_nms, boxes_of(20, size=20), floats(20), threshold=0.5, sigma=0.25, min_score=0.125
    ),
    "windows.sliding_window_logits": call(_by_windows, floats(1, 3, 12, 11), window=8, stride=2, batch_size=3),
    "windows.to_dense": call(_dense, floats(1, 3, 12, 11)),
    "windows.shift_and_stitch": call(_stitched, floats(1, 3, 20, 19), stride=4, window=5),
    "unpool.max_pool_with_indices": call(
        unpool.max_pool_with_indices,
        floats(2, 30, 31),
        (20, 2),
        stride=(20, 2),
        padding=(10, 1),
        dilation=1,
        ceil_mode=True,
    ),
    "unpool.max_unpool": call(unpool.max_unpool, floats(1, 2, 3, 4), INDICES, (6, 8)),
    "upscaling.pixel_shuffle": call(upscaling.pixel_shuffle, floats(2, 8, 3, 4), 2),
    "upscaling.icnr": call(upscaling.icnr, floats(2, 3, 3, 3), 2),
    "upscaling.shuffle_as_transposed": call(upscaling.shuffle_as_transposed, floats(8, 3, 3, 3), 2),
    "upscaling.reassemble": call(upscaling.reassemble, floats(2, 3, 3, 4), floats(2, 9, 6, 8), 2),
    "upscaling.content_kernels": call(upscaling.content_kernels, floats(2, 36, 3, 4), 2),
}

LOSSES = {
    **{f"losses, {name}": call(loss, LOGITS, TARGET) for name, loss in MULTICLASS.items()},
    **{f"multi-label losses, {name}": call(loss, LOGITS, ANSWERS) for name, loss in MULTILABEL.items()},
    "distribution.cross_entropy_loss": call(
        distribution.cross_entropy_loss, LOGITS, TARGET, ignore_index=255, weight=floats(5), label_smoothing=0.5
    ),
    "distribution.focal_loss": call(
        distribution.focal_loss, LOGITS, TARGET, ignore_index=255, gamma=2, weight=floats(5)
    ),
    "distribution.sigmoid_focal_loss": call(
        distribution.sigmoid_focal_loss, LOGITS, TARGET, ignore_index=255, gamma=2, alpha=0.25
    ),
    "distribution.top_k_loss": call(distribution.top_k_loss, LOGITS, TARGET, ignore_index=255, fraction=0.25),
    "distribution.bce_with_logits_loss": call(
        distribution.bce_with_logits_loss, LOGITS, ANSWERS, ignore_index=255, pos_weight=floats(5)
    ),
    "region.dice_loss": call(region.dice_loss, LOGITS, TARGET, ignore_index=255, smooth=200),
    "region.squared_dice_loss": call(region.squared_dice_loss, LOGITS, TARGET, ignore_index=255, smooth=200),
    "region.generalised_dice_loss": call(
        region.generalised_dice_loss, LOGITS, TARGET, ignore_index=255, smooth=200, exponent=2
    ),
    "region.jaccard_loss": call(region.jaccard_loss, LOGITS, TARGET, ignore_index=255, smooth=200),
    "region.tversky_loss": call(region.tversky_loss, LOGITS, TARGET, ignore_index=255, alpha=2, beta=3, smooth=200),
    "region.focal_tversky_loss": call(
        region.focal_tversky_loss, LOGITS, TARGET, ignore_index=255, alpha=2, beta=3, gamma=2, smooth=200
    ),
    "region.asymmetric_similarity_loss": call(
        region.asymmetric_similarity_loss, LOGITS, TARGET, ignore_index=255, beta=20, smooth=200
    ),
    "lovasz.lovasz_softmax_loss": call(lovasz.lovasz_softmax_loss, LOGITS, TARGET, ignore_index=255),
    "skeleton.cl_dice_loss": call(skeleton.cl_dice_loss, LOGITS, TARGET, iterations=2, ignore_index=255, smooth=1.0),
    "skeleton.soft_skeleton": call(skeleton.soft_skeleton, floats(2, 3, 6, 7), iterations=2),
    "boundary.boundary_loss": call(boundary_losses.boundary_loss, LOGITS, TARGET, ignore_index=255),
    "boundary.hausdorff_loss": call(boundary_losses.hausdorff_loss, LOGITS, TARGET, ignore_index=255, alpha=2),
    "boundary.signed_distance": call(boundary_losses.signed_distance, masks_of(2, 3, 9, 8)),
    "borders.border_weights": call(
        borders.border_weights, label_maps(2, 20, 21, void=False), weight=200, sigma=20, class_weights=torch.ones(2)
    ),
    "borders.border_weighted_cross_entropy": call(
        borders.border_weighted_cross_entropy, LOGITS, TARGET, 11 * floats(2, 6, 7), ignore_index=255
    ),
    "combination.weighted_sum": call(
        combination.weighted_sum((2, region.dice_loss), (0.5, lovasz.lovasz_softmax_loss)), LOGITS, TARGET
    ),
    "masking.without_void": call(masking.without_void, LOGITS, TARGET, ignore_index=255),
    "masking.soft_masks": call(masking.soft_masks, LOGITS, TARGET, ignore_index=255),
    "masking.one_hot": call(masking.one_hot, PRED, 5),
    "masking.require_class_vector": call(masking.require_class_vector, floats(5), "weight", LOGITS),
    "weights.count_pixels": call(weights.count_pixels, [TARGET], 5, ignore_index=255),
    "weights.class_weights": call(weights.class_weights, torch.tensor([200, 0, 7]), method="enet", constant=3),
}

METRICS = {
    "semantic.confusion_matrix": call(semantic.confusion_matrix, PRED, TARGET, 200, ignore_index=255),
    "semantic.confusion_matrix, logits": call(semantic.confusion_matrix, LOGITS, TARGET, 5, ignore_index=255),
    "semantic.scores": call(semantic.scores, torch.tensor([[3, 1], [0, 2]])),
    "semantic.ConfusionMatrix": call(_gathered, PRED, TARGET, num_classes=200, ignore_index=255),
    "semantic.power_mean": call(semantic.power_mean, floats(4, 3), 2),
    "boundary.boundary_iou": call(
        boundary.boundary_iou, label_maps(1, 40, 41, void=False), label_maps(1, 40, 41), 5, width=20, ignore_index=255
    ),
    "boundary.boundary_matrix": call(boundary.boundary_matrix, PRED, TARGET, 5, width=3, ignore_index=255),
    "boundary.boundary_f1": call(
        boundary.boundary_f1,
        label_maps(1, 40, 41, void=False, classes=2),
        label_maps(1, 40, 41, classes=2),
        2,
        tolerance=20,
        ignore_index=255,
    ),
    "boundary.hausdorff_distance": call(
        boundary.hausdorff_distance, masks_of(2, 20, 21), masks_of(2, 20, 21), percentile=95
    ),
    "average_precision.precision_recall": call(
        average_precision.precision_recall, floats(9), masks_of(4, 9), 200, ignored=masks_of(4, 9)
    ),
    "average_precision.average_precision": call(_averaged, floats(9), masks_of(9), positives=200, points=101),
    "instance.match_instances": call(instance.match_instances, masks_of(3, 20, 21), masks_of(4, 20, 21)),
    "instance.AveragePrecision": call(
        _ap_of_an_image,
        masks_of(3, 20, 21),
        floats(3),
        torch.tensor([199, 0, 0]),
        masks_of(3, 20, 21),
        num_classes=200,
        thresholds=(0.125, 0.25),
        most=200,
    ),
    "keypoints.keypoint_similarity": call(
        keypoints.keypoint_similarity,
        200 * floats(3, 2, 3),
        200 * floats(4, 2, 3),
        5000 * floats(4),
        200 * floats(4, 4),
        sigmas=(0.25, 0.5),
    ),
    "matching.best_matching": call(matching.best_matching, floats(3, 4)),
    "overlaps.mask_iou": call(overlaps.mask_iou, masks_of(3, 20, 21), masks_of(4, 20, 21), crowd=masks_of(4)),
    "overlaps.boundary_mask_iou": call(
        overlaps.boundary_mask_iou, masks_of(3, 20, 21), masks_of(4, 20, 21), crowd=masks_of(4), width=200
    ),
    "overlaps.mask_boundaries": call(overlaps.mask_boundaries, masks_of(3, 20, 21), 200),
    "panoptic.PanopticQuality": call(_panoptic_quality, PANOPTIC, PANOPTIC.flip(1), num_classes=200, things=(2, 3)),
    "surface.average_surface_distance": call(
        surface.average_surface_distance, masks_of(20, 21), masks_of(20, 21), spacing=(2, 0.5)
    ),
    "surface.surface_dice": call(surface.surface_dice, masks_of(20, 21), masks_of(20, 21), tolerance=2, spacing=0.5),
    "surface.contour_distances": call(surface.contour_distances, masks_of(20, 21), masks_of(20, 21), spacing=2),
    "surface.contour": call(surface.contour, masks_of(20, 21)),
    "uncertainty.bootstrap_scores": call(uncertainty.bootstrap_scores, MATRICES, _share_right, samples=9, seed=3),
    "uncertainty.bootstrap_differences": call(
        uncertainty.bootstrap_differences, MATRICES, MATRICES.flip(0), _share_right, samples=9, seed=3
    ),
    "uncertainty.permutation_test": call(
        uncertainty.permutation_test, MATRICES, MATRICES.flip(0), _share_right, samples=9, seed=3
    ),
    "uncertainty.interval": call(uncertainty.interval, floats(9), confidence=0.5),
    "rand.adapted_rand": call(rand.adapted_rand, PRED, TARGET),
    "rand.thin_borders": call(rand.thin_borders, TARGET[0]),
    "calibration.brier_score": call(calibration.brier_score, floats(50), masks_of(50)),
    "calibration.reliability, equal counts": call(
        calibration.reliability, floats(50), masks_of(50), bins=20, equal_counts=True
    ),
    "calibration.reliability": call(calibration.reliability, floats(50), masks_of(50), bins=200),
}

IMAGES = floats(2, 3, 32, 48)
TINY = {"widths": (4, 6), "depths": (1, 2)}
SMALL = (4, 6, 8)


def _small_backbone() -> nn.Module:
    return small.small_resnet(widths=SMALL)


def _dilated_backbone() -> nn.Module:
    return small.small_resnet(widths=SMALL, output_stride=4)


CELLS = [(3, 0, 1, "global pooling attention"), (2, 2, 0, "sum")]  # two levels: maps 0 and 1 come in


class _WithCRF(nn.Module):
    """Scores of the colours, refined by a CRF."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.scores, self.crf = nn.Conv2d(3, 5, 1), crf.DenseCRF(5, steps=2, **settings)

    def forward(self, images: Tensor) -> Tensor:
        return self.crf(self.scores(images), images)


class _YolactOutputs(nn.Module):
    """What YOLACT says of each anchor, in training and in evaluation alike."""

    def __init__(self) -> None:
        super().__init__()
        sides = [4.0 * 2**level for level in range(len(SMALL))]
        self.network = yolact.YOLACT(
            _small_backbone(), 2, channels=6, prototypes=4, stride=2, extra="none", sides=sides, batch_norm=True
        )

    def forward(self, images: Tensor) -> yolact_parts.Outputs:
        return self.network.outputs(images)


class _QuickParts(nn.Module):
    """What the quick Mask R-CNN computes of maps, anchors and regions; which of them it keeps, values decide."""

    def __init__(self) -> None:
        super().__init__()
        self.pyramid = fine_pyramid.FinePyramid(quick_unet.QuickResNet((4, 6, 8, 8, 8), 1), 6, fine_channels=4)
        self.rpn = centre_rpn.CentreRPN(6, quick_mask_rcnn.small_anchors())
        self.heads = quick_heads.QuickRoIHeads(4, 3, hidden=8, mask_channels=4)

    def forward(self, images: Tensor) -> list[Tensor]:
        fine, *coarse = self.pyramid(images)
        levels = self.rpn.anchors(coarse)
        regions = quick_targets.clip_regions(
            quick_targets.in_one_row([level[:3, [0, 1, 2, 3, 0]] for level in levels])[:, :5], [(30, 40)] * 3
        )
        regions[:, 0] = 0
        boxes, labels = regions[:, 1:], torch.ones(len(regions), dtype=torch.int64, device=regions.device)
        strides = boxes.new_full((len(boxes),), 8)
        seen = quick_targets.read_masks(images[:, 0] > 0.5, labels, boxes, 4)
        masks = self.heads.draw_masks(fine, regions)
        return [
            *(self.rpn.output(map_) for map_ in coarse),
            self.rpn.fit_of(boxes, strides, boxes[None]),
            *self.heads.look_at_boxes(fine, regions),
            self.heads.grids(masks, labels),
            seen.to(masks),
        ]


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "small.small_resnet": _small_backbone,
    "contract.Frozen": lambda: contract.Frozen(_small_backbone()),
    "segformer.mit": lambda: segformer.mit("b0"),
    "segformer.MixTransformer": lambda: segformer.MixTransformer((4, 6, 8, 10), (1, 1, 1, 1), heads=(1, 2, 2, 2)),
    "segformer.small_segformer": lambda: segformer.small_segformer(5),
    "segformer.SegFormer": lambda: segformer.SegFormer(_small_backbone(), 5, channels=6),
    "timm.timm_backbone": lambda: timm.timm_backbone("mobilenetv3_small_050"),
    "catalogue.build": lambda: catalogue.build("fcn8s", 5),
    "catalogue.AnySize": lambda: catalogue.AnySize(nn.Conv2d(3, 5, 1), multiple=20),
    "convolutional.convolutionalise": lambda: convolutional.convolutionalise(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 30 * 30, 5))
    ),
    "crf.DenseCRF": _WithCRF,
    "crf.DenseCRF, learnt": lambda: _WithCRF(learn_compatibility=True, normalise=False),
    "deconvnet.DeconvNet": lambda: deconvnet.DeconvNet(5, **TINY, hidden=8, hidden_kernel=3),
    "deeplab.DeepLabV3": lambda: deeplab.DeepLabV3(_dilated_backbone(), 5, output_stride=4, channels=6),
    "deeplab.DeepLabV3Plus": lambda: deeplab.DeepLabV3Plus(
        small.small_resnet(widths=SMALL), 5, output_stride=8, channels=6, low_channels=4, before=1
    ),
    "deeplab.deeplabv3_resnet50": lambda: deeplab.deeplabv3_resnet50(5),
    "deeplab_early.DeepLabV2": lambda: deeplab_early.DeepLabV2(_dilated_backbone(), 5, hidden=6),
    "fcn.FCN": lambda: fcn.FCN(_small_backbone(), 5, stride=2),
    "fcn.FCN, fixed": lambda: fcn.FCN(_small_backbone(), 5, stride=4, upsample="fixed"),
    "fcn.FCN, bilinear": lambda: fcn.FCN(_small_backbone(), 5, stride=8, upsample="bilinear"),
    "fcn.fcn_vgg16": lambda: fcn.fcn_vgg16(5, stride=8, widths=(2, 2, 2, 2, 2), hidden=4),
    "fcn.fcn_resnet50": lambda: fcn.fcn_resnet50(5),
    "fine_pyramid.FinePyramid": lambda: fine_pyramid.FinePyramid(quick_unet.QuickResNet((4, 6, 8, 8), 1), 6),
    "quick_mask_rcnn.quick_mask_rcnn": _QuickParts,
    "quick_mask_rcnn.small_backbone": quick_mask_rcnn.small_backbone,
    "fpn.FPN": lambda: fpn.FPN(_small_backbone(), 5, extra="pool"),
    "fpn.FPN, convolutions": lambda: fpn.FPN(_small_backbone(), 5, extra="convolutions"),
    "fpn.FPN, norm": lambda: fpn.FPN(_small_backbone(), 5, norm=True),
    "frozen_norm.with_frozen_norms": lambda: frozen_norm.with_frozen_norms(_small_backbone()),
    "hrnet.HRNetV2": lambda: hrnet.HRNetV2(_small_backbone(), 5),
    "hrnet.small_hrnet": hrnet.small_hrnet,
    "linknet.Linknet": lambda: linknet.Linknet(_small_backbone(), 5),
    "nas_fpn.NASFPN": lambda: nas_fpn.NASFPN(_small_backbone(), 5, cells=CELLS, repeats=2),
    "pspnet.PSPNet": lambda: pspnet.PSPNet(_small_backbone(), 5, auxiliary=True, align_corners=True),
    "pspnet.pspnet_small": lambda: pspnet.pspnet_small(5),
    "resnet.resnet18": lambda: resnet.resnet18(output_stride=8),
    "resnet.resnet34": lambda: resnet.resnet34(),
    "resnet.resnet50": lambda: resnet.resnet50(output_stride=16),
    **{
        f"segnet.SegNet, {way}": partial(segnet.SegNet, 5, widths=(4, 6), depths=(1, 2), upsample=way)
        for way in segnet.UPSAMPLERS
    },
    "quick_unet.SmallUNet": lambda: quick_unet.SmallUNet(_small_backbone(), 5),
    "quick_unet.small_unet": lambda: quick_unet.small_unet(5, widths=SMALL),
    "semantic_fpn.SemanticFPN": lambda: semantic_fpn.SemanticFPN(_small_backbone(), 5, channels=6, width=8, groups=2),
    "unet.UNet": lambda: unet.UNet(_small_backbone(), 5),
    "unet.UNet, nearest": lambda: unet.UNet(_small_backbone(), 5, skips="add", upsample="nearest", head_kernel=3),
    "unet.UNetEncoder": lambda: unet_encoder.UNetEncoder(SMALL),
    "unet.padded_unet": lambda: unet.padded_unet(5, widths=SMALL, residual=True, attention=True),
    "unet.padded_unet, bilinear": lambda: unet.padded_unet(5, widths=SMALL, upsample="bilinear", skips="none"),
    # Without padding, it takes sides of 188 pixels at least.
    "unet.unet_2015": lambda: nn.Sequential(nn.ZeroPad2d((70, 70, 78, 78)), unet.unet_2015(5, 3, widths=(2,) * 5)),
    "unet_plus_plus.UNetPlusPlus": lambda: unet_plus_plus.UNetPlusPlus(_small_backbone(), 5),
    "vgg.vgg16": lambda: vgg.vgg16(output_stride=16),
    "yolact.YOLACT": _YolactOutputs,
    "mirrored.PoolingEncoder": lambda: mirrored.PoolingEncoder((4, 6), (1, 2), batch_norm=True),
}
"""Networks by name, each built anew; they take `IMAGES`."""

MEASURED = _small_backbone()

YOLACT_OUTPUTS = yolact_parts.Outputs(
    classes=floats(2, 24, 3),
    offsets=floats(2, 24, 4),
    coefficients=floats(2, 24, 4),
    anchors=yolact_parts.grid_anchors((2, 4), (8, 16), 5, (1, 0.5, 2), like=floats(1)),
    prototypes=floats(2, 4, 4, 8),
    semantic=floats(2, 2, 2, 4),
)
YOLACT_TARGETS = [
    {"boxes": boxes_of(3, size=8), "labels": label_maps(3, classes=2, void=False) + 1, "masks": masks_of(3, 8, 16)},
    {"boxes": boxes_of(0), "labels": label_maps(0), "masks": masks_of(0, 8, 16)},
]

MODELS = {
    "yolact_losses.four_losses": call(
        yolact_losses.four_losses,
        YOLACT_OUTPUTS,
        YOLACT_TARGETS,
        (8, 16),
        matching=(0.5, 0.25),
        loss_weights=(1, 1.5, 6.125, 1),
        masks_per_image=200,
    ),
    "yolact_losses.match": call(
        yolact_losses.match, YOLACT_OUTPUTS.anchors, boxes_of(2, 3, size=8), matching=(0.5, 0.25)
    ),
    "yolact_losses.hard_negative_loss": call(
        yolact_losses.hard_negative_loss, floats(2, 20), masks_of(2, 20), masks_of(2, 20), ratio=3
    ),
    "yolact_parts.grid_anchors": call(yolact_parts.grid_anchors, (2, 3), (200, 240), 100, (0.5, 2), like=floats(1)),
    "yolact_parts.touched": call(yolact_parts.touched, boxes_of(3, size=8), (200, 9)),
    "yolact_parts.assemble_masks": call(
        yolact_parts.assemble_masks, floats(4, 3, 5), floats(3, 4) - 0.5, boxes_of(3, size=20), (12, 200)
    ),
    "cost.cost": call(lambda size: cost.cost(MEASURED, size), (32, 48)),
    "cost.ledger": call(lambda size: cost.ledger(MEASURED, size), (3, 32, 48)),
    "memory.decoder_memory": call(memory.decoder_memory, (200, 250), (64, 200), bytes_per_value=4),
    "crf.logits_of": call(crf.logits_of, floats(2, 5, 6, 7)),
    "anchors.Anchors": call(lambda map_: anchors.Anchors((4,))([map_]), floats(1, 2, 3, 5)),
    "assignment.match_boxes": call(
        assignment.match_boxes, boxes_of(4, size=20), boxes_of(30, size=20), high=0.7, low=0.3, keep_best=True
    ),
    "assignment.balanced_sample": call(_drawn_sample, label_maps(60, void=False) - 2, 200, 0.25),
    "region_targets.mask_targets": call(
        region_targets.mask_targets, masks_of(3, 20, 24), boxes_of(5, size=20), label_maps(5, classes=3, void=False), 4
    ),
    "region_targets.mask_loss": call(
        region_targets.mask_loss, floats(6, 5, 4, 4), label_maps(6, void=False), floats(6, 4, 4)
    ),
    "region_targets.keypoint_targets": call(
        region_targets.keypoint_targets, 20 * floats(5, 3, 3), boxes_of(5, size=20), 8
    ),
    "region_targets.keypoint_loss": call(
        region_targets.keypoint_loss, floats(6, 5, 4, 4), label_maps(6, 5, classes=16, void=False), masks_of(6, 5)
    ),
    "region_targets.read_keypoints": call(region_targets.read_keypoints, floats(5, 3, 8, 8), boxes_of(5, size=20)),
    "layers.resize": call(layers.resize, floats(2, 3, 5, 6), (9, 11)),
    "aspp.aspp_rates": call(aspp.aspp_rates, 8),
    "contract.last_map_at": call(contract.last_map_at, (2, 4, 8, 8), 8),
    "unet.valid_input_sizes": call(unet.valid_input_sizes, 250),
}

LARGE_IMAGE = floats(2, 230, 220)

INFERENCE = {
    "augmentation.FlipAverage": call(
        augmentation.FlipAverage(nn.AvgPool2d(3, stride=1, padding=1)), floats(1, 2, 5, 6)
    ),
    "tiles.predict_in_tiles": call(
        tiles.predict_in_tiles, nn.AvgPool2d(3, stride=1, padding=1), LARGE_IMAGE, tile=(200, 190), margin=90, stride=3
    ),
    "tiles.predict_in_tiles, mirrored": call(
        tiles.predict_in_tiles,
        nn.MaxPool2d(2, stride=1, dilation=180),
        LARGE_IMAGE,
        tile=(200, 190),
        margin=90,
        stride=3,
    ),
    "tiles.predict_in_tiles, gaussian": call(
        tiles.predict_in_tiles, nn.AvgPool2d(3, stride=1, padding=1), LARGE_IMAGE, tile=200, margin=40, blend="gaussian"
    ),
}

CALLS: dict[str, Call] = OPS | LOSSES | METRICS | MODELS | INFERENCE

# What has no call of its own: it is a form of data, a check, or a part of what has one.
NOT_CALLED: dict[str, dict[str, str]] = {
    "inference": {},
    "ops": {
        "counts.add_up": "in count_indices",
        "checks": "numbers and their types, no tensors: tests/ops/test_checks.py",
        "known": "what is remembered: tests/ops/test_known.py",
        "precision": "types, no values",
        "transposed": "the three methods of convmatrix.conv_transpose2d",
        "csr.csr_matrix": "in conv_matrix",
        "csr.convolution_csr": "in conv_matrix",
        "convsizes.sizes_along_both_axes": "in conv_matrix",
        "convsizes.steps_along_both_axes": "in conv_matrix",
        "convsizes.steps_along_one_axis": "in conv_matrix",
        "convsizes.checked_groups": "in conv_matrix",
        "convsizes.require_weight": "in conv_matrix",
        "convsizes.require_matching": "in conv2d",
        "convsizes.require_channels": "in conv2d",
        "labels.LabelRange": "a form of data",
        "labels.void_label": "in all that takes ignore_index",
        "labels.require_label_type": "in all that takes labels",
        "labels.know_range": "in label_range",
        "labels.outside": "numbers, no tensors",
        "overlap.require_boxes": "in all that takes boxes",
        "overlap.require_same_device": "in all that takes boxes",
        "overlap.shared_area": "in box_iou and nms",
        "panoptic.Instances": "a form of data",
        "panoptic.class_and_id": "in all that takes panoptic maps",
        "panoptic.checked_things": "numbers, no tensors",
        "panoptic.require_from_0": "in all that takes ids",
        "panoptic.require_crowd": "in to_coco and PanopticQuality",
        "panoptic_codes.Segment": "a form of data",
        "regions.image_and_corners": "in roi_align and roi_pool",
        "resample.PixelTable": "a form of data",
        "resample.pixel_table": "in bilinear_sample and roi_align",
        "resample.two_nearest": "in bilinear_sample and roi_align",
    },
    "sliding": {
        "layers": "layers, no values",
        "dense.Patch": "a form of data",
        "dense.dense_layer": "in to_dense",
        "dense.refuse": "in to_dense",
        "fields.ReceptiveField": "a form of data",
        "fields.receptive_field": "layers, no values",
        "windows.ImageFrame": "in to_dense",
    },
    "losses": {
        "masking.Valid": "a form of data",
        "masking.Soft": "a form of data",
        "masking.mean_of_sum": "in every loss",
        "masking.mean_over_classes": "in every region loss",
        "masking.require_absent": "in every region loss",
        "region.Sums": "a form of data",
        "weights.PixelCounts": "a form of data",
    },
    "metrics": {
        "panoptic.Quality": "a form of data",
        "surface.checked_spacing": "numbers, no tensors",
        "surface.distances_to": "in contour_distances",
        "panoptic.PanopticScores": "a form of data",
        "average_precision.Curve": "a form of data",
        "image_pairs": "in AveragePrecision",
        "instance.InstanceScores": "a form of data",
        "keypoints.similarities": "in keypoint_similarity",
        "keypoints.pose_areas": "in AveragePrecision",
        "keypoints.checked_sigmas": "in keypoint_similarity",
        "keypoints.require_keypoints": "in keypoint_similarity",
        "matching.Matching": "a form of data",
        "matching.Candidates": "a form of data",
        "matching.match_greedily": "in AveragePrecision",
        "outcomes": "in AveragePrecision",
        "overlaps.PackedMasks": "in mask_iou",
        "overlaps.paired_box_iou": "in AveragePrecision",
        "overlaps.box_areas": "in AveragePrecision",
        "overlaps.host_array": "in mask_iou",
        "overlaps.require_masks": "in mask_iou",
        "overlaps.require_two_stacks": "in mask_iou",
        "rand.RandScores": "a form of data",
        "semantic.SemanticScores": "a form of data",
        "semantic.as_labels": "in confusion_matrix",
        "semantic.checked_classes": "in confusion_matrix",
        "semantic.are_known": "in confusion_matrix",
        "semantic.count_pairs": "in confusion_matrix",
        "semantic.without_void": "in confusion_matrix",
        "calibration.Reliability": "a form of data",
    },
    "models": {
        "segformer.ReducedAttention": "in MixTransformer",
        "segformer.MixFFN": "in MixTransformer",
        "segformer.StochasticDepth": "in MixTransformer",
        "segformer.Block": "in MixTransformer",
        "segformer.Stage": "in MixTransformer",
        "segformer.to_tokens": "in SegFormer",
        "segformer.to_map": "in SegFormer",
        "segformer_weights": "names of weights, no values",
        "assignment.some_of": "in balanced_sample",
        "region_targets.own_maps": "in mask_loss",
        "aspp.ASPP": "in DeepLabV3",
        "aspp.convolution_kind": "in ASPP",
        "aspp.level_of_aspp": "in DeepLabV3",
        "deeplab.deeplabv3_resnet101": "deeplabv3_resnet50",
        "deeplab.deeplabv3_resnet50_from_torchvision": "names, no values",
        "deeplab_early.deeplab_v1": "DeepLabV2",
        "deeplab_early.deeplab_v2": "DeepLabV2",
        "modes": "training or evaluation, no tensors",
        "small.SmallResNet": "small_resnet",
        "timm.TimmBackbone": "timm_backbone",
        "catalogue.Entry": "a form of data",
        "contract.Promised": "a form of data",
        "contract.require_backbone": "attributes, no values",
        "contract.batch_norms": "layers and names, no values",
        "contract.set_statistics": "changes a backbone; tests/models/test_backbones.py",
        "contract.check_backbone": "looks at the values of maps, which is its task; tests/models/test_backbones.py",
        "crf.appearance_kernel": "in DenseCRF",
        "crf.smoothness_kernel": "in DenseCRF",
        "deconvnet.deconvnet_from_torchvision": "names, no values",
        "fcn.FCNVGG16": "fcn_vgg16",
        "fcn.FCNResNet50": "fcn_resnet50",
        "fcn.fcn_head": "in fcn_resnet50",
        "fcn.fcn_vgg16_from_torchvision": "names, no values",
        "fcn.fcn_resnet50_from_torchvision": "names, no values",
        "fcn.require_auxiliary": "in with_auxiliary of several networks",
        "fpn.fpn_from_torchvision": "names, no values",
        "frozen_norm.FrozenNorm": "in with_frozen_norms",
        "heads": "they look at regions, not at images; tests/models/test_mask_rcnn.py",
        "images": "in MaskRCNN",
        "mask_rcnn": "as many boxes as it finds, in training too; tests/models/test_mask_rcnn.py",
        "roi_heads": "in MaskRCNN",
        "rpn": "in MaskRCNN",
        "targets": "in MaskRCNN",
        "torchvision_names": "names, no values",
        "wirings": "as many boxes as there are; tests/models/test_mask_rcnn.py",
        "hrnet.HRNet": "small_hrnet",
        "hrnet.ParallelBlocks": "in small_hrnet",
        "hrnet.Fusion": "in small_hrnet",
        "hrnet.hrnet_w18": "a wider small_hrnet; tests/models/test_hrnet.py",
        "hrnet.hrnet_w48": "a wider small_hrnet; tests/models/test_hrnet.py",
        "hrnet.hrnetv2_w18": "HRNetV2 on hrnet_w18",
        "hrnet.small_hrnetv2": "HRNetV2 on small_hrnet",
        "hrnet.hrnet_from_timm": "names, no values",
        "layers.Normalise": "in every backbone",
        "layers.new_parameters": "in TransposedUpsampling",
        "layers.positive_integers": "numbers, no tensors",
        "layers.conv_norm": "in small_resnet",
        "layers.separable_conv_norm": "in DeepLabV3Plus",
        "layers.ResidualBlock": "in small_resnet",
        "layers.projection": "in small_resnet",
        "layers.basic_block": "in small_resnet",
        "layers.with_he_weights": "in resnet18 and SegNet",
        "layers.TransposedUpsampling": "in FCN",
        "cost.Cost": "a form of data",
        "dataflow": "in cost.ledger",
        "ledger": "in cost.ledger",
        "linknet.LinknetStep": "in Linknet",
        "linknet.linknet_from_smp": "names, no values",
        "memory.DecoderMemory": "a form of data",
        "memory.saved_for_backward": "counts bytes of what it is given",
        "mirrored.Pooling": "a form of data",
        "mirrored.Unpool": "in SegNet",
        "mirrored.convolutions": "in SegNet",
        "mirrored.renamed_vgg": "names, no values",
        "mirrored.recorded": "calls a network",
        "nas_fpn.attend": "in NASFPN",
        "nas_fpn.Cell": "a form of data",
        "nas_fpn.MergingPyramid": "in NASFPN",
        "nas_fpn.checked_cells": "numbers and names, no tensors; tests/models/test_nas_fpn.py",
        "pretrained": "files",
        "pspnet.PyramidPooling": "in PSPNet",
        "pspnet.pspnet_from_smp": "names, and what an idle norm holds",
        "pspnet.pspnet_resnet50": "PSPNet on resnet50",
        "resnet.bottleneck_block": "in resnet50",
        "resnet.resnet101": "resnet50",
        "resnet.resnet152": "resnet50",
        "resnet.ResNet": "resnet18",
        "resnet.resnet_from_torchvision": "names, no values",
        "resnet.on_resnet": "names, no values",
        "resnet.weights_of": "a sentence for weights that do not fit",
        "layers.sees_one_value": "in ASPP and PyramidPooling",
        "seen_rows": "in cost.ledger",
        "segnet.BedOfNails": "in SegNet",
        "segnet.Bilinear": "in SegNet",
        "segnet.Transposed": "in SegNet",
        "segnet.FullTransposed": "in SegNet",
        "segnet.segnet_from_torchvision": "names, no values",
        "semantic_fpn.SemanticBranch": "in SemanticFPN",
        "semantic_fpn.SemanticHead": "in SemanticFPN",
        "semantic_fpn.semantic_fpn_from_smp": "names, and kernels that change nothing; tests/models/test_semantic_fpn.py",
        "centre_rpn": "in quick_mask_rcnn",
        "quick_heads": "in quick_mask_rcnn",
        "quick_targets": "in quick_mask_rcnn; tests/models/test_quick_heads.py",
        "quick_mask_rcnn.small_anchors": "in quick_mask_rcnn",
        "quick_unet.PyramidPooling": "in small_unet",
        "quick_unet.QuickResNet": "in small_unet",
        "smp_weights": "names, no values",
        "trial": "in cost.cost",
        "unet.UNet2015": "unet_2015",
        "unet.double_convolution": "in unet",
        "unet.levels": "numbers, no tensors",
        "unet.require_images": "in unet and unet_2015",
        "unet_decoder": "in UNet",
        "unet_plus_plus.node_name": "a name, no values",
        "yolact_targets": "in four_losses",
        "yolact_losses.Matches": "a form of data",
        "yolact_parts.Outputs": "a form of data",
        "yolact_parts.weighted_sums": "in assemble_masks",
        "yolact_parts.convolution": "in YOLACT",
        "yolact_parts.ProtoNet": "in YOLACT",
        "yolact_parts.PredictionHead": "in YOLACT",
        "yolact_parts.positive_numbers": "numbers, no tensors",
        "vgg.vgg_stages": "in vgg16",
        "vgg.VGG16": "vgg16",
        "vgg.vgg_keys": "names, no values",
        "vgg.vgg_from_torchvision": "names, no values",
    },
}
