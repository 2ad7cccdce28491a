"""From the grid of a region back to the image."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.ops import roi
from course_utils.ops.resample import bilinear_sample


def paste_mask(mask: Tensor, box: Tensor, size: tuple) -> Tensor:
    """Draw a mask into an image: mask (h, w), a probability for each cell of a grid that divides a box evenly; box (4,), (x1,
    y1, x2, y2) in pixels, not always whole; size (H, W) of the image → (H, W). A pixel belongs to the box if its centre does:
    x1 ≤ x < x2, and likewise for y. There it gets the bilinear value of the mask at its centre; beyond the outermost centres
    of cells, their value goes on. Other pixels are 0. A box may reach beyond the image, or have no area."""
    (height, width), (x1, y1, x2, y2) = mask.shape, box
    x, y = (torch.arange(length).to(box) + 0.5 for length in reversed(size))  # (W,), (H,): the pixels' centres
    across, down = (x - x1) / (x2 - x1) * width, (y - y1) / (y2 - y1) * height  # in cells of the mask
    points = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=-1)  # (H, W, 2)
    values = bilinear_sample(mask[None, None], points[None])[0, 0]  # (H, W)
    inside = ((y >= y1) & (y < y2))[:, None] & (x >= x1) & (x < x2)  # (H, W)
    return torch.where(inside, values, 0)


def _by_the_package(mask: Tensor, box: Tensor, size: tuple) -> Tensor:
    return roi.paste_masks(mask[None], box[None], size)[0]


def _mask(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def _box(*coordinates: float) -> Tensor:
    return torch.tensor(coordinates, dtype=torch.float64)


def _draw_mask(generator: torch.Generator) -> tuple[Tensor, Tensor, tuple]:
    mask = torch.randint(1, 64, (3, 3), generator=generator).double() / 64
    low, side = (torch.randint(*range_, (2,), generator=generator).double() / 8 for range_ in ((-9, 17), (20, 45)))
    return mask, torch.cat([low, low + side]), (6, 7)


def library_with_whole_pixels(mask: Tensor, box: Tensor, size: tuple) -> Tensor:
    """You draw the mask one pixel too large, with corners cut to whole numbers, as torchvision does: there a box holds the
    index of its last pixel. Here a box from 2 to 10 is 8 pixels wide."""
    return roi.paste_masks(mask[None], box[None], size, legacy=True)[0]


SLIPS = read_slips("""
one_pixel_too_large
    You count the width as x2 - x1 + 1, as if x2 were the index of the last pixel. Corners are continuous: from 2 to 10 it is 8
    pixels.
    - (x - x1) / (x2 - x1) * width
    + (x - x1) / (x2 - x1 + 1) * width
    - (y - y1) / (y2 - y1) * height
    + (y - y1) / (y2 - y1 + 1) * height
    - y < y2
    + y < y2 + 1
    - x < x2
    + x < x2 + 1

width_one_too_large
    You divide by x2 - x1 + 1. Corners are continuous coordinates: from 2 to 10 it is 8 pixels.
    - (x - x1) / (x2 - x1) * width
    + (x - x1) / (x2 - x1 + 1) * width
    - (y - y1) / (y2 - y1) * height
    + (y - y1) / (y2 - y1 + 1) * height

corners_of_the_pixels
    You read the mask at the top left corners of the pixels. A pixel has its centre half a pixel further on.
    - .to(box) + 0.5
    + .to(box)

half_a_cell_too_far
    You read half a cell of the mask too far to the bottom right. The value of cell i stands at its centre, i + ½, and
    `bilinear_sample` knows that.
    - bilinear_sample(mask[None, None], points[None])
    + bilinear_sample(mask[None, None], points[None] + 0.5)

half_a_cell_too_little
    You read half a cell of the mask too far to the top left: `bilinear_sample` takes the half off by itself, as cell i covers
    [i, i + 1).
    - bilinear_sample(mask[None, None], points[None])
    + bilinear_sample(mask[None, None], points[None] - 0.5)

corners_aligned
    You stretch the mask until the centres of its outermost cells lie on the edges of the box. The *cells* fill the box: their
    outermost centres lie half a cell inside.
    - / (x2 - x1) * width
    + / (x2 - x1) * (width - 1) + 0.5
    - / (y2 - y1) * height
    + / (y2 - y1) * (height - 1) + 0.5

