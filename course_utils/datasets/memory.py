"""A data set kept in memory after its samples were read or drawn once."""

import operator
from typing import SupportsIndex

import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.datasets.samples import Sample, require_data_set, require_sample
from course_utils.ops.checks import whole_number

DESCRIPTION = ("classes", "num_classes", "things", "colours", "names")


class InMemory(Dataset[Sample]):
    """The same data set. Each sample is read only the first time that it is asked for.

    Images and labels are kept in 8 bits, a sixth of the memory, which costs less time than it saves; images from 8-bit files
    come back exactly, others rounded to 1/255. `samples`: only the first so many. `limit`: the bytes to keep at most; what
    comes after is read every time. `device`: where they are kept and given out (None: where they come from); a GPU with room
    for them saves the transfer.

    A sample is asked for by a whole number of Python, NumPy or PyTorch.

    Raises: ValueError if `data` is not a data set, and for fewer than 1 samples; for a sample, when it is read, whose image is
    not floating in [0, 1] or whose labels are not in 0 … 255; TypeError for an index that is no whole number.
    """

    def __init__(
        self,
        data: Dataset[Sample],
        *,
        samples: int | None = None,
        device: torch.device | None = None,
        limit: int = 2 * 2**30,
    ) -> None:
        require_data_set(data, *DESCRIPTION)
        wanted = len(data) if samples is None else whole_number(samples, "samples", minimum=1)
        self.length = min(wanted, len(data))
        self.data, self.device, self.room = data, device, whole_number(limit, "limit", minimum=0)
        self.classes, self.num_classes, self.things = data.classes, data.num_classes, data.things
        self.colours, self.names = data.colours, data.names[: self.length]
        self._kept: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: SupportsIndex) -> Sample:
        index = operator.index(index)  # a tensor is another key each time, even where it has the same value
        if not 0 <= index < self.length:
            raise IndexError(
                f"there are {self.length} samples, 0 to {self.length - 1}, but sample {index} was asked for."
            )
        kept = self._kept.get(index)
        if kept is None:
            packed = _packed(require_sample(self.data[index], "The data set"), f"sample {index}")
            kept = tuple(layer.to(self.device) for layer in packed)
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


def _packed(sample: Sample, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """A sample in as few bits as hold it.

    Raises: ValueError that names it, where 8 bits do not hold its image and its labels.
    """
    image, labels, instances = sample
    if not image.is_floating_point():
        raise ValueError(f"The image of {name} must be floating in [0, 1], but is {image.dtype}; divide it by 255.")
    small_image, small_labels = _as_type(image.mul(255).round(), torch.uint8), _as_type(labels, torch.uint8)
    if small_image is None:
        raise ValueError(
            f"The image of {name} must lie in [0, 1], but goes from {float(image.min()):g} to {float(image.max()):g}; keep it as "
            "it was before any normalisation."
        )
    if small_labels is None:
        raise ValueError(
            f"The labels of {name} must be whole numbers in 0 … 255, but go from {labels.min()} to {labels.max()}; map them to "
            "classes, and to 255 for void."
        )
    kinds = (_as_type(instances, kind) for kind in (torch.int16, torch.int32))
    return small_image, small_labels, next((small for small in kinds if small is not None), instances)


def _as_type(values: Tensor, kind: torch.dtype) -> Tensor | None:
    """The same values in another type; None where that does not hold them."""
    cast = values.to(kind)
    return cast if torch.equal(cast.to(values.dtype), values) else None
