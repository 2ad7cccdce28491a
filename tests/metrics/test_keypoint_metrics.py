import math

import numpy as np
import pytest
import torch
from metrics.coco_cases import coco_eval, random_images
from pycocotools.cocoeval import Params

from course_utils.metrics.instance import AveragePrecision
from course_utils.metrics.keypoints import COCO_SIGMAS, keypoint_similarity


def pose(*points: tuple[float, float, int]) -> torch.Tensor:
    return torch.tensor([points], dtype=torch.float64)


AREA, BOX = torch.tensor([100.0]), torch.tensor([[0.0, 0, 10, 10]])


def test_similarity_by_hand() -> None:
    """s² = 100, k = 2 · 0.05 = 0.1: a distance of √2 gives e⁻¹. What is not visible does not matter."""
    truth = pose((0, 0, 2), (5, 5, 1), (9, 9, 0))
    pred = pose((0, 0, 0), (6, 6, 0), (-50, 0, 0))
    found = keypoint_similarity(pred, truth, AREA, BOX, sigmas=(0.05, 0.05, 0.05))
    assert found.tolist() == [[pytest.approx((1 + math.exp(-1)) / 2)]]
    larger = keypoint_similarity(pred, truth, 4 * AREA, BOX, sigmas=(0.05, 0.05, 0.05))
    assert larger.tolist() == [[pytest.approx((1 + math.exp(-1 / 4)) / 2)]]
    assert keypoint_similarity(pred[..., :2], truth, AREA, BOX, sigmas=(0.05, 0.05, 0.05)).equal(found)


def test_a_pose_that_nobody_marked_is_compared_with_a_box_three_times_as_large() -> None:
    truth = pose((0, 0, 0), (0, 0, 0))
    for x, wanted in ((-10, 1), (20, 1), (20 + math.sqrt(2), (1 + math.exp(-1)) / 2)):
        pred = pose((x, 20, 0), (0, -10, 0))
        assert keypoint_similarity(pred, truth, AREA, BOX, sigmas=(0.05, 0.05)).item() == pytest.approx(wanted)


def test_an_object_without_an_area_allows_no_distance() -> None:
    truth = pose((1, 1, 2), (5, 5, 1))
    found = keypoint_similarity(
        truth + torch.tensor([[[0, 0, 0], [0.001, 0, 0]]]), truth, 0 * AREA, BOX, sigmas=(0.05, 0.05)
    )
    assert found.tolist() == [[0.5]]


def test_the_sigmas_are_those_of_pycocotools() -> None:
    assert np.array_equal(COCO_SIGMAS, Params("keypoints").kpt_oks_sigmas)


@pytest.mark.parametrize("seed", range(4))
def test_keypoint_ap_equals_pycocotools(seed: int) -> None:
    predictions, targets = random_images(seed, classes=2, points=17)
    library = coco_eval(predictions, targets, 2, "keypoints")
    metric = AveragePrecision(2, iou_type="keypoints")
    metric.update(predictions, targets)
    found = metric.compute()
    for name in ("precision", "recall", "scores"):
        assert np.array_equal(getattr(found, name).nan_to_num(-1).numpy(), library.eval[name]), name
    stats = [found.ap, found.ap50, found.ap75, found.ap_by_area["medium"], found.ap_by_area["large"], found.ar[20]]
    stats = [-1 if math.isnan(number) else number for number in stats]
    assert stats == library.stats[[0, 1, 2, 3, 4, 5]].tolist() and 0 < found.ap < 1
    assert list(found.ap_by_area) == ["all", "medium", "large"]


@pytest.mark.parametrize("seed", range(2))
def test_similarity_equals_pycocotools_to_the_last_digit(seed: int) -> None:
    predictions, targets = random_images(seed, classes=1, points=17)
    library = coco_eval(predictions, targets, 1, "keypoints", lambda params: setattr(params, "maxDets", [1000]))
    unseen = 0
    for image, (prediction, target) in enumerate(zip(predictions, targets, strict=True)):
        order = (-prediction["scores"]).argsort(stable=True)
        found = keypoint_similarity(
            prediction["keypoints"][order], target["keypoints"], target["area"], target["boxes"]
        )
        wanted = library.ious[image, 0]
        assert np.array_equal(found.numpy(), wanted) if len(wanted) else found.numel() == 0
        unseen += int((target["keypoints"][:, :, 2] == 0).all(1).sum())
    assert unseen > 2


