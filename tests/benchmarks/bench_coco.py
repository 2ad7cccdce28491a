"""Masks in COCO's format against pycocotools, see `tools/bench.py`. A mask of 480×640 with 600 runs; no goal is set."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_utils.datasets.coco_masks import mask_to_rle, rle_to_mask
from course_utils.datasets.coco_polygons import polygons_to_mask

Comparison = tuple[Callable[[], object], Callable[[], object], float | None]


def _mask() -> Tensor:
    """A disc with a wavy outline."""
    y, x = np.mgrid[:480, :640]
    return torch.from_numpy((y - 240) ** 2 + (x - 300) ** 2 < 150**2 + 3000 * np.sin(x / 7))


def bench_mask_to_rle_vs_pycocotools() -> Comparison:
    from pycocotools import mask as coco

    mask = _mask()
    array = np.asfortranarray(mask.numpy().astype(np.uint8))
    return lambda: mask_to_rle(mask), lambda: coco.encode(array), None


def bench_rle_to_mask_vs_pycocotools() -> Comparison:
    from pycocotools import mask as coco

    rle = mask_to_rle(_mask())
    return lambda: rle_to_mask(rle), lambda: coco.decode([rle]), None


def bench_polygons_to_mask_vs_pycocotools() -> Comparison:
    """A person as people outline one: thirty corners, 150 pixels high."""
    from pycocotools import mask as coco

    turn = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    radius = 60 + 15 * np.sin(5 * turn)
    polygons = [np.stack([300 + radius * np.cos(turn), 240 + radius * np.sin(turn)], 1).ravel().tolist()]

    def theirs() -> object:
        return coco.decode([coco.merge(coco.frPyObjects(polygons, 480, 640))])

    return lambda: polygons_to_mask(polygons, (480, 640)), theirs, None
