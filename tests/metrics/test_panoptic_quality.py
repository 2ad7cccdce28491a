"""Panoptic quality: worked cases, COCO's rules written out slowly, what torchmetrics counts otherwise, and bad input."""

import math
from collections import Counter, defaultdict

import pytest
import torch
from tolerances import EXACT
from torch import Tensor

from course_utils.metrics.panoptic import PanopticQuality

SKY, ROAD, CAR, PERSON, VOID = 0, 1, 2, 3, 255
THINGS = (CAR, PERSON)


def panoptic(text: str) -> Tensor:
    """A map of letters: s(ky), r(oad), v(oid); A, B, C cars and P, Q persons."""
    known = {"s": (SKY, 0), "r": (ROAD, 0), "v": (VOID, 0)} | {
        letter: (CAR if letter in "ABC" else PERSON, number)
        for letter, number in zip("ABCPQ", (1, 2, 3, 1, 2), strict=True)
    }
    return torch.tensor([[known[letter] for letter in line] for line in text.split()])


def scores(pred: Tensor, truth: Tensor, *, crowd: Tensor | None = None):
    metric = PanopticQuality(4, THINGS)
    metric.update(pred, truth, crowd=crowd)
    return metric.compute()


def test_a_street_by_hand() -> None:
    """Sky 3 of 4 pixels; a car of 4 pixels found with 3, one pixel of it called road; one person missed and one invented."""
    truth = panoptic("ssssPP rrrrPP AAAArr rrrrrr")
    pred = panoptic("sssrss rrrrss AAArrr rrrrQQ")
    found = scores(pred, truth)
    sky = (3 / (3 + 1 + 4),)  # 3 shared, 1 missed, 4 of the person's pixels called sky: below one half
    assert sky[0] < 0.5
    road = 10 / (12 + 2)  # 12 true, 12 predicted of which 10 shared
    assert found.tp.tolist() == [0, 1, 1, 0] and found.fp.tolist() == [1, 0, 0, 1] and found.fn.tolist() == [1, 0, 0, 1]
    assert found.by_class[ROAD].tolist() == pytest.approx([road, road, 1])
    assert found.by_class[CAR].tolist() == pytest.approx([0.75, 0.75, 1])
    assert found.all.pq == pytest.approx((road + 0.75) / 4) and found.things.pq == pytest.approx(0.75 / 2)
    assert found.stuff.pq == pytest.approx(road / 2) and found.stuff.rq == 0.5


def test_the_example_of_the_syllabus() -> None:
    """IoUs .9, .8 and .6, one false and two missed: SQ .767, RQ .667, PQ .511."""
    classes, ids = torch.full((8, 10), SKY), torch.zeros(8, 10, dtype=torch.int64)
    true, pred = ids.clone(), ids.clone()
    for row, shared in enumerate((9, 8, 6)):
        true[row], pred[row, :shared] = row + 1, row + 1
    true[3], true[4], pred[5] = 4, 5, 6
    maps = [torch.stack([torch.where(part > 0, CAR, classes), part], -1) for part in (pred, true)]
    found = scores(*maps)
    assert (found.tp[CAR], found.fp[CAR], found.fn[CAR]) == (3, 1, 2)
    assert found.by_class[CAR].tolist() == pytest.approx([2.3 / 4.5, 2.3 / 3, 3 / 4.5])


def test_an_iou_of_one_half_is_no_match() -> None:
    found = scores(panoptic("AArr"), panoptic("AAAA"))
    assert found.tp[CAR] == 0 and found.fp[CAR] == found.fn[CAR] == 1


def test_split_shifted_and_merged_objects_cost_quality_and_not_the_class() -> None:
    whole, split = panoptic("AAAAAA rrrrrr"), panoptic("AAAABB rrrrrr")
    assert scores(whole, whole).all.pq == 1
    found = scores(split, whole)
    assert found.by_class[CAR].tolist() == pytest.approx([(4 / 6) / 1.5, 4 / 6, 1 / 1.5])
    assert scores(panoptic("AAABBB rrrrrr"), whole).by_class[CAR].tolist() == [0, 0, 0]


