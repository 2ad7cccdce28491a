"""Nine textures of two colours, each as the share of the second colour in a pixel.

A texture's function takes coordinates s and t that count its periods, and how many pixels a period is long.
"""

from collections.abc import Callable

import numpy as np

from course_utils.datasets.figures.dice import Dice, Integers, Numbers, edge, turned
from course_utils.datasets.noise import ATLAS_SIZE, noise_atlas

PERIOD = (4.0, 11.0)
"""The shortest and the longest, in pixels."""


def _plain(s: Numbers, t: Numbers, period: Numbers) -> Numbers:
    return np.zeros_like(s)


def _stripes(s: Numbers, t: Numbers, period: Numbers) -> Numbers:
    return edge(_from_middle(s) - np.float32(0.25), period)


def _checks(s: Numbers, t: Numbers, period: Numbers) -> Numbers:
    quarter = np.float32(0.25)
    return edge((_from_middle(s) - quarter) * (_from_middle(t) - quarter), 4 * period)


def _dots(s: Numbers, t: Numbers, period: Numbers) -> Numbers:
    s, t = _from_middle(s), _from_middle(t)
    return edge(np.float32(0.32) - np.sqrt(s * s + t * t), period)


def _grid(s: Numbers, t: Numbers, period: Numbers) -> Numbers:
    return edge(np.maximum(_from_middle(s), _from_middle(t)) - np.float32(0.38), period)


def _bricks(s: Numbers, t: Numbers, period: Numbers) -> Numbers:
    """Each is twice as long as high, and half its length from the one above it."""
    row = np.floor(t)
    along = 2 * _from_middle(s / 2 + row / 2) - np.float32(0.5)
    return edge(np.maximum(along, _from_middle(t)) - np.float32(0.38), period)


def _slope(s: Numbers, t: Numbers, period: Numbers) -> Numbers:
    return np.clip(s * period / 48 + np.float32(0.5), 0, 1)


def _clouds(s: Numbers, t: Numbers, period: Numbers) -> Numbers:
    return _noise(s * 16, t * 16)


def _grain(s: Numbers, t: Numbers, period: Numbers) -> Numbers:
    return _noise(s * 150, t * 150)


TEXTURES: dict[str, Callable[[Numbers, Numbers, Numbers], Numbers]] = {
    "plain": _plain,
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "grid": _grid,
    "bricks": _bricks,
    "slope": _slope,
    "clouds": _clouds,
    "grain": _grain,
}


def painted(dice: Dice, kinds: Integers, x: Numbers, y: Numbers) -> Numbers:
    """Textures of random colours, period, angle and place; `kinds` (B,) are places in `TEXTURES`.

    Shapes: pixels x (N,), y (N, 1) from the middle → (B, 3, N, N).
    """
    period = dice.real(*PERIOD)
    s, t = turned(x, y, dice.turn())
    s, t = s / period + dice.real(0, 8) * (kinds != SLOPE)[:, None, None], t / period + dice.real(0, 8)
    share = np.empty_like(s)
    for number, function in enumerate(TEXTURES.values()):
        chosen = kinds == number
        if chosen.any():
            share[chosen] = function(s[chosen], t[chosen], period[chosen])
    first, tint = dice.colour(), dice.colour()
    # From the first colour away from its own end of grey to black or white, by enough to be seen, and a little in hue.
    grey = first.mean(axis=1, keepdims=True)
    away = np.where(grey < np.float32(0.5), np.float32(1), np.float32(-1)) * dice.real(0.15, 0.55)[:, None]
    change = np.clip(first + away + (tint - np.float32(0.5)) * np.float32(0.4), 0, 1) - first
    return first + change * share[:, None]


SLOPE = list(TEXTURES).index("slope")


def _from_middle(s: Numbers) -> Numbers:
    """How far from the middle of its period: 0 in the middle, 0.5 where one ends and the next begins."""
    return np.abs(s - np.floor(s) - np.float32(0.5))


def _noise(s: Numbers, t: Numbers) -> Numbers:
    rows, columns = (np.floor(part).astype(np.int64) % ATLAS_SIZE for part in (t, s))
    atlas = (noise_atlas() + 110).astype(np.float32) / np.float32(220)
    return atlas.take(rows * ATLAS_SIZE + columns)
