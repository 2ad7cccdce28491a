"""Lay out a street: everything that chance decides, drawn in a fixed order that the size of the picture does not touch."""

from course_utils.datasets.colours import Colour, mixed, scaled
from course_utils.datasets.random_draws import Draws
from course_utils.datasets.street.canvas import UNIT, Camera
from course_utils.datasets.street.traffic import lay_traffic
from course_utils.datasets.street.world import Building, FarEnd, Ground, Hedge, Light, Pole, Scene, Sky, Street, Tree

LAST_LOT, LAST_TREE, LAST_LAMP = 65_000, 42_000, 28_000
"""Depths up to which there are lots, trees on the walk and lamps, in millimetres."""

LAMPS = ("arm", "globe")
SIGNS = ("disc", "triangle", "board", "signal")
PLATES = ((190, 40, 40), (40, 80, 170), (225, 190, 60), (225, 225, 225), (50, 120, 80))
DAYLIGHT = ((255, 240, 214), (255, 252, 245), (228, 240, 255), (255, 222, 184), (246, 246, 246), (238, 255, 240))


def lay_out(draws: Draws) -> Scene:
    """A whole scene."""
    camera, street = lay_street(draws)
    hue = draws.between(55, 150) if draws.chance(75) else draws.between(25, 55)  # of the leaves: summer or autumn
    town = draws.between(10, 60)
    things = [*lay_trees(draws, street, hue), *lay_poles(draws, street), *lay_traffic(draws, camera, street)]
    return Scene(
        camera=camera,
        light=lay_light(draws),
        street=street,
        ground=lay_ground(draws, street),
        sky=lay_sky(draws),
        wood=leaf_colour(draws, hue),
        wood_height=draws.between(-2000, 4500),
        far_end=tuple(lay_far_end(draws, hue) for _ in range(draws.between(4, 8))),
        lots=tuple(lot for side in (-1, 1) for lot in lay_side(draws, street, side, town, hue)),
        things=tuple(sorted(things, key=lambda thing: -thing.depth)),
        texture=(draws.between(0, 511), draws.between(0, 511)),
    )


def lay_street(draws: Draws) -> tuple[Camera, Street]:
    """The camera, in a lane or on a walk, and the edges of the street as seen from there."""
    camera = Camera(
        height=draws.between(1700, 2700),
        horizon=UNIT * draws.between(34, 46) // 100,
        centre=UNIT * draws.between(-22, 22) // 100,
    )
    half = draws.between(3500, 5700)
    offset = draws.between(-half - 2400, half + 2400)
    crossing = draws.between(9000, 24000) if draws.chance(40) else 0
    street = Street(
        road_left=-half - offset,
        road_right=half - offset,
        walk_left=-half - offset - draws.between(3800, 8800),
        walk_right=half - offset + draws.between(3800, 8800),
        crossing=(crossing, crossing + draws.between(6000, 9000)) if crossing else None,
        zebra=draws.chance(60),
        keeps=draws.choice((-1, 1)),
        verge=draws.between(600, 1500) if draws.chance(25) else 0,
    )
    return camera, street


def lay_light(draws: Draws) -> Light:
    """Sun or clouds, and the tint that the hour lays on everything."""
    return Light(
        side=draws.choice((-1, 1)),
        reach=draws.between(40, 160) if draws.chance(65) else 0,
        drift=draws.between(-120, 120),
        cast=scaled(draws.choice(DAYLIGHT), draws.between(86, 118)),
        haze=draws.between(5, 60),
    )


def lay_ground(draws: Draws, street: Street) -> Ground:
    """Asphalt, paving and grass; neither grey is always the darker one."""
    road = draws.colour((0, 359), (0, 12), (65, 160))
    walk = (
        draws.colour((15, 45), (0, 35), (95, 205)) if draws.chance(60) else draws.colour((0, 359), (0, 10), (70, 190))
    )
    patches = []
    for _ in range(draws.between(0, 3)):
        left, near = draws.between(street.road_left, street.road_right - 1500), draws.between(3500, 15000)
        patches.append((left, left + draws.between(700, 1500), near, near + draws.between(700, 4000)))
    return Ground(
        road=road,
        walk=walk,
        grass=draws.colour((50, 125), (20, 60), (70, 160)),
        paint=mixed(road, (235, 235, 225), draws.between(55, 95)),
        slab=draws.choice((400, 600, 800, 1200)),
        patches=tuple(patches),
    )


def lay_sky(draws: Draws) -> Sky:
    """Clear, grey or evening."""
    kind = draws.between(0, 9)
    if kind < 4:
        top, low = draws.colour((200, 218), (30, 65), (150, 235)), draws.colour((195, 215), (4, 25), (205, 250))
        cloud = (248, 248, 250)
    elif kind < 7:
        top, low = draws.colour((200, 230), (3, 15), (150, 225)), draws.colour((200, 230), (0, 12), (170, 245))
        cloud = draws.colour((200, 230), (0, 8), (170, 245))
    else:
        top, low = draws.colour((205, 250), (15, 50), (120, 215)), draws.colour((18, 42), (15, 50), (215, 250))
        cloud = draws.colour((15, 45), (10, 35), (215, 250))
    return Sky(top, low, cloud, draws.between(-70, 90), (draws.between(0, 511), draws.between(0, 511)))