def test_void_belongs_to_no_union_and_excuses() -> None:
    truth = panoptic("AAAAvv rrvvvv")
    assert scores(panoptic("AAAAAA rrBBBB"), truth).all.pq == 1, "what lies on void is neither union nor false"
    assert scores(panoptic("AAAAAA rrBBBB"), panoptic("AAAAvv rrrrvv")).fp[CAR] == 1, "half of B is not more than half"
    assert scores(panoptic("AAAAAA rrrBBB"), panoptic("AAAAvv rrrrvv")).fp[CAR] == 0, "two thirds of B lie on void"


def test_an_object_predicted_as_void_is_missed() -> None:
    truth, pred = panoptic("AAArrr rrrrrr"), panoptic("vvvrrr rrrrrr")
    found = scores(pred, truth)
    assert found.fn[CAR] == 1 and found.by_class[CAR].tolist() == [0, 0, 0] and found.by_class[ROAD, 0] == 1


def test_crowds_are_not_missed_and_excuse_their_class_only() -> None:
    truth, crowd = panoptic("AAAArr PPPPrr"), torch.zeros(2, 6, dtype=torch.bool)
    crowd[0, :4] = True
    pred = panoptic("BBCCrr PPPPrr")
    found = scores(pred, truth, crowd=crowd)
    assert (found.fn[CAR], found.fp[CAR]) == (0, 0) and math.isnan(found.by_class[CAR, 0])
    assert scores(panoptic("QQQQrr PPPPrr"), truth, crowd=crowd).fp[PERSON] == 1
    assert scores(panoptic("AAAArr PPPPrr"), truth, crowd=crowd).tp[CAR] == 0, "nobody is paired with a crowd"


def test_classes_that_are_nowhere_do_not_count_and_nothing_is_nan() -> None:
    found = scores(panoptic("rrr"), panoptic("rrr"))
    assert (
        found.all.pq == 1
        and math.isnan(found.things.pq)
        and found.by_class.isnan().all(1).tolist() == [True, False, True, True]
    )
    assert math.isnan(PanopticQuality(4, THINGS).compute().all.pq)
    everywhere = scores(panoptic("vvv"), panoptic("vvv"))
    assert math.isnan(everywhere.all.pq)


def test_ids_of_stuff_and_the_numbers_of_ids_do_not_matter() -> None:
    truth = panoptic("ssAABB rrAAPP")
    other = truth.clone()
    other[..., 1] = torch.where(truth[..., 0] == CAR, 3 - truth[..., 1], truth[..., 1] + 10**6)
    other[..., 1][truth[..., 0] == SKY] = torch.tensor([5, 9])
    assert scores(other, truth).all.pq == 1


def slow(
    pred: Tensor, truth: Tensor, crowd: Tensor, num_classes: int
) -> tuple[list[int], list[int], list[int], list[float]]:
    """COCO's rules as panopticapi's `pq_compute_single_core` has them, segment by segment, for one image."""

    def segment(pair: list[int], many: bool) -> tuple[int, int, bool] | None:
        label, number = pair
        if label == VOID:
            return None
        return (label, number if label in THINGS else 0, many and label in THINGS)

    true = [
        segment(pair, many) for pair, many in zip(truth.view(-1, 2).tolist(), crowd.flatten().tolist(), strict=True)
    ]
    guess = [segment(pair, False) for pair in pred.view(-1, 2).tolist()]
    together, true_area, guess_area = Counter(zip(true, guess, strict=True)), Counter(true), Counter(guess)
    tp, fp, fn, iou = [0] * num_classes, [0] * num_classes, [0] * num_classes, [0.0] * num_classes
    matched = set()
    for (t, p), shared in together.items():
        if t is None or p is None or t[2] or t[0] != p[0]:
            continue
        union = true_area[t] + guess_area[p] - shared - together[None, p]
        if shared / union > 0.5:
            tp[t[0]] += 1
            iou[t[0]] += shared / union
            matched |= {("true", t), ("guess", p)}
    crowds = defaultdict(list)
    for t in true_area:
        if t is None or ("true", t) in matched:
            continue
        if t[2]:
            crowds[t[0]].append(t)
        else:
            fn[t[0]] += 1
    for p in guess_area:
        if p is None or ("guess", p) in matched:
            continue
        excused = together[None, p] + sum(together[many, p] for many in crowds[p[0]])
        if excused / guess_area[p] <= 0.5:
            fp[p[0]] += 1
    return tp, fp, fn, iou


