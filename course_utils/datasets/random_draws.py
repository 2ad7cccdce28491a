"""Random integers that are the same on every machine and in every version of NumPy."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.colours import Colour, from_hsv

Item = TypeVar("Item")

_WORDS = 512


class Draws:
    """A stream of random integers that its key alone decides.

    Only the raw words of PCG64 are used: NumPy keeps them fixed, while the methods of its `Generator` may change.
    """

    def __init__(self, *key: int) -> None:
        self._generator = np.random.PCG64(np.random.SeedSequence(key))
        self._words: list[int] = []

    def between(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        if not self._words:
            self._words = self._generator.random_raw(_WORDS).tolist()
        return low + ((self._words.pop() >> 32) * (high - low + 1) >> 32)

    def chance(self, percent: int) -> bool:
        """True in `percent` of 100 cases."""
        return self.between(0, 99) < percent

    def choice(self, options: Sequence[Item]) -> Item:
        """One of the options, each as likely as the others."""
        return options[self.between(0, len(options) - 1)]

    def integers(self, low: int, high: int, count: int) -> NDArray[np.int64]:
        """`count` integers from `low` to `high`, both included: (count,) int64."""
        halves = self._raw(-(-count // 2)).view("<u4")[:count].astype(np.int64)
        return low + (halves * (high - low + 1) >> 32)

    def bytes(self, count: int) -> NDArray[np.uint8]:
        """`count` integers from 0 to 255: (count,) uint8."""
        return self._raw(-(-count // 8)).view(np.uint8)[:count]

    def _raw(self, count: int) -> NDArray[np.uint64]:
        # Little-endian on every machine, so that its bytes come in one order.
        return self._generator.random_raw(count).astype("<u8")

    def colour(self, hue: tuple[int, int], saturation: tuple[int, int], value: tuple[int, int]) -> Colour:
        """A colour from ranges of hue (degrees), saturation (percent) and value (0 to 255)."""
        return from_hsv(self.between(*hue), self.between(*saturation), self.between(*value))
