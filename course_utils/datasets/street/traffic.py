"""Lay out the things of a street scene: cars in their lanes and at the kerb, persons on the walks and on the road."""

from typing import NamedTuple

from course_utils.datasets.colours import Colour
from course_utils.datasets.random_draws import Draws
from course_utils.datasets.street.canvas import UNIT, Camera
from course_utils.datasets.street.world import Car, Person, Street

AWAY, TOWARDS, RIGHT, LEFT = (0, 1), (0, -1), (1, 0), (-1, 0)
ATTEMPTS = 12


class Body(NamedTuple):
    """Measures of a kind of car in millimetres; `cabin` in percent of the length, as in `Car`."""

    length: int
    width: int
    belt: int
    height: int
    cabin: tuple[int, int, int, int]


BODIES = (
    Body(4200, 1780, 900, 1470, (2, 12, 58, 74)),  # hatchback
    Body(4650, 1820, 900, 1440, (14, 30, 56, 72)),  # saloon
    Body(4600, 1900, 1000, 1700, (1, 7, 62, 76)),  # off-roader
    Body(3600, 1650, 880, 1500, (1, 10, 64, 82)),  # small car
    Body(5000, 1960, 1150, 2050, (0, 3, 74, 88)),  # van
)


class Spot(NamedTuple):
    """A place on the ground for a car of some body, or for a person (no body)."""

    across: int
    depth: int
    heading: tuple[int, int]
    body: Body | None

    def overlaps(self, other: "Spot") -> bool:
        """Whether the two need the same ground."""
        (wide, long), (other_wide, other_long) = self.half_sizes(), other.half_sizes()
        beside, behind = abs(self.across - other.across), abs(self.depth - other.depth)
        return beside < wide + other_wide and behind < long + other_long

    def half_sizes(self) -> tuple[int, int]:
        """Half of the ground that is needed, across and along the street."""
        if self.body is None:
            return 300, 300
        half_width, half_length = self.body.width // 2 + 150, self.body.length // 2 + 400
        return (half_length, half_width) if self.heading[0] else (half_width, half_length)


def lay_traffic(draws: Draws, camera: Camera, street: Street) -> list[Car | Person]:
    """Four to eight things in a picture of 4:3, up to four beside it that wider pictures show, none inside another."""
    spots: list[Spot] = []
    cars = draws.between(45, 70)
    for count, nearest, furthest in ((draws.between(4, 8), 0, 60), (draws.between(0, 4), 90, 180)):
        for _ in range(count):
            spot_for = spot_for_car if draws.chance(cars) else spot_for_person
            for _ in range(ATTEMPTS):
                spot = spot_for(draws, street)
                place = abs(camera.project(spot.across, 0, spot.depth)[0]) * 100 // UNIT
                if nearest <= place < furthest and not any(spot.overlaps(other) for other in spots):
                    spots.append(spot)
                    break
    return [lay_person(draws, spot) if spot.body is None else lay_car(draws, spot, spot.body) for spot in spots]


def often_near(draws: Draws, first: int, last: int) -> int:
    """A depth between two, more often near than far."""
    part = draws.between(0, 1000)
    return first + (last - first) * part * part // 1_000_000


def spot_for_car(draws: Draws, street: Street) -> Spot:
    """At the kerb, in one of the two lanes, or in the cross street."""
    body, place, side = draws.choice(BODIES), draws.between(0, 9), draws.choice((-1, 1))
    if place < 3 and street.crossing:
        first, last = street.crossing
        heading = draws.choice((LEFT, RIGHT))
        lane = 1 if (heading == RIGHT) == (street.keeps > 0) else 3
        return Spot(draws.between(-8000, 8000), first + (last - first) * lane // 4, heading, body)
    if place < 7:
        across = street.road(side) - side * (body.width // 2 + draws.between(100, 350))
    else:
        across = (street.road(side) * 71 + street.road(-side) * 29) // 100
    return Spot(across, often_near(draws, 6300, 34_000), AWAY if side == street.keeps else TOWARDS, body)


def spot_for_person(draws: Draws, street: Street) -> Spot:
    """On a walk, or now and then on the road."""
    depth, side = often_near(draws, 3700, 12_500), draws.choice((-1, 1))
    if draws.chance(18):
        across = draws.between(street.road_left, street.road_right)
    else:
        across = draws.between(*sorted((street.road(side) + side * 500, street.walk(side) - side * 500)))
    return Spot(across, depth, AWAY, None)


def lay_car(draws: Draws, spot: Spot, body: Body) -> Car:
    """A car of any colour."""
    return Car(
        across=spot.across,
        depth=spot.depth,
        heading=spot.heading,
        length=body.length,
        width=body.width,
        belt=body.belt,
        height=body.height,
        cabin=tuple(body.length * percent // 100 for percent in body.cabin),
        colour=car_colour(draws),
        lit=draws.chance(40),
    )


def car_colour(draws: Draws) -> Colour:
    """White, grey or black as often as in the street, otherwise any colour."""
    if draws.chance(45):
        return draws.colour((190, 240), (0, 12), draws.choice(((25, 60), (95, 160), (190, 245))))
    return draws.colour((0, 359), (35, 90), (70, 220))


def lay_person(draws: Draws, spot: Spot) -> Person:
    """A grown-up or a child."""
    return Person(
        across=spot.across,
        depth=spot.depth,
        height=draws.between(1560, 1900) if draws.chance(82) else draws.between(1100, 1450),
        stride=draws.between(0, 150),
        build=draws.between(85, 120),
        facing=draws.choice((-1, 0, 1)),
        skirt=draws.chance(20),
        skin=draws.colour((14, 30), (25, 60), (80, 240)),
        hair=draws.colour((10, 45), (10, 70), (20, 170)),
        top=clothes(draws),
        legs=clothes(draws) if draws.chance(50) else draws.colour((205, 230), (10, 50), (30, 120)),
        bag=clothes(draws) if draws.chance(35) else None,
    )


def clothes(draws: Draws) -> Colour:
    """Any colour that is worn."""
    return draws.colour((0, 359), (0, 85), (25, 240))
