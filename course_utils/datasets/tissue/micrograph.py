"""The micrograph of a section: membranes, cytoplasm, and what makes a threshold fail: organelles, reticulum, microtubules."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.noise import noise_atlas, sampled
from course_utils.datasets.photographs import soft, with_noise
from course_utils.datasets.random_draws import Draws
from course_utils.datasets.tissue.growth import (
    LATTICE,
    SEEDS,
    SMOOTH,
    UNIT,
    Integers,
    Section,
    Tissue,
    pixel_centres,
    smooth_noise,
)

TUBULE_SQUARE, TUBULE_RADIUS = UNIT // 30, UNIT // 150

Field = NDArray[np.float32]


class Stain(NamedTuple):
    """What chance decides about the grey values: brightness and contrast in percent, the grey of each cell in thousandths, and
    microtubules: their place in the squares of a lattice of their own, and whether there is one."""

    brightness: int
    contrast: int
    grain: int
    grey: Integers
    tubule_x: Integers
    tubule_y: Integers
    tubule: NDArray[np.bool_]


def lay_stain(draws: Draws) -> Stain:
    """Lighter or darker, softer or harder, cleaner or noisier."""
    return Stain(
        brightness=draws.between(57, 71),
        contrast=draws.between(80, 115),
        grain=draws.between(40, 75),
        grey=draws.integers(-90, 90, SEEDS),
        tubule_x=draws.integers(25, 75, SEEDS) * TUBULE_SQUARE // 100,
        tubule_y=draws.integers(25, 75, SEEDS) * TUBULE_SQUARE // 100,
        tubule=draws.integers(0, 99, SEEDS) < 45,
    )


class Microscope:
    """Looks at one section; each method gives a layer of the picture, (H, W)."""

    def __init__(self, tissue: Tissue, stain: Stain, section: Section) -> None:
        self.tissue, self.stain, self.section = tissue, stain, section
        self.height, self.width = section.cell.shape
        border = section.gap.astype(np.float32) / (2 * np.sqrt(section.spread.astype(np.float32)))
        self.rim = border / section.thickness.astype(np.float32)
        """Distance to the next cell in thicknesses of the membrane, whose label ends at 0.5."""

    def rough(self, scale: int, shift: int) -> Field:
        """Noise with detail, -1 to 1."""
        offset = self.tissue.offset[0] + shift, self.tissue.offset[1] - shift
        places = pixel_centres(self.height, self.width)
        return sampled(noise_atlas(), *places, unit=UNIT, scale=scale, offset=offset).astype(np.float32) / np.float32(
            110
        )

    def cytoplasm(self) -> Field:
        """Grey of the cells, with fine and coarse grain."""
        grey = self.stain.grey.astype(np.float32).take(self.section.cell) / np.float32(1000)
        return grey + np.float32(0.06) * self.rough(2, 60) + np.float32(0.10) * self.rough(9, 90)

    def reticulum(self) -> Field:
        """Thin dark lines inside some cells: contour lines of noise, which look like membranes and are none."""
        relief = smooth_noise(self.height, self.width, scale=1, offset=self.tissue.offset[::-1], octaves=4)
        line = np.clip(np.float32(1.3) - np.abs(relief).astype(np.float32) / np.float32(280), 0, 1)
        return line * ((self.rough(1, 210) > np.float32(-0.1)) & (self.rim > np.float32(0.9)))

    def microtubules(self) -> NDArray[np.bool_]:
        """Small rings."""
        x, y = pixel_centres(self.height, self.width)
        place = (y // TUBULE_SQUARE % LATTICE * LATTICE)[:, None] + (x // TUBULE_SQUARE % LATTICE)[None, :]
        across = (x % TUBULE_SQUARE)[None, :] - self.stain.tubule_x.take(place)
        along = (y % TUBULE_SQUARE)[:, None] - self.stain.tubule_y.take(place)
        squares, outer = across * across + along * along, TUBULE_RADIUS * TUBULE_RADIUS
        ring = (squares < outer) & (squares > outer // 6) & self.stain.tubule.take(place)
        return ring & (self.rough(2, 330) > np.float32(0.05)) & (self.rim > np.float32(0.8))

    def mitochondria(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Field]:
        """Where they are, where their dark hull is, and how light their cristae are (0 to 1)."""
        section = self.section
        wave = smooth_noise(self.height, self.width, scale=2, offset=self.tissue.offset)
        slant = section.seed % 5 - 2
        long, wide = 2 * section.across + slant * section.along, 2 * section.along - slant * section.across
        squares = (2 * long * long // 5 + wide * wide) // (4 + slant * slant)
        squares += squares * wave // (3 * SMOOTH)
        size = self.tissue.organelle.take(section.seed) ** 2
        inside = (squares < size) & (self.rim > np.float32(0.62))
        hull = inside & ((100 * squares > 72 * size) | (self.rim < np.float32(0.8)))
        period = self.tissue.square * 16 // 100
        phase = (wide + wave * 2 * period // SMOOTH) % (2 * period)
        stripes = np.abs(phase - period).astype(np.float32) / np.float32(period)
        return inside, hull, np.clip(2 * stripes - np.float32(0.4), 0, 1)

    def membranes(self) -> Field:
        """Darkness of the membranes: stronger or fainter along their way, with dense spots where cells exchange signals."""
        profile = np.clip(np.float32(1.15) - (self.rim / np.float32(0.62)) ** 2, 0, 1)
        strength = np.clip(np.float32(0.29) + np.float32(0.22) * self.rough(2, 250), np.float32(0.08), np.float32(0.5))
        dense = np.clip(self.rough(2, 400) - np.float32(0.45), 0, np.float32(0.5))
        return profile * strength + np.float32(0.35) * dense * np.clip(np.float32(2.2) - self.rim, 0, 1)


def develop(tissue: Tissue, stain: Stain, section: Section, draws: Draws) -> NDArray[np.float32]:
    """The micrograph: (3, H, W) float32, the same in all channels."""
    seen = Microscope(tissue, stain, section)
    image = seen.cytoplasm()
    image -= np.float32(0.22) * seen.reticulum()
    image -= np.float32(0.20) * seen.microtubules()
    inside, hull, cristae = seen.mitochondria()
    image[inside] = np.float32(-0.25) + np.float32(0.2) * cristae[inside]
    image[hull] = np.float32(-0.37)
    image -= seen.membranes()
    image = np.float32(stain.brightness / 100) + image * np.float32(stain.contrast / 100)
    image *= 1 + np.float32(0.12) * seen.rough(1, 440)
    return np.repeat(with_noise(soft(image[None]), draws, np.float32(stain.grain / 100_000)), 3, axis=0)
