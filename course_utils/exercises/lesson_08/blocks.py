"""The block of a U-Net: two convolutions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


class UNetBlock(nn.Module):
    """Two padded 3 × 3 convolutions without biases, the first from in_channels to out_channels, each followed by batch norm and
    a ReLU: (B, in_channels, H, W) → (B, out_channels, H, W). The layers are made in the order in which they are used."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.second = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.first(x)))
        return F.relu(self.norm2(self.second(x)))


def _draw_maps(generator: torch.Generator) -> tuple[Tensor]:
    return (torch.randint(-39, 40, (2, 3, 5, 6), generator=generator).double() / 4,)


SLIPS = read_slips("""
not_padded
    Without padding every convolution takes a pixel off each side, as in the paper. Here the map is to keep its size:
    `padding=1` for a kernel of 3.
    - nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
    + nn.Conv2d(in_channels, out_channels, kernel_size=3, bias=False)
    - nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
    + nn.Conv2d(out_channels, out_channels, kernel_size=3, bias=False)

no_relu_between
    Between the two convolutions there is no ReLU. Two convolutions one after the other are one, with a larger kernel:
    each needs its own.
    - F.relu(self.norm1(self.first(x)))
    + self.norm1(self.first(x))

no_relu_at_the_end
    The second ReLU is missing: each of the two convolutions is followed by one.
    - return F.relu(self.norm2(self.second(x)))
    + return self.norm2(self.second(x))

relu_before_the_norm
    You take the ReLU first and the batch norm afterwards. The norm comes directly after its convolution; after a norm
    about half of the values are below 0, and that is what the ReLU is for.
    - F.relu(self.norm1(self.first(x)))
    + self.norm1(F.relu(self.first(x)))
    - F.relu(self.norm2(self.second(x)))
    + self.norm2(F.relu(self.second(x)))

one_norm_for_both
    One batch norm cannot serve two convolutions: its running mean and variance would mix those of two maps. Make
    two of them, and use each once.
    - self.norm2(self.second(x))
    + self.norm1(self.second(x))

norm_left_out_first
    After the first convolution there is no batch norm. Each of the two has its own.
    - self.norm1(self.first(x))
    + self.first(x)

norm_left_out_last
    After the second convolution there is no batch norm. Each of the two has its own.
    - self.norm2(self.second(x))
    + self.second(x)

added_to_the_input
    You add what the first convolution has given to what the second gives: that is a residual block, a variant that
    came later. The block of this exercise has no shortcut.
    - return F.relu(self.norm2(self.second(x)))
    + return F.relu(x + self.norm2(self.second(x)))
""")


UNetBlock = Exercise(
    "UNetBlock",
    UNetBlock,
    [(((torch.arange(24) * 7) % 24 - 9.25).reshape(1, 3, 2, 4).double(),)],
    SLIPS,
    [
        "Six steps: convolution, batch norm, ReLU, and the three once more. Which channels go into the second convolution?",
        "`__init__` makes four layers: two `nn.Conv2d(..., kernel_size=3, padding=1, bias=False)` and two `nn.BatchNorm2d`.",
        "`nn.Sequential(nn.Conv2d(...), nn.BatchNorm2d(out_channels), nn.ReLU(), ...)` of six layers does it, too.",
    ],
    draw=_draw_maps,
    build=(3, 5),
    library=("double_convolution", "UNetEncoder"),
    unaffected={"a ReLU gives nothing below 0": ["absolute result", "nothing below 0 result"]},
    common_errors={
        "running_mean should contain": "A batch norm has another number of channels than the map that it gets: both of them "
        "come after a convolution to `out_channels`.",
        "parameters should have the shapes": "The block has two convolutions without biases (`bias=False`: the batch norm brings "
        "a shift of its own) and two batch norms: from in_channels to out_channels, then from out_channels to out_channels.",
        "channels, but got": "The first convolution takes `in_channels`, the second what the first gives: `out_channels`.",
        "argument: 'kernel_size'": "`nn.Conv2d` takes three numbers: channels that come in, channels that go out, and the side "
        "of the kernel, here 3.",
        "positional argument": "`__init__` takes `self`, `in_channels` and `out_channels`, `forward` takes `self` and `x`.",
    },
    difficulty=1,
    minutes=8,
)
