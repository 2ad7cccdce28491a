"""No result depends on a state of the caller's: default type and device, gradients off, inference mode, random numbers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import public_calls
import pytest
import torch
from invented_detections import CAR, invented_cars
from torch import Tensor
from torch.utils._pytree import tree_leaves

from course_utils.datasets import load
from course_utils.datasets.coco_masks import mask_to_rle, rle_to_mask
from course_utils.datasets.coco_polygons import mask_to_polygons, polygons_to_mask
from course_utils.datasets.memory import InMemory
from course_utils.datasets.patterns import draw_patterns
from course_utils.datasets.samples import resize_and_crop
from course_utils.datasets.scenes import Scenes
from course_utils.datasets.transforms import colour, elastic, flip, scale_and_crop
from course_utils.datasets.windows import draw_windows
from course_utils.losses.distribution import cross_entropy_loss
from course_utils.models.backbones.contract import check_backbone
from course_utils.models.backbones.small import small_resnet
from course_utils.models.detection.quick_mask_rcnn import quick_mask_rcnn
from course_utils.models.fcn import FCN
from course_utils.models.quick_unet import QuickResNet
from course_utils.training.batches import draw_batch
from course_utils.training.instance_objectives import detection_loss, score_instances
from course_utils.training.loop import fit
from course_utils.training.objectives import label_loss, score_labels
from course_utils.widgets import (
    atrous_taps,
    confidence_threshold,
    corner_weights,
    encoder_choice,
    grids,
    losses,
    mask_rcnn_stages,
    overlap,
    receptive,
    region_pooling,
    scatter,
    source_pixels,
    unpooling,
)


@contextmanager
def default_type(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def default_device(device: str) -> Iterator[None]:
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


STATES = {
    "float64 by default": partial(default_type, torch.float64),
    "float16 by default": partial(default_type, torch.float16),
    "another device by default": partial(default_device, "meta"),
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "deterministic algorithms": deterministic,
}

# A network's parameters are made in the default type and on the default device, as those of PyTorch's own layers are.
OF_THE_STATE = (
    *(
        "dense.LinearAsConvolution",
        "windows.sliding_window_logits",
        "windows.to_dense",
        "windows.shift_and_stitch",
    ),
    "fields.effective_receptive_field",
)


def assert_same(found: Any, wanted: Any, state: str = "") -> None:
    pairs = list(zip(tree_leaves(found), tree_leaves(wanted), strict=True))
    assert pairs
    for have, want in pairs:
        if isinstance(want, Tensor):
            assert (have.dtype, have.device) == (want.dtype, want.device), state
            torch.testing.assert_close(have, want, rtol=0, atol=0, equal_nan=True, msg=lambda text: f"{state} {text}")
        else:
            assert have == want or (have != have and want != want), state


@pytest.mark.parametrize("name", public_calls.CALLS)
def test_a_function_gives_the_same_in_every_state(name: str) -> None:
    call = public_calls.CALLS[name]
    wanted = call.function(*call.arguments, **call.named)
    random = torch.get_rng_state()
    for state, entered in STATES.items():
        if "default" in state and name in OF_THE_STATE:
            continue
        with entered():
            found = call.function(*call.arguments, **call.named)
        assert_same(found, wanted, state)
    assert name in OF_THE_STATE or torch.equal(torch.get_rng_state(), random), "the caller's random numbers have moved"


SLOW_TO_MAKE = (
    "deeplab.deeplabv3_resnet50",
    "fcn.fcn_resnet50",
    "resnet.resnet34",
    "resnet.resnet50",
    "vgg.vgg16",
    "timm.timm_backbone",
)


@pytest.mark.parametrize("name", [name for name in public_calls.NETWORKS if name not in SLOW_TO_MAKE])
def test_a_network_is_of_one_type_and_device_whatever_the_default(name: str) -> None:
    with default_type(torch.float64):
        found = public_calls.NETWORKS[name]()(public_calls.IMAGES.double())
        assert {part.dtype for part in tree_leaves(found) if isinstance(part, Tensor) and part.is_floating_point()} == {
            torch.float64
        }
    with default_device("meta"):
        found = public_calls.NETWORKS[name]()(public_calls.IMAGES.to("meta"))
        assert {part.device.type for part in tree_leaves(found) if isinstance(part, Tensor)} == {"meta"}


# --- Data sets and transforms


def _sample() -> Any:
    return load("scenes", "val", (48, 64))[0]


DRAWN: dict[str, Callable[[], Any]] = {
    "scenes": _sample,
    "cells": lambda: load("cells", "val", (48, 64))[0],
    "puppets": lambda: load("puppets", "val", (48, 64)).with_objects(0),
    "patterns": lambda: tuple(draw_patterns("val", 1, count=3)),
    "flip": lambda: flip(_sample(), torch.Generator().manual_seed(1)),
    "scale_and_crop": lambda: scale_and_crop(_sample(), torch.Generator().manual_seed(0), size=(30, 40)),
    "colour": lambda: colour(_sample(), torch.Generator().manual_seed(0), hue=0.1),
    "elastic": lambda: elastic(_sample(), torch.Generator().manual_seed(0)),
    "resize_and_crop": lambda: resize_and_crop(_sample(), (30, 50)),
    "polygons": lambda: polygons_to_mask(mask_to_polygons(_sample().labels == 2), (48, 64)),
    "run lengths": lambda: rle_to_mask(mask_to_rle(_sample().labels == 2)),
    "draw_windows": lambda: list(
        draw_windows(_sample().image[None], _sample().labels[None], window=9, steps=2, batch_size=3, seed=4)
    ),
    "draw_batch": lambda: tuple(
        draw_batch(InMemory(load("scenes", "val", (48, 64)), samples=3), batch_size=2, seed=0, step=0)[:3]
    ),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_is_the_same_in_every_state(name: str, state: str) -> None:
    wanted = DRAWN[name]()
    with STATES[state]():
        found = DRAWN[name]()
    assert_same(found, wanted)


# --- Explorers

EXPLORERS = {
    "atrous_taps": atrous_taps.TAPS,
    "confidence_threshold": confidence_threshold.threshold_explorer(*invented_cars(), label=CAR),
    "corner_weights": corner_weights.WEIGHTS,
    "encoder_choice": encoder_choice.ENCODERS,
    "grids": grids.GRID,
    "losses": losses.PAINTER,
    "mask_rcnn_stages": mask_rcnn_stages.stages_explorer(quick_mask_rcnn(8), Scenes("val")[3].image, Scenes.classes),
    "overlap": overlap.OVERLAP,
    "receptive": receptive.RECEPTIVE,
    "region_pooling": region_pooling.POOLING,
    "scatter": scatter.SCATTER,
    "source_pixels": source_pixels.COORDINATES,
    "unpooling": unpooling.UNPOOLING,
}


@pytest.mark.parametrize("state", ["another device by default", "float64 by default", "inference mode"])
@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_draws_in_every_state(name: str, state: str) -> None:
    with STATES[state]():
        figure = EXPLORERS[name].figure()
        assert EXPLORERS[name].alt(**EXPLORERS[name].values())
    assert figure.axes
    plt.close(figure)


# --- Gradients and training, which ask for gradients themselves


@pytest.mark.parametrize("state", ["no gradients", "inference mode", "deterministic algorithms"])
def test_a_backbone_is_checked_in_every_state(state: str) -> None:
    backbone = small_resnet(widths=(4, 6))
    with STATES[state]():
        check_backbone(backbone)


@pytest.mark.parametrize("state", STATES)
def test_training_gives_the_same_in_every_state(state: str) -> None:
    data = InMemory(load("scenes", "val", (48, 64)), samples=3)
    evaluate = score_labels(data)

    def trained() -> tuple[list[dict[str, float]], dict[str, Tensor]]:
        torch.manual_seed(0)
        with default_type(torch.float32), default_device("cpu"), torch.inference_mode(False):
            model = FCN(small_resnet(widths=(4, 6)), 8, stride=2)
        with STATES[state]() if inside else nullcontext():
            objective = label_loss(cross_entropy_loss)
            history = fit(
                model, data, steps=3, objective=objective, seed=0, batch_size=2, evaluate=evaluate, progress=False
            )
        return history.evaluations, {name: value.clone() for name, value in model.state_dict().items()}

    inside = False
    wanted = trained()
    inside = True
    assert_same(trained(), wanted)


@pytest.mark.parametrize("state", STATES)
def test_a_detector_learns_the_same_in_every_state(state: str) -> None:
    data = InMemory(load("scenes", "val", (48, 64)), samples=2)
    evaluate = score_instances(data)

    def trained() -> tuple[list[dict[str, float]], list[dict[str, float]], dict[str, Tensor]]:
        torch.manual_seed(0)
        with default_type(torch.float32), default_device("cpu"), torch.inference_mode(False):
            model = quick_mask_rcnn(8, backbone=QuickResNet((4, 6, 8, 8, 8), 1))
        with STATES[state]() if inside else nullcontext():
            history = fit(
                model,
                data,
                steps=2,
                objective=detection_loss(),
                seed=0,
                batch_size=2,
                evaluate=evaluate,
                progress=False,
            )
        return history.steps, history.evaluations, {name: value.clone() for name, value in model.state_dict().items()}

    inside = False
    wanted = trained()
    inside = True
    assert_same(trained(), wanted)
