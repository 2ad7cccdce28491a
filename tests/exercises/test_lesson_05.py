"""What students of lesson 05 have written: right answers in other forms are right, and wrong ones are told why."""

import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt

from course_utils.exercises import Exercise, lesson_05, tasks
from course_utils.exercises.lesson_05.choosing import HARDEST, WHICH_LOSS

CODE = [task for task in tasks(5) if isinstance(task, Exercise)]


def _cross_entropy(logits, target):
    return F.cross_entropy(logits, target, ignore_index=255, reduction="sum") / (target != 255).sum().clamp(min=1)


def _losses(logits, target):
    return F.cross_entropy(logits, target, ignore_index=255, reduction="none")[target != 255]


def _parts(logits, target):
    valid = (target != 255)[:, None]
    g = F.one_hot(target.where(target != 255, 0), logits.shape[1]).movedim(-1, 1) * valid
    return logits.softmax(1) * valid, g, g.sum((0, 2, 3)) > 0


def _dice_as_nan_to_num(logits, target):
    p, g, present = _parts(logits, target)
    dice = 2 * (p * g).sum((0, 2, 3)) / (p + g).sum((0, 2, 3))
    return (1 - dice[present].mean()).nan_to_num(0)


def _dice_by_clamping(logits, target):
    p, g, present = _parts(logits, target)
    dice = 2 * (p * g).sum((0, 2, 3)) / (p + g).sum((0, 2, 3)).clamp(min=1e-12)
    return ((1 - dice) * present).sum() / present.sum().clamp(min=1)


def _divided_and_made_to_add_up(logits, weight):
    odds = logits.softmax(1) / weight[:, None, None]
    return odds / odds.sum(1, keepdim=True)


def _dice_by_loop(logits, target):
    valid = target != 255
    if not valid.any():
        return 0 * logits.mean()
    p = logits.softmax(1)
    losses = [
        1 - 2 * p[:, k][target == k].sum() / (p[:, k][valid].sum() + (target == k).sum())
        for k in target[valid].unique()
    ]
    return sum(losses) / len(losses)


def _focal(logits, target, gamma):
    costs = _losses(logits, target)
    return ((1 - (-costs).exp()) ** gamma * costs).sum() / max(len(costs), 1)


def _cut_off(loss, logits, target, *rest):
    """A loss, and a constant, the last argument, where all is void."""
    *more, constant = rest
    return loss(logits, target, *more) if (target != 255).any() else torch.tensor(constant)


def _dice_with_void_and_smoothing(logits, target):
    _, g, present = _parts(logits, target)
    p = logits.softmax(1)
    dice = (2 * (p * g).sum((0, 2, 3)) + 1) / ((p + g).sum((0, 2, 3)) + 1)
    return 1 - dice[present].mean() if present.any() else 0 * logits.sum()


def _kinds(mask):
    return mask.nonzero().double(), (~mask).nonzero().double()


def _written(mask, values):
    return torch.zeros(mask.shape, dtype=torch.float64).index_put((mask,), -values)


def _inside(mask):
    return torch.from_numpy(distance_transform_edt(mask))


@pytest.mark.parametrize("task", CODE, ids=lambda task: task.name)
def test_variants_of_a_mistake_are_told_its_sentence(task: Exercise) -> None:
    for known in task.misconceptions:
        for variant in getattr(known.wrong, "variants", ()):
            verdict = task.judge(variant)
            assert verdict.status != "right" and known.sentence in verdict.text


@pytest.mark.parametrize(
    ("task", "right"),
    [
        (lesson_05.cross_entropy_of_pixels, _cross_entropy),
        (lesson_05.cross_entropy_of_pixels, lambda x, y: _cross_entropy(x.float(), y)),
        (lesson_05.cross_entropy_of_pixels, lambda x, y: F.cross_entropy(x, y, ignore_index=255).nan_to_num(0)),
        (lesson_05.focal_loss, _focal),
        (lesson_05.focal_loss, lambda x, y, gamma: _focal(x.float(), y, gamma)),
        (lesson_05.dice_loss, _dice_by_clamping),
        (lesson_05.dice_loss, _dice_by_loop),
        (lesson_05.without_weights, _divided_and_made_to_add_up),
        (
            lesson_05.without_weights,
            lambda x, w: torch.exp((x.log_softmax(1) - w.log().view(1, -1, 1, 1)).log_softmax(1)),
        ),
        (lesson_05.signed_distance, lambda mask: distance_transform_edt(~mask) - distance_transform_edt(mask)),
        (
            lesson_05.signed_distance,
            lambda mask: torch.from_numpy(distance_transform_edt(~mask)).sub(_inside(mask)).float(),
        ),
        (
            lesson_05.signed_distance,
            lambda mask: (distance_transform_edt(~mask) - distance_transform_edt(mask)).tolist(),
        ),
    ],
)
def test_other_forms_are_right(task: Exercise, right) -> None:
    assert task.judge(right).status == "right"


