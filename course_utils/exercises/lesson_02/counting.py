"""How many windows an image has."""

import torch

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def count_windows(height: int, width: int, window: int, stride: int) -> int:
    """Count the positions of a square window that stays in the image and moves by `stride` pixels, across and down.

    The window is no larger than the image.
    """
    rows = (height - window) // stride + 1
    columns = (width - window) // stride + 1
    return rows * columns


def _draw_sizes(generator: torch.Generator) -> tuple[int, int, int, int]:
    height, width = torch.randint(20, 60, (2,), generator=generator).tolist()
    window, stride = torch.randint(3, 9, (2,), generator=generator).tolist()
    return height, width, window, stride


SLIPS = read_slips("""
steps_not_positions
    You count the steps. The window stands somewhere before its first step: there is one position more than steps,
    in both directions.
    - (height - window) // stride + 1
    + (height - window) // stride
    - (width - window) // stride + 1
    + (width - window) // stride

sticks_out
    You round up: your last window of a row sticks out of the image where the stride does not divide what is left.
    - (height - window) // stride
    + -((window - height) // stride)
    - (width - window) // stride
    + -((window - width) // stride)

divided_after_adding_one
    You divide the positions of stride 1 by the stride. Divide the way that the window can go, and then add the
    position at which it starts.
    - (height - window) // stride + 1
    + (height - window + 1) // stride
    - (width - window) // stride + 1
    + (width - window + 1) // stride

product_divided
    You count all positions of stride 1 and take every stride²-th. Rows and columns are rounded on their own: do
    each direction first, and multiply last.
    - (height - window) // stride
    + height - window
    - (width - window) // stride
    + width - window
    - return rows * columns
    + return rows * columns // stride**2

product_divided_once
    You count all positions of stride 1 and take every stride-th. The window moves by the stride in both directions,
    and each is rounded on its own: do each direction first, and multiply last.
    - (height - window) // stride
    + height - window
    - (width - window) // stride
    + width - window
    - return rows * columns
    + return rows * columns // stride

rounded_last
    You round the product. Part of a step is no position, in either direction: round each direction down before you
    multiply.
    - (height - window) // stride
    + (height - window) / stride
    - (width - window) // stride
    + (width - window) / stride
    - return rows * columns
    + return int(rows * columns)

stride_one
    These are the positions of stride 1: your stride has no effect.
    - (height - window) // stride
    + height - window
    - (width - window) // stride
    + width - window

strides_across_only
    The stride is in your columns but not in your rows: the window moves by it across and down.
    - (height - window) // stride
    + height - window

strides_down_only
    The stride is in your rows but not in your columns: the window moves by it down and across.
    - (width - window) // stride
    + width - window

missing_brackets
    `//` binds before `-`, so that you divide the window alone. What is divided is the way that the window can go: put
    it into brackets.
    - (height - window) // stride
    + height - window // stride
    - (width - window) // stride
    + width - window // stride

every_pixel
    You let the window start at every stride-th pixel, wherever that is: near the right and lower border it would
    stick out of the image.
    - (height - window) // stride + 1
    + (height - 1) // stride + 1
    - (width - window) // stride + 1
    + (width - 1) // stride + 1

window_forgotten
    Your count does not depend on the size of the window. It has to fit: a window that begins in the last pixel of a
    row would stick out of the image.
    - (height - window) // stride + 1
    + height // stride
    - (width - window) // stride + 1
    + width // stride

last_position_missing
    Where the stride leads exactly to the border, your last window is missing: it ends at the border, which is still
    inside. (`range` leaves out its end; and rounding up makes no difference where there is nothing to round.)
    - (height - window) // stride + 1
    + len(range(0, height - window, stride))
    - (width - window) // stride + 1
    + len(range(0, width - window, stride))

tiles
    These are tiles, side by side. Windows overlap where the stride is smaller than the window.
    - (height - window) // stride + 1
    + height // window
    - (width - window) // stride + 1
    + width // window

rows_plus_columns
    You add rows and columns of positions. In each row there are as many windows as columns: multiply.
    - rows * columns
    + rows + columns

rows_only
    You count the positions from top to bottom only. At each of these heights the window also moves across: multiply
    by the positions in a row.
    - rows * columns
    + rows

columns_only
    You count the positions from left to right only. In each of these columns the window also moves down: multiply by the
    positions from top to bottom.
    - rows * columns
    + columns

height_squared
    You square the positions from top to bottom. The image is not a square: there are others from left to right,
    which the width gives.
    - rows * columns
    + rows * rows
""")


count_windows = Exercise(
    "count_windows",
    count_windows,
    [(4, 6, 3, 1), (6, 9, 2, 3), (11, 8, 5, 2), (5, 12, 5, 3), (720, 1280, 65, 1)],
    SLIPS,
    [
        "One row first: where does the leftmost window begin, and where the rightmost one that still fits?",
        "The window can go width - window pixels to the right. How many whole steps of `stride` are that?",
        "Steps + 1 positions in a row; the same for the columns; `//` divides and rounds down.",
    ],
    draw=_draw_sizes,
    difficulty=1,
    minutes=4,
)
