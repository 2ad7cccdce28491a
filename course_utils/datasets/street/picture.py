"""Paint a street scene from back to front, and read image, labels and instances from the painted surfaces."""

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.colours import mixed
from course_utils.datasets.photographs import soft, with_noise
from course_utils.datasets.random_draws import Draws
from course_utils.datasets.samples import VOID
from course_utils.datasets.street.backdrop import paint_far_end, paint_ground, paint_sky, texture
from course_utils.datasets.street.canvas import SHADOW, UNIT, Camera, Canvas, Integers, Point
from course_utils.datasets.street.cars import draw_car
from course_utils.datasets.street.objects import draw_building, draw_hedge, draw_pole, draw_tree
from course_utils.datasets.street.persons import draw_person
from course_utils.datasets.street.world import THINGS, Building, Car, Hedge, Item, Light, Person, Pole, Scene, Tree

WIDEST = 4000
"""No tree, pole, car or person reaches further to a side, in millimetres."""

SHADED = np.float32(0.58)
"""Share of the light that is left in the shadow."""

DRAW = {
    Building: draw_building,
    Hedge: draw_hedge,
    Tree: draw_tree,
    Pole: draw_pole,
    Car: draw_car,
    Person: draw_person,
}


def paint_scene(scene: Scene, height: int, width: int) -> Canvas:
    """Sky, far end, ground, shadows, lots, then what stands on the street from far to near."""
    canvas = Canvas(height, width, air=mixed(scene.sky.low, scene.sky.top, 25), haze=scene.light.haze)
    camera = scene.camera
    paint_sky(canvas, scene.sky, camera)
    paint_far_end(canvas, scene)
    paint_ground(canvas, camera, scene.street, scene.ground)
    items = (*scene.lots, *scene.things)
    for item in items:
        cast_shadow(canvas, camera, scene.light, item)
    for item in items:
        if reaches_into(canvas, camera, item):
            DRAW[type(item)](canvas, camera, scene.light, item)
    return canvas


def reaches_into(canvas: Canvas, camera: Camera, item: Item) -> bool:
    """Whether any of an item can be in the picture."""
    if isinstance(item, Building | Hedge):
        return camera.project(item.across, 0, item.end)[0] * item.side < canvas.half_width
    nearest = abs(camera.project(item.across, 0, item.depth)[0]) - WIDEST * UNIT // item.depth
    return nearest < canvas.half_width


def cast_shadow(canvas: Canvas, camera: Camera, light: Light, item: Item) -> None:
    """The shadow on the ground: away from the sun, as long as the thing is high, and always under a car."""

    def ground(across: int, depth: int) -> Point:
        return camera.project(across, 0, depth)

    def thrown(across: int, depth: int, height: int) -> Point:
        reach = height * light.reach // 100
        return ground(across - light.side * reach, depth + reach * light.drift // 100)

    def wall(start: Point, end: Point, height: int) -> None:
        canvas.shade([ground(*start), ground(*end), thrown(*end, height), thrown(*start, height)])

    if isinstance(item, Car):
        wide, long = (item.length, item.width) if item.heading[0] else (item.width, item.length)
        left, right = item.across - wide // 2 - 60, item.across + wide // 2 + 60
        near, far = item.depth - long // 2 - 80, item.depth + long // 2
        canvas.shade([ground(left, near), ground(right, near), ground(right, far), ground(left, far)])
        edge = left if light.side > 0 else right
        wall((edge, near), (edge, far), item.height)
    elif not light.reach:
        return
    elif isinstance(item, Building | Hedge):
        if item.side == light.side:
            wall((item.across, item.start), (item.across, item.end), item.height)
    elif isinstance(item, Tree):
        _, up, radius, _ = item.crown[0]
        reach = up * light.reach // 100
        x, z = item.across - light.side * reach, item.depth + reach * light.drift // 100
        hexagon = ((-10, 0), (-5, 9), (5, 9), (10, 0), (5, -9), (-5, -9))
        canvas.shade([ground(x + a * radius // 10, z + b * radius // 10) for a, b in hexagon])
    else:
        half = item.width // 2 if isinstance(item, Pole) else 170
        wall((item.across - half, item.depth), (item.across + half, item.depth), item.height)


def read_labels(canvas: Canvas) -> tuple[Integers, Integers]:
    """Labels and instances of a painted canvas: (H, W) int64 each.

    The outline of a thing is void on the side that lies behind; what would be void altogether keeps its label. The ids of
    the things that can be seen are 1, 2, … from far to near.
    """
    objects = canvas.look_up(canvas.objects)
    label_of = np.array(canvas.labels)
    is_thing = np.isin(label_of, THINGS)
    labels, thing = label_of.take(objects), is_thing.take(objects)
    outline = max(1, (canvas.height + 48) // 96)
    before_thing = dilated(np.where(thing, objects, 0), outline) > objects
    void = before_thing | (thing & (dilated(objects, outline) > objects))
    labelled = np.bincount(objects[~void], minlength=len(label_of)) > 0
    void &= ~thing | labelled.take(objects)
    labels[void] = VOID
    seen = is_thing & (np.bincount(objects.ravel(), minlength=len(label_of)) > 0)
    return labels, (np.cumsum(seen) * seen).take(objects)


def dilated(numbers: Integers, steps: int) -> Integers:
    """The largest number within so many steps up, down, left or right."""
    for _ in range(steps):
        wider = numbers.copy()
        np.maximum(wider[1:], numbers[:-1], out=wider[1:])
        np.maximum(wider[:-1], numbers[1:], out=wider[:-1])
        np.maximum(wider[:, 1:], numbers[:, :-1], out=wider[:, 1:])
        np.maximum(wider[:, :-1], numbers[:, 1:], out=wider[:, :-1])
        numbers = wider
    return numbers


def develop(canvas: Canvas, scene: Scene, draws: Draws) -> NDArray[np.float32]:
    """The photograph of a painted canvas: colours, light, texture, shadow, a soft lens and noise: (3, H, W) float32.

    Single steps of float32 arithmetic, each rounded as IEEE 754 says, so that the image is the same on every machine.
    """
    light = np.array(scene.light.cast, np.float32) / np.float32(255 * 255)
    colours = np.array(canvas.colours, np.float32) * light
    brightness = 1 + canvas.look_up(np.array(canvas.grain, np.float32) / np.float32(6400)) * texture(
        canvas, scene
    ).astype(np.float32)
    brightness[canvas.surface >= SHADOW] *= SHADED
    image = soft(np.take(colours.T, canvas.surface & (SHADOW - 1), axis=1) * brightness)
    return with_noise(image, draws, np.float32(0.00009))
