"""A stage of SegNet's decoder."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


class MirroredStage(nn.Module):
    """A stage of SegNet's decoder, without its batch norm: unpool maps (B, width, h, w) to `size`, then two 3 × 3 convolutions,
    to width and to `finer` channels, with a ReLU after each: (B, finer, *size)."""

    def __init__(self, width: int, finer: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, kernel_size=3, padding=1)
        self.second = nn.Conv2d(width, finer, kernel_size=3, padding=1)

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        unpooled = F.max_unpool2d(maps, indices, 2, output_size=size)
        return F.relu(self.second(F.relu(self.first(unpooled))))


def _draw_pooled(generator: torch.Generator) -> tuple[Tensor, Tensor, tuple[int, int]]:
    before = torch.rand(2, 3, 6, 10, generator=generator, dtype=torch.float64)
    indices = F.max_pool2d(before, 2, return_indices=True)[1]
    return 4 * torch.rand(indices.shape, generator=generator, dtype=torch.float64) - 2, indices, (6, 10)


_LOW_PLACES = torch.tensor([[[[1, 9, 4], [14, 16, 18]], [[7, 2, 12], [21, 23, 19]], [[0, 10, 11], [15, 22, 5]]]])

SLIPS = read_slips("""
size_left_out
    Without `output_size` the map becomes twice the pooled size, whatever it was: `size` says what it was. The
    indices count rows of that width, so that the values land in other places, too.
    - , output_size=size
    +

size_as_stride
    The fourth argument of `F.max_unpool2d` is the stride, not the size: your values are set down that many places
    apart. Give the size by its name, `output_size=size`.
    - 2, output_size=size
    + 2, size

resized_afterwards
    You unpool to twice the pooled size and resize to `size` then. By then the values are in wrong places: the
    indices count rows of the right width, so that the unpooling has to know `size`.
    - F.max_unpool2d(maps, indices, 2, output_size=size)
    + F.interpolate(F.max_unpool2d(maps, indices, 2), size=size, mode="nearest")

not_padded
    Your convolutions have no padding: each takes a pixel off every side, and the maps no longer fit the encoder's.
    A 3 × 3 convolution keeps the size with `padding=1`; give it by its name, as the fourth argument is the stride.
    - nn.Conv2d(width, width, kernel_size=3, padding=1)
    + nn.Conv2d(width, width, kernel_size=3)
    - nn.Conv2d(width, finer, kernel_size=3, padding=1)
    + nn.Conv2d(width, finer, kernel_size=3)

first_not_padded
    Your first convolution has no padding, so that it takes a pixel off every side. Both of them keep the size, with
    `padding=1`.
    - nn.Conv2d(width, width, kernel_size=3, padding=1)
    + nn.Conv2d(width, width, kernel_size=3)

second_not_padded
    Your second convolution has no padding, so that it takes a pixel off every side. Both of them keep the size, with
    `padding=1`.
    - nn.Conv2d(width, finer, kernel_size=3, padding=1)
    + nn.Conv2d(width, finer, kernel_size=3)

convolved_first
    Your first convolution runs before the unpooling, on the small maps. After the unpooling, where three of four
    values are zero, two convolutions are to fill the gaps.
    - F.max_unpool2d(maps, indices, 2, output_size=size)
    + F.max_unpool2d(F.relu(self.first(maps)), indices, 2, output_size=size)
    - F.relu(self.first(unpooled))
    + unpooled

copied_by_nearest
    You enlarge the maps by copying, and the indices play no part. Unpooling puts each value to its one place.
    - F.max_unpool2d(maps, indices, 2, output_size=size)
    + F.interpolate(maps, size=size, mode="nearest")

enlarged_bilinearly
    You enlarge the maps by interpolation, and the indices play no part. Unpooling puts each value to its one place.
    - F.max_unpool2d(maps, indices, 2, output_size=size)
    + F.interpolate(maps, size=size, mode="bilinear", align_corners=False)

no_relu_between
    The first convolution has no ReLU behind it: two convolutions in a row are one larger convolution, and learn no
    more than that.
    - F.relu(self.first(unpooled))
    + self.first(unpooled)

no_relu_at_the_end
    The second convolution has no ReLU behind it. Only the classifier has none, since scores may be negative.
    - F.relu(self.second(F.relu(self.first(unpooled))))
    + self.second(F.relu(self.first(unpooled)))

relu_instead_of_a_convolution
    A ReLU stands between unpooling and the first convolution: the maps are unpooled as they are, negative values
    too.
    - F.max_unpool2d(maps, indices, 2, output_size=size)
    + F.max_unpool2d(maps, indices, 2, output_size=size).relu()

no_relu_at_all
    No ReLU stands behind your convolutions: two in a row are one larger convolution then, and learn no more than
    that. Each of them has one.
    - F.relu(self.second(F.relu(self.first(unpooled))))
    + self.second(self.first(unpooled))

