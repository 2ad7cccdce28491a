"""Shapes on the canvas, the camera, and what is read from a painted canvas: small cases worked out by hand."""

from course_utils.datasets.random_draws import Draws
from course_utils.datasets.street.canvas import SHADOW, UNIT, Camera, Canvas
from course_utils.datasets.street.layout import lay_out
from course_utils.datasets.street.picture import paint_scene, read_labels


def canvas_of(height: int, width: int) -> Canvas:
    canvas = Canvas(height, width, air=(0, 0, 0), haze=0)
    for _ in range(4):
        canvas.paint(canvas.new_object(0), (0, 0, 0))
    return canvas


def test_polygon_fills_pixels_whose_centres_it_contains() -> None:
    canvas = canvas_of(4, 6)  # pixels are UNIT / 4 wide, the middle is between columns 2 and 3
    pixel = UNIT // 4
    corners = [(-2 * pixel, 0), (2 * pixel, 0), (2 * pixel, 4 * pixel)]
    canvas.polygon(corners, 1)
    expected = [[0, 1, 1, 1, 1, 0], [0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 1, 0]]
    # On the diagonal the centre lies on the edge, and the left edge belongs to the polygon.
    assert canvas.surface.tolist() == expected
    other_way = canvas_of(4, 6)
    other_way.polygon(corners[::-1], 1)
    assert other_way.surface.tolist() == expected


def test_ellipse_rectangle_and_shadow() -> None:
    canvas = canvas_of(5, 5)
    canvas.ellipse(0, UNIT // 2, UNIT // 2, UNIT // 2, 2)
    assert canvas.surface.tolist() == [[0, 2, 2, 2, 0], *[[2] * 5] * 3, [0, 2, 2, 2, 0]]
    canvas.rectangle(-UNIT, 0, UNIT, UNIT // 5, 3)
    assert canvas.surface[0].tolist() == [3] * 5
    canvas.shade([(-UNIT, 0), (0, 0), (0, UNIT), (-UNIT, UNIT)])
    assert (canvas.surface[:, :2] >= SHADOW).all() and (canvas.surface[:, 3:] < SHADOW).all()
    assert canvas.look_up([7, 8, 9, 10])[0].tolist() == [10] * 5


def test_things_that_are_almost_hidden_keep_a_label() -> None:
    canvas = Canvas(6, 6, air=(0, 0, 0), haze=0)
    ground, far, near = canvas.new_object(2), canvas.new_object(5), canvas.new_object(5)
    surface = [canvas.paint(owner, (0, 0, 0)) for owner in (ground, far, near)]
    canvas.surface[2:5, 2] = surface[1]  # one column of the far car, beside the near one
    canvas.surface[2:5, 3:5] = surface[2]
    labels, instances = read_labels(canvas)
    assert labels.tolist() == [
        [2, 2, 2, 2, 2, 2],
        [2, 2, 255, 255, 255, 2],
        [2, 255, 5, 5, 5, 255],
        [2, 255, 5, 5, 5, 255],
        [2, 255, 5, 5, 5, 255],
        [2, 2, 255, 255, 255, 2],
    ]
    assert instances[3].tolist() == [0, 0, 1, 2, 2, 0]


def test_camera() -> None:
    camera = Camera(height=2000, horizon=UNIT // 2, centre=0)
    assert camera.project(0, 2000, 5000) == (0, UNIT // 2)
    assert camera.project(1000, 0, 4000) == (UNIT // 4, UNIT)
    assert camera.project(-1000, 4000, 4000) == (-UNIT // 4, 0)


def test_the_layout_does_not_know_the_size() -> None:
    scene = lay_out(Draws(9, 9, 9))
    assert scene == lay_out(Draws(9, 9, 9))
    assert 4 <= len(scene.things)
    depths = [thing.depth for thing in scene.things]
    assert depths == sorted(depths, reverse=True)
    paint_scene(scene, 48, 64)
    assert scene == lay_out(Draws(9, 9, 9))
