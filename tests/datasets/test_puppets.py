"""The puppets: frozen, equal everywhere, and as their docstring says."""

import hashlib

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from course_utils.datasets.objects import Objects, objects_of
from course_utils.datasets.puppetry.body import KEYPOINTS, Limb, Pose, ahead, joints
from course_utils.datasets.puppetry.picture import paint_stage, read_truth
from course_utils.datasets.puppetry.stage import lay_stage
from course_utils.datasets.puppets import VERSION, Puppets
from course_utils.datasets.random_draws import Draws
from course_utils.datasets.samples import Sample, boxes_and_masks

# SHA-256 of instances and keypoints. The world of a version does not change: with other hashes it is another VERSION, and the
# results of all lessons are to be made anew.
FROZEN = {
    ("train", (96, 128), 0): "ff13237106bc23f650f44430703405ff0909d9172f0bb628d20fd02fbc7147bb",
    ("train", (96, 128), 4095): "fdec27b2898b6b8916367ed08b1c2958bab5fe94f9f2d165f5a7b48456b39d4e",
    ("val", (96, 128), 7): "d9d7d68c1dd3a47a0634b8b84ee1cac0ed301ad670d5806194a9f23d9ecba708",
    ("test", (96, 128), 255): "fbf0a684ee0ffad0e518156b02026a0351784579b36a0e64a2a19dc1c53a5ea1",
    ("train", (48, 64), 3): "b75f0cf8f6a1024f9ed5919b5dfd78139631c8516d630ff0ea2fc7ca6c16b491",
    ("val", (192, 256), 11): "39fca194ada4a4d81c1e85177ee04edd6fb62af75050711e2aabca453c009595",
    ("test", (97, 331), 5): "72724784a74120c1ee8e99ef935996496226ac183bc1471f2997176732031ed0",
    ("train", (768, 1024), 1): "8a1a010e05e3796dd05056211000a87225d1dab65936bf1daba432020306900b",
}


def digest(sample: Sample, objects: Objects) -> str:
    """SHA-256 of the instances as little-endian 64-bit integers, and of the keypoints as 32-bit floats."""
    parts = sample.instances.numpy().astype("<i8"), objects.keypoints.numpy().astype("<f4")
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


@pytest.fixture(scope="module")
def drawn() -> list[tuple[Sample, Objects]]:
    data = Puppets(length=80)
    return [data.with_objects(i) for i in range(80)]


@pytest.mark.parametrize(("split", "size", "index"), FROZEN)
def test_instances_and_keypoints_are_frozen(split: str, size: tuple[int, int], index: int) -> None:
    assert VERSION == 1
    assert digest(*Puppets(split, size).with_objects(index)) == FROZEN[split, size, index]


def test_images_are_frozen_to_1e_5() -> None:
    image = Puppets("val")[2].image
    wanted = [
        0.349661, 0.287758, 0.265881, 0.356032, 0.447259, 0.373451,
        0.394232, 0.395808, 0.371108, 0.309705, 0.364008, 0.584701,
    ]  # fmt: skip
    assert image[:, 20::50, 30::60].flatten().tolist() == pytest.approx(wanted, abs=1e-5)


def test_shape_type_and_range() -> None:
    for size in ((96, 128), (48, 64), (61, 200), (192, 256)):
        image, labels, instances = Puppets("val", size)[3]
        assert image.shape == (3, *size) and labels.shape == instances.shape == size
        assert image.dtype == torch.float32 and labels.dtype == instances.dtype == torch.int64
        assert 0 <= image.min() < 0.3 and 0.4 < image.max() <= 1
        assert image.is_contiguous() and labels.is_contiguous()


def test_attributes() -> None:
    data = Puppets("test", length=3)
    assert (
        data.classes == ("background", "puppet") and data.num_classes == len(data.colours) == 2 and data.things == (1,)
    )
    assert data.names == ("test-00000", "test-00001", "test-00002")
    names = data.keypoint_names
    assert len(names) == len(set(names)) == len(data.sigmas) == len(data.mirrored) == 13
    assert {end for line in data.skeleton for end in line} == set(range(13)) and len(set(data.skeleton)) == 14
    for name, other in enumerate(data.mirrored):
        swapped = names[name].replace("left", "L").replace("right", "left").replace("L", "right")
        assert names[other] == swapped and data.mirrored[other] == name
        assert data.sigmas[other] == data.sigmas[name]


