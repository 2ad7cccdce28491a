"""The parts of a street scene as the layout decides them and the painter reads them: millimetres and whole numbers.

`across` runs to the right from the camera, `up` from the ground, `depth` along the street; `side` is -1 on the left, 1 on the
right. Nothing here knows the size of the picture.
"""

from typing import NamedTuple

from course_utils.datasets.colours import Colour
from course_utils.datasets.street.canvas import Camera

CLASSES = ("sky", "building", "road", "sidewalk", "vegetation", "car", "person", "pole")
SKY, BUILDING, ROAD, SIDEWALK, VEGETATION, CAR, PERSON, POLE = range(8)
THINGS = (CAR, PERSON)

SUNLIT, NEUTRAL, TURNED_AWAY = 114, 96, 68
"""Percent of the light on a wall."""


class Light(NamedTuple):
    """The sun stands on one side and throws shadows `reach` percent as long as things are high (0: clouded).

    `drift` percent of a shadow's length runs along the street; `cast` is the tint of the hour; `haze` pales what is far.
    """

    side: int
    reach: int
    drift: int
    cast: Colour
    haze: int

    def on(self, facing: int) -> int:
        """Percent of light on a wall that looks left (-1), right (1) or at the camera (0)."""
        if not self.reach or not facing:
            return NEUTRAL
        return SUNLIT if facing == self.side else TURNED_AWAY


class Street(NamedTuple):
    """Edges of road and walks; the cross street between two depths, if any; `keeps` is the side that cars drive on."""

    road_left: int
    road_right: int
    walk_left: int
    walk_right: int
    crossing: tuple[int, int] | None
    zebra: bool
    keeps: int
    verge: int

    def road(self, side: int) -> int:
        """Edge of the road on a side."""
        return self.road_right if side > 0 else self.road_left

    def walk(self, side: int) -> int:
        """Edge of the walk, away from the road, on a side."""
        return self.walk_right if side > 0 else self.walk_left

    def crossed_at(self, depth: int) -> bool:
        """Whether the cross street is at this depth."""
        return self.crossing is not None and self.crossing[0] <= depth <= self.crossing[1]


class Ground(NamedTuple):
    """Colours of the ground, width of a paving slab, and mended places of the road (left, right, near, far)."""

    road: Colour
    walk: Colour
    grass: Colour
    paint: Colour
    slab: int
    patches: tuple[tuple[int, int, int, int], ...]


class Sky(NamedTuple):
    """Colours at the zenith, at the horizon and of the clouds, which are where the noise exceeds `cover`."""

    top: Colour
    low: Colour
    cloud: Colour
    cover: int
    offset: tuple[int, int]


class FarEnd(NamedTuple):
    """A tree or a house at the end of the street; place and height in the picture's units."""

    place: int
    height: int
    tree: bool
    colour: Colour


class Building(NamedTuple):
    """A house from depth `start` to `end`: storeys of windows (width, height) in bays; `roof` is 0 where it is flat."""

    side: int
    across: int
    start: int
    end: int
    height: int
    roof: int
    storey: int
    bay: int
    window: tuple[int, int]
    shop: bool
    wall: Colour
    base: Colour
    glass: Colour
    tiles: Colour


class Hedge(NamedTuple):
    """A hedge along the walk from depth `start` to `end`."""

    side: int
    across: int
    start: int
    end: int
    height: int
    leaf: Colour


class Tree(NamedTuple):
    """A trunk and the lobes of a crown (across, up, radius across, radius up)."""

    across: int
    depth: int
    girth: int
    crown: tuple[tuple[int, int, int, int], ...]
    leaf: Colour
    bark: Colour
    offset: tuple[int, int]


class Pole(NamedTuple):
    """A post with a head: 'arm' or 'globe' (lamps), 'disc', 'triangle' or 'board' (signs), 'signal'."""

    across: int
    depth: int
    height: int
    width: int
    head: str
    side: int
    steel: Colour
    plate: Colour


class Car(NamedTuple):
    """A car that heads (right, deeper); `cabin` is where its glass begins and ends, from the rear: low, high, high, low."""

    across: int
    depth: int
    heading: tuple[int, int]
    length: int
    width: int
    belt: int
    height: int
    cabin: tuple[int, int, int, int]
    colour: Colour
    lit: bool


class Person(NamedTuple):
    """A person who looks left, right or along the street (`facing` -1, 1, 0); `stride` in thousandths of the height."""

    across: int
    depth: int
    height: int
    stride: int
    build: int
    facing: int
    skirt: bool
    skin: Colour
    hair: Colour
    top: Colour
    legs: Colour
    bag: Colour | None


Item = Building | Hedge | Tree | Pole | Car | Person


class Scene(NamedTuple):
    """All of a scene: `lots` beside the street and `things` on it are in the order of painting."""

    camera: Camera
    light: Light
    street: Street
    ground: Ground
    sky: Sky
    wood: Colour
    wood_height: int
    far_end: tuple[FarEnd, ...]
    lots: tuple[Building | Hedge | Tree, ...]
    things: tuple[Tree | Pole | Car | Person, ...]
    texture: tuple[int, int]