def test_the_library_is_right_and_named() -> None:
    def cross_entropy(x, y):
        return F.cross_entropy(x, y, ignore_index=255).nan_to_num(0)

    def distances(mask):
        return distance_transform_edt(~mask) - distance_transform_edt(mask)

    for task, right in ((lesson_05.cross_entropy_of_pixels, cross_entropy), (lesson_05.signed_distance, distances)):
        assert task.judge(right).text.startswith("right, by the library: ")


@pytest.mark.parametrize(
    ("task", "wrong", "said"),
    [
        (lesson_05.cross_entropy_of_pixels, lambda x, y: F.cross_entropy(x, y, ignore_index=255), "Where all is void"),
        (lesson_05.focal_loss, lambda *given: _cut_off(_focal, *given, torch.nan), "Where all is void"),
        (lesson_05.dice_loss, lambda *given: _cut_off(_dice_by_loop, *given, torch.nan), "Where all is void"),
        (lesson_05.dice_loss, lambda *given: _cut_off(_dice_by_loop, *given, 1.0), "Where all is void"),
        (lesson_05.cross_entropy_of_pixels, lambda *given: _cut_off(_cross_entropy, *given, 0.0), "`0 * logits.sum()`"),
        (lesson_05.focal_loss, lambda *given: _cut_off(_focal, *given, 0.0), "`0 * logits.sum()`"),
        (lesson_05.dice_loss, lambda *given: _cut_off(_dice_by_loop, *given, 0.0), "`0 * logits.sum()`"),
    ],
)
def test_where_all_is_void_the_loss_is_0_and_has_a_gradient(task: Exercise, wrong, said: str) -> None:
    verdict = task.judge(wrong)
    assert verdict.status == "wrong" and said in verdict.text


def test_two_mistakes_get_both_sentences() -> None:
    verdict = lesson_05.dice_loss.judge(_dice_with_void_and_smoothing)
    assert verdict.misconception == "void_in_the_sum_of_p+smoothing_kept"
    assert "Σ p still runs over void pixels" in verdict.text and "The formula has no smoothing" in verdict.text


@pytest.mark.filterwarnings("error")
def test_a_loss_without_its_gradient_is_told() -> None:
    for cut in (float, lambda loss: loss.item(), lambda loss: loss.detach(), lambda loss: torch.tensor(loss.item())):
        for task in (lesson_05.cross_entropy_of_pixels, lesson_05.focal_loss, lesson_05.dice_loss):
            verdict = task.judge(lambda *arguments, task=task, cut=cut: cut(task._solution(*arguments)))
            assert verdict.status == "wrong" and "no gradient gets back" in verdict.text


def test_a_factor_without_its_gradient_is_told() -> None:
    def detached(logits, target, gamma):
        costs = _losses(logits, target)
        return (((1 - (-costs).exp()) ** gamma).detach() * costs).sum() / max(len(costs), 1)

    verdict = lesson_05.focal_loss.judge(detached)
    assert verdict.status == "wrong" and "another gradient gets back to `logits`" in verdict.text


def test_a_gradient_that_is_no_number_is_told() -> None:
    verdict = lesson_05.dice_loss.judge(_dice_as_nan_to_num)
    assert verdict.status == "wrong" and "is NaN or infinite" in verdict.text
    assert verdict.text.splitlines()[-1].startswith("For logits = an array of shape (1, 2, 2, 3), target = ")


