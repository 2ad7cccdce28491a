"""The weights of bilinear interpolation."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.ops import resample


def bilinear_weights(x: float, y: float) -> Tensor:
    """Weights of the four corners at (x, y) in the unit square: shape (4,), order 00, 10, 01, 11, where the first digit is x
    and the second y."""
    return torch.tensor([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], dtype=torch.float64)


def _weights_by_sampling(x: float, y: float) -> Tensor:
    """Four maps, each of them 1 at one corner, sampled at the point."""
    corners = torch.eye(4, dtype=torch.float64).reshape(1, 4, 2, 2)
    return resample.bilinear_sample(corners, torch.tensor([[[x + 0.5, y + 0.5]]], dtype=torch.float64)).flatten()


def _point(generator: torch.Generator) -> tuple[float, float]:
    x, y = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
    return x, y


SLIPS = read_slips("""
x_and_y_swapped
    Your weights are in the order 00, 01, 10, 11, or x and y are swapped: the first digit is x, and asked for are 00,
    10, 01, 11.
    - x * (1 - y), (1 - x) * y
    + (1 - x) * y, x * (1 - y)

once_around_the_square
    Your last two corners are swapped: you went around the square, 00, 10, 11, 01. Asked for are 00, 10, 01, 11.
    - (1 - x) * y, x * y
    + x * y, (1 - x) * y

opposite_corner
    Each weight stands at the opposite corner. At (0, 0) corner 00 must have all the weight; in yours it has none: the
    area of a rectangle is the weight of the corner across.
    - (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    + x * y, (1 - x) * y, x * (1 - y), (1 - x) * (1 - y)

x_runs_the_other_way
    Along y your weights are right, along x they are the wrong way round: x = 0 gives all the weight to 10 and 11.
    - (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    + x * (1 - y), (1 - x) * (1 - y), x * y, (1 - x) * y

y_runs_the_other_way
    Along x your weights are right, along y they are the wrong way round: y = 0 gives all the weight to 00 and 10.
    - (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    + (1 - x) * y, x * y, (1 - x) * (1 - y), x * (1 - y)

weights_along_x_only
    These are the weights along the upper and the lower edge, and they sum to 2: the last step, from the one edge to the
    other, is missing. It weighs the upper edge's two with 1 - y and the lower edge's with y.
    - (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    + 1 - x, x, 1 - x, x

mean_of_the_two
    You take the mean of the weights along x and along y. Then the four sum to 2, and at (0, 0) corner 10 still counts.
    Interpolating along x and then along y multiplies the two.
    - (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    + ((1 - x) + (1 - y)) / 2, (x + (1 - y)) / 2, ((1 - x) + y) / 2, (x + y) / 2

sums_instead_of_products
    You add a corner's weight along x and its weight along y. Then the four sum to 4. The step along y weighs what the
    step along x has given: the two are multiplied.
    - (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    + (1 - x) + (1 - y), x + (1 - y), (1 - x) + y, x + y

quarter_of_the_sum
    Your weights sum to 1, but are sums: at (0, 0) corner 10 still gets a quarter of the value. Interpolating along x
    and then along y multiplies the two weights of a corner.
    - (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    + ((1 - x) + (1 - y)) / 4, (x + (1 - y)) / 4, ((1 - x) + y) / 4, (x + y) / 4

a_quarter_each
    A quarter for each is the mean of the corners, and right in the middle of the square only. The weights depend on x
    and y: at a corner, that corner has all the weight.
    - (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    + 0.25, 0.25, 0.25, 0.25

inverse_distance
    These are weights by inverse distance. Bilinear is linear along x and, after that, linear along y: no distance, no
    root, and along an edge of the square only its two corners count.
    - return torch.tensor([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], dtype=torch.float64)
    + weights = 1 / torch.tensor([[x, y], [1 - x, y], [x, 1 - y], [1 - x, 1 - y]], dtype=torch.float64).norm(dim=1)
    + return weights / weights.sum()

one_minus_the_distance
    You take 1 minus the distance to each corner, made to sum to 1. That becomes negative for far corners. Bilinear
    knows no distance in the plane: one step along x, and then one along y.
    - return torch.tensor([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], dtype=torch.float64)
    + weights = 1 - torch.tensor([[x, y], [1 - x, y], [x, 1 - y], [1 - x, 1 - y]], dtype=torch.float64).norm(dim=1)
    + return weights / weights.sum()

nearest_corner
    The nearest corner gets everything: this is nearest-neighbour interpolation. Bilinear shares the weight among all
    four.
    - (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    + (x < 0.5) * (y < 0.5), (x >= 0.5) * (y < 0.5), (x < 0.5) * (y >= 0.5), (x >= 0.5) * (y >= 0.5)

plane_through_three_corners
    Corner 11 gets no weight: you walk along x and along y from corner 00, which is the plane through three corners. The
    step along x has to be made at y = 0 and at y = 1.
    - (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    + 1 - x - y, x, y, 0

terms_of_the_polynomial
    These are the terms of the polynomial a + b x + c y + d xy, not the weights of the corners: the four must sum to 1
    everywhere.
    - (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    + 1, x, y, x * y

arranged_as_a_square
    Your four weights are arranged as the square is, (2, 2). Asked for is one row of four: 00, 10, 01, 11.
    - dtype=torch.float64)
    + dtype=torch.float64).reshape(2, 2)

four_numbers
    Four numbers with commas between them are a tuple, and the values are to be multiplied by a tensor: put them into
    one.
    - torch.tensor([
    + (
    - ], dtype=torch.float64)
    + )
""")


bilinear_weights = Exercise(
    "bilinear_weights",
    bilinear_weights,
    [(0.25, 0.75), (0.625, 0.125), (0.0, 0.375), (1.0, 0.0), (0.9, 0.8)],
    SLIPS,
    [
        "One axis first: going from a at x = 0 to b at x = 1, how much of a is left at x? And how much of b is there?",
        "The upper edge gives (1 - x) · f(0,0) + x · f(1,0). Write down the lower edge in the same way, then the step from the "
        "upper to the lower, and multiply out: what stands before f(1,0)?",
        "Before f(1,0) stands x from the step along the edge, times 1 - y from the step down. Each corner's weight is such a "
        "product, one factor for each digit: t where the digit is 1, 1 - t where it is 0.",
    ],
    reference=_weights_by_sampling,
    common_errors={
        "but got float": "x and y are plain numbers: `torch.tensor([...])` makes a tensor of four of them.",
        "must be Tensor, not float": "x and y are plain numbers, not tensors: compute with them as they are.",
    },
    draw=_point,
    library=("bilinear_sample", "grid_sample", "interpolate"),
    unaffected={
        "the point lies in the unit square, and no weight is below 0 or above 1": [
            f"{change} {where}"
            for change in ("absolute", "nothing below 0", "nothing above 1")
            for where in ("arguments", "result")
        ]
    },
    difficulty=1,
    minutes=6,
)