def drawn(seed: int, *, height: int = 24, width: int = 33) -> tuple[Tensor, Tensor, Tensor]:
    """A truth of rectangles with void and crowds, and a prediction that moves, forgets, invents and renames some of them."""
    generator = torch.Generator().manual_seed(seed)

    def whole(high: int, low: int = 0) -> int:
        return int(torch.randint(low, high, (), generator=generator))

    truth, pred = torch.zeros(height, width, 2, dtype=torch.int64), torch.zeros(height, width, 2, dtype=torch.int64)
    truth[height // 2 :, :, 0] = pred[height // 2 + whole(3) :, :, 0] = ROAD
    crowd = torch.zeros(height, width, dtype=torch.bool)
    for number in range(1, whole(9, 2)):
        label = (CAR, PERSON, VOID)[whole(3)]
        pair = torch.tensor([label, 0 if label == VOID else number])
        top, left, rows, columns = whole(height - 6), whole(width - 8), whole(9, 2), whole(12, 2)
        truth[top : top + rows, left : left + columns] = pair
        crowd[top : top + rows, left : left + columns] = whole(4) == 0
        if whole(5):
            top, left = max(top + whole(3) - 1, 0), max(left + whole(3) - 1, 0)
            guess = pair.clone()
            if whole(6) == 0 and label != VOID:
                guess[0] = CAR + PERSON - label
            pred[top : top + rows, left : left + columns] = guess
    return pred, truth, crowd


@pytest.mark.parametrize("seed", range(40))
def test_it_equals_the_definition(seed: int) -> None:
    metric, wanted = PanopticQuality(4, THINGS), torch.zeros(4, 4, dtype=torch.float64)
    for image in range(3):
        pred, truth, crowd = drawn(100 * seed + image)
        metric.update(pred, truth, crowd=crowd)
        wanted += torch.tensor(slow(pred, truth, crowd, 4), dtype=torch.float64)
    found = metric.compute()
    assert torch.equal(torch.stack([found.tp, found.fp, found.fn]), wanted[:3].long())
    torch.testing.assert_close(found.iou, wanted[3], **EXACT)


def test_the_drawn_cases_have_everything_in_them() -> None:
    cases = [drawn(seed) for seed in range(40)]
    totals = torch.tensor([slow(*case, 4)[:3] for case in cases]).sum((0, 2))
    assert (totals > 10).all() and sum(bool(crowd.any()) for *_, crowd in cases) > 10
    assert sum(bool((truth[..., 0] == VOID).any()) for _, truth, _ in cases) > 10


def test_a_batch_equals_its_images_one_by_one() -> None:
    cases = [drawn(seed) for seed in range(4)]
    one_by_one, together = PanopticQuality(4, THINGS), PanopticQuality(4, THINGS)
    for pred, truth, crowd in cases:
        one_by_one.update(pred, truth, crowd=crowd)
    pred, truth, crowd = (torch.stack(layer) for layer in zip(*cases, strict=True))
    together.update(
        pred.view(2, 2, *pred.shape[1:]), truth.view(2, 2, *pred.shape[1:]), crowd=crowd.view(2, 2, *crowd.shape[1:])
    )
    assert together.compute().all == one_by_one.compute().all


@pytest.mark.parametrize("seed", range(5))
def test_torchmetrics_agrees_where_no_object_is_predicted_as_void(seed: int) -> None:
    from torchmetrics.functional.detection import panoptic_quality

    pred, truth, _ = drawn(seed)
    pred[pred[..., 0] == VOID] = torch.tensor([ROAD, 0])
    theirs = panoptic_quality(
        *(torch.where(x == VOID, 9, x)[None] for x in (pred, truth)),
        things=set(THINGS), stuffs={SKY, ROAD}, allow_unknown_preds_category=True, return_per_class=True,
    )  # fmt: skip
    ours = scores(pred, truth).by_class[:, 0].nan_to_num(0)
    assert ours.sort().values.tolist() == pytest.approx(theirs.flatten().sort().values.double().tolist(), abs=1e-7)


def test_torchmetrics_does_not_count_a_miss_that_is_predicted_as_void() -> None:
    """COCO's code has 2/3 here, of the road and a car that is missed: torchmetrics leaves the pixels out."""
    from torchmetrics.functional.detection import panoptic_quality

    truth, pred = panoptic("AAABBB rrrrrr"), panoptic("AAAvvv rrrrrr")
    theirs = panoptic_quality(
        torch.where(pred == VOID, 9, pred)[None], truth[None],
        things=set(THINGS), stuffs={SKY, ROAD}, allow_unknown_preds_category=True, return_per_class=True,
    )  # fmt: skip
    assert scores(pred, truth).by_class[CAR, 0] == pytest.approx(2 / 3)
    assert sorted(theirs.flatten().tolist()) == [0, 0, 1, 1]


GOOD = torch.zeros(4, 6, 2, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.update(GOOD[..., 0], GOOD[..., 0]), r"pred must be a panoptic map \(…, H, W, 2\).*\(4, 6\)"),
        (lambda m: m.update(GOOD.float(), GOOD), "pred must hold integer labels, but is torch.float32"),
        (lambda m: m.update(GOOD[:3], GOOD), r"one shape, but have \(3, 6, 2\) and \(4, 6, 2\)"),
        (lambda m: m.update(GOOD + torch.tensor([9, 0]), GOOD), "pred must hold classes from 0 to 3, or 255 .*, but has 9"),
        (lambda m: m.update(GOOD, GOOD - torch.tensor([1, 0])), "truth must hold classes from 0 to 3.* but has -1"),
        (lambda m: m.update(GOOD, GOOD - torch.tensor([0, 1])), "the ids of truth must be 0 or more, but the smallest is -1"),
        (lambda m: m.update(GOOD, GOOD, crowd=torch.zeros(4, 6)), r"crowd must be bool \(4, 6\), but is torch.float32"),
        (lambda m: m.update(GOOD, GOOD, crowd=[False]), "crowd must be a tensor"),
        (lambda m: m.update([[1]], GOOD), "pred must be a tensor"),
        (lambda m: PanopticQuality(0, ()), "num_classes must be a whole number from 1"),
        (lambda m: PanopticQuality(4, (2, 4)), r"things must be among them, but there are 4, with the things \[2, 4\]"),
        (lambda m: PanopticQuality(256, ()), "There may be 255 classes at most"),
        (lambda m: PanopticQuality(4, (0.5,)), "things must be a collection of classes"),
    ],
)  # fmt: skip
def test_it_refuses(call, message: str) -> None:
    metric = PanopticQuality(4, THINGS)
    with pytest.raises(ValueError, match=message):
        call(metric)
    assert math.isnan(metric.compute().all.pq), "nothing was counted"


def test_empty_images_count_nothing() -> None:
    assert math.isnan(scores(GOOD[:0], GOOD[:0]).all.pq)


@pytest.mark.gpu
def test_on_a_gpu() -> None:
    pred, truth, crowd = drawn(3)
    assert scores(pred.cuda(), truth.cuda(), crowd=crowd.cuda()).all == scores(pred, truth, crowd=crowd).all
