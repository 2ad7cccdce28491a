"""YOLACT's masks: sums of prototypes, cut off at boxes."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.models.detection import yolact_parts


def assemble_masks(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    """YOLACT's masks of one image. Prototypes (k, h, w) are maps that all its instances share; coefficients (n, k) say how
    much each instance takes of each, and may be negative; boxes (n, 4) are (x1, y1, x2, y2) in cells of the prototypes, with
    an area, and may reach beyond them → truth values (n, h, w). n may be 0. For each instance, add up the prototypes, each
    times its coefficient. A cell belongs to the instance if the sigmoid of this sum is above 0.5 there and the instance's box
    touches the cell: cell i covers [i, i + 1), so that a box from 1 to 2.5 touches the cells 1 and 2."""
    height, width = prototypes.shape[1:]
    sums = torch.einsum("nk,khw->nhw", coefficients, prototypes)
    x1, y1, x2, y2 = boxes.T[:, :, None]  # (n, 1) each
    x, y = torch.arange(width), torch.arange(height)  # the cells' first edges; the next ones are one further
    across, down = (x + 1 > x1) & (x < x2), (y + 1 > y1) & (y < y2)  # (n, w), (n, h)
    return (sums.sigmoid() > 0.5) & down[:, :, None] & across[:, None, :]


def _by_the_package(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    height, width = prototypes.shape[1:]
    return yolact_parts.assemble_masks(prototypes, coefficients, boxes, (height, width))


def _numbered(first: float, *shape: int) -> Tensor:
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 11) % count * 0.25 + first).reshape(shape).double()


def _rows(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def _draw_instances(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    prototypes, coefficients = (torch.randn(*shape, generator=generator).double() for shape in ((3, 6, 8), (4, 3)))
    low, side = (torch.randint(*range_, (4, 2), generator=generator).double() / 8 for range_ in ((-5, 17), (17, 36)))
    return prototypes, coefficients, torch.cat([low, low + side], 1)


def sigmoid_of_each_prototype(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    """You take the sigmoid of the prototypes, and sum up afterwards. First the sum, then one sigmoid: a prototype is to be able
    to take away what another one has put there."""
    return _cut_off(torch.einsum("nk,khw->nhw", coefficients, prototypes.sigmoid()) > 0.5, boxes)


def strongest_instance(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    """You let the instances compete for each cell, by a softmax. Each has a mask of its own, whatever the others have: masks may
    overlap."""
    return _cut_off(torch.einsum("nk,khw->nhw", coefficients, prototypes).softmax(0) > 0.5, boxes)


def _cut_off(masks: Tensor, boxes: Tensor) -> Tensor:
    everywhere: Callable[..., Tensor] = assemble_masks._solution
    ones = torch.ones(1, *masks.shape[1:], dtype=torch.float64)
    return masks & everywhere(ones, ones.new_ones(len(boxes), 1), boxes)


SLIPS = read_slips("""
not_cut_off
    Your masks reach beyond their boxes. Prototypes are shared: what an instance's sum says elsewhere is about other objects.
    - & down[:, :, None] & across[:, None, :]
    +

no_sigmoid
    You compare the sum itself with 0.5. It is the sigmoid of the sum that is to be above 0.5: for which sums is it?
    - sums.sigmoid() > 0.5
    + sums > 0.5

one_half_included
    Where the sum is exactly 0, the sigmoid is 0.5. That is not *above* 0.5.
    - sums.sigmoid() > 0.5
    + sums.sigmoid() >= 0.5

probabilities
    You give the sigmoid. Asked for are truth values: where is it above 0.5?
    - (sums.sigmoid() > 0.5) & down[:, :, None] & across[:, None, :]
    + sums.sigmoid() * down[:, :, None] * across[:, None, :]

last_cell_included
    Your boxes are one cell too large at the bottom right: a box that ends at 3 does not touch cell 3, which begins there.
    - (x < x2)
    + (x <= x2)
    - (y < y2)
    + (y <= y2)

