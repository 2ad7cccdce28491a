"""What a training step sees: which samples, and how they are augmented, decided by the seed and the step's number alone."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.datasets.samples import VOID, Sample, require_sample
from course_utils.datasets.transforms import Transform
from course_utils.ops.labels import know_range, label_range

ORDER, AUGMENTATION, NETWORK = 0, 1, 2
"""What a random number is drawn for; part of its seed, so that no two share one."""


class Batch(NamedTuple):
    """Samples stacked. Shapes: `images` (B, 3, H, W), `labels` and `instances` (B, H, W) int64; `names`: one a sample.

    `done`: which share of the run's steps came before this batch, from 0 to below 1, for a loss that changes on the way.
    """

    images: Tensor
    labels: Tensor
    instances: Tensor
    names: tuple[str, ...]
    done: float = 0.0

    def to(self, device: torch.device | None) -> "Batch":
        """The batch on a device, where the range of its labels, which has been looked at here, is known as well."""
        images, labels, instances = (layer.to(device, non_blocking=True) for layer in self[:3])
        know_range(labels, label_range(self.labels, VOID))
        return Batch(images, labels, instances, self.names, self.done)


def derived_seed(*key: int) -> int:
    """A seed of 63 bits for this key; keys that differ in anything give seeds that have nothing to do with each other."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


def draw_indices(length: int, *, batch_size: int, seed: int, step: int) -> list[int]:
    """Which of `length` samples step `step` (0, 1, …) sees: the data set is shuffled, passed through, shuffled anew, and so on.

    No pass repeats a sample. A batch at the end of a pass is filled from the next one.
    """
    start = step * batch_size
    passes = range(start // length, (start + batch_size - 1) // length + 1)
    order = torch.cat([_shuffled(length, seed, number) for number in passes])
    start -= passes[0] * length
    return order[start : start + batch_size].tolist()


@lru_cache(maxsize=2)
def _shuffled(length: int, seed: int, number: int) -> Tensor:
    """The order of a pass; kept, since many steps in a row are of one pass."""
    generator = torch.Generator().manual_seed(derived_seed(seed, ORDER, number))
    return torch.randperm(length, generator=generator, dtype=torch.int64, device="cpu")


def draw_batch(
    data: Dataset[Sample],
    *,
    batch_size: int,
    seed: int,
    step: int,
    transform: Transform | None = None,
    part: tuple[int, int] = (0, 1),
    device: torch.device | None = None,
) -> Batch:
    """The batch of a step, augmented, on the device.

    Each sample has a generator of its own, seeded by (`seed`, `step`, its place in the batch). `part` = (r, n): only the r-th
    of n equal parts of the batch, the same samples with the same augmentation as in the whole.

    Raises: ValueError where the samples differ in size, and where the data set or the transform gives something else.
    """
    rank, size = part
    places = range(rank * batch_size // size, (rank + 1) * batch_size // size)
    indices = draw_indices(len(data), batch_size=batch_size, seed=seed, step=step)
    samples = []
    for place in places:
        sample = require_sample(data[indices[place]], "The data set")
        if transform is not None:
            key = derived_seed(seed, AUGMENTATION, step, place)
            sample = require_sample(transform(sample, torch.Generator().manual_seed(key)), "transform")
        samples.append(sample)
    return stack(samples, names_of(data, [indices[place] for place in places]), device=device)


def stack(samples: Sequence[Sample], names: Sequence[str], *, device: torch.device | None = None) -> Batch:
    """Samples of one size as a batch.

    Raises: ValueError where their sizes differ.
    """
    sizes = {tuple(sample.labels.shape) for sample in samples}
    if len(sizes) > 1:
        raise ValueError(
            f"The samples of a batch must have one size, but {', '.join(names)} have the sizes {sorted(sizes)}; load the data "
            "set with a size, cut windows with `transforms.scale_and_crop`, or take batches of one."
        )
    return Batch(*(torch.stack(layers) for layers in zip(*samples, strict=True)), names).to(device)


def groups_of_one_size(samples: Iterable[Sample], batch_size: int) -> Iterator[list[Sample]]:
    """Samples in their order, in lists of at most `batch_size`; only neighbours of one size come together."""
    for _, alike in groupby(samples, lambda sample: sample.labels.shape):
        waiting: list[Sample] = []
        for sample in alike:
            waiting.append(sample)
            if len(waiting) == batch_size:
                yield waiting
                waiting = []
        if waiting:
            yield waiting


def names_of(data: Dataset[Sample], indices: Sequence[int]) -> tuple[str, ...]:
    """The names of these samples; their numbers where the data set gives them none."""
    names = getattr(data, "names", None)
    return tuple(str(index) if names is None else names[index] for index in indices)
