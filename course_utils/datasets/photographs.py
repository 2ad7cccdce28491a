"""What a lens and a sensor do to a picture, in single steps of float32 that IEEE 754 rounds alike on every machine."""

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.random_draws import Draws


def soft(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The filter (1, 4, 1) / 6 along both axes: what a lens does to an edge."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)), mode="edge")
    tall = padded[:, :-2] + 4 * padded[:, 1:-1] + padded[:, 2:]
    return (tall[..., :-2] + 4 * tall[..., 1:-1] + tall[..., 2:]) / np.float32(36)


def with_noise(
    image: NDArray[np.float32], draws: Draws, strength: np.float32 | NDArray[np.float32]
) -> NDArray[np.float32]:
    """The image in [0, 1] with the noise of a sensor: a difference of two bytes at every value, times the strength."""
    noise = draws.bytes(2 * image.size).astype(np.int16).reshape(2, *image.shape)
    image = image + (noise[0] - noise[1]) * strength
    return np.clip(image, 0, 1, out=image)