edge_of_the_cell_before
    Your boxes are one cell too large at the top left: a box that begins at 3 does not touch cell 2, which ends there.
    - x + 1 > x1
    + x + 1 >= x1
    - y + 1 > y1
    + y + 1 >= y1

first_cell_lost
    A cell counts in your answer if its first edge is in the box. A box that begins at 1.25 touches cell 1 as well.
    - x + 1 > x1
    + x >= x1
    - y + 1 > y1
    + y >= y1

last_cell_lost
    A cell counts in your answer if its last edge is in the box. A box that ends at 2.5 touches cell 2 as well.
    - (x < x2)
    + (x + 1 <= x2)
    - (y < y2)
    + (y + 1 <= y2)

whole_cells_only
    You count the cells that lie in the box as a whole. Those that it touches belong to it, too.
    - (x + 1 > x1) & (x < x2)
    + (x >= x1) & (x + 1 <= x2)
    - (y + 1 > y1) & (y < y2)
    + (y >= y1) & (y + 1 <= y2)

centres_in_the_box
    You count the cells whose centre is in the box. Those that it touches belong to it, too.
    - (x + 1 > x1) & (x < x2)
    + (x + 0.5 >= x1) & (x + 0.5 < x2)
    - (y + 1 > y1) & (y < y2)
    + (y + 0.5 >= y1) & (y + 0.5 < y2)

box_read_as_y_x
    You read the boxes as (y1, x1, y2, x2). x comes first.
    - x1, y1, x2, y2 = boxes
    + y1, x1, y2, x2 = boxes

width_and_height
    You take the last two numbers of a box for its width and height. They are its second corner, (x2, y2).
    - x < x2
    + x < x1 + x2
    - y < y2
    + y < y1 + y2

first_box_for_all
    You cut all masks off at the first box. Each instance has a box of its own.
    - x1, y1, x2, y2 = boxes.T[:, :, None]
    + x1, y1, x2, y2 = boxes[:1].expand_as(boxes).T[:, :, None]

nothing_taken_away
    You leave out the coefficients below 0. With them an instance takes away what another prototype has put there.
    - "nk,khw->nhw", coefficients
    + "nk,khw->nhw", coefficients.relu()

prototypes_cut_first
    You cut each prototype off at one half before you sum up. They are maps of any numbers: only the sum is compared.
    - coefficients, prototypes)
    + coefficients, (prototypes.sigmoid() > 0.5).to(prototypes))

sigmoid_always_above
    Every cell of a box is object with you. The sigmoid is always above 0, and the sigmoid of a sigmoid always above one half:
    take it once, and one half is the border.
    - sums.sigmoid() > 0.5
    + sums.sigmoid() > 0

reshaped_for_transposed
    Your sums are (h · w, n), and you reshape them to (n, h, w). That mixes the instances: transpose first.
    - torch.einsum("nk,khw->nhw", coefficients, prototypes)
    + torch.einsum("nk,khw->hwn", coefficients, prototypes).reshape(-1, height, width)

only_in_x
    You cut the masks off in x only. A cell has to be touched in y, too.
    - & down[:, :, None] & across[:, None, :]
    + & across[:, None, :]

only_in_y
    You cut the masks off in y only. A cell has to be touched in x, too.
    - & down[:, :, None] & across[:, None, :]
    + & down[:, :, None]

touched_in_one_direction
    A cell counts in your answer if the box touches its row *or* its column. It has to be both.
    - & down[:, :, None] & across[:, None, :]
    + & (down[:, :, None] | across[:, None, :])

box_rounded
    You round the boxes to whole cells. A box from 1 to 2.4 touches cell 2: take its numbers as they are.
    - = boxes.T[:, :, None]
    + = boxes.round().T[:, :, None]

box_of_all
    You cut off where *any* box is. Each instance has a box of its own.
    - & down[:, :, None] & across[:, None, :]
    + & (down[:, :, None] & across[:, None, :]).any(0)