threshold_first
    You cut the mask off at one half before you draw it. Then the outline has steps as large as cells: first interpolate.
    - mask[None, None]
    + mask[None, None].gt(0.5).to(mask)

threshold_last
    You cut off at one half. Asked for are the probabilities: whoever calls this may want another threshold.
    - torch.where(inside, values, 0)
    + inside & (values > 0.5)

box_rounded
    You round the box to whole pixels. Its edges may lie inside a pixel: take its numbers as they are.
    - = mask.shape, box
    + = mask.shape, box.round()

box_rounded_down
    You cut the box's coordinates down to whole pixels. Its edges may lie inside a pixel: take its numbers as they are.
    - = mask.shape, box
    + = mask.shape, box.floor()

x_and_y_of_the_points_swapped
    Your points are (y, x). `bilinear_sample` takes them as (x, y).
    - indexing="xy"), dim=-1)
    + indexing="xy"), dim=-1).flip(-1)

box_read_as_y_x
    You read the box as (y1, x1, y2, x2). x comes first.
    - (x1, y1, x2, y2)
    + (y1, x1, y2, x2)

size_read_as_width_height
    You take `size` for (W, H). As in every shape, the rows come first: (H, W).
    - reversed(size)
    + size

sides_of_the_mask_swapped
    You take the mask's shape for (w, h). As in every shape, the rows come first: (h, w).
    - (height, width)
    + (width, height)

not_cut_off
    Outside the box your image goes on with the mask's border. Pixels whose centre is not in the box are 0.
    - return torch.where(inside, values, 0)
    + return values.nan_to_num(0)

zeros_outside
    Near the edges of the box your mask fades, as if beyond its outermost cells were 0. Their value goes on as far as the box.
    - points[None])[0, 0]
    + points[None], padding="zeros")[0, 0]

nearest_cell
    You give a pixel the value of the cell in which it lies. Between the centres of cells, interpolate.
    - bilinear_sample(mask[None, None], points[None])
    + bilinear_sample(mask[None, None], points[None].floor() + 0.5)

last_edge_counted
    A pixel whose centre lies exactly on x2 or y2 does not belong to the box. In your answer, it does.
    - y < y2
    + y <= y2
    - x < x2
    + x <= x2

first_edge_left_out
    A pixel whose centre lies exactly on x1 or y1 belongs to the box. In your answer, it does not.
    - y >= y1
    + y > y1
    - x >= x1
    + x > x1

both_edges_counted
    A pixel whose centre lies exactly on x2 or y2 does not belong to the box: x1 ≤ x < x2. In your answer, it does.
    - y < y2
    + y <= y2
    - x < x2
    + x <= x2
    - values, 0)
    + values.nan_to_num(0), 0)

pixels_touched
    You draw in every pixel that the box touches. Only the centre of a pixel decides whether it belongs to the box.
    - y >= y1) & (y < y2)
    + y + 0.5 > y1) & (y - 0.5 < y2)
    - x >= x1) & (x < x2)
    + x + 0.5 > x1) & (x - 0.5 < x2)
    - values, 0)
    + values.nan_to_num(0), 0)

pixels_within
    You draw in the pixels that lie in the box as a whole. The centre of a pixel decides whether it belongs to the box.
    - y >= y1) & (y < y2)
    + y - 0.5 >= y1) & (y + 0.5 <= y2)
    - x >= x1) & (x < x2)
    + x - 0.5 >= x1) & (x + 0.5 <= x2)

box_cut_off_first
    You cut the box off at the image before you stretch the mask over it, so that all of the mask is squeezed into what is left.
    Stretch it over the whole box; what lies beyond the image is not seen.
    - = mask.shape, box
    + = mask.shape, torch.minimum(box.clamp(min=0), box.new_tensor([size[1], size[0], size[1], size[0]]))

upside_down
    Your mask is drawn upside down. Its first row lies at the top of the box.
    - mask[None, None]
    + mask[None, None].flip(-2)

mirrored
    Your mask is mirrored. Its first column lies at the left of the box.
    - mask[None, None]
    + mask[None, None].flip(-1)

