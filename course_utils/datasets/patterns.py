"""Pictures to pretrain an encoder on, drawn by a program: a shape with one texture, in front of another.

A classifier's data: an image has labels, its pixels have none. There is no end of it: every batch has a number.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.datasets.figures.dice import Dice, Integers, Numbers, turned
from course_utils.datasets.figures.shapes import SHAPES, covered
from course_utils.datasets.figures.textures import TEXTURES, painted
from course_utils.datasets.photographs import soft, with_noise
from course_utils.datasets.procedural import checked_length, split_number
from course_utils.datasets.random_draws import Draws
from course_utils.ops.checks import whole_numbers

VERSION = 1
"""Goes into every draw."""

SET = 3
SMALLEST = 32
BEHIND, IN_FRONT = 50, 40
"""Percent of the images with a piece of clutter behind the shape, and in front of it."""


class Patterns(NamedTuple):
    """Images (B, 3, N, N) float32 in [0, 1], and of each (B,) int64 labels: places in `SHAPES` and in `TEXTURES`."""

    images: Tensor
    shapes: Tensor
    textures: Tensor
    backgrounds: Tensor
    """The texture behind the shape, which is never the one on it."""


def draw_patterns(split: str, number: int, *, seed: int = 0, count: int = 32, size: int = 64) -> Patterns:
    """Batch `number` of a split and a seed: `count` images of `size` × `size` pixels, the same on every machine.

    Shape and texture of an image, its colours, where they are, how large, turned and bent, the light on them, what lies
    before and behind, and the noise: all are random. The background's texture is another than the shape's; otherwise all are
    independent of each other.

    Raises: ValueError for an unknown split, a size below 32, and numbers that are not whole.
    """
    checked_length(split, None)
    number, seed = whole_numbers(0, number=number, seed=seed)
    count, size = whole_numbers(1, count=count, size=size)
    if size < SMALLEST:
        raise ValueError(f"size must be {SMALLEST} or more, for a shape needs room, but is {size}.")
    draws = Draws(VERSION, SET, split_number(split), seed, number)
    dice = Dice(draws, count)
    shapes, textures = dice.whole(0, len(SHAPES) - 1), dice.whole(0, len(TEXTURES) - 1)
    backgrounds = (textures + dice.whole(1, len(TEXTURES) - 1)) % len(TEXTURES)
    images = np.clip(_compose(dice, shapes, textures, backgrounds, size), 0, 1)
    # `soft` takes the channels of one image, and here those of all.
    images = soft(images.reshape(-1, size, size)).reshape(images.shape)
    images = with_noise(images, draws, dice.real(0, 0.0003)[:, None])
    return Patterns(*(torch.from_numpy(array) for array in (images, shapes, textures, backgrounds)))


def _compose(dice: Dice, shapes: Integers, textures: Integers, backgrounds: Integers, size: int) -> Numbers:
    """From back to front: background, clutter, the shape, clutter. Clutter is a piece of another image of the batch."""
    x = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    y = x[:, None]

    def lit(colours: Numbers, strength: float) -> Numbers:
        """With more light on one side than on the other."""
        along, _ = turned(x, y, dice.turn())
        return colours * (1 + along * (dice.real(-strength, strength) / size))[:, None]

    def piece(percent: int) -> Numbers:
        kinds = dice.whole(0, len(SHAPES) - 1)
        share = covered(dice, kinds, x, y, radius=(0.08 * size, 0.2 * size), reach=0.45 * size)
        return (share * dice.chance(percent))[:, None]

    def over(image: Numbers, share: Numbers, front: Numbers) -> Numbers:
        return image + share * (front - image)

    back = lit(painted(dice, backgrounds, x, y), 0.6)
    back = over(back, piece(BEHIND), np.roll(back, 1, axis=0))
    share = covered(dice, shapes, x, y, radius=(0.25 * size, 0.5 * size), reach=0.15 * size)[:, None]
    image = over(back, share, lit(painted(dice, textures, x, y), 0.9))
    return over(image, piece(IN_FRONT), np.roll(image, 1, axis=0))
