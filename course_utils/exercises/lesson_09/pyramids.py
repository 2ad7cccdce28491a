"""Atrous spatial pyramid pooling, in the form of DeepLab v3."""

import torch
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: (B, in_channels, H, W) → (B, channels, H, W). Its branches, in this order: a 1 × 1
    convolution; a 3 × 3 one for each of the `rates`, however many there are; the mean over the image, a 1 × 1 convolution of
    it, and the result at every place. They are laid side by side, and one more 1 × 1 convolution joins them. Each convolution
    gives `channels`, and is followed by batch norm and a ReLU, so that it needs no bias. Make the layers in this order."""

    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()

        def layers(entering: int, side: int, rate: int = 1) -> nn.Sequential:
            padding = rate * (side // 2)
            convolution = nn.Conv2d(entering, channels, side, padding=padding, dilation=rate, bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU())

        self.branches = nn.ModuleList([layers(in_channels, 1)] + [layers(in_channels, 3, rate) for rate in rates])
        self.image = layers(in_channels, 1)
        self.project = layers((len(rates) + 2) * channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        seen = [branch(x) for branch in self.branches]  # each (B, channels, H, W)
        pooled = self.image(x.mean((2, 3), keepdim=True))  # (B, channels, 1, 1)
        seen.append(pooled.expand(-1, -1, *x.shape[2:]))
        return self.project(torch.cat(seen, dim=1))


def _draw_maps(generator: torch.Generator) -> tuple[Tensor]:
    return (torch.randint(-39, 40, (2, 3, 5, 8), generator=generator).double() / 4,)


def _numbered(first: float, *shape: int) -> Tensor:
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 11) % count * 0.25 + first).reshape(shape).double()


SLIPS = read_slips("""
summed
    Your last convolution takes `channels`, as if the branches were added. DeepLab v2 added its branches; since v3 they are
    laid side by side, with `torch.cat`, and the last convolution takes the channels of all of them.
    - torch.cat(seen, dim=1)
    + sum(seen)
    - (len(rates) + 2) * channels
    + channels

one_by_one_missing
    A 1 × 1 branch is missing, and with it a part of what the last convolution takes. There are two: one on the map itself, one
    on the mean over the image. (DeepLab v2 had neither.)
    - [layers(in_channels, 1)] +
    +
    - (len(rates) + 2)
    + (len(rates) + 1)

five_branches
    Your last convolution takes five times `channels`, which is right for three rates only. How many branches there are
    depends on `rates`.
    - (len(rates) + 2)
    + 5

with_biases
    Your convolutions have biases. The batch norm behind each has a shift of its own: `bias=False`.
    - , bias=False
    +

one_norm_missing
    One of your convolutions has no batch norm behind it. Each has one of its own; that on the mean over the image and the last
    one as well.
    - self.image = layers(in_channels, 1)
    + self.image = nn.Sequential(layers(in_channels, 1)[0], nn.ReLU())

hidden_in_a_list
    A list hides its layers from the module: nothing would train them. `nn.ModuleList([...])` does not.
    - nn.ModuleList([layers(in_channels, 1)] + [layers(in_channels, 3, rate) for rate in rates])
    + [layers(in_channels, 1)] + [layers(in_channels, 3, rate) for rate in rates]

first_rate_for_all
    All your 3 × 3 convolutions have the first of the rates. Each is to have its own, so that each sees another size.
    - layers(in_channels, 3, rate)
    + layers(in_channels, 3, rates[0])

rates_not_used
    Your 3 × 3 convolutions read direct neighbours: the rate is missing, `dilation=rate`.
    - layers(in_channels, 3, rate)
    + layers(in_channels, 3)

image_first
    The image branch comes first in your concatenation. It is the last one: the weights that join them depend on the order.
    - torch.cat(seen, dim=1)
    + torch.cat([seen[-1], *seen[:-1]], dim=1)

no_relu
    There is no ReLU in your module. One follows each batch norm.
    - , nn.ReLU())
    + )

no_relu_at_the_end
    The last ReLU is missing: behind the convolution that joins the branches there is one as well.
    - self.project(torch.cat(seen, dim=1))
    + self.project[:2](torch.cat(seen, dim=1))

no_relu_on_the_image
    The branch of the mean over the image has no ReLU. It has one, like the others.
    - self.image(x.mean((2, 3), keepdim=True))
    + self.image[:2](x.mean((2, 3), keepdim=True))

relu_before_the_norm
    You take the ReLU first and the batch norm afterwards. The norm comes directly after its convolution.
    - nn.BatchNorm2d(channels), nn.ReLU()
    + nn.ReLU(), nn.BatchNorm2d(channels)
""")

ASPP = Exercise(
    "ASPP",
    ASPP,
    [(_numbered(-7.25, 2, 3, 4, 6),), (_numbered(-30.5, 3, 3, 7, 5),)],
    SLIPS,
    [
        "Count the convolutions: on the map, for each rate, on the mean, and the one that joins. How many channels enter each?",
        "`nn.Conv2d(in_channels, channels, 3, padding=rate, dilation=rate, bias=False)` keeps the size; an `nn.Sequential` holds "
        "it, its `nn.BatchNorm2d(channels)` and its `nn.ReLU()`. An `nn.ModuleList` holds as many of these as there are rates.",
        "`forward` collects the branches' maps in a list, adds `self.image(x.mean((2, 3), keepdim=True))`, spread by "
        "`.expand(-1, -1, *x.shape[2:])`, and ends with `self.project(torch.cat(seen, dim=1))`.",
    ],
    draw=_draw_maps,
    build=(3, 4, (2, 3)),
    unaffected={"a ReLU gives nothing below 0": ["absolute result", "nothing below 0 result"]},
    common_errors={
        "parameters should have the shapes": "There are to be these convolutions, all without biases, each with a batch norm: "
        "1 × 1 on the map, 3 × 3 for each rate, 1 × 1 on the mean, and 1 × 1 from the channels of all of these to `channels`.",
        "values to unpack": "There may be any number of rates: make a branch for each, in a loop over `rates`.",
        "tuple index out of range": "There may be any number of rates: make a branch for each, in a loop over `rates`.",
        "Sizes of tensors must match": "What lies side by side has one height and one width. A 3 × 3 convolution of a rate keeps "
        "the size with `padding=rate`; the mean over the image is spread to `x.shape[2:]`.",
        "Kernel size can't be greater": "A 3 × 3 convolution of a rate keeps the size with `padding=rate`, not with 1.",
        "batched) input to conv2d": "A convolution takes maps, be they 1 × 1: `x.mean((2, 3), keepdim=True)`.",
        "running_mean should contain": "Each batch norm has as many channels as its convolution gives: `channels`.",
        "channels, but got": "All branches take `x` itself, `in_channels`. What `torch.cat(..., dim=1)` lays side by side has "
        "`(len(rates) + 2) * channels`: that many enter the last convolution.",
        "argument: 'kernel_size'": "`nn.Conv2d` takes the channels that enter and that leave, and the side of the kernel.",
        "more than 1 value per channel": "In training, a batch norm needs two values or more of each channel: the mean over the "
        "image gives one for each image of the batch.",
    },
    difficulty=3,
    minutes=15,
)
