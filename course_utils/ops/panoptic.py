"""Panoptic maps: what each pixel is and which object it belongs to; two predictions made one. Files: `ops.panoptic_codes`.

A panoptic map is int64 (…, H, W, 2): the class of each pixel, and the id of its object. Classes of things have ids of 1 and more;
classes of stuff have the id 0; void has the class 255 and the id 0. A segment is all pixels of one image with the same pair.

Source: Kirillov et al. 2019, arXiv:1801.00868.
"""

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.ops.checks import is_integer, real_number, require_tensor, whole_number
from course_utils.ops.labels import require_label_type

VOID = 255


class Instances(NamedTuple):
    """The things of a panoptic map: masks bool (N, H, W), their classes and their ids int64 (N,)."""

    masks: Tensor
    labels: Tensor
    ids: Tensor


def panoptic_map(labels: Tensor, instances: Tensor, *, things: Collection[int]) -> Tensor:
    """A panoptic map of a map of classes and one of ids; what is no thing has the id 0, and a thing without an id is void.

    Shapes: two (…, H, W) of whole numbers → (…, H, W, 2) int64.

    Raises: ValueError for other types, two shapes, and ids below 0.
    """
    for name, values in (("labels", labels), ("instances", instances)):
        require_label_type(values, name)
    if labels.shape != instances.shape or labels.ndim < 2:
        raise ValueError(
            f"labels and instances must have one shape (…, H, W), but have {tuple(labels.shape)} and {tuple(instances.shape)}."
        )
    require_from_0(instances, "instances")
    of_thing = is_thing(labels, things)
    ids = torch.where(of_thing, instances.long(), 0)
    classes = torch.where(of_thing & (ids == 0), VOID, labels.long())
    return torch.stack([classes, ids], dim=-1)


def is_thing(classes: Tensor, things: Collection[int]) -> Tensor:
    """Where a map holds one of the classes of things: bool, of its shape.

    Raises: ValueError for classes that are no whole numbers of 0 or more.
    """
    require_label_type(classes, "classes")
    wanted = torch.tensor(sorted(checked_things(things)), dtype=torch.int64, device=classes.device)
    return torch.isin(classes.long(), wanted)


def checked_things(things: Collection[int]) -> set[int]:
    """The classes of things as Python's numbers. Raises: ValueError for what is no collection of whole numbers from 0 on."""
    if not isinstance(things, Collection) or not all(is_integer(value) and value >= 0 for value in things):
        raise ValueError(
            f"things must be a collection of classes, whole numbers from 0 on, such as (5, 6), but is {things!r}."
        )
    return {int(value) for value in things}


def to_instances(panoptic: Tensor, *, things: Collection[int]) -> Instances:
    """The things of one image one by one, ordered by class and id. What was stuff is lost.

    Shapes: (H, W, 2) → N masks, classes and ids. Raises: ValueError for another shape or type.
    """
    classes, ids = class_and_id(panoptic, "panoptic")
    if panoptic.ndim != 3:
        raise ValueError(
            f"to_instances takes the map of one image (H, W, 2), but got the shape {tuple(panoptic.shape)}."
        )
    pairs = torch.stack([classes, ids], -1)[is_thing(classes, things)].unique(dim=0)  # (N, 2), sorted
    masks = (classes == pairs[:, 0, None, None]) & (ids == pairs[:, 1, None, None])
    return Instances(masks, pairs[:, 0], pairs[:, 1])