def test_a_sample_is_the_same_each_time_and_with_and_without_its_objects() -> None:
    data = Puppets("val", length=9)
    sample, objects = data.with_objects(4)
    assert all(torch.equal(a, b) for a, b in zip(sample, Puppets("val")[4], strict=True))
    assert all(torch.equal(a, b) for a, b in zip(objects, data.objects(4), strict=True))


def test_worker_processes_make_the_same_samples() -> None:
    data = Puppets("val", (48, 64), length=6)
    for number, batch in enumerate(DataLoader(data, batch_size=3, num_workers=2)):
        for i in range(3):
            assert all(torch.equal(batch[field][i], data[3 * number + i][field]) for field in range(3))


def test_splits_share_no_sample() -> None:
    digests = {
        digest(*Puppets(split, (48, 64)).with_objects(i)) for split in ("train", "val", "test") for i in range(12)
    }
    assert len(digests) == 36


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="size must be"):
        Puppets("train", (40, 128))
    with pytest.raises(ValueError, match="split must be"):
        Puppets("training")
    with pytest.raises(ValueError, match="length must be"):
        Puppets(length=0)
    for read in (Puppets(length=4).__getitem__, Puppets(length=4).objects):
        with pytest.raises(IndexError, match="4 samples"):
            read(4)


# --- The truth


def test_objects_agree_with_the_sample(drawn: list[tuple[Sample, Objects]]) -> None:
    for sample, objects in drawn:
        assert torch.equal(sample.labels, (sample.instances > 0).long())
        assert sample.instances.unique().tolist() == list(range(len(objects.boxes) + 1))
        boxes, masks, classes = boxes_and_masks(sample)
        assert torch.equal(objects.boxes, boxes) and torch.equal(objects.masks, masks)
        assert torch.equal(objects.classes, classes) and set(classes.tolist()) == {1}
        assert not objects.crowd.any() and torch.equal(objects.areas, masks.sum((1, 2)).double())
        assert objects.keypoints.shape == (len(boxes), 13, 3) and objects.keypoints.dtype == torch.float32


def test_a_keypoint_that_is_seen_lies_on_its_puppet(drawn: list[tuple[Sample, Objects]]) -> None:
    for sample, objects in drawn:
        for number, points in enumerate(objects.keypoints, start=1):
            for x, y, visibility in points.tolist():
                if visibility == 2:
                    assert sample.instances[int(y), int(x)] == number
                elif visibility == 1:
                    assert 0 <= x < 128 and 0 <= y < 96
                else:
                    assert (x, y, visibility) == (0, 0, 0)


def test_shares(drawn: list[tuple[Sample, Objects]]) -> None:
    assert {len(objects.boxes) for _, objects in drawn} == {1, 2, 3, 4}
    assert float(torch.stack([sample.labels for sample, _ in drawn]).float().mean()) == pytest.approx(0.12, abs=0.02)
    visibility = torch.cat([objects.keypoints[..., 2].flatten() for _, objects in drawn]).long()
    shares = (torch.bincount(visibility, minlength=3) / len(visibility)).tolist()
    assert shares == pytest.approx([0.04, 0.16, 0.8], abs=0.03)
    assert min(float(objects.areas.min()) for _, objects in drawn) >= 64
    # Nobody is without a keypoint that is seen.
    assert all((objects.keypoints[..., 2] == 2).any(1).all() for _, objects in drawn)


def test_puppets_hide_each_other(drawn: list[tuple[Sample, Objects]]) -> None:
    hidden = 0
    for sample, objects in drawn:
        for number, points in enumerate(objects.keypoints, start=1):
            for x, y, visibility in points.tolist():
                hidden += visibility == 1 and int(sample.instances[int(y), int(x)]) > number
    assert hidden > 50


