"""Paint what stands still: houses, hedges, trees and poles."""

import numpy as np

from course_utils.datasets.colours import mixed, scaled
from course_utils.datasets.noise import ATLAS_SIZE
from course_utils.datasets.street.canvas import UNIT, Camera, Canvas, Integers, Point, Window
from course_utils.datasets.street.world import BUILDING, POLE, VEGETATION, Building, Hedge, Light, Pole, Tree

GABLE_DEPTH = 9000
"""How far a house reaches back from the street, in millimetres."""

NEAR_WALL = 86
"""Percent of the light on the walls that are turned to us."""

UNEVEN = 350
"""How far a hedge's leaves reach above its height."""


def draw_building(canvas: Canvas, camera: Camera, light: Light, house: Building) -> None:
    """The roof, the wall that is turned to us, and the front along the street with its windows."""
    owner, side, across = canvas.new_object(BUILDING, house.start), house.side, house.across
    back = across + side * GABLE_DEPTH
    start, end, eaves = house.start, house.end, house.height
    if house.roof:
        ridge, top = across + side * GABLE_DEPTH // 2, eaves + house.roof
        tiles = canvas.paint(owner, scaled(house.tiles, light.on(-side)), 14)
        gable = canvas.paint(owner, scaled(house.wall, NEAR_WALL), 5)
        corner, peak = camera.project(across, eaves, start), camera.project(ridge, top, start)
        canvas.polygon([corner, peak, camera.project(back, eaves, start)], gable)
        canvas.polygon([corner, peak, camera.project(ridge, top, end), camera.project(across, eaves, end)], tiles)
    draw_wall(canvas, camera, owner, house, NEAR_WALL)
    draw_front(canvas, camera, owner, house, light.on(-side))