def lay_far_end(draws: Draws, hue: int) -> FarEnd:
    """Something that closes the street."""
    tree = draws.chance(40)
    colour = leaf_colour(draws, hue) if tree else draws.colour((0, 60), (5, 35), (90, 180))
    height = draws.between(UNIT // 60, UNIT // 8)
    return FarEnd(draws.between(-UNIT // 3, UNIT // 3), height, tree, mixed(colour, (200, 208, 218), 25))


def leaf_colour(draws: Draws, hue: int) -> Colour:
    """One plant's green (or its autumn colour) near the hue of the season."""
    return draws.colour((hue - 14, hue + 14), (25, 65), (70, 165))


def lay_side(draws: Draws, street: Street, side: int, town: int, hue: int) -> list[Building | Hedge | Tree]:
    """The lots along one side, from the far end to the camera: houses, or gardens with hedges and trees."""
    lots: list[Building | Hedge | Tree] = []
    blocks = draws.chance(50)
    stretches = [(0, LAST_LOT)]
    if street.crossing:
        stretches = [(street.crossing[1], LAST_LOT), (0, street.crossing[0])]
    for first, end in stretches:
        while end > first + 1500:
            start = max(first, end - draws.between(7000, 17000))
            across = street.walk(side) + side * draws.between(0, 1200)
            if draws.chance(town):
                lots.append(lay_building(draws, side, across, (start, end), blocks))
            else:
                lots += lay_garden(draws, side, across, (start, end), hue)
            end = start
    return lots


def lay_building(draws: Draws, side: int, across: int, extent: tuple[int, int], block: bool) -> Building:
    """A block of flats, perhaps with shops on the ground floor, or a house with a gabled roof."""
    storey, bay = draws.between(2700, 3600), draws.between(1900, 3800)
    wall = draws.colour((0, 55), (5, 55), (85, 235)) if draws.chance(70) else draws.colour((0, 359), (2, 30), (95, 235))
    tiles = (
        draws.colour((0, 30), (20, 65), (70, 160)) if draws.chance(65) else draws.colour((200, 240), (0, 15), (50, 110))
    )
    return Building(
        side=side,
        across=across,
        start=extent[0],
        end=extent[1] - (0 if block else draws.between(0, 2500)),
        height=storey * draws.between(2, 5 if block else 3) + draws.between(300, 900),
        roof=0 if block else draws.between(2200, 4200),
        storey=storey,
        bay=bay,
        window=(bay * draws.between(35, 75) // 100, storey * draws.between(40, 65) // 100),
        shop=block and draws.chance(50),
        wall=wall,
        base=mixed(wall, draws.colour((0, 359), (5, 60), (40, 200)), 60),
        glass=draws.colour((190, 230), (5, 40), (35, 120)),
        tiles=tiles,
    )


def lay_garden(draws: Draws, side: int, across: int, extent: tuple[int, int], hue: int) -> list[Hedge | Tree]:
    """Trees, the far ones first, behind a hedge."""
    start, end = extent
    depths = sorted((draws.between(start, end) for _ in range(draws.between(1, 2))), reverse=True)
    trees = [lay_tree(draws, across + side * draws.between(1500, 5000), max(2500, depth), hue) for depth in depths]
    hedge = Hedge(side, across, start, end, draws.between(700, 1900), leaf_colour(draws, hue))
    return [*trees, hedge] if draws.chance(75) else [*trees]


def lay_tree(draws: Draws, across: int, depth: int, hue: int) -> Tree:
    """A trunk and a crown of two to four lobes."""
    trunk, radius = draws.between(1900, 3200), draws.between(1300, 2600)
    lobes = [(0, trunk + radius * 7 // 10, radius, radius * draws.between(80, 130) // 100)]
    for _ in range(draws.between(1, 3)):
        size, aside = radius * draws.between(45, 70) // 100, radius * draws.between(-70, 70) // 100
        lobes.append((aside, trunk + radius * draws.between(30, 150) // 100, size, size))
    bark = draws.colour((20, 40), (10, 40), (45, 110))
    offset = draws.between(0, 511), draws.between(0, 511)
    return Tree(across, depth, draws.between(110, 220), tuple(lobes), leaf_colour(draws, hue), bark, offset)


def lay_trees(draws: Draws, street: Street, hue: int) -> list[Tree]:
    """A row of trees on some walks."""
    trees = []
    for side in (-1, 1):
        planted, gap, first = draws.chance(45), draws.between(8000, 15000), draws.between(6500, 13000)
        across = street.road(side) + side * draws.between(500, 900)
        for depth in range(first, LAST_TREE if planted else first, gap):
            if not street.crossed_at(depth):
                trees.append(lay_tree(draws, across, depth, hue))
    return trees


def lay_poles(draws: Draws, street: Street) -> list[Pole]:
    """Lamp posts in a row on one side or both, and a few signs."""
    poles = []
    steel = draws.colour((0, 359), (0, 20), (40, 170))
    height, lamp, gap = draws.between(4200, 7500), draws.choice(LAMPS), draws.between(12000, 20000)
    for side in draws.choice(((-1,), (1,), (-1, 1))):
        for depth in range(draws.between(4500, 12000), LAST_LAMP, gap):
            poles.append(Pole(street.road(side) + side * 350, depth, height, 220, lamp, side, steel, (238, 232, 205)))
    for _ in range(draws.between(1, 3)):
        side, depth = draws.choice((-1, 1)), draws.between(4500, 15000)
        across, height = street.road(side) + side * draws.between(250, 500), draws.between(2300, 3300)
        poles.append(Pole(across, depth, height, 160, draws.choice(SIGNS), side, steel, draws.choice(PLATES)))
    return [pole for pole in poles if not street.crossed_at(pole.depth)]
