import math

import numpy as np
import pytest
import torch
from metrics.coco_cases import coco_eval, random_images
from pycocotools import mask as coco_masks
from pycocotools.cocoeval import COCOeval
from scipy.ndimage import binary_erosion

from course_utils.metrics.instance import AveragePrecision, InstanceScores, match_instances

CLASSES = 4  # the last is in no image


def gathered(predictions, targets, classes=CLASSES, **settings) -> InstanceScores:
    metric = AveragePrecision(classes, **settings)
    for half in (slice(0, 3), slice(3, None)):
        metric.update(predictions[half], targets[half])
    return metric.compute()


def assert_equal_tensors(found: InstanceScores, library: COCOeval) -> None:
    """Every entry, to the last digit; -1 there is NaN here."""
    for name in ("precision", "recall", "scores"):
        assert np.array_equal(getattr(found, name).nan_to_num(-1).numpy(), library.eval[name]), name
    assert (found.precision.nan_to_num(0) > 0).any() and (found.precision < 1).any()


def assert_equal_stats(found: InstanceScores, library: COCOeval) -> None:
    """The twelve numbers that pycocotools prints, in its order; -1 there is NaN here."""
    areas = ("small", "medium", "large")
    stats = [found.ap, found.ap50, found.ap75, *(found.ap_by_area[area] for area in areas)]
    stats += [*found.ar.values(), *(found.ar_by_area[area] for area in areas)]
    assert [-1 if math.isnan(number) else number for number in stats] == library.stats.tolist()


# --- By hand


def square(*boxes: tuple[int, int, int, int], size: int = 20) -> torch.Tensor:
    masks = torch.zeros(len(boxes), size, size, dtype=torch.bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[y1:y2, x1:x2] = True
    return masks


def one_class(masks: torch.Tensor, scores=None, **more) -> dict[str, torch.Tensor]:
    found = {"masks": masks, "labels": torch.zeros(len(masks), dtype=torch.int64)} | more
    return found if scores is None else found | {"scores": torch.tensor(scores)}


def test_one_perfect_detection_at_an_iou_of_72_scores_one_half() -> None:
    """Right at 5 of 10 thresholds, .50 to .70: 72 of the 100 pixels."""
    found = gathered([one_class(square((0, 0, 9, 8)), [0.9])], [one_class(square((0, 0, 10, 10)))], 1)
    assert (found.ap, found.ap50, found.ap75) == (pytest.approx(0.5), pytest.approx(1), 0)
    assert found.ar == {1: 0.5, 10: 0.5, 100: 0.5}
    assert found.ap_by_area == {"all": found.ap, "small": found.ap, "medium": pytest.approx(math.nan, nan_ok=True)} | {
        "large": pytest.approx(math.nan, nan_ok=True)
    }
    assert found.ap_by_class.tolist() == [found.ap]


def test_a_second_detection_of_the_same_object_is_a_false_alarm() -> None:
    """At .5, by confidence: hit, false alarm, hit. Precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1: 51 of 101 recalls are ≤ 1/2."""
    target = one_class(square((0, 0, 10, 10), (10, 10, 20, 20)))
    prediction = one_class(square((0, 0, 10, 10), (0, 0, 10, 9), (10, 10, 20, 20)), [0.9, 0.8, 0.7])
    metric = AveragePrecision(1)
    metric.update([prediction], [target])
    assert metric.compute().ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)
    curve = metric.curve(0, threshold=0.5)
    assert curve.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3]) and curve.recall.tolist() == [0.5, 0.5, 1]
    assert curve.scores.tolist() == pytest.approx([0.9, 0.8, 0.7]) and curve.positives == 2


def test_a_detection_takes_the_object_it_overlaps_best_and_of_equals_the_later() -> None:
    """The truths 0 and 1 are one mask. If the first detection took the first, the crowd, it would not count."""
    masks = square((0, 0, 10, 10), (0, 0, 10, 10))
    for crowd, counted in (([True, False], 1), ([False, False], 0.5)):
        target = one_class(masks, iscrowd=torch.tensor(crowd))
        assert gathered([one_class(masks[:1], [0.9])], [target], 1).ar[100] == counted