coefficients_squashed
    You send the coefficients through tanh once more. The network has done that: take them as they are.
    - "nk,khw->nhw", coefficients,
    + "nk,khw->nhw", coefficients.tanh(),

prototypes_above_zero
    You leave out what is below 0 in the prototypes. They are maps of any numbers.
    - coefficients, prototypes)
    + coefficients, prototypes.relu())

same_for_all
    You take the coefficients of the first instance for all. Each has its own.
    - "nk,khw->nhw", coefficients,
    + "nk,khw->nhw", coefficients[:1].expand_as(coefficients),

strongest_prototype
    You look for the largest product. It is their *sum* that counts: one may take away what another has put there.
    - torch.einsum("nk,khw->nhw", coefficients, prototypes)
    + (coefficients[:, :, None, None] * prototypes).amax(1)

mean_of_the_maps
    You add the prototypes up as they are. Each instance takes its own amount of each: its coefficient.
    - "nk,khw->nhw", coefficients
    + "nk,khw->nhw", torch.ones_like(coefficients)
""")


assemble_masks = Exercise(
    "assemble_masks",
    assemble_masks,
    [
        (_rows((1, 0.25, -0.5, 2), (-1, 2, 0.75, -3)).reshape(2, 1, 4), _rows((1, 0.5)), _rows((0, 0, 2.5, 1))),
        (_numbered(-1.25, 2, 3, 2), torch.zeros(0, 2).double(), torch.zeros(0, 4).double()),
        (_rows((0.004, -0.004, 0.008)).reshape(1, 1, 3), _rows((1,), (-1,)), _rows((0, 0, 3, 1), (0, 0, 3, 1))),
        (
            _rows((-1, -3), (-2, -0.5)).reshape(2, 1, 2),
            _rows((0.5, -0.25), (-0.5, 1)),
            _rows((0, 0, 2, 1), (0, 0, 2, 1)),
        ),
        (
            _numbered(-2.75, 1, 4, 6),
            _rows((0.75,), (-0.25,)),
            _rows((1, 1, 4, 3), (0.25, 0.75, 5.75, 3.5)),
        ),
        (
            _numbered(-6.25, 2, 5, 5),
            _rows((0.75, -0.5), (-1.25, 0.25), (1, 0.875), (0.0625, 0.125)),
            _rows((-1.5, 0.5, 3, 7.25), (1.375, 2, 4, 4.625), (2, 1.5, 2.25, 5), (0, 0, 5, 5)),
        ),
        (
            _numbered(-11.5, 3, 4, 7),
            _rows((0.5, -0.75, 0.375), (-0.625, 0.25, 0.125)),
            _rows((0.125, 0.25, 6.75, 3.75), (1.5, 1, 5.5, 4)),
        ),
    ],
    [*SLIPS, sigmoid_of_each_prototype, strongest_instance],
    [
        "First one instance: the sum of k maps, each times a number. For all of them that is a matrix product, "
        "`coefficients @ prototypes.flatten(1)`.",
        "Then the cells that a box touches. Cell i begins at i and ends at i + 1: it is touched if it ends after x1, and begins "
        "before x2. `torch.arange(w)` has the first edges of all columns.",
        "Columns are (n, 1, w), rows (n, h, 1), and `&` joins them with the masks to (n, h, w).",
    ],
    common_errors={
        "cannot be multiplied": "The prototypes are k maps: `prototypes.flatten(1)` is (k, h · w), and the coefficients are "
        "(n, k).",
        "must match the size of tensor": "Each instance has k coefficients and one box: do the axes stand where they meet? "
        "Rows are (n, h, 1), columns (n, 1, w).",
        "not implemented for": "`&` joins truth values: compare first, and put each comparison in brackets.",
        "non-empty": "There may be no instances, n = 0: then there is nothing to stack.",
        "Expected size for first two dimensions": "The prototypes are shared by all instances: they have no axis of instances.",
    },
    reference=_by_the_package,
    draw=_draw_instances,
    without_loops=True,
    difficulty=2,
    minutes=8,
)
