"""Paint what lies behind everything: the sky, the far end of the street, and the ground."""

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.colours import Colour, mixed, scaled
from course_utils.datasets.noise import ATLAS_SIZE, noise_atlas
from course_utils.datasets.street.canvas import UNIT, Camera, Canvas, Integers
from course_utils.datasets.street.world import BUILDING, ROAD, SIDEWALK, SKY, VEGETATION, Ground, Scene, Sky, Street

FARTHEST, FINEST = 200_000, 30_000
"""Depth that stands for the horizon, and depth up to which the ground's texture can be seen, in millimetres."""

BANDS = 32
KERB = 220
ROUGHNESS = 4000
"""Length on the ground after which its texture repeats, in millimetres."""


def paint_sky(canvas: Canvas, sky: Sky, camera: Camera) -> None:
    """Bands from the zenith to the horizon, and clouds that flatten towards it."""
    owner = canvas.new_object(SKY)
    bands = [mixed(sky.top, sky.low, step * 100 // (BANDS - 1)) for step in range(BANDS)]
    surfaces = [canvas.paint(owner, mixed(band, sky.cloud, share), 1) for share in (0, 35, 70) for band in bands]
    window = across_the_picture(canvas, 0, camera.horizon + UNIT // 50)
    rows = canvas.y[window[0]]
    band = np.minimum(rows * BANDS // camera.horizon, BANDS - 1)
    distance = UNIT * 40 // (camera.horizon + UNIT // 12 - np.minimum(rows, camera.horizon))
    v = (distance * 3 + sky.offset[1]) % ATLAS_SIZE
    u = ((canvas.x[None, :] * distance[:, None] >> 14) + sky.offset[0]) % ATLAS_SIZE
    cloud = noise_atlas().take(v[:, None] * ATLAS_SIZE + u) + canvas.noise(window, 9, sky.offset) // 8 - sky.cover
    share = (cloud > 0).astype(np.int64) + (cloud > 12)
    canvas.surface[window] = surfaces[0] + band[:, None] + BANDS * share


def paint_far_end(canvas: Canvas, scene: Scene) -> None:
    """A line of woods along the horizon, and the houses and trees that close the street."""
    camera = scene.camera
    window = across_the_picture(canvas, camera.horizon - UNIT // 8, camera.horizon + UNIT // 100)
    places = (canvas.x * 2 * ATLAS_SIZE // UNIT + scene.texture[1]) % ATLAS_SIZE
    height = noise_atlas()[scene.texture[0], places] * 40 + scene.wood_height
    wood = canvas.new_object(VEGETATION, FARTHEST)
    dark, light = (canvas.paint(wood, scaled(scene.wood, percent), 10) for percent in (75, 95))
    leaves = np.where(canvas.noise(window, 5, scene.texture) > 0, light, dark)
    canvas.fill(window, canvas.y[window[0]][:, None] > (camera.horizon - height)[None, :], leaves)
    for far in scene.far_end:
        owner = canvas.new_object(VEGETATION if far.tree else BUILDING, FARTHEST)
        surface, x, wide = canvas.paint(owner, far.colour, 5), camera.centre + far.place, UNIT // 16
        if far.tree:
            canvas.ellipse(x, camera.horizon, 2 * wide, far.height * 7 // 10, surface)
        else:
            canvas.rectangle(x - wide, camera.horizon - far.height, x + wide, camera.horizon + UNIT // 50, surface)


def paint_ground(canvas: Canvas, camera: Camera, street: Street, ground: Ground) -> None:
    """Each pixel below the horizon is a point of the ground: asphalt with markings, kerb, slabs, grass."""
    road, walk, grass = (canvas.new_object(label) for label in (ROAD, SIDEWALK, VEGETATION))

    def paint(owner: int, colour: Colour, grain: int) -> int:
        return canvas.paint(owner, colour, grain, lying=True)

    asphalt, marking, gutter = (
        paint(road, ground.road, 8),
        paint(road, ground.paint, 8),
        paint(road, scaled(ground.road, 82), 8),
    )
    slab, joint = paint(walk, ground.walk, 7), paint(walk, scaled(ground.walk, 84), 7)
    kerb, lawn = paint(walk, mixed(ground.walk, (225, 225, 220), 35), 5), paint(grass, ground.grass, 20)

    window, across, depth = ground_points(canvas, camera)
    depth = depth[:, None]
    from_left, from_right = across - street.road_left, street.road_right - across
    inward = np.minimum(from_left, from_right)  # distance from the nearer kerb, positive on the road
    jointed = ((across % ground.slab < 45) | (depth % ground.slab < 60)) & (depth < 9000)
    dashed = (abs(from_left - from_right) < 130) & (depth % 6000 < 3200)
    surface = np.where(jointed, joint, slab)
    surface[inward > -KERB - street.verge] = lawn
    surface[inward > -KERB] = kerb
    np.copyto(surface, np.where(dashed, marking, np.where(inward < 260, gutter, asphalt)), where=inward > 0)
    surface[(across < street.walk_left - 100) | (across > street.walk_right + 100)] = lawn
    if street.crossing:
        first, last = street.crossing
        surface[(depth[:, 0] >= first) & (depth[:, 0] <= last)] = asphalt
        if street.zebra:
            stripes = (depth > first - 3700) & (depth < first - 900) & (inward > 300) & (across % 1000 < 500)
            surface[stripes] = marking
    canvas.surface[window] = surface
    for left, right, near, far in ground.patches:
        corners = ((left, near), (right, near), (right, far), (left, far))
        canvas.polygon([camera.project(x, 0, z) for x, z in corners], paint(road, scaled(ground.road, 86), 8))


def ground_points(canvas: Canvas, camera: Camera) -> tuple[tuple[slice, slice], Integers, Integers]:
    """Pixels below the horizon as points of the ground: their window, `across` (rows, columns) and depth (rows,)."""
    window = across_the_picture(canvas, camera.horizon + UNIT // 500, UNIT)
    depth = np.minimum(camera.height * UNIT // (canvas.y[window[0]] - camera.horizon), FARTHEST)
    return window, (canvas.x - camera.centre)[None, :] * depth[:, None] >> 16, depth


def texture(canvas: Canvas, scene: Scene) -> NDArray[np.int32]:
    """Strength of the surfaces' texture at each pixel, on the ground as perspective shows it: (H, W), about -110 to 110."""
    everywhere = slice(0, canvas.height), slice(0, canvas.width)
    upright = canvas.noise(everywhere, 3, scene.texture)
    window, across, depth = ground_points(canvas, scene.camera)
    rows, columns = (depth * ATLAS_SIZE // ROUGHNESS) % ATLAS_SIZE, (across * ATLAS_SIZE // ROUGHNESS) % ATLAS_SIZE
    near = canvas.look_up(canvas.lying)[window] & (depth < FINEST)[:, None]
    np.copyto(upright[window], noise_atlas().take(rows[:, None] * ATLAS_SIZE + columns), where=near)
    return upright


def across_the_picture(canvas: Canvas, top: int, bottom: int) -> tuple[slice, slice]:
    """The window of all columns between two heights."""
    return canvas.window(-canvas.half_width, top, canvas.half_width, bottom)