def test_what_lies_in_a_crowd_is_neither_hit_nor_false_alarm() -> None:
    target = one_class(square((0, 0, 5, 5), (5, 0, 20, 20)), iscrowd=torch.tensor([0, 1]))
    prediction = one_class(square((5, 0, 10, 10), (10, 0, 20, 10), (0, 0, 5, 5), (0, 10, 5, 20)), [0.9, 0.8, 0.7, 0.6])
    metric = AveragePrecision(1)
    metric.update([prediction], [target])
    assert metric.curve(0).precision.tolist() == pytest.approx([0, 0, 1, 0.5])
    assert metric.compute().ap == pytest.approx(1)


def test_what_is_on_the_border_of_two_area_ranges_is_in_both() -> None:
    """32² pixels are small and medium, as true object, and as a false alarm, which halves the precision."""
    masks = square((0, 0, 32, 32), (32, 0, 64, 32), size=64)
    found = gathered([one_class(masks, [0.8, 0.9])], [one_class(masks[:1])], 1).ap_by_area
    assert (found["small"], found["medium"], found["all"]) == (0.5, 0.5, 0.5) and math.isnan(found["large"])


def test_a_class_without_objects_does_not_count_and_one_that_is_missed_does() -> None:
    masks = square((0, 0, 10, 10), (10, 10, 20, 20))
    prediction = {"masks": masks, "labels": torch.tensor([1, 3]), "scores": torch.tensor([0.9, 0.8])}
    target = {"masks": masks, "labels": torch.tensor([1, 2])}
    found = gathered([prediction], [target], 4)
    assert found.ap == pytest.approx(0.5)
    assert found.ap_by_class.tolist() == pytest.approx([math.nan, 1, 0, math.nan], nan_ok=True)
    # The same without classes: two objects, two hits.
    assert gathered([prediction], [target], 4, class_agnostic=True).ap == 1


# --- pycocotools


@pytest.mark.parametrize("iou_type", ["masks", "boxes"])
@pytest.mark.parametrize("seed", range(4))
def test_ap_equals_pycocotools(seed: int, iou_type: str) -> None:
    images = random_images(seed)
    found, library = gathered(*images, iou_type=iou_type), coco_eval(*images, CLASSES, iou_type)
    assert_equal_tensors(found, library)
    assert_equal_stats(found, library)
    assert 0 < found.ap < 1 and math.isnan(found.ap_by_class[-1])


OPTIONS = {
    "thresholds": ({"thresholds": (0.25, 0.5, 1.0)}, {"iouThrs": [0.25, 0.5, 1.0]}),
    "a threshold of 0": ({"thresholds": (0.0, 0.3)}, {"iouThrs": [0.0, 0.3]}),
    "recalls": ({"recalls": (0.0, 0.3, 0.9)}, {"recThrs": [0.0, 0.3, 0.9]}),
    "max_detections": ({"max_detections": (3, 1)}, {"maxDets": [3, 1]}),
    "areas": ({"areas": {"all": (0, 4000), "tiny": (20.5, 400)}}, {"areaRng": [[0, 4000], [20.5, 400]]}),
    "class_agnostic": ({"class_agnostic": True}, {"useCats": 0}),
    "class_agnostic, one detection": ({"class_agnostic": True, "max_detections": (1,)}, {"useCats": 0, "maxDets": [1]}),
}


@pytest.mark.parametrize("iou_type", ["masks", "boxes"])
@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_equals_that_of_pycocotools(option: str, iou_type: str) -> None:
    ours, theirs = OPTIONS[option]

    def change(params) -> None:
        for name, value in theirs.items():
            setattr(params, name, value)

    for seed in (10, 11):
        images = random_images(seed)
        library = coco_eval(*images, CLASSES, iou_type, change)
        assert_equal_tensors(gathered(*images, iou_type=iou_type, **ours), library)