width_one_too_small
    You divide by x2 - x1 - 1. Corners are continuous coordinates: from 2 to 10 it is 8 pixels.
    - (x - x1) / (x2 - x1) * width
    + (x - x1) / (x2 - x1 - 1) * width
    - (y - y1) / (y2 - y1) * height
    + (y - y1) / (y2 - y1 - 1) * height

shares_for_cells
    Your points are shares of the box, from 0 to 1. `bilinear_sample` takes cells of the mask: times its width and its height.
    - / (x2 - x1) * width
    + / (x2 - x1)
    - / (y2 - y1) * height
    + / (y2 - y1)

decided
    You cut off at one half. Asked for are the probabilities: whoever calls this may want another threshold.
    - torch.where(inside, values, 0)
    + (inside & (values > 0.5)).to(mask)

nan_without_area
    A box without area divides 0 by 0 in your answer, and 0 times NaN is NaN. Such a box has no pixel: all are 0.
    - torch.where(inside, values, 0)
    + values * inside

width_and_height
    You take the last two numbers of the box for its width and height. They are its second corner, (x2, y2).
    - / (x2 - x1)
    + / x2
    - / (y2 - y1)
    + / y2
    - y < y2
    + y < y1 + y2
    - x < x2
    + x < x1 + x2
""")


paste_mask = Exercise(
    "paste_mask",
    paste_mask,
    [
        (_mask((0.2, 0.6)), _box(1, 0, 3, 1), (2, 4)),
        (_mask((0.125, 0.875, 0.375), (0.75, 0.25, 0.625)), _box(2.5, 0.25, 2.5, 3), (4, 3)),
        (_mask((0.9, 0.3), (0.15, 0.7), (0.45, 0.55)), _box(0.75, 1.25, 4.5, 4.625), (6, 5)),
        (_mask((0.05, 0.95, 0.35), (0.65, 0.85, 0.1), (0.4, 0.25, 0.8)), _box(-1.25, -2.75, 6.5, 3.5), (5, 8)),
        (_mask((0.6, 0.8), (0.1, 0.3)), _box(1.5, 2.5, 4.5, 5.5), (7, 6)),
        (_mask((0.55, 0.15, 0.7)), _box(3.625, 0.375, 3.875, 6.25), (5, 6)),
        (_mask((0.35,)), _box(4.25, -1.5, 9.75, 2.375), (3, 7)),
        (_mask((0.45, 0.75)), _box(8.25, 1, 11, 3.5), (4, 6)),
    ],
    [*SLIPS, library_with_whole_pixels],
    [
        "Go the way back: for each pixel of the image, where does its centre lie in the mask, in cells? The left edge of the box "
        "is 0, the right one w.",
        "(x - x1) / (x2 - x1) · w, and so for y. `torch.meshgrid(..., indexing='xy')` makes a table of points (x, y), which "
        "`bilinear_sample(mask[None, None], points[None])` reads, in continuous coordinates.",
        "`torch.where(inside, values, 0)` keeps what is in the box, also where a value outside is not a number.",
    ],
    reference=_by_the_package,
    common_errors={
        "points must be a tensor": "`bilinear_sample` takes one tensor of points (B, ..., 2), x first.",
        "bilinear_sample needs": "`bilinear_sample` takes maps (B, C, H, W) and points (B, ..., 2): give the mask two axes more, "
        "`mask[None, None]`, and the points one.",
        "Input and output sizes should be greater than 0": "A box may be narrower than a pixel: resizing the mask to whole "
        "pixels does not get there. Go the other way, from the pixels to the mask.",
        "only one element tensors": "The box's coordinates are numbers in a tensor: `x1, y1, x2, y2 = box`.",
        "must match the size of tensor": "Columns are along x, rows along y: does one of them need another axis, `[:, None]`? Or "
        "does the box reach beyond the image?",
        "could not be broadcast": "The box may reach beyond the image: what is pasted has other sizes than its place.",
        "expanded size": "The box may reach beyond the image: what is pasted has other sizes than its place.",
    },
    draw=_draw_mask,
    library=("paste_masks", "paste_masks_in_image", "paste_mask_in_image"),
    unaffected={
        "a probability lies between 0 and 1": ["absolute result", "nothing below 0 result", "nothing above 1 result"],
        "masks are drawn when training is over, and nothing learns through it": ["detached"],
    },
    difficulty=2,
    minutes=12,
)
