"""Which samples a step sees, and how they are augmented."""

import pytest
import torch
from training_cases import Squares

from course_utils.datasets.samples import Sample
from course_utils.training.batches import derived_seed, draw_batch, draw_indices


def noisy(sample: Sample, generator: torch.Generator) -> Sample:
    return sample._replace(image=sample.image + torch.rand(sample.image.shape, generator=generator))


@pytest.mark.parametrize("batch_size", [1, 3, 4, 10, 25])
def test_every_pass_sees_every_sample_once(batch_size: int) -> None:
    drawn = [
        i for step in range(-(-40 // batch_size)) for i in draw_indices(10, batch_size=batch_size, seed=5, step=step)
    ]
    passes = [drawn[start : start + 10] for start in (0, 10, 20, 30)]
    assert all(sorted(one) == list(range(10)) for one in passes)
    assert len({tuple(one) for one in passes}) == 4


def test_a_pass_is_shuffled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shuffles, randperm = [], torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda *args, **kwargs: shuffles.append(args) or randperm(*args, **kwargs))
    for step in range(20):
        draw_indices(977, batch_size=10, seed=8, step=step)
    assert shuffles == [(977,)]


def test_steps_and_seeds_differ() -> None:
    drawn = {tuple(draw_indices(1000, batch_size=4, seed=seed, step=step)) for seed in range(3) for step in range(4)}
    assert len(drawn) == 12


def test_seed_of_a_key_is_frozen() -> None:
    """Checkpoints and stored results depend on it."""
    assert derived_seed(0, 1, 2) == 1535930435702422785
    assert draw_indices(6, batch_size=6, seed=0, step=0) == [1, 4, 5, 3, 2, 0]


def test_batch_depends_on_seed_and_step_alone() -> None:
    data = Squares()
    torch.manual_seed(0)
    first = draw_batch(data, batch_size=4, seed=3, step=7, transform=noisy)
    draw_batch(data, batch_size=4, seed=3, step=8, transform=noisy)
    torch.manual_seed(99)
    again = draw_batch(data, batch_size=4, seed=3, step=7, transform=noisy)
    assert first.names == again.names
    assert torch.equal(first.images, again.images)
    other = draw_batch(data, batch_size=4, seed=4, step=7, transform=noisy)
    assert not torch.equal(first.images, other.images)


def test_the_same_sample_is_augmented_anew_at_every_step() -> None:
    data = Squares(length=1)
    images = [draw_batch(data, batch_size=2, seed=0, step=step, transform=noisy).images for step in range(2)]
    everything = torch.cat(images)
    assert len(everything.unique(dim=0)) == 4


def test_parts_are_the_whole() -> None:
    data = Squares()
    arguments = {"batch_size": 6, "seed": 2, "step": 1, "transform": noisy}
    whole = draw_batch(data, **arguments)
    parts = [draw_batch(data, **arguments, part=(rank, 3)) for rank in range(3)]
    assert sum((part.names for part in parts), ()) == whole.names
    for field in ("images", "labels", "instances"):
        assert torch.equal(torch.cat([getattr(part, field) for part in parts]), getattr(whole, field))


def test_shapes_and_types() -> None:
    batch = draw_batch(Squares(size=(5, 7)), batch_size=3, seed=0, step=0)
    assert batch.images.shape == (3, 3, 5, 7) and batch.images.dtype == torch.float32
    assert batch.labels.shape == batch.instances.shape == (3, 5, 7)
    assert batch.labels.dtype == batch.instances.dtype == torch.int64
    assert len(batch.names) == 3 and set(batch.names) <= set(Squares().names)


def test_samples_of_several_sizes_are_refused_by_name() -> None:
    class Uneven(Squares):
        def __getitem__(self, index: int) -> Sample:
            return Squares(size=(8, 8 + index))[index]

    with pytest.raises(ValueError, match=r"one size, but square-\d, square-\d have the sizes"):
        draw_batch(Uneven(), batch_size=2, seed=0, step=0)


def test_a_data_set_without_names_has_numbers() -> None:
    data = [Squares()[0]]
    assert draw_batch(data, batch_size=2, seed=0, step=0).names == ("0", "0")
