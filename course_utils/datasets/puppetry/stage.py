"""Lay out a stage: everything that chance decides, drawn in a fixed order that the size of the picture does not touch."""

from typing import NamedTuple

from course_utils.datasets.colours import Colour, mixed, scaled
from course_utils.datasets.puppetry.body import Limb, Pose
from course_utils.datasets.random_draws import Draws
from course_utils.datasets.street.canvas import UNIT

MOST_PUPPETS = 4
APART = UNIT * 12 // 100
"""How far the middles of two puppets are apart at least."""

ATTEMPTS = 12


class Puppet(NamedTuple):
    """A puppet whose lower foot stands on `ground`; `x`, `ground` and `height` in the picture's units.

    `build` is how broad it is, in percent. An arm may be `behind` the trunk where the puppet looks at us (left, right).
    """

    x: int
    ground: int
    height: int
    build: int
    pose: Pose
    behind: tuple[bool, bool]
    long_sleeves: bool
    long_trousers: bool
    skin: Colour
    hair: Colour
    top: Colour
    legs: Colour
    shoes: Colour


class Poster(NamedTuple):
    """A picture on the wall, round or square, around (x, y)."""

    x: int
    y: int
    wide: int
    high: int
    round: bool
    colour: Colour


class Stage(NamedTuple):
    """A wall that ends at `floor`, painted in stripes `stripe` wide, posters on it, and puppets from far to near.

    `rough` is the strength of the texture of wall and ground, `texture` the scale of its noise and where that begins.
    """

    floor: int
    wall: tuple[Colour, Colour]
    stripe: int
    ground: Colour
    rough: tuple[int, int]
    posters: tuple[Poster, ...]
    puppets: tuple[Puppet, ...]
    cast: Colour
    texture: tuple[int, tuple[int, int]]


def lay_stage(draws: Draws) -> Stage:
    """A whole stage."""
    wall = draws.colour((0, 359), (0, 60), (70, 225))
    floor = UNIT * draws.between(52, 74) // 100
    return Stage(
        floor=floor,
        wall=(wall, scaled(wall, draws.between(80, 97)) if draws.chance(60) else wall),
        stripe=UNIT * draws.between(6, 25) // 100,
        ground=draws.colour((0, 359), (0, 55), (60, 200)),
        rough=(draws.between(3, 14), draws.between(3, 14)),
        posters=tuple(_poster(draws, floor) for _ in range(draws.between(0, 4))),
        puppets=_puppets(draws, floor),
        cast=mixed((255, 255, 255), draws.choice(((255, 224, 180), (205, 225, 255))), draws.between(0, 60)),
        texture=(draws.between(1, 6), (draws.between(0, 511), draws.between(0, 511))),
    )


def _poster(draws: Draws, floor: int) -> Poster:
    return Poster(
        x=UNIT * draws.between(-65, 65) // 100,
        y=floor * draws.between(10, 70) // 100,
        wide=UNIT * draws.between(4, 16) // 100,
        high=UNIT * draws.between(4, 16) // 100,
        round=draws.chance(40),
        colour=draws.colour((0, 359), (10, 90), (30, 240)),
    )


def _puppets(draws: Draws, floor: int) -> tuple[Puppet, ...]:
    """One to four, the nearer the larger; where there is no room after some attempts, one less."""
    puppets: list[Puppet] = []
    for _ in range(draws.between(1, MOST_PUPPETS)):
        for _ in range(ATTEMPTS):
            x = UNIT * draws.between(-58, 58) // 100
            if all(abs(x - other.x) >= APART for other in puppets):
                puppets.append(_puppet(draws, x, floor))
                break
    return tuple(sorted(puppets, key=lambda puppet: puppet.ground))


def _puppet(draws: Draws, x: int, floor: int) -> Puppet:
    near = draws.between(0, 100)
    return Puppet(
        x=x,
        ground=floor + UNIT // 40 + (UNIT * 110 // 100 - floor) * near // 100,
        height=UNIT * (36 + 46 * near // 100) * draws.between(85, 112) // 10_000,
        build=draws.between(88, 125),
        pose=_pose(draws),
        behind=(draws.chance(25), draws.chance(25)),
        long_sleeves=draws.chance(50),
        long_trousers=draws.chance(65),
        skin=draws.colour((14, 30), (25, 60), (95, 240)),
        hair=draws.colour((10, 45), (10, 70), (20, 170)),
        top=draws.colour((0, 359), (10, 90), (40, 240)),
        legs=draws.colour((0, 359), (10, 80), (30, 210)),
        shoes=draws.colour((0, 359), (0, 80), (15, 120)),
    )


def _pose(draws: Draws) -> Pose:
    """Standing or walking, or dancing with all limbs."""
    facing, dancing = draws.choice((0, 0, -1, 1)), draws.chance(60)

    def limb(angle: tuple[int, int], bend: tuple[int, int]) -> Limb:
        return Limb(draws.between(*angle), draws.between(*bend))

    lean, nod = draws.between(-12, 12) if dancing else draws.between(-4, 4), draws.between(-14, 14)
    if facing == 0:
        arm, leg = (
            (((-10, 165), (-105, 100)), ((0, 55), (-65, 5))) if dancing else (((4, 30), (-25, 25)), ((2, 13), (-5, 3)))
        )
        return Pose(0, lean, nod, limb(*arm), limb(*arm), limb(*leg), limb(*leg))
    if dancing:
        arm, leg = ((-45, 165), (0, 105)), ((-30, 80), (0, 90))
        return Pose(facing, lean, nod, limb(*arm), limb(*arm), limb(*leg), limb(*leg))
    stride, elbow, knee = draws.between(-32, 32), draws.between(5, 50), draws.between(2, 25)
    return Pose(facing, lean, nod, Limb(-stride, elbow), Limb(stride, elbow), Limb(stride, knee), Limb(-stride, knee))
