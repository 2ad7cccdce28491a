"""Panoptic maps: made, taken apart, and merged from two predictions with each of the three thresholds."""

import pytest
import torch
from torch import Tensor

from course_utils.ops.panoptic import VOID, is_thing, merge, panoptic_map, to_instances

SKY, ROAD, CAR, PERSON = 0, 1, 2, 3
THINGS = (CAR, PERSON)


def pairs(*pixels: tuple[int, int]) -> Tensor:
    return torch.tensor(pixels)[None]


def test_stuff_loses_its_id_and_a_thing_without_one_is_void():
    labels, ids = torch.tensor([[SKY, CAR, CAR, VOID]]), torch.tensor([[7, 3, 0, 4]])
    wanted = pairs((SKY, 0), (CAR, 3), (VOID, 0), (VOID, 0))
    assert panoptic_map(labels, ids, things=THINGS).tolist() == wanted.tolist()


def test_the_things_one_by_one():
    panoptic = torch.tensor([[[SKY, 0], [PERSON, 2], [CAR, 9]], [[CAR, 2], [PERSON, 2], [CAR, 9]]])
    found = to_instances(panoptic, things=THINGS)
    assert (found.labels.tolist(), found.ids.tolist()) == ([CAR, CAR, PERSON], [2, 9, 2])
    assert found.masks.int().tolist() == [[[0, 0, 0], [1, 0, 0]], [[0, 0, 1], [0, 0, 1]], [[0, 1, 0], [0, 1, 0]]]
    assert found.masks.sum() + 1 == panoptic[..., 0].numel(), "each pixel but the one of sky is in one mask"
    nothing = to_instances(torch.zeros(2, 3, 2, dtype=torch.int64), things=THINGS)
    assert nothing.masks.shape == (0, 2, 3) and nothing.labels.shape == nothing.ids.shape == (0,)


def row(text: str) -> Tensor:
    return torch.tensor([[int(letter) for letter in text]])


def masks(*texts: str) -> Tensor:
    return torch.tensor([[[letter == "x" for letter in text]] for text in texts])


SEMANTIC = row("0000111111")


def merged(objects: Tensor, labels: list[int], scores: list[float], **settings) -> list[tuple[int, int]]:
    settings = {"min_stuff_area": 0} | settings
    panoptic = merge(
        SEMANTIC, objects, torch.tensor(labels, dtype=torch.int64), torch.tensor(scores), things=THINGS, **settings
    )
    return [tuple(pixel) for pixel in panoptic[0].tolist()]


def test_the_most_confident_comes_first_and_keeps_its_pixels():
    found = merged(masks("..xxxx....", "....xxxx.."), [PERSON, CAR], [0.6, 0.9])
    assert found == [(SKY, 0)] * 2 + [(PERSON, 2)] * 2 + [(CAR, 1)] * 4 + [(ROAD, 0)] * 2


def test_each_threshold():
    objects = masks("..xxxx....", "...xxxx...")
    labels, scores = [CAR, CAR], [0.9, 0.6]
    assert {(CAR, 1)} == {pair for pair in merged(objects, labels, scores) if pair[0] == CAR}, "three of four are taken"
    assert (CAR, 2) in merged(objects, labels, scores, max_overlap=0.75), "just as many as are allowed"
    assert (CAR, 2) not in merged(objects, labels, scores, max_overlap=0.74)
    assert (CAR, 1) not in merged(objects, labels, scores, min_score=0.95)
    assert (CAR, 1) in merged(objects, labels, scores, min_score=0.9 - 1e-6)
    few = merged(objects, labels, scores, min_stuff_area=3)
    assert few[:2] == [(VOID, 0)] * 2 and few[6:] == [(ROAD, 0)] * 4, "two pixels of sky are fewer than three"