def test_what_is_hidden_is_hidden_by_what_is_painted_in_front() -> None:
    """Each puppet alone on its stage: no keypoint is seen less, and what another hid is seen again."""
    uncovered = 0
    for index in range(20):
        stage = lay_stage(Draws(VERSION, 4, 0, index, 0))
        _, together = read_truth(*paint_stage(stage, 96, 128))
        if len(together) < len(stage.puppets):
            continue
        for puppet, points in zip(stage.puppets, together, strict=True):
            _, alone = read_truth(*paint_stage(stage._replace(puppets=(puppet,)), 96, 128))
            assert np.array_equal(alone[0, :, :2], points[:, :2]) and (alone[0, :, 2] >= points[:, 2]).all()
            uncovered += int((alone[0, :, 2] > points[:, 2]).sum())
    assert uncovered > 20


def test_another_size_is_the_same_stage() -> None:
    for index in range(3):
        small, few = Puppets("val").with_objects(index)
        large, many = Puppets("val", (288, 384)).with_objects(index)
        # The centre of a pixel is the centre of the middle one of nine.
        assert torch.equal(small.instances, large.instances[1::3, 1::3])
        torch.testing.assert_close(3 * few.keypoints[..., :2], many.keypoints[..., :2], rtol=0, atol=1e-3)


def test_a_wider_picture_shows_more_to_both_sides() -> None:
    for index in range(6):
        usual, wide = Puppets("val")[index], Puppets("val", (96, 320))[index]
        assert torch.equal(usual.labels, wide.labels[:, 96:224])


def test_a_target_has_the_names_of_detectors(drawn: list[tuple[Sample, Objects]]) -> None:
    sample, objects = drawn[0]
    target = objects.target()
    assert list(target) == ["boxes", "labels", "masks", "iscrowd", "area", "keypoints"]
    assert target["labels"] is objects.classes and target["keypoints"] is objects.keypoints
    assert "keypoints" not in objects_of(sample).target()


# --- The body

HANGING = Limb(0, 0)


def test_directions() -> None:
    assert [ahead((5, 7), angle, 100) for angle in (0, 90, 180, 270, -90, 450)] == [
        (5, 107), (105, 7), (5, -93), (-95, 7), (-95, 7), (105, 7),
    ]  # fmt: skip
    assert ahead((0, 0), 30, 1000) == (500, 866)


def test_a_body_that_hangs_straight_down() -> None:
    places = joints(Pose(0, 0, 0, HANGING, HANGING, HANGING, HANGING))
    assert set(places) == {"neck", *KEYPOINTS}
    assert places["neck"] == (0, -290) and places["head"] == (0, -408)
    # It looks at us, so its left is on our right.
    assert places["left shoulder"] == (112, -290) and places["right shoulder"] == (-112, -290)
    assert places["left hand"] == (112, 25) and places["right foot"] == (-62, 460)


def test_left_and_right_mirror_each_other() -> None:
    raised, spread = Limb(120, -70), Limb(35, -20)
    places = joints(Pose(0, 0, 0, raised, raised, spread, spread))
    for name in ("shoulder", "elbow", "hand", "hip", "knee", "foot"):
        (left_x, left_y), (right_x, right_y) = places[f"left {name}"], places[f"right {name}"]
        assert abs(left_x + right_x) <= 4 and abs(left_y - right_y) <= 4, name  # whole numbers, rounded down
    assert places["left elbow"][0] > places["left shoulder"][0] and places["left elbow"][1] < places["left shoulder"][1]
    assert places["left hand"][0] > places["left elbow"][0]


@pytest.mark.parametrize("facing", [-1, 1])
def test_seen_from_the_side_arms_swing_forwards_and_knees_bend_backwards(facing: int) -> None:
    places = joints(Pose(facing, 0, 0, Limb(60, 60), Limb(-30, 0), Limb(0, 80), Limb(40, 0)))
    forwards = {name: facing * x for name, (x, _) in places.items()}
    assert forwards["left hand"] > forwards["left elbow"] > forwards["left shoulder"] + 100
    assert forwards["right hand"] < forwards["right elbow"] < forwards["right shoulder"]
    assert forwards["left foot"] < forwards["left knee"] - 200 and forwards["right knee"] > forwards["right hip"]
