"""What is known of a tensor: remembered of this very tensor, and only until it changes."""

import copy
import gc
import pickle

import torch

from course_utils.ops.known import recall, remember
from course_utils.ops.labels import LabelRange, know_range, label_range


def test_what_is_remembered_is_forgotten_with_a_change_in_place() -> None:
    tensor = torch.zeros(3)
    assert recall(tensor, "sum") is None
    remember(tensor, "sum", 0)
    remember(tensor, "largest", 1)
    assert (recall(tensor, "sum"), recall(tensor, "largest")) == (0, 1)
    view = tensor[:2]
    view += 1
    assert recall(tensor, "sum") is None


def test_nothing_is_known_of_copies_and_views() -> None:
    tensor = torch.zeros(3, 2)
    remember(tensor, "sum", 0)
    for other in (
        tensor.clone(),
        tensor[:],
        tensor.detach(),
        copy.deepcopy(tensor),
        pickle.loads(pickle.dumps(tensor)),
    ):
        assert recall(other, "sum") is None
    assert recall(tensor, "sum") == 0


def test_nothing_is_remembered_in_inference_mode_where_changes_are_not_counted() -> None:
    with torch.inference_mode():
        tensor = torch.zeros(3)
        remember(tensor, "sum", 0)
        assert recall(tensor, "sum") is None


def test_what_is_known_dies_with_its_tensor() -> None:
    from course_utils.ops import known

    gc.collect()
    before = len(known._known)
    tensor = torch.zeros(3)
    remember(tensor, "sum", 0)
    assert len(known._known) == before + 1
    del tensor
    gc.collect()
    assert len(known._known) == before


def test_the_range_of_labels_by_hand() -> None:
    labels = torch.tensor([[3, 255], [1, 2]])
    assert label_range(labels, 255) == (0, 3, 255)
    assert label_range(labels, None) == (1, 255, None)
    assert label_range(labels, 2) == (0, 255, 2)
    assert label_range(torch.zeros(0, 3, dtype=torch.int64), 255) == (0, 0, 255)
    for kind in (torch.bool, torch.uint8, torch.int16, torch.uint16, torch.int32):
        assert label_range(torch.tensor([[0, 1]]).to(kind), 255) == (0, 1, 255)


def test_labels_are_looked_at_once(monkeypatch) -> None:
    labels = torch.tensor([[3, 255], [1, 2]])
    label_range(labels, 255)
    monkeypatch.setattr(torch.Tensor, "aminmax", None)  # whoever looks again fails
    assert label_range(labels, 255) == (0, 3, 255)
    moved = labels.clone()
    know_range(moved, LabelRange(0, 3, 255))
    assert label_range(moved, 255) == (0, 3, 255)