def test_other_points_have_other_sigmas_and_the_area_of_the_box_is_the_default() -> None:
    predictions, targets = random_images(5, points=4)
    sigmas = (0.02, 0.05, 0.1, 0.2)

    def change(params) -> None:
        params.kpt_oks_sigmas, params.maxDets = np.array(sigmas), [2, 5]

    for target in targets:
        boxes = target["boxes"]
        target["area"] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    library = coco_eval(predictions, targets, 3, "keypoints", change)
    for target in targets:
        del target["area"]
    metric = AveragePrecision(3, iou_type="keypoints", sigmas=sigmas, max_detections=(2, 5))
    metric.update(predictions, targets)
    assert np.array_equal(metric.compute().precision.nan_to_num(-1).numpy(), library.eval["precision"])
    assert 0 < metric.compute().ap < 1


def test_a_similarity_just_below_1_reaches_the_threshold_of_1_as_in_pycocotools() -> None:
    """Poses that have moved by 10⁻⁶ pixels: COCO lowers a threshold of 1 by 10⁻¹⁰."""
    predictions, targets = random_images(6, classes=1, points=17)
    targets = [target | {"iscrowd": torch.zeros_like(target["labels"])} for target in targets]
    predictions = [target | {"scores": torch.arange(len(target["labels"])) / 8} for target in targets]
    for prediction in predictions:
        prediction["keypoints"] = prediction["keypoints"] + 1e-6
    library = coco_eval(predictions, targets, 1, "keypoints", lambda params: setattr(params, "iouThrs", [1.0]))
    metric = AveragePrecision(1, iou_type="keypoints", thresholds=(1.0,))
    metric.update(predictions, targets)
    assert np.array_equal(metric.compute().precision.nan_to_num(-1).numpy(), library.eval["precision"])
    similarities = np.concatenate([found.ravel() for found in library.ious.values() if len(found)])
    assert ((similarities < 1) & (similarities >= 1 - 1e-10)).any() and metric.compute().ap > 0.1


def test_no_poses_at_all() -> None:
    nothing = torch.zeros(0, 17, 3)
    assert keypoint_similarity(nothing, nothing, torch.zeros(0), torch.zeros(0, 4)).shape == (0, 0)
    labels = torch.zeros(0, dtype=torch.int64)
    metric = AveragePrecision(1, iou_type="keypoints")
    metric.update(
        [{"keypoints": nothing, "labels": labels, "scores": torch.zeros(0)}],
        [{"keypoints": nothing, "labels": labels, "boxes": torch.zeros(0, 4)}],
    )
    assert math.isnan(metric.compute().ap)


TRUTH = torch.zeros(1, 17, 3)


@pytest.mark.parametrize(
    ("arguments", "named", "told"),
    [
        ((TRUTH[:, :5], TRUTH, AREA, BOX), {}, r"pred must be keypoints \(N, 17, 2 or 3\), since there are 17 sigmas"),
        ((TRUTH, TRUTH[..., :2], AREA, BOX), {}, r"truth must be keypoints \(N, 17, 3\)"),
        ((TRUTH / 0, TRUTH, AREA, BOX), {}, "pred must be finite"),
        ((TRUTH, TRUTH, AREA[:0], BOX), {}, r"areas must be \(M,\) and boxes \(M, 4\)"),
        ((TRUTH, TRUTH, AREA, BOX[:, :2]), {}, r"areas must be \(M,\) and boxes \(M, 4\)"),
        ((TRUTH, TRUTH, AREA, BOX), {"sigmas": (0.1, 0)}, "sigmas must be a tuple of positive numbers"),
    ],
)
def test_similarity_refuses(arguments, named, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        keypoint_similarity(*arguments, **named)


def test_keypoint_targets_need_boxes() -> None:
    target = {"keypoints": TRUTH, "labels": torch.zeros(1).long()}
    prediction = target | {"scores": torch.ones(1)}
    with pytest.raises(ValueError, match=r"target must be a dict with the keys \['labels', 'keypoints', 'boxes'\]"):
        AveragePrecision(1, iou_type="keypoints").update([prediction], [target])


@pytest.mark.gpu
def test_similarity_on_a_gpu() -> None:
    truth = pose((0, 0, 2), (5, 5, 1))
    arguments = truth + 0.5, truth, AREA, BOX
    found = keypoint_similarity(*(value.cuda() for value in arguments), sigmas=(0.1, 0.1))
    assert found.is_cuda and torch.equal(found.cpu(), keypoint_similarity(*arguments, sigmas=(0.1, 0.1)))
