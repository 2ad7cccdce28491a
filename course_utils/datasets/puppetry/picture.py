"""Paint a stage from back to front, and read image, instances and keypoints from what has been painted."""

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.colours import Colour, scaled
from course_utils.datasets.photographs import soft, with_noise
from course_utils.datasets.puppetry.body import KEYPOINTS, Point, ahead, joints
from course_utils.datasets.puppetry.stage import Puppet, Stage
from course_utils.datasets.random_draws import Draws
from course_utils.datasets.street.canvas import SHADOW, UNIT, Canvas, Integers

SHADED = np.float32(0.6)
"""Share of the light that is left in the shadow."""

FAR = 72
"""Percent of the light on the limbs that are turned away from us."""

BACKDROP, PUPPET = 0, 1
INK = (25, 20, 20)


class Figure:
    """Paints one puppet, and knows on which surfaces each of its keypoints is seen."""

    def __init__(self, canvas: Canvas, puppet: Puppet) -> None:
        self.canvas, self.puppet, self.pose = canvas, puppet, puppet.pose
        self.owner = canvas.new_object(PUPPET)
        self.joints = joints(puppet.pose)
        self.shown: dict[str, list[int]] = {name: [] for name in KEYPOINTS}
        lowest = max(self.joints["left foot"][1], self.joints["right foot"][1])
        self.root = puppet.x, puppet.ground - (lowest + 28) * puppet.height // 1000

    def at(self, point: Point) -> Point:
        """Where a point of the body is in the picture."""
        height = self.puppet.height
        return self.root[0] + point[0] * height // 1000, self.root[1] + point[1] * height // 1000

    def paint(self, colour: Colour, percent: int = 100, *names: str) -> int:
        """A surface, on which these keypoints are seen."""
        surface = self.canvas.paint(self.owner, scaled(colour, percent), 5)
        for name in names:
            self.shown[name].append(surface)
        return surface

    def wide(self, width: int) -> int:
        """A width of the body in the picture's units."""
        return width * self.puppet.height // 1000 * self.puppet.build // 100

    def oval(self, point: Point, wide: int, high: int, surface: int) -> None:
        self.canvas.ellipse(*self.at(point), self.wide(wide), self.wide(high), surface)

    def bone(self, start: Point, end: Point, widths: tuple[int, int], surface: int) -> None:
        """A round joint at the start, and from there a straight piece with half of its width at both ends."""
        (x0, y0), (x1, y1) = self.at(start), self.at(end)
        right, down = x1 - x0, y1 - y0
        length = max(isqrt(right * right + down * down), 1)
        # A quarter turn of the direction, as long as half the width at each end.
        (dx0, dy0), (dx1, dy1) = (
            (self.wide(width) * down // length, -self.wide(width) * right // length) for width in widths
        )
        corners = [(x0 + dx0, y0 + dy0), (x1 + dx1, y1 + dy1), (x1 - dx1, y1 - dy1), (x0 - dx0, y0 - dy0)]
        self.canvas.polygon(corners, surface)
        self.oval(start, widths[0], widths[0], surface)

    def draw(self) -> None:
        """From back to front: what is turned away, the legs, the trunk, the head, the arms."""
        facing, behind = self.pose.facing, self.puppet.behind
        if facing == 0:
            for name, hidden in zip(("left", "right"), behind, strict=True):
                if hidden:
                    self.arm(name, FAR)
            self.leg("left", 100)
            self.leg("right", 90)
            self.trunk("left", "right")
            self.head()
            for name, hidden in zip(("left", "right"), behind, strict=True):
                if not hidden:
                    self.arm(name, 86)
        else:
            # A puppet that walks to the right shows us its right side.
            near, far = ("right", "left") if facing > 0 else ("left", "right")
            self.arm(far, FAR)
            self.leg(far, FAR)
            self.leg(near, 100)
            self.trunk(near)
            self.head()
            self.arm(near, 86)

    def arm(self, side: str, percent: int) -> None:
        puppet = self.puppet
        shoulder, elbow, hand = (f"{side} {name}" for name in ("shoulder", "elbow", "hand"))
        upper = self.paint(puppet.top, percent, shoulder, elbow)
        lower = self.paint(puppet.top if puppet.long_sleeves else puppet.skin, percent, elbow, hand)
        self.bone(self.joints[shoulder], self.joints[elbow], (40, 33), upper)
        self.bone(self.joints[elbow], self.joints[hand], (32, 24), lower)
        self.oval(self.joints[hand], 31, 31, self.paint(puppet.skin, percent, hand))

    def leg(self, side: str, percent: int) -> None:
        puppet = self.puppet
        hip, knee, foot = (f"{side} {name}" for name in ("hip", "knee", "foot"))
        upper = self.paint(puppet.legs, percent, hip, knee)
        lower = self.paint(puppet.legs if puppet.long_trousers else puppet.skin, percent, knee, foot)
        shoe = self.paint(puppet.shoes, percent, foot)
        self.bone(self.joints[hip], self.joints[knee], (58, 46), upper)
        self.bone(self.joints[knee], self.joints[foot], (44, 31), lower)
        ankle = self.joints[foot]
        across = 50 * self.pose.facing or (18 if side == "left" else -18)
        toes = ankle[0] + across, ankle[1] + 4
        self.bone(ankle, toes, (33, 24), shoe)
        self.oval(toes, 24, 24, shoe)

    def trunk(self, *sides: str) -> None:
        """The neck, and a piece between shoulders and hips whose corners are round."""
        names = [f"{side} {joint}" for side in sides for joint in ("shoulder", "hip")]
        places, lean = self.joints, self.pose.lean
        top, bottom = self.paint(self.puppet.top, 100, *names), self.paint(self.puppet.legs, 95, *names)
        self.bone(places["neck"], places["head"], (34, 34), self.paint(self.puppet.skin, 88))
        self.bone(places["left hip"], places["right hip"], (58, 58), bottom)
        self.oval(places["right hip"], 58, 58, bottom)
        if self.pose.facing:
            self.bone(places["neck"], ahead((0, 0), 180 + lean, 40), (60, 60), top)
        else:
            waist = [ahead(ahead((0, 0), 180 + lean, 20), 90 + lean, across) for across in (-92, 92)]
            self.canvas.polygon([*map(self.at, (places["left shoulder"], places["right shoulder"], *waist))], top)
            for side in ("left", "right"):
                self.oval(places[f"{side} shoulder"], 42, 42, top)

    def head(self) -> None:
        x, y = self.joints["head"]
        facing = self.pose.facing
        hair, face = self.paint(self.puppet.hair, 100, "head"), self.paint(self.puppet.skin, 100, "head")
        ink = self.paint(INK, 100, "head")
        self.oval((x - 14 * facing, y - 16), 66, 72, hair)
        self.oval((x + 12 * facing, y + 8), 56, 64, face)
        if facing:
            self.oval((x + 66 * facing, y + 10), 14, 12, face)
            self.oval((x + 40 * facing, y - 6), 10, 13, ink)
        else:
            for side in (-1, 1):
                self.oval((x + 24 * side, y - 2), 10, 13, ink)
            self.oval((x, y + 36), 20, 7, ink)


def paint_stage(stage: Stage, height: int, width: int) -> tuple[Canvas, list[Figure]]:
    """The wall with its posters, the ground, and the puppets with their shadows from far to near."""
    canvas = Canvas(height, width, air=(0, 0, 0), haze=0)
    backdrop = canvas.new_object(BACKDROP)
    wall = [canvas.paint(backdrop, colour, stage.rough[0]) for colour in stage.wall]
    ground = canvas.paint(backdrop, stage.ground, stage.rough[1])
    canvas.surface[:] = np.take(wall, (canvas.x + UNIT) // stage.stripe % 2)
    for poster in stage.posters:
        surface = canvas.paint(backdrop, poster.colour, stage.rough[0])
        if poster.round:
            canvas.ellipse(poster.x, poster.y, poster.wide, poster.high, surface)
        else:
            corners = poster.x - poster.wide, poster.y - poster.high, poster.x + poster.wide, poster.y + poster.high
            canvas.rectangle(*corners, surface)
    canvas.rectangle(-canvas.half_width, stage.floor, canvas.half_width, UNIT, ground)
    figures = []
    for puppet in stage.puppets:
        wide, high = puppet.height * 20 // 100, puppet.height * 3 // 100
        hexagon = ((-10, 0), (-5, -10), (5, -10), (10, 0), (5, 10), (-5, 10))
        canvas.shade([(puppet.x + wide * x // 10, puppet.ground + high * y // 10) for x, y in hexagon])
        figure = Figure(canvas, puppet)
        figure.draw()
        figures.append(figure)
    return canvas, figures


def read_truth(canvas: Canvas, figures: list[Figure]) -> tuple[Integers, NDArray[np.float32]]:
    """Instances (H, W) int64, 1, 2, … from far to near, and keypoints (N, K, 3) float32 of the puppets that can be seen.

    A keypoint is seen if the pixel in which it lies shows a part of the body that ends there.
    """
    objects, surfaces = canvas.look_up(canvas.objects), canvas.surface & (SHADOW - 1)
    instances, keypoints = np.zeros_like(objects), []
    for figure in figures:
        mask = objects == figure.owner
        if mask.any():
            keypoints.append([_keypoint(canvas, surfaces, figure, name) for name in KEYPOINTS])
            instances[mask] = len(keypoints)
    return instances, np.array(keypoints, dtype=np.float32).reshape(-1, len(KEYPOINTS), 3)


def _keypoint(canvas: Canvas, surfaces: Integers, figure: Figure, name: str) -> tuple[float, float, int]:
    """x and y in pixels, and COCO's visibility: 2 seen, 1 hidden, 0 outside of the picture."""
    x, y = figure.at(figure.joints[name])
    x, y = x * canvas.height + canvas.width * UNIT // 2, y * canvas.height  # in 65536ths of a pixel
    if not (0 <= x < canvas.width * UNIT and 0 <= y < canvas.height * UNIT):
        return 0.0, 0.0, 0
    seen = surfaces[y // UNIT, x // UNIT] in figure.shown[name]
    return x / UNIT, y / UNIT, 2 if seen else 1


def develop(canvas: Canvas, stage: Stage, draws: Draws) -> NDArray[np.float32]:
    """The photograph of a painted canvas: colours, light, texture, shadow, a soft lens and noise: (3, H, W) float32.

    Single steps of float32 arithmetic, each rounded as IEEE 754 says, so that the image is the same on every machine.
    """
    light = np.array(stage.cast, np.float32) / np.float32(255 * 255)
    colours = np.array(canvas.colours, np.float32) * light
    everywhere = slice(0, canvas.height), slice(0, canvas.width)
    texture = canvas.noise(everywhere, *stage.texture).astype(np.float32)
    brightness = 1 + canvas.look_up(np.array(canvas.grain, np.float32) / np.float32(6400)) * texture
    brightness[canvas.surface >= SHADOW] *= SHADED
    image = soft(np.take(colours.T, canvas.surface & (SHADOW - 1), axis=1) * brightness)
    return with_noise(image, draws, np.float32(0.00009))
