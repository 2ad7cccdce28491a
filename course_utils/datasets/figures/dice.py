"""Random numbers for a whole batch of images at a time, and coordinates that are turned by a random angle.

All is float32 in single steps, each rounded as IEEE 754 says, so that an image is the same on every machine.
"""

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.random_draws import Draws

Numbers = NDArray[np.float32]
Integers = NDArray[np.int64]

STEPS = 4096
# A cosine may differ in its last bit from machine to machine; rounded to 2⁻¹⁴, it does not.
COSINES = (np.round(np.cos(np.arange(STEPS) * (2 * np.pi / STEPS)) * 2**14) / 2**14).astype(np.float32)


class Dice:
    """Draws one number for each image of a batch."""

    def __init__(self, draws: Draws, count: int) -> None:
        self.draws, self.count = draws, count

    def whole(self, low: int, high: int) -> Integers:
        """Integers from `low` to `high`, both included: (B,)."""
        return self.draws.integers(low, high, self.count)

    def real(self, low: float, high: float) -> Numbers:
        """Numbers from `low` to `high`: (B, 1, 1)."""
        return low + (high - low) * (self.whole(0, 65535)[:, None, None].astype(np.float32) / np.float32(65535))

    def chance(self, percent: int) -> NDArray[np.bool_]:
        """True in `percent` of 100 cases: (B, 1, 1)."""
        return self.whole(0, 99)[:, None, None] < percent

    def colour(self) -> Numbers:
        """Red, green and blue from 0 to 1, from almost grey to as strong as can be: (B, 3, 1, 1)."""
        colour = np.stack([self.real(0, 1) for _ in range(3)], axis=1)
        grey = colour.mean(axis=1, keepdims=True)
        return grey + (colour - grey) * self.real(0.2, 1)[:, None]

    def turn(self) -> tuple[Numbers, Numbers]:
        """Cosine and sine of an angle: (B, 1, 1) each."""
        angle = self.whole(0, STEPS - 1)[:, None, None]
        return COSINES[angle], COSINES[(angle + 3 * STEPS // 4) % STEPS]


def turned(x: Numbers, y: Numbers, turn: tuple[Numbers, Numbers]) -> tuple[Numbers, Numbers]:
    """Coordinates in a frame that is turned by an angle: (B, N, N) each."""
    cosine, sine = turn
    return x * cosine + y * sine, y * cosine - x * sine


def edge(distance: Numbers, pixels: Numbers | float) -> Numbers:
    """0 outside, 1 inside, and what lies between within a pixel of the edge.

    `distance` from the edge, above 0 inside, in units of so many `pixels`.
    """
    return np.clip(distance * pixels + np.float32(0.5), 0, 1)