padded_afterwards
    You unpool to twice the pooled size and pad up to `size`. By then the values are in wrong places: the indices
    count rows of the right width, so that the unpooling has to know `size`.
    - unpooled = F.max_unpool2d(maps, indices, 2, output_size=size)
    + unpooled = F.max_unpool2d(maps, indices, 2)
    + rows, columns = (wanted - had for wanted, had in zip(size, unpooled.shape[-2:], strict=True))
    + unpooled = F.pad(unpooled, (0, columns, 0, rows))

resized_at_the_end
    You unpool to twice the pooled size, convolve, and resize to `size` at the end. The values are in wrong places
    before: the indices count rows of the right width, so that the unpooling has to know `size`.
    - , output_size=size
    +
    - F.relu(self.second(F.relu(self.first(unpooled))))
    + F.interpolate(F.relu(self.second(F.relu(self.first(unpooled)))), size=size, mode="nearest")

sides_exchanged
    You gave `size` the other way round. It is (rows, columns), as everywhere in PyTorch, and goes into
    `output_size` as it is.
    - output_size=size
    + output_size=size[::-1]

narrowed_at_once
    Your first convolution becomes narrower already. In the encoder's stage the first one becomes wider; in the
    mirror that is the last: width to width, then width to `finer`.
    - nn.Conv2d(width, width
    + nn.Conv2d(width, finer
    - nn.Conv2d(width, finer
    + nn.Conv2d(finer, finer

never_narrower
    Both of your convolutions keep the channels. The second leads to the next stage, and gives `finer`. (If that
    does not fit the indices: unpool first, and convolve then.)
    - nn.Conv2d(width, finer
    + nn.Conv2d(width, width

one_by_one
    Your kernels are 1 × 1: each pixel sees itself only, and three of four are zero after the unpooling. It takes 3
    × 3 to fill the gaps from the neighbours.
    - nn.Conv2d(width, width, kernel_size=3, padding=1)
    + nn.Conv2d(width, width, kernel_size=1)
    - nn.Conv2d(width, finer, kernel_size=3, padding=1)
    + nn.Conv2d(width, finer, kernel_size=1)

without_biases
    Your convolutions have no biases. That is usual where a batch norm follows, which adds one; here none does.
    - nn.Conv2d(width, width, kernel_size=3, padding=1)
    + nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
    - nn.Conv2d(width, finer, kernel_size=3, padding=1)
    + nn.Conv2d(width, finer, kernel_size=3, padding=1, bias=False)

one_convolution
    Your stage has one convolution, from width to `finer`. It should have two: the first keeps the width.
    - nn.Conv2d(width, width, kernel_size=3, padding=1)
    + nn.Conv2d(width, finer, kernel_size=3, padding=1)
    - nn.Conv2d(width, finer, kernel_size=3, padding=1)
    + nn.Identity()

transposed_convolutions
    These are transposed convolutions, as DeconvNet has them. SegNet has plain ones; at stride 1 the difference is a
    flipped kernel.
    - nn.Conv2d(width, width
    + nn.ConvTranspose2d(width, width
    - nn.Conv2d(width, finer
    + nn.ConvTranspose2d(width, finer
""")


MirroredStage = Exercise(
    "MirroredStage",
    MirroredStage,
    [
        # Pooled from 5 x 7, with no place beyond the 4 x 6 of a size that is guessed. Large, so that the answers go beyond 6.
        (4.25 * torch.arange(18, dtype=torch.float64).reshape(1, 3, 2, 3) - 30.75, _LOW_PLACES, (5, 7)),
    ],
    SLIPS,
    [
        "`__init__` makes the two convolutions; `forward` unpools first, and convolves then.",
        "`F.max_unpool2d(maps, indices, 2, output_size=size)`. A 3 × 3 convolution keeps the size with `padding=1`.",
        "`forward` ends with `return F.relu(self.second(F.relu(self.first(unpooled))))`.",
    ],
    draw=_draw_pooled,
    build=(3, 2),
    common_errors={
        "running_mean": "SegNet has a batch norm behind each convolution; this stage is asked for without.",
        "parameters should have the shapes": "The stage has two convolutions and nothing else, both 3 × 3 and with biases: from "
        "width to width, and from width to `finer`.",
        "non-negative spatial dimensions": "The fourth argument of `F.max_unpool2d` is the stride, the fifth the padding: give "
        "the size by its name, `output_size=size`.",
        "invalid output_size": "`output_size` is the size of the maps before the pooling, rows first: `size` as it is.",
        "invalid max index": "An index lies beyond the map that you unpool to: give `output_size`, the size before the pooling.",
        "shape of indices to be same": "The indices have `width` channels, as the maps that were pooled: unpool "
        "before the number of channels changes.",
    },
    unaffected={"a ReLU gives nothing negative": ["absolute result", "nothing below 0 result"]},
    difficulty=2,
    minutes=10,
)
