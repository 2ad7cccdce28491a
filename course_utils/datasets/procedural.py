"""What the procedural data sets have in common: splits and their lengths, sizes, and a key for the random draws."""

from operator import index as as_integer

from torch.utils.data import Dataset

from course_utils.datasets.samples import Sample
from course_utils.ops.checks import is_integer

LENGTHS = {"train": 4096, "val": 256, "test": 256}
"""Samples of each split, unless a length is asked for."""

DEFAULT_SIZE = (96, 128)
SMALLEST, LARGEST = (48, 64), (768, 1024)


def checked_length(split: str, length: int | None) -> int:
    """Number of samples of a split.

    Raises: ValueError for an unknown split or a length below 1.
    """
    if split not in LENGTHS:
        raise ValueError(f"split must be one of {', '.join(map(repr, LENGTHS))}, but it is {split!r}.")
    if length is None:
        return LENGTHS[split]
    if not is_integer(length) or length < 1:
        raise ValueError(f"length must be a whole number from 1 on, but it is {length!r}. None gives {LENGTHS[split]}.")
    return int(length)


def checked_size(size: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width of the samples.

    Raises: ValueError for a size that is not (height, width) between 48×64 and 768×1024.
    """
    if size is None:
        return DEFAULT_SIZE
    try:
        height, width = map(as_integer, size if isinstance(size, tuple | list) else ())
    except (TypeError, ValueError):
        raise ValueError(f"size must be two whole numbers, (height, width), but it is {size!r}.") from None
    if not (SMALLEST[0] <= height <= LARGEST[0] and SMALLEST[1] <= width <= LARGEST[1]):
        raise ValueError(
            f"size must be (height, width) with a height from {SMALLEST[0]} to {LARGEST[0]} and a width from "
            f"{SMALLEST[1]} to {LARGEST[1]}, but it is {(height, width)}. Draw at such a size and use resize_and_crop."
        )
    return height, width


def checked_index(index: int, length: int) -> int:
    """The index of a sample, counted from the end where it is negative.

    Raises: IndexError outside the data set.
    """
    index = as_integer(index)
    if not -length <= index < length:
        raise IndexError(f"there are {length} samples, 0 to {length - 1}, but sample {index} was asked for.")
    return index % length


def sample_names(split: str, length: int) -> tuple[str, ...]:
    """train-00000, train-00001, …"""
    return tuple(f"{split}-{number:05d}" for number in range(length))


def split_number(split: str) -> int:
    """Place of a split in the key of its random draws, so that no two splits share one."""
    return list(LENGTHS).index(split)


class Procedural(Dataset[Sample]):
    """A data set that a program draws: its split, its size (H, W) and its length, and names for its samples.

    Raises: ValueError for an unknown split, a size outside 48×64 to 768×1024, or a length below 1.
    """

    def __init__(self, split: str = "train", size: tuple[int, int] | None = None, *, length: int | None = None) -> None:
        self.length = checked_length(split, length)
        self.size = checked_size(size)
        self.split = split
        self.names = sample_names(split, self.length)

    def __len__(self) -> int:
        return self.length

    def place(self, index: int) -> tuple[int, int]:
        """Where a sample stands, for the key of its random draws: the number of its split, and its own.

        Raises: IndexError outside the data set.
        """
        return split_number(self.split), checked_index(index, self.length)
