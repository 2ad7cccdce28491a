"""Ten shapes, each as the distance from its edge: about that to the nearest point of it, above 0 inside.

A shape is about 2 wide and 2 high around (0, 0). Its function takes coordinates u and v, two arrays of one shape, to an array
of that shape.
"""

from collections.abc import Callable

import numpy as np

from course_utils.datasets.figures.dice import COSINES, STEPS, Dice, Integers, Numbers, edge, turned


def _disc(u: Numbers, v: Numbers) -> Numbers:
    return np.float32(0.85) - np.sqrt(u * u + v * v)


def _ring(u: Numbers, v: Numbers) -> Numbers:
    return np.float32(0.2) - np.abs(np.sqrt(u * u + v * v) - np.float32(0.75))


def _half_disc(u: Numbers, v: Numbers) -> Numbers:
    return np.minimum(1 - np.sqrt(u * u + (v + np.float32(0.4)) ** 2), v + np.float32(0.4))


def _crescent(u: Numbers, v: Numbers) -> Numbers:
    bite = np.sqrt((u - np.float32(0.5)) ** 2 + v * v) - np.float32(0.75)
    return np.minimum(np.float32(0.95) - np.sqrt(u * u + v * v), bite)


def _square(u: Numbers, v: Numbers) -> Numbers:
    return np.float32(0.75) - np.maximum(np.abs(u), np.abs(v))


def _bar(u: Numbers, v: Numbers) -> Numbers:
    return np.minimum(np.float32(0.13) - np.abs(u), np.float32(1.1) - np.abs(v))


def _cross(u: Numbers, v: Numbers) -> Numbers:
    u, v = np.abs(u), np.abs(v)
    return np.minimum(np.float32(0.24) - np.minimum(u, v), np.float32(0.9) - np.maximum(u, v))


def _corner(u: Numbers, v: Numbers) -> Numbers:
    """Two sides of a square."""
    whole = np.float32(0.8) - np.maximum(np.abs(u), np.abs(v))
    return np.minimum(whole, -np.minimum(u, v) - np.float32(0.4))


def _triangle(u: Numbers, v: Numbers) -> Numbers:
    slope = np.float32(0.866) * np.abs(u) + v / 2
    return np.float32(0.5) - np.maximum(slope, -v)


def _star(u: Numbers, v: Numbers) -> Numbers:
    """Five lines cut the plane. What lies inside of at least four of them is a star with five points."""
    lines = []
    for point in range(5):
        # STEPS is no multiple of five, but nearly.
        angle = point * STEPS // 5
        lines.append(np.float32(0.38) - u * COSINES[angle] - v * COSINES[angle - STEPS // 4])
    smallest, second = np.minimum(lines[0], lines[1]), np.maximum(lines[0], lines[1])
    for line in lines[2:]:
        second = np.minimum(second, np.maximum(smallest, line))
        smallest = np.minimum(smallest, line)
    return second


SHAPES: dict[str, Callable[[Numbers, Numbers], Numbers]] = {
    "disc": _disc,
    "ring": _ring,
    "half disc": _half_disc,
    "crescent": _crescent,
    "square": _square,
    "bar": _bar,
    "cross": _cross,
    "corner": _corner,
    "triangle": _triangle,
    "star": _star,
}


def covered(
    dice: Dice, kinds: Integers, x: Numbers, y: Numbers, *, radius: tuple[float, float], reach: float
) -> Numbers:
    """How much of each pixel lies in a shape of random place, size, angle and bend.

    `kinds` (B,): places in `SHAPES`. `radius`: from the smallest to the largest, in pixels; `reach`: how far from the image's
    middle the shape's may be.

    Shapes: pixels x (N,), y (N, 1) from the middle → (B, N, N).
    """
    size = dice.real(*radius)
    u, v = turned(x - dice.real(-reach, reach), y - dice.real(-reach, reach), dice.turn())
    u, v = u / (size * dice.real(0.75, 1.1)), v / size
    u = u + dice.real(-0.35, 0.35) * (v * v - np.float32(0.3))
    distance = np.empty_like(u)
    for number, function in enumerate(SHAPES.values()):
        chosen = kinds == number
        if chosen.any():
            distance[chosen] = function(u[chosen], v[chosen])
    return edge(distance, size)