def test_ap_equals_pycocotools_where_all_objects_are_crowds_and_where_none_is_found() -> None:
    predictions, targets = random_images(20, images=4)
    crowds = [target | {"iscrowd": torch.ones_like(target["labels"])} for target in targets]
    found, library = gathered(predictions, crowds), coco_eval(predictions, crowds, CLASSES)
    assert math.isnan(found.ap) and library.stats[0] == -1
    nothing = [{key: value[:0] for key, value in prediction.items()} for prediction in predictions]
    found, library = gathered(nothing, targets), coco_eval(nothing, targets, CLASSES)
    assert_equal_stats(found, library)
    assert found.ap == 0 and found.ar[100] == 0


def test_areas_of_masks_and_boxes_are_the_default() -> None:
    predictions, targets = random_images(30)
    for iou_type in ("masks", "boxes"):
        boxes = [target["boxes"] for target in targets]
        areas = [target["masks"].sum((1, 2)) for target in targets]
        if iou_type == "boxes":
            areas = [(box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) for box in boxes]
        given = [target | {"area": area} for target, area in zip(targets, areas, strict=True)]
        left_out = [{key: value for key, value in target.items() if key != "area"} for target in targets]
        assert_equal_tensors(
            gathered(predictions, left_out, iou_type=iou_type), coco_eval(predictions, given, 4, iou_type)
        )


class BoundaryEval(COCOeval):
    """pycocotools with the IoU of Cheng et al. 2021: the less of that of masks and of boundaries, by SciPy's erosion."""

    def computeIoU(self, image, label):
        found, true = self._dts[image, label], self._gts[image, label]
        order = np.argsort([-one["score"] for one in found], kind="mergesort")
        masks = [[one["segmentation"] for one in ones] for ones in ([found[i] for i in order], true)]
        if not masks[0] or not masks[1]:
            return []
        crowd = [one["iscrowd"] for one in true]
        iou = coco_masks.iou(*masks, crowd)
        of_rims = coco_masks.iou(*([self._rim(mask) for mask in several] for several in masks), crowd)
        return np.where(np.array(crowd, dtype=bool), iou, np.minimum(iou, of_rims))

    def _rim(self, encoded):
        mask = coco_masks.decode(encoded).astype(bool)
        width = round(0.02 * math.hypot(*mask.shape))
        inside = binary_erosion(mask, np.ones((3, 3)), iterations=width, border_value=0)
        return coco_masks.encode(np.asfortranarray((mask & ~inside).astype(np.uint8)))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
@pytest.mark.parametrize("seed", range(3))
def test_boundary_ap_equals_pycocotools_with_the_ious_of_boundaries(seed: int) -> None:
    images = random_images(seed)
    found = gathered(*images, iou_type="boundaries")
    assert_equal_tensors(found, coco_eval(*images, CLASSES, "boundaries", evaluator=BoundaryEval))
    assert found.ap < gathered(*images).ap


# --- Degenerate sizes, refusals


def test_nothing_at_all() -> None:
    found = AveragePrecision(2).compute()
    assert math.isnan(found.ap) and found.precision.shape == (10, 101, 2, 4, 3) and found.precision.isnan().all()
    empty = one_class(torch.zeros(0, 5, 6, dtype=torch.bool), [])
    assert math.isnan(gathered([empty], [empty], 2).ap)
    assert AveragePrecision(2).curve(1).precision.shape == (0,)


@pytest.mark.parametrize("size", [(1, 1), (1, 65), (64, 1), (8, 8)])
def test_one_pixel_masks_and_images_of_few_words(size: tuple[int, int]) -> None:
    mask = torch.zeros(1, *size, dtype=torch.bool)
    mask[0, -1, -1] = True
    found = gathered([one_class(mask, [0.5])], [one_class(mask)], 1)
    assert found.ap == pytest.approx(1, abs=1e-15) and found.ap_by_area["small"] == found.ap
    missed = gathered([one_class(~mask, [0.5])], [one_class(mask)], 1)
    assert missed.ap == 0


