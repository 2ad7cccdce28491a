"""Indices from two bits: where in its window a maximum was."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def indices_of_corners(corners: Tensor, columns: int) -> Tensor:
    """The indices (B, C, h, w), int64, that `F.max_unpool2d` wants, for windows of 2 × 2 in maps of `columns` columns.
    `corners` (B, C, h, w), int64, says for each window where in it the maximum was: 0 top left, 1 top right, 2 bottom left,
    3 bottom right."""
    height, width = corners.shape[-2:]
    row = 2 * torch.arange(height, device=corners.device)[:, None] + corners // 2
    column = 2 * torch.arange(width, device=corners.device) + corners % 2
    return row * columns + column


def _draw_corners(generator: torch.Generator) -> tuple[Tensor, int]:
    height, width, odd = (
        int(torch.randint(low, high, (), generator=generator)) for low, high in ((2, 4), (4, 6), (0, 2))
    )
    return torch.randint(0, 4, (2, 3, height, width), generator=generator), 2 * width + odd


def windows_numbered_by_four(corners: Tensor, columns: int) -> Tensor:
    """You count window by window, four places in each. PyTorch counts row by row through the whole map: the two rows of a window
    are `columns` places apart."""
    height, width = corners.shape[-2:]
    return 4 * torch.arange(height * width).view(height, width) + corners


def numbered_in_the_pooled_map(corners: Tensor, columns: int) -> Tensor:
    """You begin with the number that the window has in the small map. `F.max_unpool2d` counts in the large one: there the window
    begins two rows and two columns further on for each window above it and to its left."""
    height, width = corners.shape[-2:]
    return torch.arange(height * width).view(height, width) + corners // 2 * columns + corners % 2


SLIPS = read_slips("""
twice_as_wide
    Your rows are twice as wide as `corners`. With an odd number of columns the last one is in no window, but it is counted:
    a row of the map has `columns` places.
    - row * columns
    + row * (2 * width)

rows_of_the_wrong_length
    You multiply the row by the number of rows. To get one row further down, an index has to go past all columns of a row.
    - row * columns
    + row * (2 * height)

counted_column_by_column
    You count column by column. PyTorch counts through the map row by row.
    - row * columns + column
    + column * columns + row

windows_not_doubled
    Your windows begin at every pixel. Each is two rows high and two columns wide, so that the next one begins two further on.
    - row = 2 * torch
    + row = torch
    - column = 2 * torch
    + column = torch

rows_not_doubled
    Your columns are right. But your windows begin at every row: each is two rows high.
    - row = 2 * torch
    + row = torch

columns_not_doubled
    Your rows are right. But your windows begin at every column: each is two columns wide.
    - column = 2 * torch
    + column = torch

bottom_and_right_exchanged
    You take 1 for bottom left and 2 for top right. The corners are counted row by row, as the map is: 1 is top right.
    - corners // 2
    + corners % 2
    - arange(width, device=corners.device) + corners % 2
    + arange(width, device=corners.device) + corners // 2

all_top_left
    Your indices are those of the top left corners, whatever `corners` says: a bed of nails.
    - [:, None] + corners // 2
    + [:, None] + 0 * corners
    - device=corners.device) + corners % 2
    + device=corners.device) + 0 * corners

place_in_the_window_only
    Yours says where in its window a maximum is, but not where the window is: every window begins at the top left of the map.
    - row = 2 * torch
    + row = 0 * torch
    - column = 2 * torch
    + column = 0 * torch

corner_added_to_the_index
    You add the corner's number to the index of the window's first place. That is right for 0 and 1. The bottom row, with 2 and 3,
    is a whole row of the map further on.
    - [:, None] + corners // 2
    + [:, None]
    - corners % 2
    + corners

left_half_only
    The row is right, but you take every maximum for one in the left half of its window: the corner says which column, too.
    - device=corners.device) + corners % 2
    + device=corners.device)

top_row_only
    The column is right, but you take every maximum for one in the upper row of its window: the corner says which row, too.
    - [:, None] + corners // 2
    + [:, None]

divided_with_fractions
    Dividing with `/` leaves halves of rows. Of the corners 2 and 3, both in the bottom row, `//` makes 1.
    - corners // 2
    + corners / 2
""")


indices_of_corners = Exercise(
    "indices_of_corners",
    indices_of_corners,
    [
        (torch.tensor([[[[2, 1], [3, 0]]]]), 5),
        (torch.tensor([[[[1, 3, 0], [2, 0, 3]], [[0, 2, 1], [3, 1, 2]]]]), 7),
    ],
    [*SLIPS, windows_numbered_by_four, numbered_in_the_pooled_map],
    [
        "Take one window alone: the third from the left in the second row of windows. In which row and column of the map is "
        "its top left pixel? And its bottom right one?",
        "The window in row r and column c begins at row 2r and column 2c. `torch.arange` numbers rows and columns; "
        "`[:, None]` turns the rows' numbers upright, so that both can be added to (B, C, h, w).",
        "row = 2 * torch.arange(h)[:, None] + corners // 2. The column is built in the same way, and "
        "index = row · columns + column.",
    ],
    draw=_draw_corners,
    common_errors={
        key: "There are h rows and w columns of windows, so take as many numbers, each doubled. The rows' numbers have to stand "
        "upright, (h, 1), so that both can be added to (B, C, h, w): `torch.arange(h)[:, None]`."
        for key in ("size of tensor a", "must match the size")
    },
    difficulty=2,
    minutes=7,
)