def test_an_object_that_is_covered_is_no_object_even_where_all_overlap_is_allowed():
    found = merged(masks("..xxxx....", "...xx....."), [CAR, CAR], [0.9, 0.6], max_overlap=1.0)
    assert (CAR, 2) not in found
    assert merged(
        masks(
            "..........",
        ),
        [CAR],
        [0.9],
    ) == merged(
        masks(
            "..........",
        )[:0],
        [],
        [],
    )


def test_things_of_the_semantic_map_become_void():
    panoptic = merge(
        row("0022"),
        masks("....")[:0],
        torch.zeros(0, dtype=torch.int64),
        torch.zeros(0),
        things=THINGS,
        min_stuff_area=0,
    )
    assert panoptic[0, :, 0].tolist() == [SKY, SKY, VOID, VOID]


def test_equal_scores_keep_the_order_given():
    objects = masks("..xxxx....", "....xxxx..")
    assert merged(objects, [CAR, PERSON], [0.7, 0.7])[4] == (CAR, 1)
    assert merged(objects, [PERSON, CAR], [0.7, 0.7])[4] == (PERSON, 1)


LABELS, SCORES = torch.tensor([CAR]), torch.tensor([0.9])
ONE = masks("..xxxx....")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: merge(SEMANTIC.float(), ONE, LABELS, SCORES, things=THINGS), "semantic must hold integer labels"),
        (lambda: merge(SEMANTIC[None], ONE, LABELS, SCORES, things=THINGS), r"needs semantic \(H, W\) and masks bool"),
        (lambda: merge(SEMANTIC, ONE.float(), LABELS, SCORES, things=THINGS), "compare probabilities with a threshold"),
        (lambda: merge(SEMANTIC, ONE, LABELS[:0], SCORES, things=THINGS), "a label and a score for each of 1 masks"),
        (lambda: merge(SEMANTIC, ONE, LABELS, SCORES * torch.nan, things=THINGS), "scores must be numbers"),
        (lambda: merge(SEMANTIC, ONE, LABELS - 1, SCORES, things=THINGS), r"classes of things, \[2, 3\], but are \[1\]"),
        (lambda: merge(SEMANTIC, ONE, LABELS, SCORES, things=THINGS, max_overlap=2), "max_overlap must be"),
        (lambda: merge(SEMANTIC, ONE, LABELS, SCORES, things=THINGS, min_stuff_area=-1), "min_stuff_area must be"),
        (lambda: merge(SEMANTIC, ONE, LABELS, SCORES, things=(-1,)), "things must be a collection of classes"),
        (lambda: panoptic_map(SEMANTIC, SEMANTIC[:, 1:], things=THINGS), r"one shape \(…, H, W\)"),
        (lambda: panoptic_map(SEMANTIC, -SEMANTIC, things=THINGS), "instances must be 0 or more"),
        (lambda: panoptic_map(SEMANTIC, SEMANTIC / 2, things=THINGS), "instances must hold integer labels"),
        (lambda: to_instances(SEMANTIC, things=THINGS), r"must be a panoptic map \(…, H, W, 2\)"),
        (lambda: to_instances(torch.zeros(1, 3, 4, 2).long(), things=THINGS), r"the map of one image \(H, W, 2\)"),
        (lambda: is_thing(SEMANTIC, ("car",)), "things must be a collection of classes"),
    ],
)  # fmt: skip
def test_it_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.gpu
def test_on_a_gpu():
    arguments = SEMANTIC, masks("..xxxx....", "....xxxx.."), torch.tensor(THINGS), torch.tensor([0.6, 0.9])
    on_cpu = merge(*arguments, things=THINGS, min_stuff_area=1)
    assert torch.equal(merge(*(part.cuda() for part in arguments), things=THINGS, min_stuff_area=1).cpu(), on_cpu)
    apart = to_instances(on_cpu.cuda(), things=THINGS)
    assert torch.equal(apart.masks.cpu(), to_instances(on_cpu, things=THINGS).masks)