def merge(
    semantic: Tensor,
    masks: Tensor,
    labels: Tensor,
    scores: Tensor,
    *,
    things: Collection[int],
    min_score: float = 0.5,
    max_overlap: float = 0.5,
    min_stuff_area: int = 4096,
) -> Tensor:
    """One panoptic map of a semantic prediction and of instances that may overlap.

    The most confident instance comes first and keeps its pixels. Left out is one with a score below `min_score`, and one of
    whose pixels more than the share `max_overlap` is taken already; otherwise what is left of it is an object. Where no object
    is, the semantic map says which stuff there is; less than `min_stuff_area` pixels of a class are void, and so are its things.

    Source: Kirillov et al. 2019, section 7, arXiv:1801.00868, with the thresholds of the authors' script
    `combine_semantic_and_instance_predictions.py`; for small images take a smaller area.

    Shapes: `semantic` (H, W) classes; `masks` bool (N, H, W); `labels`, `scores` (N,) → (H, W, 2) int64, with ids 1, 2, …

    Raises: ValueError for other shapes and types, labels that are no things, scores that are no numbers, and thresholds
    outside 0 … 1.
    """
    min_score, max_overlap = real_number(min_score, "min_score", 0, 1), real_number(max_overlap, "max_overlap", 0, 1)
    min_stuff_area = whole_number(min_stuff_area, "min_stuff_area", minimum=0)
    _require_predictions(semantic, masks, labels, scores, things)
    classes, ids = torch.full_like(semantic.long(), VOID), torch.zeros_like(semantic.long())
    free = torch.ones_like(semantic, dtype=torch.bool)
    count = 0
    for n in scores.argsort(descending=True, stable=True).tolist():
        area, rest = int(masks[n].sum()), masks[n] & free
        left = int(rest.sum())
        if scores[n] < min_score or left == 0 or area - left > max_overlap * area:
            continue
        count += 1
        classes[rest], ids[rest] = labels[n].long(), count
        free &= ~rest
    for label in semantic[free & ~is_thing(semantic, things)].unique().tolist():
        stuff = free & (semantic == label)
        if int(stuff.sum()) >= min_stuff_area:
            classes[stuff] = label
    return torch.stack([classes, ids], dim=-1)


def _require_predictions(
    semantic: Tensor, masks: Tensor, labels: Tensor, scores: Tensor, things: Collection[int]
) -> None:
    require_label_type(semantic, "semantic")
    for name, value in (("masks", masks), ("labels", labels), ("scores", scores)):
        require_tensor(value, name)
    if semantic.ndim != 2 or masks.dtype != torch.bool or masks.ndim != 3 or masks.shape[1:] != semantic.shape:
        raise ValueError(
            f"merge needs semantic (H, W) and masks bool (N, H, W), but got {tuple(semantic.shape)} and {masks.dtype} "
            f"{tuple(masks.shape)}; compare probabilities with a threshold, and take one image at a time."
        )
    if labels.shape != masks.shape[:1] or scores.shape != masks.shape[:1]:
        raise ValueError(
            f"merge needs a label and a score for each of {len(masks)} masks, but got {tuple(labels.shape)} and "
            f"{tuple(scores.shape)}."
        )
    require_label_type(labels, "labels")
    if scores.isnan().any():
        raise ValueError("scores must be numbers, but one is NaN; look for where it arises.")
    if len(labels) and not bool(is_thing(labels, things).all()):
        raise ValueError(
            f"labels must be classes of things, {sorted(checked_things(things))}, but are {labels.unique().tolist()}."
        )


def class_and_id(panoptic: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """The two maps of a panoptic map, int64 (…, H, W). Raises: ValueError for another type or shape, and ids below 0."""
    require_label_type(panoptic, name)
    if panoptic.ndim < 3 or panoptic.shape[-1] != 2:
        raise ValueError(
            f"{name} must be a panoptic map (…, H, W, 2), the class and the id of each pixel, but has the shape "
            f"{tuple(panoptic.shape)}; make one with `panoptic_map`."
        )
    classes, ids = panoptic.long().unbind(-1)
    require_from_0(ids, f"the ids of {name}")
    return classes, ids


def require_from_0(values: Tensor, name: str) -> None:
    if values.numel() and int(values.min()) < 0:
        raise ValueError(f"{name} must be 0 or more, but the smallest is {int(values.min())}.")


def require_crowd(crowd: Tensor, classes: Tensor) -> None:
    """Refuse a map of crowds that is not bool or of another shape than the map of classes."""
    require_tensor(crowd, "crowd")
    if crowd.dtype != torch.bool or crowd.shape != classes.shape:
        raise ValueError(f"crowd must be bool {tuple(classes.shape)}, but is {crowd.dtype} {tuple(crowd.shape)}.")
