"""What is computed on a GPU that has no float64, as Apple's have none, shown without one and with values."""

from typing import Any

import public_calls
import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map
from without_float64 import DEVICE, Elsewhere, without_float64

from course_utils.datasets.objects import objects_of
from course_utils.datasets.samples import Sample
from course_utils.datasets.windows import draw_windows
from course_utils.metrics.average_precision import average_precision, precision_recall
from course_utils.recipes.rare_persons import score_persons
from course_utils.training import distributed

NOT_SHOWN = {
    "convmatrix.conv_matrix": "sparse tensors stand in no other",
    "convmatrix.conv_matrix, one axis": "sparse tensors stand in no other",
    "convmatrix.conv2d": "sparse tensors stand in no other",
    "convmatrix.conv1d": "sparse tensors stand in no other",
    "convmatrix.conv_transpose2d, matrix": "sparse tensors stand in no other",
    "csr.transpose_csr": "sparse tensors stand in no other",
    "suppression.batched_nms": "of a vector by a matrix this device takes the wrong product",
    "windows.sliding_window_logits": "`torch.unravel_index` makes a tensor that is not seen",
}
"""What this device cannot do for a reason of its own."""


def single(value: Any) -> Any:
    """The same with no float64 in it."""
    return tree_map(lambda part: part.float() if _is_double(part) else part, value)


def _is_double(part: Any) -> bool:
    return isinstance(part, Tensor) and part.dtype == torch.float64


def moved(value: Any) -> Any:
    return tree_map(lambda part: part.to(DEVICE) if isinstance(part, Tensor) else part, value)


def on_cpu(value: Any) -> list[Tensor]:
    found = [part for part in tree_leaves(value) if isinstance(part, Tensor)]
    return [part.kept if isinstance(part, Elsewhere) else part for part in found]


@pytest.mark.parametrize("name", [name for name in public_calls.CALLS if name not in NOT_SHOWN])
def test_a_function_gives_the_same(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    call = public_calls.CALLS[name]
    arguments, named = single(call.arguments), single(call.named)
    wanted = on_cpu(call.function(*arguments, **named))
    with without_float64(monkeypatch):
        found = on_cpu(call.function(*moved(arguments), **moved(named)))
    assert len(found) == len(wanted)
    for have, want in zip(found, wanted, strict=True):
        torch.testing.assert_close(have, want, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_average_precision_of_counts_on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, hits = torch.tensor([0.9, 0.3, 0.6]), torch.tensor([[True, False, True], [False, False, True]])
    positives = torch.tensor([2, 4])
    wanted = average_precision(precision_recall(scores, hits, positives))
    with without_float64(monkeypatch):
        found = average_precision(precision_recall(scores.to(DEVICE), hits.to(DEVICE), positives.to(DEVICE)))
    assert torch.equal(found, wanted)


def test_windows_are_the_same_on_every_device(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.arange(2 * 3 * 8 * 9.0).view(2, 3, 8, 9)
    labels = torch.arange(2 * 8 * 9).view(2, 8, 9) % 5
    wanted = next(draw_windows(images, labels, window=3, steps=1, batch_size=7))
    with without_float64(monkeypatch):
        found = next(draw_windows(images.to(DEVICE), labels.to(DEVICE), window=3, steps=1, batch_size=7))
        assert {part.device for part in found} == {DEVICE}
    assert all(torch.equal(have, want) for have, want in zip(on_cpu(found), wanted, strict=True))


def test_objects_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = torch.tensor([[1, 1, 0, 2], [1, 0, 0, 2]])
    sample = Sample(torch.rand(3, 2, 4), labels, labels)
    with without_float64(monkeypatch):
        areas = objects_of(Sample(*moved(tuple(sample)))).areas
    assert areas.dtype == torch.float64 and areas.tolist() == [3, 2]


def test_scores_of_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities, truth = torch.tensor([0.9, 0.2, 0.7, 0.4]), torch.tensor([True, False, False, True])
    wanted = score_persons(probabilities, truth)
    with without_float64(monkeypatch):
        assert score_persons(probabilities.to(DEVICE), truth.to(DEVICE)) == pytest.approx(wanted)


def test_the_share_of_pixels_of_two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "rank_and_size", lambda: (0, 2))
    monkeypatch.setattr(distributed, "sum_over_ranks", lambda own: own + 3)
    labels, weights = torch.tensor([[0, 1, 255], [1, 1, 0]]), torch.tensor([2.0, 0.5])
    with without_float64(monkeypatch):
        assert float(distributed.share_of_pixels(labels.to(DEVICE))) == 2 * 5 / 8
        weighted = distributed.share_of_pixels(labels.to(DEVICE), class_weights=weights.to(DEVICE))
    assert float(weighted) == 2 * 5.5 / 8.5


def test_the_device_refuses_what_apples_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise no test above could fail."""
    with without_float64(monkeypatch):
        values = torch.ones(3)
        assert values.device == DEVICE and (values + 1).tolist() == [2, 2, 2]
        for look in (
            lambda: values.double(),
            lambda: values.cpu().double().to(DEVICE),
            lambda: values.new_zeros(1, dtype=torch.float64),
        ):
            with pytest.raises(TypeError, match="float64"):
                look()
        with pytest.raises(RuntimeError, match="same device"):
            values + torch.ones(3, device="cpu")