def test_numbers_and_arrays_are_bound_as_functions_that_give_tensors() -> None:
    x, y = torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64)
    for kind in (float, np.float64):
        bound = lesson_05.cross_entropy_of_pixels(lambda x, y, kind=kind: kind(_cross_entropy(x, y)))
        assert float(bound(x, y).float()) == pytest.approx(math.log(3))
    bound = lesson_05.signed_distance(lambda mask: distance_transform_edt(~mask) - distance_transform_edt(mask))
    assert bound(torch.tensor([[True, False]])).double().tolist() == [[-1, 1]]


def test_numbers_that_look_alike_are_shown_with_more_digits() -> None:
    solution = lesson_05.dice_loss._solution
    text = lesson_05.dice_loss.judge(lambda x, y: solution(x, y) + 5e-7 * (y != 255).any()).text
    expected, got = re.search(r"expected (0\.\d{9}), got (0\.\d{9})", text).groups()
    assert float(got) - float(expected) == pytest.approx(5e-7, rel=0.01)
    text = lesson_05.dice_loss.judge(lambda x, y: torch.tensor(0.4168)).text
    assert re.search(r"expected 0\.\d{6}, got 0\.4168\.", text)


def test_long_probes_are_told_by_their_shapes() -> None:
    def first_image(logits, target):
        return _cross_entropy(logits[:1], target[:1])

    text = lesson_05.cross_entropy_of_pixels.judge(first_image).text
    assert "For logits = an array of shape (2, 3, 2, 4), target = an array of shape (2, 2, 4): expected" in text


@pytest.mark.parametrize(
    ("task", "wrong", "said"),
    [
        (lesson_05.cross_entropy_of_pixels, F.cross_entropy, "`ignore_index=255`"),
        (lesson_05.cross_entropy_of_pixels, lambda x, y: F.cross_entropy(x, y, 255), "is `weight`"),
        (lesson_05.cross_entropy_of_pixels, lambda x, y: F.nll_loss(x.log_softmax(1), y, 255), "is `weight`"),
        (lesson_05.cross_entropy_of_pixels, lambda x, y: F.cross_entropy(x.movedim(1, -1), y), "classes in axis 1"),
        (lesson_05.cross_entropy_of_pixels, lambda x, y: x.log_softmax(), "Along which axis"),
        (lesson_05.cross_entropy_of_pixels, lambda x, y: x.gather(y[:, None], 1), "the axis first"),
        (lesson_05.cross_entropy_of_pixels, lambda x, y: x.gather(2, y.clamp(max=1)[:, None]), "classes are axis 1"),
        (lesson_05.dice_loss, lambda x, y: x.softmax(1) * F.one_hot(y).movedim(-1, 1), "256 classes"),
        (
            lesson_05.focal_loss,
            lambda x, y, gamma: ((1 - (-_losses(x, y)).exp()) ** (1 / gamma) * _losses(x, y)).mean(),
            "You take the root",
        ),
        (lesson_05.signed_distance, lambda mask: (~mask).double().mul(-mask), "The other kind of pixel is `~mask`"),
        (lesson_05.signed_distance, lambda mask: distance_transform_edt(not mask), "one truth value"),
        (lesson_05.signed_distance, lambda mask: -torch.cdist(*_kinds(mask)).min(1), "`amin(dim)`"),
        (lesson_05.signed_distance, lambda mask: _written(mask, torch.cdist(*_kinds(mask)).amin(0)), "axis 1"),
    ],
)
def test_errors_are_told_what_helps(task: Exercise, wrong, said: str) -> None:
    assert task.judge(wrong).text.removeprefix("not yet. ").partition("\n")[0].find(said) >= 0


def test_distances_do_not_fit_into_a_map_of_truth_values() -> None:
    def into_bool(mask):
        distances = torch.zeros_like(mask)
        distances[mask] = -torch.cdist(mask.nonzero().double(), (~mask).nonzero().double()).amin(1)
        return distances

    assert lesson_05.signed_distance.judge(into_bool).text.startswith("Distances do not fit into a map of truth values")


def test_which_loss_uses_each_option_at_most_once_and_has_no_commas_in_its_keys() -> None:
    table = lesson_05.which_loss._solution
    assert len(set(table.values())) == len(table) == len(lesson_05.which_loss.options) - 1
    assert not any("," in key for key in table) and table[HARDEST] == "top-k"
    assert all(choice in lesson_05.which_loss.options for _, (_, choice), _ in WHICH_LOSS)
