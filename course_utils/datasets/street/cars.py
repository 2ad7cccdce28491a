"""Paint a car: a box with a cabin on it, seen in perspective, of which only the faces that are turned to us are drawn."""

from course_utils.datasets.colours import Colour, scaled
from course_utils.datasets.street.canvas import Camera, Canvas, Point
from course_utils.datasets.street.world import CAR, Car, Light

CLEARANCE, WHEEL = 230, 320
"""Height of the sill and radius of a wheel, in millimetres."""

SLOPE = 120
"""How much lower the bonnet is than the belt line."""

TYRE, RIM, TRIM, GLASS, PLATE = (28, 28, 30), (150, 152, 156), (38, 40, 44), (52, 62, 74), (225, 225, 205)
REAR_LAMPS, HEADLAMPS = ((150, 24, 24), (255, 70, 50)), ((205, 210, 215), (255, 250, 225))
"""Colour of the lamps, unlit and lit."""

Corner = tuple[int, int, int]


def draw_car(canvas: Canvas, camera: Camera, light: Light, car: Car) -> None:
    """Tyres, body, cabin, wheels, and what is on the end that we see."""
    painter = CarPainter(canvas, camera, light, car)
    painter.draw_body()
    painter.draw_cabin()
    painter.draw_wheels()
    painter.draw_end()


