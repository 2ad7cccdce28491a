"""One class of a data set against all the others: foreground and background."""

import torch
from torch.utils.data import Dataset

from course_utils.datasets.samples import VOID, Sample

_GREY = (90, 90, 90)


class OneClass(Dataset[Sample]):
    """A data set with two classes, "rest" (0) and one class of another data set (1). Void stays void.

    `at_most`: keep only the samples in which the class has more than no pixel and at most this share of the labelled ones; all
    labels are read once for that. None: keep all.

    Raises: ValueError for a class that the data set has not, a share outside 0 to 1, and where no sample is left.
    """

    def __init__(self, data: Dataset[Sample], name: str, *, at_most: float | None = None) -> None:
        if name not in data.classes:
            raise ValueError(f"The classes are {', '.join(data.classes)}; {name!r} is none of them.")
        if at_most is not None and not 0 < at_most <= 1:
            raise ValueError(f"at_most is a share of the pixels, above 0 and up to 1, but is {at_most!r}.")
        self.data, self.number = data, data.classes.index(name)
        self.classes, self.num_classes = ("rest", name), 2
        self.colours = (_GREY, data.colours[self.number])
        self.things = (1,) if self.number in data.things else ()
        self._kept = [n for n in range(len(data)) if at_most is None or 0 < self._share(n) <= at_most]
        if not self._kept:
            raise ValueError(f"No sample has a share of {name} above 0 and up to {at_most}; raise `at_most`.")
        self.names = tuple(data.names[n] for n in self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} samples, 0 to {len(self) - 1}, but sample {index} was asked for.")
        sample = self.data[self._kept[index]]
        labels = torch.where(sample.labels == VOID, VOID, (sample.labels == self.number).long())
        instances = torch.where((labels == 1) | (sample.instances < 0), sample.instances, 0)
        return Sample(sample.image, labels, instances)

    def _share(self, index: int) -> float:
        labels = self.data[index].labels
        return int((labels == self.number).sum()) / max(int((labels != VOID).sum()), 1)