def test_empty_masks_match_nothing() -> None:
    mask = torch.zeros(1, 9, 9, dtype=torch.bool)
    assert gathered([one_class(mask, [0.5])], [one_class(mask)], 1).ap == 0


def test_500_objects_of_one_class_count_up_to_the_largest_number_of_detections() -> None:
    boxes = torch.arange(500)
    masks = torch.nn.functional.one_hot(boxes, 500).bool().view(500, 20, 25)
    draw = torch.Generator().manual_seed(0)
    scores = torch.rand(500, generator=draw).tolist()
    found = gathered([one_class(masks, scores)], [one_class(masks)], 1)
    assert found.ar == {1: pytest.approx(1 / 500), 10: pytest.approx(10 / 500), 100: pytest.approx(100 / 500)}
    assert found.ap == pytest.approx(21 / 101)


def test_the_order_of_images_does_not_matter_without_ties() -> None:
    predictions, targets = random_images(40)
    draw = torch.Generator().manual_seed(1)
    for prediction in predictions:
        prediction["scores"] = torch.rand(len(prediction["scores"]), generator=draw)
    assert gathered(predictions, targets).ap == gathered(predictions[::-1], targets[::-1]).ap


def test_scores_with_a_gradient_and_of_half_precision_are_taken() -> None:
    predictions, targets = random_images(41)
    for prediction in predictions:
        prediction["scores"] = prediction["scores"].bfloat16()
    wanted = gathered(predictions, targets).ap
    for prediction in predictions:
        prediction["scores"] = prediction["scores"].requires_grad_()
    assert gathered(predictions, targets).ap == wanted > 0


def test_other_keys_do_not_matter() -> None:
    predictions, targets = random_images(42)
    more = [target | {"image_id": torch.tensor(3), "name": "street"} for target in targets]
    for settings in ({}, {"class_agnostic": True}):
        assert gathered(predictions, more, **settings).ap == gathered(predictions, targets, **settings).ap


GOOD = one_class(square((0, 0, 10, 10), (5, 5, 9, 9)), [0.9, 0.8])


@pytest.mark.parametrize(
    ("prediction", "target", "told"),
    [
        (
            {"masks": GOOD["masks"]},
            GOOD,
            r"A prediction must be a dict with the keys \['labels', 'masks', 'scores'\], but is",
        ),
        (GOOD, GOOD["masks"], "A target must be a dict .* but is Tensor"),
        (GOOD | {"masks": GOOD["masks"].float()[:, None]}, GOOD, r"bool \(N, H, W\), but .*`masks\[:, 0\] > 0.5`"),
        (GOOD, GOOD | {"masks": GOOD["masks"].byte()}, r"convert them with `.bool\(\)`"),
        (GOOD, GOOD | {"masks": GOOD["masks"].int().sum(0)}, r"must have an entry for each of 2 labels|ids_to_masks"),
        (GOOD | {"masks": GOOD["masks"][:, :5]}, GOOD, r"must be masks of one image, but have the sizes \(5, 20\)"),
        (GOOD | {"masks": GOOD["masks"][:1]}, GOOD, "must have an entry for each of 2 labels"),
        (
            GOOD | {"labels": torch.tensor([0, 1])},
            GOOD,
            r"prediction\['labels'\] must be 0 … 0, but go from 0 to 1; map",
        ),
        (GOOD, GOOD | {"labels": torch.tensor([-1, 0])}, r"target\['labels'\] must be 0 … 0, but go from -1 to 0"),
        (GOOD | {"labels": torch.zeros(2)}, GOOD, "must be integers"),
        (GOOD | {"scores": torch.tensor([0.1, math.nan])}, GOOD, r"\['scores'\] must be finite"),
        (GOOD | {"scores": torch.ones(3)}, GOOD, r"\['scores'\] must have the shape \(2,\)"),
        (GOOD | {"scores": [0.1, 0.2]}, GOOD, r"prediction\['scores'\] must be a tensor, but is list"),
        (GOOD, GOOD | {"area": torch.ones(1)}, r"\['area'\] must have the shape"),
        (GOOD, GOOD | {"iscrowd": torch.ones(2, 1)}, r"\['iscrowd'\] must have the shape"),
    ],
)
def test_instances_that_are_not_as_they_should_be_are_refused_and_change_nothing(prediction, target, told: str) -> None:
    metric = AveragePrecision(1)
    metric.update([GOOD], [GOOD])
    with pytest.raises(ValueError, match=told):
        metric.update([GOOD, prediction], [GOOD, target])
    assert metric.curve(0).positives == 2