class CarPainter:
    """Draws one car; corners are (along from its rear, across from its middle, up), in millimetres."""

    def __init__(self, canvas: Canvas, camera: Camera, light: Light, car: Car) -> None:
        self.canvas, self.camera, self.car = canvas, camera, car
        self.owner = canvas.new_object(CAR, car.depth)
        self.half = car.width // 2
        self.tone = {
            "top": self.paint(scaled(car.colour, 112)),
            "left": self.paint(scaled(car.colour, light.on(-car.heading[1]))),
            "right": self.paint(scaled(car.colour, light.on(car.heading[1]))),
            "rear": self.paint(scaled(car.colour, 92)),
            "front": self.paint(scaled(car.colour, 92)),
        }
        self.tyre, self.trim, self.glass = self.paint(TYRE), self.paint(TRIM), self.paint(GLASS)

    def paint(self, colour: Colour) -> int:
        return self.canvas.paint(self.owner, colour, 3)

    def see(self, along: int, across: int, up: int) -> Point:
        """Where a corner is in the picture."""
        to_right, deeper = self.car.heading
        ahead = along - self.car.length // 2
        x = self.car.across + ahead * to_right + across * deeper
        return self.camera.project(x, up, self.car.depth + ahead * deeper - across * to_right)

    def quad(self, *corners: Corner) -> list[Point]:
        return [self.see(*corner) for corner in corners]

    def draw_body(self) -> None:
        """The box up to the belt line, and the tyres below the bumper that is turned to us."""
        half, length, belt, sill = self.half, self.car.length, self.car.belt, CLEARANCE
        bonnet = belt - SLOPE
        self.faces = {
            "top": self.quad((0, -half, belt), (length, -half, bonnet), (length, half, bonnet), (0, half, belt)),
            "left": self.quad((length, -half, bonnet), (0, -half, belt), (0, -half, sill), (length, -half, sill)),
            "right": self.quad((0, half, belt), (length, half, bonnet), (length, half, sill), (0, half, sill)),
            "rear": self.quad((0, -half, belt), (0, half, belt), (0, half, sill), (0, -half, sill)),
            "front": self.quad(
                (length, half, bonnet), (length, -half, bonnet), (length, -half, sill), (length, half, sill)
            ),
        }
        for along in (0, length) if self.shows("rear") else (length, 0):
            for inner in (-half, half - 200):
                outer, top = inner + 200, sill + 60
                self.canvas.polygon(
                    self.quad((along, inner, top), (along, outer, top), (along, outer, 0), (along, inner, 0)), self.tyre
                )
        for name, face in self.faces.items():
            if faces_us(face):
                self.canvas.polygon(face, self.tone[name])

    def shows(self, name: str) -> bool:
        """Whether a face of the body is turned to us."""
        return faces_us(self.faces[name])

    def draw_cabin(self) -> None:
        """The glass house: narrower at the roof than at the belt line."""
        rear_low, rear_high, front_high, front_low = self.car.cabin
        low, high, top, belt = self.half - 60, self.half * 80 // 100, self.car.height, self.car.belt
        base = belt - SLOPE // 2
        cabin = {
            "left": self.quad(
                (front_high, -high, top), (rear_high, -high, top), (rear_low, -low, belt), (front_low, -low, base)
            ),
            "right": self.quad(
                (rear_high, high, top), (front_high, high, top), (front_low, low, base), (rear_low, low, belt)
            ),
            "rear": self.quad(
                (rear_high, -high, top), (rear_high, high, top), (rear_low, low, belt), (rear_low, -low, belt)
            ),
            "front": self.quad(
                (front_high, high, top), (front_high, -high, top), (front_low, -low, base), (front_low, low, base)
            ),
            "top": self.quad(
                (rear_high, -high, top), (front_high, -high, top), (front_high, high, top), (rear_high, high, top)
            ),
        }
        for name, face in cabin.items():
            if faces_us(face):
                self.canvas.polygon(face, self.tone[name])
                if name in ("left", "right"):
                    self.draw_side_windows(face)
                elif name != "top":
                    self.canvas.polygon(inset(face, 14), self.glass)

    def draw_side_windows(self, face: list[Point]) -> None:
        """Two panes with a pillar between them."""
        upper_0, upper_1, lower_1, lower_0 = inset(face, 13)
        for start, end in ((0, 46), (54, 100)):
            upper = between(upper_0, upper_1, start), between(upper_0, upper_1, end)
            lower = between(lower_0, lower_1, end), between(lower_0, lower_1, start)
            self.canvas.polygon([*upper, *lower], self.glass)

    def draw_wheels(self) -> None:
        """The wheels of a side, foreshortened as the side is."""
        rim = self.paint(RIM)
        for name, side in (("left", -self.half), ("right", self.half)):
            if not self.shows(name):
                continue
            for along in (self.car.length * 18 // 100, self.car.length * 82 // 100):
                x, y = self.see(along, side, WHEEL)
                wide = abs(self.see(along + WHEEL, side, WHEEL)[0] - self.see(along - WHEEL, side, WHEEL)[0]) // 2
                high = self.see(along, side, 0)[1] - y
                self.canvas.ellipse(x, y, wide, high, self.tyre)
                self.canvas.ellipse(x, y, wide * 55 // 100, high * 55 // 100, rim)

    def draw_end(self) -> None:
        """Bumper, grille, lamps and number plate of the end that is turned to us, if any."""
        if not (self.shows("rear") or self.shows("front")):
            return
        half, belt, at_rear = self.half, self.car.belt, self.shows("rear")
        along = 0 if at_rear else self.car.length
        lamp = self.paint((REAR_LAMPS if at_rear else HEADLAMPS)[self.car.lit])

        def upright(left: int, right: int, bottom: int, top: int, surface: int) -> None:
            corners = ((along, left, top), (along, right, top), (along, right, bottom), (along, left, bottom))
            self.canvas.polygon(self.quad(*corners), surface)

        upright(-half, half, CLEARANCE, CLEARANCE + 170, self.trim)
        if not at_rear:
            upright(-half * 45 // 100, half * 45 // 100, belt * 50 // 100, belt * 72 // 100, self.trim)
        upright(60 - half, 400 - half, belt * 66 // 100, belt * 82 // 100, lamp)
        upright(half - 400, half - 60, belt * 66 // 100, belt * 82 // 100, lamp)
        upright(-260, 260, belt * 48 // 100, belt * 60 // 100, self.paint(PLATE))


def faces_us(points: list[Point]) -> bool:
    """Whether corners that run clockwise as seen from outside run clockwise in the picture as well."""
    (x0, y0), (x1, y1), (x2, y2) = points[:3]
    return (x1 - x0) * (y2 - y1) > (y1 - y0) * (x2 - x1)


def inset(points: list[Point], percent: int) -> list[Point]:
    """Corners moved towards their middle."""
    middle = sum(x for x, _ in points) // len(points), sum(y for _, y in points) // len(points)
    return [between(point, middle, percent) for point in points]


def between(first: Point, last: Point, percent: int) -> Point:
    """A point on the way from the first to the last."""
    return first[0] + (last[0] - first[0]) * percent // 100, first[1] + (last[1] - first[1]) * percent // 100
