"""A data set kept in memory after its samples were read or drawn once."""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.datasets.samples import Sample
from course_utils.ops.checks import require_integers


class InMemory(Dataset[Sample]):
    """The same data set, of which every sample is read only the first time that it is asked for.

    Images and labels are kept in 8 bits, a sixth of the memory, which costs less time than it saves; images from 8-bit files
    come back exactly, others rounded to 1/255. `samples`: only the first so many. `limit`: the bytes to keep at most; what
    comes after is read every time. `device`: where they are kept and given out (None: where they come from); a GPU with room
    for them saves the transfer.

    Raises: ValueError for fewer than 1 samples.
    """

    def __init__(
        self,
        data: Dataset[Sample],
        *,
        samples: int | None = None,
        device: torch.device | None = None,
        limit: int = 2 * 2**30,
    ) -> None:
        if samples is not None:
            require_integers(1, samples=samples)
        self.length = len(data) if samples is None else min(samples, len(data))
        self.data, self.device, self.room = data, device, limit
        self.classes, self.num_classes, self.things = data.classes, data.num_classes, data.things
        self.colours, self.names = data.colours, data.names[: self.length]
        self._kept: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.length:
            raise IndexError(
                f"there are {self.length} samples, 0 to {self.length - 1}, but sample {index} was asked for."
            )
        kept = self._kept.get(index)
        if kept is None:
            kept = tuple(layer.to(self.device) for layer in _packed(self.data[index]))
            self.room -= sum(layer.nbytes for layer in kept)
            if self.room >= 0:
                self._kept[index] = kept
        image, labels, instances = kept
        return Sample(image.float().div_(255), labels.long(), instances.long())

    def read_all(self) -> "InMemory":
        """Read every sample now, so that no later step has to."""
        for index in range(len(self)):
            self[index]
        return self


def _packed(sample: Sample) -> tuple[Tensor, Tensor, Tensor]:
    instances = sample.instances.to(torch.int16)
    exact = torch.equal(instances.long(), sample.instances)
    return (
        sample.image.mul(255).round().to(torch.uint8),
        sample.labels.to(torch.uint8),
        instances if exact else sample.instances.to(torch.int32),
    )
