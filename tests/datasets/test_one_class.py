"""One class against the rest."""

import pytest
import torch

from course_utils.datasets.one_class import OneClass
from course_utils.datasets.samples import VOID
from course_utils.datasets.scenes import Scenes


def test_labels_instances_and_names() -> None:
    scenes = Scenes("val", length=12)
    persons, number = OneClass(scenes, "person"), scenes.classes.index("person")
    assert (len(persons), persons.classes, persons.things) == (12, ("rest", "person"), (1,))
    assert persons.colours[1] == scenes.colours[number] and persons.names == scenes.names
    for found, given in zip(persons, scenes, strict=True):
        assert torch.equal(found.labels == 1, given.labels == number)
        assert torch.equal(found.labels == VOID, given.labels == VOID)
        assert set(found.labels.unique().tolist()) <= {0, 1, VOID}
        assert torch.equal(found.instances > 0, (given.instances > 0) & (given.labels == number))


def test_keeps_samples_with_few() -> None:
    scenes = Scenes("val", length=30)
    few = OneClass(scenes, "person", at_most=0.01)
    shares = [float((s.labels == 1).sum() / (s.labels != VOID).sum()) for s in few]
    assert 0 < len(few) < 30 and all(0 < share <= 0.01 for share in shares)
    assert few.names == tuple(
        name
        for name, s in zip(scenes.names, scenes, strict=True)
        if 0 < (s.labels == scenes.classes.index("person")).sum() / (s.labels != VOID).sum() <= 0.01
    )
    with pytest.raises(IndexError, match="asked for"):
        few[len(few)]


def test_stuff_is_no_thing_and_unknown_instances_stay() -> None:
    assert OneClass(Scenes("val", length=2), "pole").things == ()

    class Unlabelled(Scenes):
        def __getitem__(self, index: int):
            sample = super().__getitem__(index)
            return sample._replace(instances=torch.full_like(sample.instances, -1))

    assert (OneClass(Unlabelled("val", length=2), "car")[0].instances == -1).all()


@pytest.mark.parametrize("at_most", [0, -0.1, 1.5])
def test_refuses(at_most: float) -> None:
    scenes = Scenes("val", length=2)
    with pytest.raises(ValueError, match="share of the pixels"):
        OneClass(scenes, "person", at_most=at_most)
    with pytest.raises(ValueError, match="none of them"):
        OneClass(scenes, "bus")
    with pytest.raises(ValueError, match="raise `at_most`"):
        OneClass(scenes, "sky", at_most=1e-6)
