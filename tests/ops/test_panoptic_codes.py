"""Panoptic maps in the numbers of COCO, Cityscapes and KITTI, and back."""

import pytest
import torch

from course_utils.ops.panoptic import VOID
from course_utils.ops.panoptic_codes import (
    from_cityscapes,
    from_coco,
    from_kitti,
    ids_to_rgb,
    rgb_to_ids,
    to_cityscapes,
    to_coco,
    to_kitti,
)

SKY, CAR, PERSON = 1, 2, 3
THINGS = (CAR, PERSON)
MAP = torch.tensor([[[SKY, 0], [CAR, 1], [CAR, 1]], [[PERSON, 1], [CAR, 2], [VOID, 0]]])


def test_a_colour_is_a_number_to_the_base_of_256():
    assert ids_to_rgb(torch.tensor([3, 256, 65536, 7 + 256 * 5 + 65536 * 9])).tolist() == [
        [3, 0, 0], [0, 1, 0], [0, 0, 1], [7, 5, 9],
    ]  # fmt: skip
    numbers = torch.randint(0, 256**3, (4, 5), generator=torch.Generator().manual_seed(0))
    assert torch.equal(rgb_to_ids(ids_to_rgb(numbers)), numbers)


def test_coco_by_hand():
    picture, segments = to_coco(MAP)
    assert picture[..., 0].tolist() == [[1, 2, 2], [4, 3, 0]] and not picture[..., 1:].any()
    assert segments[1] == {"id": 2, "category_id": CAR, "area": 2, "bbox": [1, 0, 2, 1], "iscrowd": 0}
    assert [segment["category_id"] for segment in segments] == [SKY, CAR, CAR, PERSON]
    assert torch.equal(from_coco(picture, segments, things=THINGS), MAP)


def test_coco_marks_crowds():
    _, segments = to_coco(MAP, crowd=torch.tensor([[False, True, True], [False, False, False]]))
    assert [segment["iscrowd"] for segment in segments] == [0, 1, 0, 0]


def test_cityscapes_and_kitti_by_hand():
    assert to_cityscapes(MAP, things=THINGS).tolist() == [[1, 2000, 2000], [3000, 2001, 255]]
    assert to_kitti(MAP, things=THINGS).tolist() == [[256, 513, 513], [769, 514, 65280]]
    assert torch.equal(from_cityscapes(to_cityscapes(MAP, things=THINGS)), MAP)
    assert torch.equal(from_kitti(to_kitti(MAP, things=THINGS)), MAP)


@pytest.mark.parametrize(
    ("write", "read", "most"), [(to_cityscapes, from_cityscapes, 1000), (to_kitti, from_kitti, 255)]
)
def test_as_many_objects_as_fit_and_no_more(write, read, most):
    panoptic = torch.tensor([[[CAR, most], [CAR, 1]]])
    assert torch.equal(read(write(panoptic, things=THINGS)), panoptic)
    with pytest.raises(ValueError, match=f"from 1 to {most} to be written so, but are from 1 to {most + 1}"):
        write(panoptic + torch.tensor([[[0, 1], [0, 0]]]), things=THINGS)
    with pytest.raises(ValueError, match="but are from 0 to 1"):
        write(torch.tensor([[[CAR, 0], [CAR, 1]]]), things=THINGS)


def test_batches_and_empty_maps():
    batch = torch.stack([MAP, MAP.flip(1)])
    assert torch.equal(from_kitti(to_kitti(batch, things=THINGS)), batch)
    nothing = MAP[:0]
    assert from_cityscapes(to_cityscapes(nothing, things=THINGS)).shape == (0, 3, 2)
    picture, segments = to_coco(nothing)
    assert picture.shape == (0, 3, 3) and segments == []


def test_ids_of_the_other_form_may_be_any():
    picture, segments = to_coco(torch.tensor([[[CAR, 70_000], [CAR, 3]]]))
    assert from_coco(picture, segments, things=THINGS).tolist() == [[[CAR, 2], [CAR, 1]]], "two objects stay two"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: to_coco(MAP[None]), r"the map of one image \(H, W, 2\)"),
        (lambda: to_coco(MAP, crowd=torch.zeros(2, 3)), r"crowd must be bool \(2, 3\), but is torch.float32"),
        (lambda: to_coco(MAP.float()), "panoptic must hold integer labels"),
        (lambda: from_coco(torch.full((1, 1, 3), 9, dtype=torch.uint8), [], things=THINGS), "which no segment has"),
        (lambda: rgb_to_ids(torch.zeros(3, 4, 4, dtype=torch.uint8)), "without converting colours, and channels last"),
        (lambda: rgb_to_ids(torch.zeros(4, 4, 3)), r"picture must be uint8 \(…, 3\), but is torch.float32"),
        (lambda: ids_to_rgb(torch.tensor([256**3])), "Three bytes hold ids up to 16777215"),
        (lambda: ids_to_rgb(torch.tensor([-1])), "ids must be 0 or more"),
        (lambda: from_kitti(torch.tensor([[2**16]])), "16 bits hold numbers up to 65535"),
        (lambda: from_cityscapes(torch.tensor([[-1]])), "numbers must be 0 or more"),
        (lambda: from_cityscapes(torch.tensor([[0.5]])), "numbers must hold integer labels"),
    ],
)
def test_it_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.gpu
def test_on_a_gpu():
    picture, segments = to_coco(MAP.cuda())
    assert torch.equal(from_coco(picture, segments, things=THINGS).cpu(), MAP) and segments == to_coco(MAP)[1]
