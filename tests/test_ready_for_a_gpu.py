"""What a GPU would do, shown without one: every public function on PyTorch's fake CUDA tensors.

A fake tensor has a shape, a type and a device, and no values. To mix devices raises as on a GPU, and so does every place where
a value goes back to the host, for which a GPU would have to be waited for.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import public_calls
import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from course_utils.datasets.samples import Sample
from course_utils.datasets.transforms import colour, compose, flip, scale_and_crop
from course_utils.losses import boundary, lovasz
from course_utils.losses.boundary import boundary_loss
from course_utils.losses.combination import weighted_sum
from course_utils.losses.distribution import cross_entropy_loss, top_k_loss
from course_utils.losses.lovasz import lovasz_softmax_loss
from course_utils.losses.region import dice_loss
from course_utils.metrics import semantic
from course_utils.models.backbones.small import small_resnet
from course_utils.models.fcn import FCN
from course_utils.ops import counts, distance
from course_utils.ops.known import recall, remember
from course_utils.ops.labels import label_range
from course_utils.training import loop
from course_utils.training.batches import Batch, draw_batch
from course_utils.training.objectives import label_loss
from course_utils.training.recording import Recorder

try:
    from torch._subclasses.fake_tensor import (
        DataDependentOutputException,
        DynamicOutputShapeException,
        FakeTensorMode,
        unset_fake_temporarily,
    )

    with FakeTensorMode():
        torch.ones(2, device="cuda")
except (ImportError, AttributeError, RuntimeError, AssertionError):  # the names are internal to PyTorch
    pytest.skip("this PyTorch has no fake CUDA tensors", allow_module_level=True)

WAITED_FOR = (DataDependentOutputException, DynamicOutputShapeException)

# Where a value goes back to the host, and why. Nothing of this is in a training step.
HOST = {
    # A value decides a shape.
    "masks.ids_to_masks": "as many masks as there are ids",
    "boundary.hausdorff_distance": "as many distances as a contour has pixels",
    "csr.transpose_csr": "as many entries as the matrix has: taps inside the image",
    "convmatrix.conv_matrix": "as many entries as taps lie inside the image",
    "convmatrix.conv_matrix, one axis": "as many entries as taps lie inside the image",
    "convmatrix.conv2d": "its matrix has as many entries as taps lie inside the image",
    "convmatrix.conv1d": "its matrix has as many entries as taps lie inside the image",
    "convmatrix.conv_transpose2d, matrix": "its matrix has as many entries as taps lie inside the image",
    "suppression.nms": "as many boxes as are kept",
    "suppression.batched_nms": "as many boxes as are kept",
    "suppression.soft_nms": "as many boxes as are kept",
    "roi.roi_align, by size": "as many samples as a box spans cells",
    "roi.multiscale_roi_align": "as many boxes a level as are of its size",
    "assignment.balanced_sample": "as many boxes as are drawn, fewer where there are fewer",
    "region_targets.mask_targets": "as many samples as a box spans pixels",
    "region_targets.read_keypoints": "each map is resized to its box",
    "roi_pooling.roi_pool": "as many cells as its bins cover",
    # The result is on the CPU, as its docstring says.
    "convmatrix.overlap_count": "counts on the CPU, from sizes alone",
    "convmatrix.overlap_count, one axis": "counts on the CPU, from sizes alone",
    "masks.connected_components": "SciPy works on the CPU",
    "borders.border_weights": "SciPy works on the CPU",
    "rand.thin_borders": "SciPy works on the CPU",
    "rand.adapted_rand": "scores are Python's numbers, of as many segments as there are",
    "semantic.scores": "scores are Python's numbers",
    "semantic.ConfusionMatrix": "scores are Python's numbers",
    "boundary.boundary_iou": "scores are on the CPU",
    "weights.count_pixels": "counts are on the CPU",
    "overlaps.mask_iou": "NumPy counts bits on the CPU",
    "overlaps.boundary_mask_iou": "NumPy counts bits on the CPU",
    "keypoints.keypoint_similarity": "NumPy computes on the CPU, whose digits are pycocotools'",
    "matching.best_matching": "SciPy works on the CPU",
    "instance.match_instances": "SciPy works on the CPU",
    "instance.AveragePrecision": "detections are matched one after the other, on the CPU",
    # What is refused can only be refused once it has been looked at; a wrong number would be worse than a wait.
    "semantic.confusion_matrix, logits": "refuses logits that are NaN, once a batch of the evaluation",
    "semantic.power_mean": "refuses negative values and NaN",
    "calibration.brier_score": "one number, on the CPU",
    "calibration.reliability, equal counts": "refuses numbers that are not probabilities",
    "calibration.reliability": "refuses numbers that are not probabilities",
    "surface.average_surface_distance": "as many distances as a contour has pixels",
    "surface.surface_dice": "as many distances as a contour has pixels",
    "surface.contour_distances": "as many distances as a contour has pixels",
    "uncertainty.bootstrap_scores": "scores are Python's numbers",
    "uncertainty.bootstrap_differences": "scores are Python's numbers",
    "uncertainty.permutation_test": "scores are Python's numbers",
    "uncertainty.interval": "two numbers of Python's",
    "panoptic.panoptic_map": "refuses ids below 0",
    "panoptic.to_instances": "as many masks as there are objects",
    "panoptic.merge": "objects are placed one after the other",
    "panoptic.PanopticQuality": "scores are on the CPU, of as many segments as there are",
    "panoptic_codes.to_coco": "as many segments as there are",
    "panoptic_codes.from_coco": "as many segments as there are",
    "panoptic_codes.ids_to_rgb": "refuses ids that three bytes cannot hold",
    "panoptic_codes.to_cityscapes": "refuses ids that do not fit",
    "panoptic_codes.from_cityscapes": "refuses numbers below 0",
    "panoptic_codes.to_kitti": "refuses ids that do not fit",
    "panoptic_codes.from_kitti": "refuses numbers that two bytes cannot hold",
    "distance.distance_transform": "refuses an image without a pixel outside its mask",
    "weights.class_weights": "refuses counts that are negative; a few numbers, once a training",
}


GOES_BACKWARD = ("fields.effective_receptive_field",)
ON_CPU = ("boundary.boundary_f1",)  # their docstrings say so

BACKWARD = "lazy:0"
"""To go backward on "cuda", PyTorch asks CUDA itself for a stream. On this device, which it knows by name only, it does not."""


@contextmanager
def fake(device: str) -> Iterator[None]:
    """Within, tensors of the device exist, and are made there where no device is named; real ones may be moved there."""
    with FakeTensorMode(allow_non_fake_inputs=True), torch.device(device):
        yield


def moved(value: Any, device: str) -> Any:
    """The tensors in a value on a device, with what is known of them on the host."""

    def move(part: Any) -> Any:
        if not isinstance(part, Tensor):
            return part
        found = part.to(device)
        for what in ("range", "weights"):
            remember(found, what, recall(part, what))
        return found

    return tree_map(move, value)


def run(call: public_calls.Call, device: str) -> Any:
    with fake(device):
        return call.function(*moved(call.arguments, device), **moved(call.named, device))


def tensors(value: Any) -> list[Tensor]:
    return [part for part in tree_leaves(value) if isinstance(part, Tensor)]


@pytest.mark.parametrize("name", [name for name in public_calls.CALLS if name not in HOST])
def test_a_function_runs_on_a_gpu_without_waiting_for_it(name: str) -> None:
    call = public_calls.CALLS[name]
    on_cpu = tensors(call.function(*call.arguments, **call.named))  # finds what is to be known of arguments, too
    device = BACKWARD if name in GOES_BACKWARD else "cuda"
    found = tensors(run(call, device))
    assert [(part.shape, part.dtype) for part in found] == [(part.shape, part.dtype) for part in on_cpu]
    if name not in ON_CPU and tensors((call.arguments, call.named)):
        assert {part.device.type for part in found} <= {torch.device(device).type}


@pytest.mark.parametrize("name", HOST)
def test_what_is_listed_does_go_back_to_the_host(name: str) -> None:
    """A list that is too long would hide what comes back later."""
    with pytest.raises((*WAITED_FOR, RuntimeError, TypeError)):
        run(public_calls.CALLS[name], "cuda")


SLOW = ("timm.timm_backbone", "deeplab.deeplabv3_resnet50", "fcn.fcn_resnet50", "deconvnet.DeconvNet")  # to make


def slow_or_not(names: Iterable[str]) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in sorted(names)]


@pytest.mark.parametrize("name", slow_or_not(public_calls.NETWORKS))
def test_a_network_predicts_on_a_gpu_without_waiting_for_it(name: str) -> None:
    with fake("cuda"):
        network = public_calls.NETWORKS[name]()
        found = tensors(network(moved(public_calls.IMAGES, "cuda")))
        assert found and {part.device.type for part in found} == {"cuda"}


# The first copies a classifier, which fake tensors of this device do not allow; the second has nothing to learn.
@pytest.mark.parametrize(
    "name", slow_or_not({*public_calls.NETWORKS} - {"convolutional.convolutionalise", "contract.Frozen"})
)
def test_a_network_learns_without_a_look_at_the_host(name: str) -> None:
    with fake(BACKWARD):
        network = public_calls.NETWORKS[name]().train()
        sum(
            part.sum() for part in tensors(network(moved(public_calls.IMAGES, BACKWARD))) if part.requires_grad
        ).backward()
        first = next(parameter for parameter in network.parameters())
        assert first.grad is not None and first.grad.device == torch.device(BACKWARD)


def test_values_are_waited_for_where_this_test_says_so() -> None:
    """The mode does see it: were this not to raise, no test above could fail."""
    for look in (lambda x: x.sum().item(), lambda x: bool(x.any()), lambda x: x[x > 0], lambda x: x.tolist()):
        with pytest.raises(WAITED_FOR), fake("cuda"):
            look(torch.ones(3, device="cuda"))
    with pytest.raises(Exception, match="device"), fake("cuda"):
        torch.ones(3, device="cuda") + torch.ones(3, device="cpu")


def test_labels_that_nobody_has_looked_at_are_looked_at_where_a_loss_is_called_directly() -> None:
    unknown = public_calls.TARGET.clone()
    with pytest.raises(WAITED_FOR), fake("cuda"):
        cross_entropy_loss(public_calls.LOGITS.to("cuda"), unknown.to("cuda"))


# --- The training step


class Streets:
    """Four random images with random labels."""

    num_classes = 5

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Sample:
        draw = torch.Generator().manual_seed(index)
        labels = torch.randint(5, (32, 48), generator=draw)
        return Sample(torch.rand(3, 32, 48, generator=draw), labels, torch.zeros_like(labels))


def _drawn_on_the_host(*arguments: Any, device: torch.device, **named: Any) -> Batch:
    """A batch as `draw_batch` draws it, with values, and then moved to the fake GPU."""
    with unset_fake_temporarily():
        batch = draw_batch(*arguments, **named)
    return batch.to(device)


TRAINED = {
    "cross-entropy": cross_entropy_loss,
    "weighted cross-entropy": partial(cross_entropy_loss, weight=torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])),
    "top k": top_k_loss,
    "Dice": dice_loss,
    "Lovász": lovasz_softmax_loss,
    "Dice and boundary": weighted_sum((1.0, dice_loss), (0.01, boundary_loss)),
}


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("settings", [{}, {"optimiser": "sgd", "clip_norm": 1.0}], ids=["adamw", "sgd"])
def test_a_training_step_never_looks_at_the_host(
    monkeypatch: pytest.MonkeyPatch, name: str, settings: dict[str, Any]
) -> None:
    """Draw, forward, loss, backward, update. Every ten steps losses are written down, and at the end the network is looked at."""
    monkeypatch.setattr(loop, "draw_batch", _drawn_on_the_host)
    monkeypatch.setattr(Recorder, "flush", lambda self: None)
    monkeypatch.setattr(loop, "require_finite", lambda model, **_: None)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # there is none for this device
    TRAINED[name](public_calls.LOGITS, public_calls.TARGET)  # class weights are looked at once
    transform = compose(flip, partial(scale_and_crop, size=(32, 48)), colour)
    with FakeTensorMode(allow_non_fake_inputs=True):
        with torch.device(BACKWARD):
            model = FCN(small_resnet(widths=(4, 6, 8)), 5, stride=4)
        monkeypatch.setattr(model, "to", lambda **_: model)  # which does not take fake parameters
        before = next(model.parameters())._version
        settings = settings | {"seed": 0, "batch_size": 2, "transform": transform, "channels_last": False}
        loop.fit(model, Streets(), steps=2, objective=label_loss(TRAINED[name]), progress=False, **settings)
        assert next(model.parameters()).device == torch.device(BACKWARD)
        assert next(model.parameters())._version > before, "it has been updated"


def test_the_range_of_a_batch_goes_with_it_to_the_gpu() -> None:
    batch = draw_batch(Streets(), batch_size=2, seed=0, step=0)
    found = label_range(batch.labels, 255)
    with fake("cuda"):
        assert recall(batch.to(torch.device("cuda")).labels, "range") == found


# --- The ways that only a GPU takes give what the others give


@pytest.mark.parametrize("name", [name for name in public_calls.CALLS if not name.startswith("convmatrix")])
def test_what_is_computed_without_a_look_is_the_same(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    call = public_calls.CALLS[name]
    wanted = tensors(call.function(*call.arguments, **call.named))
    for module in (boundary, counts, distance, lovasz, semantic):
        monkeypatch.setattr(module, "on_host", lambda tensor: False)
    found = tensors(call.function(*call.arguments, **call.named))
    for have, want in zip(found, wanted, strict=True):
        torch.testing.assert_close(have, want, rtol=1e-6, atol=1e-6, equal_nan=True)


def test_no_image_is_bounded_or_some_are_without_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = torch.zeros(3, 5, 6, dtype=torch.bool)
    inside[1] = True
    inside[2, 2, 3] = True
    wanted = boundary.signed_distance(inside)
    assert wanted[2].abs().max() > 3 and not wanted[:2].any()
    for module in (boundary, distance):
        monkeypatch.setattr(module, "on_host", lambda tensor: False)
    assert torch.equal(boundary.signed_distance(inside), wanted)
    assert torch.equal(boundary.signed_distance(inside[:2]), wanted[:2])


# --- Nothing is left out


def public_names(package: str) -> list[str]:
    """ "module.function" of every public function and class of a package."""
    names = []
    prefix = f"course_utils.{package}."
    for found in pkgutil.walk_packages(importlib.import_module(prefix[:-1]).__path__, prefix):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            is_own = getattr(value, "__module__", "") == module.__name__
            if not name.startswith("_") and is_own and (inspect.isfunction(value) or inspect.isclass(value)):
                names.append(f"{found.name.rpartition('.')[2]}.{name}")
    return names


@pytest.mark.parametrize("package", ["ops", "sliding", "losses", "metrics", "models", "inference"])
def test_every_public_function_has_a_call_here_or_a_reason(package: str) -> None:
    calls = {name.split(",")[0] for name in (*public_calls.CALLS, *public_calls.NETWORKS)}
    reasons = public_calls.NOT_CALLED[package]
    names = public_names(package)
    left = [name for name in names if name not in calls and name not in reasons and name.split(".")[0] not in reasons]
    assert not left, f"add a call to tests/public_calls.py: {left}"
    gone = [name for name in reasons if name not in names and name not in {full.split(".")[0] for full in names}]
    assert not gone, f"there is nothing of this name any more: {gone}"