@pytest.mark.parametrize("images", [(GOOD, GOOD), ([GOOD], []), (None, [GOOD])])
def test_update_takes_lists_of_images(images) -> None:
    with pytest.raises(ValueError, match=r"update needs a list .*: update\(\[prediction\], \[target\]\)"):
        AveragePrecision(1).update(*images)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"iou_type": "segm"}, "iou_type must be one of"),
        ({"thresholds": ()}, "thresholds must"),
        ({"thresholds": (0.5, 0.5)}, "thresholds must .* ascend"),
        ({"recalls": (0.5, 1.5)}, "recalls must"),
        ({"max_detections": 100}, "max_detections must be a tuple"),
        ({"max_detections": (0, 10)}, "max_detections must be an integer of 1"),
        ({"areas": {"small": (0, 9)}}, 'areas must be a dict .* "all"'),
        ({"areas": {"all": (9, 0)}}, r"areas\['all'\] must be \(smallest, largest\)"),
        ({"class_agnostic": 1}, "class_agnostic must be True or False"),
        ({"sigmas": ()}, "sigmas must"),
    ],
)
def test_settings_that_are_impossible_are_refused(settings, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        AveragePrecision(2, **settings)


def test_curve_refuses_a_label_and_a_threshold_that_it_lacks() -> None:
    for arguments in ({"label": 2}, {"threshold": 0.51}):
        with pytest.raises(ValueError, match="curve needs a label below 2 and one of the thresholds"):
            AveragePrecision(2).curve(**arguments)
    assert AveragePrecision(2).curve(1, threshold=0.9).scores.shape == (0,)


# --- Instances without classes


def test_match_instances_finds_the_permutation_that_was_drawn() -> None:
    masks = square((0, 0, 5, 5), (5, 5, 10, 10), (10, 0, 20, 5))
    found = match_instances(masks[[2, 0, 1]], masks)
    assert (found.pred.tolist(), found.truth.tolist(), found.iou.tolist()) == ([0, 1, 2], [2, 0, 1], [1, 1, 1])
    assert found.mean_iou == 1
    assert match_instances(masks[:2], masks).mean_iou == pytest.approx(2 / 3)


def test_match_instances_refuses_two_sizes_and_maps_of_ids() -> None:
    masks = square((0, 0, 5, 5))
    with pytest.raises(ValueError, match="pred and truth must be masks of one image"):
        match_instances(masks, masks[:, 1:])
    with pytest.raises(ValueError, match="truth must be bool .*ids_to_masks"):
        match_instances(masks, masks[0].long())


@pytest.mark.gpu
def test_ap_on_a_gpu() -> None:
    predictions, targets = random_images(50)
    on_gpu = [[{key: value.cuda() for key, value in one.items()} for one in ones] for ones in (predictions, targets)]
    for iou_type in ("masks", "boxes", "boundaries"):
        found, wanted = gathered(*on_gpu, iou_type=iou_type), gathered(predictions, targets, iou_type=iou_type)
        assert found.precision.device.type == "cpu" and found.ap == wanted.ap
