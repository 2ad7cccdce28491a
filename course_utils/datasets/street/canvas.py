"""A picture in fixed-point coordinates: shapes are filled where they contain a pixel's centre, in integers only."""

from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.datasets.colours import Colour, mixed
from course_utils.datasets.noise import noise_atlas, sampled

UNIT = 1 << 16
"""Height of every picture in its own coordinates: x runs to the right from the middle, y downwards from the top."""

SHADOW = 1 << 14
"""Bit of a surface's number that says that it lies in the shadow."""

NEAREST = 300
HAZY_DEPTH = 80_000
"""Depths in millimetres: nothing nearer is projected; from here on the air has its full effect."""

Point = tuple[int, int]
Window = tuple[slice, slice]
Integers = NDArray[np.int64]


class Camera(NamedTuple):
    """A pinhole camera that looks along the street, with a field of view of one picture height at distance 1.

    `height` above the ground in millimetres; `horizon` and `centre` are the y and the x of the vanishing point.
    """

    height: int
    horizon: int
    centre: int

    def project(self, across: int, up: int, depth: int) -> Point:
        """Where a point of the world (millimetres, `across` from the camera to the right) is seen."""
        depth = max(depth, NEAREST)
        return self.centre + across * UNIT // depth, self.horizon + (self.height - up) * UNIT // depth


class Canvas:
    """An image of surface numbers, painted from back to front, and what each surface is.

    A surface is one colour of one object. Objects are numbered in the order of painting: the larger number is nearer.
    """

    def __init__(self, height: int, width: int, *, air: Colour, haze: int) -> None:
        self.height, self.width, self.half_width = height, width, width * UNIT // (2 * height)
        self.x = (2 * np.arange(width) + 1 - width) * UNIT // (2 * height)
        self.y = (2 * np.arange(height) + 1) * UNIT // (2 * height)
        self.surface = np.zeros((height, width), np.int16)
        self.air, self.haze = air, haze
        self.labels: list[int] = []  # of each object: its class, and percent of air in its colours
        self.veils: list[int] = []
        self.objects: list[int] = []  # of each surface: its object, colour, strength of texture, whether it is ground
        self.colours: list[Colour] = []
        self.grain: list[int] = []
        self.lying: list[bool] = []

    def new_object(self, label: int, depth: int = 0) -> int:
        """Number of a new object of a class, in front of all others; the air pales it by its depth."""
        self.labels.append(label)
        self.veils.append(self.haze * min(depth, HAZY_DEPTH) // HAZY_DEPTH)
        return len(self.labels) - 1

    def paint(self, owner: int, colour: Colour, grain: int = 3, *, lying: bool = False) -> int:
        """Number of a new surface of an object."""
        veil = self.veils[owner]
        self.objects.append(owner)
        self.colours.append(mixed(colour, self.air, veil) if veil else colour)
        self.grain.append(grain)
        self.lying.append(lying)
        return len(self.objects) - 1

    def look_up(self, table: ArrayLike) -> NDArray:
        """The entry of each pixel's surface in a table with one row for each surface: (H, W, ...)."""
        return np.take(table, self.surface & (SHADOW - 1), axis=0)

    def window(self, left: int, top: int, right: int, bottom: int) -> Window:
        """Rows and columns whose pixel centres lie in left <= x < right, top <= y < bottom."""
        return self._range(top, bottom, 0, self.height), self._range(left, right, self.width, self.width)

    def _range(self, low: int, high: int, centred: int, count: int) -> slice:
        # Pixel i has its centre at (2 i + 1 - centred) UNIT / (2 height).
        shift, step = (centred - 1) * UNIT, 2 * UNIT
        first = -(-(2 * self.height * low + shift) // step)
        last = -(-(2 * self.height * high + shift) // step)
        return slice(min(max(first, 0), count), min(max(last, 0), count))

    def fill(self, window: Window, inside: NDArray[np.bool_], surface: int | Integers) -> None:
        """Paint the pixels of a window that are inside."""
        np.copyto(self.surface[window], surface, where=inside, casting="unsafe")

    def rectangle(self, left: int, top: int, right: int, bottom: int, surface: int) -> None:
        """Paint an upright rectangle."""
        self.surface[self.window(left, top, right, bottom)] = surface

    def polygon(self, points: list[Point], surface: int) -> None:
        """Paint a convex polygon, whichever way round its corners are given."""
        window, inside = self._polygon(points)
        if inside is not None:
            self.fill(window, inside, surface)

    def shade(self, points: list[Point]) -> None:
        """Lay a shadow in the form of a convex polygon on what has been painted."""
        window, inside = self._polygon(points)
        if inside is not None:
            region = self.surface[window]
            np.bitwise_or(region, SHADOW, out=region, where=inside)

    def _polygon(self, points: list[Point]) -> tuple[Window, NDArray[np.bool_] | None]:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        window = self.window(min(xs), min(ys), max(xs), max(ys))
        x, y = self.x[window[1]], self.y[window[0]]
        if not len(x) or not len(y):
            return window, None
        edges = list(zip(points, points[1:] + points[:1], strict=True))
        clockwise = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in edges) > 0
        bounds: tuple[list[Integers], list[Integers]] = ([], [])
        for (x0, y0), (x1, y1) in edges:
            if y0 != y1:
                bounds[(y1 > y0) == clockwise].append((y * (x1 - x0) + (x0 * y1 - x1 * y0)) // (y1 - y0))
        left, right = reduce(np.maximum, bounds[0]), reduce(np.minimum, bounds[1])
        return window, (x >= left[:, None]) & (x < right[:, None])

    def ellipse(self, x: int, y: int, radius_x: int, radius_y: int, surface: int) -> None:
        """Paint an upright ellipse around (x, y)."""
        window, squares = self._ellipse(x, y, radius_x, radius_y)
        if squares is not None:
            self.fill(window, squares < 1 << 20, surface)

    def foliage(self, x: int, y: int, radius_x: int, radius_y: int, tones: int, leaves: tuple[int, Point]) -> None:
        """Paint an ellipse with a leafy outline, in three tones that grow lighter towards the top.

        `tones` is the darkest of three surfaces in a row; `leaves` is the scale and the offset of their noise.
        """
        window, squares = self._ellipse(x, y, radius_x, radius_y)
        if squares is None:
            return
        noise = self.noise(window, *leaves)
        gloom = (noise * 5 >> 1) + ((self.y[window[0]] - y) * 110 // max(radius_y, 1))[:, None]
        self.fill(window, squares + noise * 7000 < 800_000, (gloom < 45).astype(np.int64) + (gloom < -45) + tones)

    def _ellipse(self, x: int, y: int, radius_x: int, radius_y: int) -> tuple[Window, Integers | None]:
        radius_x, radius_y = max(radius_x, 1), max(radius_y, 1)
        window = self.window(x - radius_x, y - radius_y, x + radius_x, y + radius_y)
        columns, rows = self.x[window[1]], self.y[window[0]]
        if not len(columns) or not len(rows):
            return window, None
        across, down = (columns - x) * 1024 // radius_x, (rows - y) * 1024 // radius_y
        return window, (across * across)[None, :] + (down * down)[:, None]

    def noise(self, window: Window, scale: int, offset: Point) -> NDArray[np.int32]:
        """Noise of the atlas at a window's pixels, repeated `scale` times per picture height: about -110 to 110."""
        return sampled(noise_atlas(), self.x[window[1]], self.y[window[0]], unit=UNIT, scale=scale, offset=offset)
