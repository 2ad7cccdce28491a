"""Paint a person: a figure of limbs, measured in thousandths of its height."""

from course_utils.datasets.colours import Colour, mixed, scaled
from course_utils.datasets.street.canvas import UNIT, Camera, Canvas, Point
from course_utils.datasets.street.world import PERSON, Light, Person

LEATHER = (25, 22, 20)


class Figure:
    """Places limbs of one person in the picture: `across` from the middle, `up` from the soles."""

    def __init__(self, canvas: Canvas, camera: Camera, person: Person) -> None:
        self.canvas, self.owner = canvas, canvas.new_object(PERSON, person.depth)
        self.foot_x, self.foot_y = camera.project(person.across, 0, person.depth)
        self.high = person.height * UNIT // person.depth
        self.wide = self.high * person.build // 100

    def paint(self, colour: Colour, percent: int = 100) -> int:
        return self.canvas.paint(self.owner, scaled(colour, percent), 6)

    def at(self, across: int, up: int) -> Point:
        return self.foot_x + across * self.wide // 1000, self.foot_y - up * self.high // 1000

    def limb(self, start: Point, end: Point, widths: tuple[int, int], surface: int) -> None:
        """From one point (across, up) to another, with half the width at each."""
        (x0, y0), (x1, y1), (w0, w1) = start, end, widths
        self.canvas.polygon(
            [self.at(x0 - w0, y0), self.at(x0 + w0, y0), self.at(x1 + w1, y1), self.at(x1 - w1, y1)], surface
        )

    def oval(self, across: int, up: int, wide: int, high: int, surface: int) -> None:
        self.canvas.ellipse(*self.at(across, up), wide * self.high // 1000, high * self.high // 1000, surface)


def draw_person(canvas: Canvas, camera: Camera, light: Light, person: Person) -> None:
    """Far arm, legs and shoes, trunk, bag, near arm, head; the far limbs are darker."""
    figure, turn = Figure(canvas, camera, person), person.facing
    top, far_top, skin = figure.paint(person.top), figure.paint(person.top, 72), figure.paint(person.skin)
    legs, far_leg = figure.paint(person.legs), figure.paint(person.legs, 70)
    step = person.stride if turn else 35 + person.stride // 8
    slim = 72 if turn else 100  # a person is thinner from the side
    shoulder, hip = 122 * slim // 100, 102 * slim // 100
    hand = step * 2 // 3 + 95 * slim // 100

    figure.limb((shoulder - 18, 800), (hand, 450), (30, 22), far_top)
    figure.limb((-30, 500), (-step, 30), (52, 34), far_leg)
    figure.limb((30, 500), (step, 30), (52, 34), legs)
    shoes = figure.paint(mixed(person.legs, LEATHER, 80))
    for foot in (-step, step):
        figure.limb((foot + 12 * turn, 45), (foot + 22 * turn, 0), (36, 46), shoes)
    if person.skirt:
        figure.limb((0, 620), (0, 300), (80, 130), legs)
    figure.limb((0, 640), (0, 470), (90 * slim // 100, hip), top)
    figure.limb((0, 822), (0, 640), (shoulder, 90 * slim // 100), top)
    if person.bag is not None:
        figure.limb((-95 * turn, 790), (-95 * turn, 560), (62, 68), figure.paint(person.bag))
    figure.limb((18 - shoulder, 805), (-hand, 450), (30, 22), top if turn else far_top)
    figure.oval(-hand, 440, 26, 26, skin)
    figure.limb((0, 880), (0, 810), (32, 36), skin)
    figure.oval(-6 * turn, 938, 60, 66, figure.paint(person.hair))
    figure.oval(16 * turn, 918, 47, 56, skin)