def draw_wall(canvas: Canvas, camera: Camera, owner: int, house: Building, percent: int) -> None:
    """The wall at the near end: it faces the camera, so that heights and widths keep their ratio."""
    near, far = sorted((house.across, house.across + house.side * GABLE_DEPTH))
    left, top = camera.project(near, house.height, house.start)
    right, bottom = camera.project(far, 0, house.start)
    window = canvas.window(left, top, right, bottom)
    along = abs((canvas.x[window[1]] - camera.centre) * house.start // UNIT - house.across)
    up = camera.height - (canvas.y[window[0]] - camera.horizon) * house.start // UNIT
    if len(along) and len(up):
        surfaces = front_surfaces(canvas, owner, house, percent)
        canvas.surface[window] = facade(house, along[None, :], up[:, None], surfaces)


def draw_front(canvas: Canvas, camera: Camera, owner: int, house: Building, percent: int) -> None:
    """The wall along the street."""
    window, depth, up = along_the_street(canvas, camera, house, house.height)
    if up.size:
        surfaces = front_surfaces(canvas, owner, house, percent)
        picture = facade(house, (depth - house.start)[None, :], up, surfaces)
        canvas.fill(window, (up >= 0) & (up < house.height), picture)


def along_the_street(
    canvas: Canvas, camera: Camera, item: Building | Hedge, height: int
) -> tuple[Window, Integers, Integers]:
    """The window of a wall along the street, the depth at which each column meets it, and how high each pixel is on it.

    Shapes: depth (columns,), height (rows, columns).
    """
    near, far = camera.project(item.across, height, item.start), camera.project(item.across, height, item.end)
    left, right = sorted((near[0], far[0]))
    bottom = camera.project(item.across, 0, item.start)[1]
    window = canvas.window(left, min(near[1], far[1]), right, max(bottom, camera.horizon))
    aside = canvas.x[window[1]] - camera.centre
    depth = item.across * UNIT // np.where(aside == 0, item.side, aside)
    below = canvas.y[window[0]] - camera.horizon
    return window, depth, camera.height - (below[:, None] * depth[None, :] >> 16)


def front_surfaces(canvas: Canvas, owner: int, house: Building, percent: int) -> tuple[int, ...]:
    """Wall, base, cornice, and three sorts of glass, as lit as this wall is."""
    walls = house.wall, house.base, mixed(house.wall, (240, 240, 235), 45)
    panes = house.glass, scaled(house.glass, 75), mixed(house.glass, (190, 205, 220), 55)
    return tuple(canvas.paint(owner, scaled(colour, percent), 7) for colour in (*walls, *panes))


def facade(house: Building, along: Integers, up: Integers, surfaces: tuple[int, ...]) -> Integers:
    """Surface of each point of a wall: storeys of windows in bays, a base below, a cornice above."""
    wall, base, cornice, glass, dark, bright = surfaces
    storey, bay = up // house.storey, along // house.bay
    across, above = along - bay * house.bay, up - storey * house.storey
    wide, high = house.window
    in_bay = (across > (house.bay - wide) // 2) & (across < (house.bay + wide) // 2)
    in_storey = (above > (house.storey - high) // 2) & (above < (house.storey + high) // 2) & (up < house.height - 300)
    pane = np.where((bay * 7 + storey * 5) % 8 < 5, glass, np.where((bay + storey) % 3 == 0, bright, dark))
    picture = np.where(in_bay & in_storey, pane, np.where(up > house.height - 280, cornice, wall))
    if house.shop:
        shop_glass = (across > 250) & (above > 500) & (above < house.storey - 600)
        return np.where(up < house.storey, np.where(shop_glass, dark, base), picture)
    return np.where(up < 500, base, picture)


def draw_hedge(canvas: Canvas, camera: Camera, light: Light, hedge: Hedge) -> None:
    """A low green wall with an uneven top."""
    window, _, up = along_the_street(canvas, camera, hedge, hedge.height + UNEVEN)
    if not up.size:
        return
    owner = canvas.new_object(VEGETATION, hedge.start)
    leaves = canvas.noise(window, 3, (hedge.start % ATLAS_SIZE, hedge.end % ATLAS_SIZE))
    tones = [canvas.paint(owner, scaled(hedge.leaf, percent), 16) for percent in (62, 85, 108)]
    lit = leaves + (up - hedge.height // 2) * 60 // hedge.height
    picture = np.where(lit < -12, tones[0], np.where(lit < 22, tones[1], tones[2]))
    canvas.fill(window, (up >= 0) & (up < hedge.height + leaves * 3), picture)


def draw_tree(canvas: Canvas, camera: Camera, light: Light, tree: Tree) -> None:
    """A trunk and the lobes of the crown."""
    owner = canvas.new_object(VEGETATION, tree.depth)
    x, ground = camera.project(tree.across, 0, tree.depth)
    top = camera.project(tree.across, tree.crown[0][1], tree.depth)[1]
    wide = tree.girth * UNIT // tree.depth
    trunk = canvas.paint(owner, tree.bark, 14)
    canvas.polygon(
        [(x - wide * 7 // 10, top), (x + wide * 7 // 10, top), (x + wide, ground), (x - wide, ground)], trunk
    )
    tones = [canvas.paint(owner, scaled(tree.leaf, percent), 12) for percent in (58, 88, 120)]
    leaves = min(10, 3 + tree.depth // 5000), tree.offset
    for across, up, radius_x, radius_y in tree.crown:
        x, y = camera.project(tree.across + across, up, tree.depth)
        canvas.foliage(x, y, radius_x * UNIT // tree.depth, radius_y * UNIT // tree.depth, tones[0], leaves)


def draw_pole(canvas: Canvas, camera: Camera, light: Light, pole: Pole) -> None:
    """A post with a lamp, a sign or a signal."""
    owner = canvas.new_object(POLE, pole.depth)
    x, ground = camera.project(pole.across, 0, pole.depth)
    y = camera.project(pole.across, pole.height, pole.depth)[1]
    wide = max(pole.width * UNIT // pole.depth // 2, 1)
    steel = canvas.paint(owner, pole.steel)
    top = wide * 7 // 10
    canvas.polygon([(x - top, y), (x + top, y), (x + wide, ground), (x - wide, ground)], steel)
    draw_head(canvas, owner, pole, (x, y), steel)


def draw_head(canvas: Canvas, owner: int, pole: Pole, at: Point, steel: int) -> None:
    """What a post carries."""
    x, y = at
    plate, white = canvas.paint(owner, pole.plate, 1), canvas.paint(owner, (238, 238, 232), 0)

    def size(length: int) -> int:
        return length * UNIT // pole.depth

    def triangle(half: int, up: int, down: int, surface: int) -> None:
        low = y + size(down)
        canvas.polygon([(x, y - size(up)), (x + size(half), low), (x - size(half), low)], surface)

    if pole.head == "arm":
        tip = x - pole.side * size(1500)
        canvas.polygon([(x, y), (x, y + size(130)), (tip, y - size(60)), (tip, y - size(190))], steel)
        canvas.ellipse(tip, y - size(80), size(330), size(110), plate)
    elif pole.head == "globe":
        canvas.ellipse(x, y, size(260), size(260), plate)
    elif pole.head == "disc":
        canvas.ellipse(x, y, size(330), size(330), plate)
        canvas.ellipse(x, y, size(210), size(210), white)
    elif pole.head == "triangle":
        triangle(380, 360, 260, plate)
        triangle(200, 170, 160, white)
    elif pole.head == "board":
        canvas.rectangle(x - size(420), y - size(260), x + size(420), y + size(260), plate)
    else:
        case = canvas.paint(owner, (30, 32, 34))
        canvas.rectangle(x - size(180), y - size(450), x + size(180), y + size(450), case)
        for place, colour in ((-290, (240, 60, 50)), (0, (90, 75, 30)), (290, (30, 80, 50))):
            canvas.ellipse(x, y + size(place), size(110), size(110), canvas.paint(owner, colour, 0))
