"""Atrous spatial pyramid pooling, in the form of DeepLab v3."""

import torch
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: (B, in_channels, H, W) → (B, channels, H, W). Its branches are a 1 × 1 convolution; a
    3 × 3 one for each of the `rates`, however many there are; and the mean over the image, a 1 × 1 convolution of it, and the
    result at every place. One more 1 × 1 convolution joins them. Each convolution gives `channels`, and is followed by batch
    norm and a ReLU, so that it needs no bias. The branches are made and laid side by side in this order: the 1 × 1, the rates,
    the mean; then comes the last one."""

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

three_rates_of_ones_own
    You have 3 × 3 convolutions for three rates, whatever was given. Make one for each of `rates`: there may be any number.
    - super().__init__()
    + super().__init__()
    + rates = (6, 12, 18)

with_biases
    Your convolutions have biases. The batch norm behind each has a shift of its own: `bias=False`.
    - , bias=False
    +

one_bias
    One of your convolutions has a bias. The batch norm behind it has a shift of its own: `bias=False`, for the last one as
    well.
    - self.project = layers((len(rates) + 2) * channels, 1)
    + self.project = layers((len(rates) + 2) * channels, 1)
    + self.project[0].bias = nn.Parameter(torch.zeros(channels))

three_by_three_at_the_end
    Your last convolution is 3 × 3. It only joins what the branches have seen at a place, and is 1 × 1.
    - self.project = layers((len(rates) + 2) * channels, 1)
    + self.project = layers((len(rates) + 2) * channels, 3)

three_by_three_branch
    One of the two 1 × 1 branches, on the map itself or on the mean over the image, is a 3 × 3 convolution of yours.
    - [layers(in_channels, 1)]
    + [layers(in_channels, 3)]

norms_missing
    Your convolutions have no batch norms. Each is followed by one, between it and its ReLU.
    - convolution, nn.BatchNorm2d(channels), nn.ReLU()
    + convolution, nn.ReLU()

no_norms_in_the_branches
    Your branches have no batch norms, only the last convolution has one. Each is followed by a norm of its own.
    - convolution, nn.BatchNorm2d(channels), nn.ReLU()
    + convolution, nn.ReLU()
    - self.project = layers((len(rates) + 2) * channels, 1)
    + last = nn.Conv2d((len(rates) + 2) * channels, channels, 1, bias=False)
    + self.project = nn.Sequential(last, nn.BatchNorm2d(channels), nn.ReLU())

nothing_learnt_in_the_norms
    Your batch norms have no weight and no shift, `affine=False`. They are to be learnt, as `nn.BatchNorm2d(channels)` has them.
    - nn.BatchNorm2d(channels)
    + nn.BatchNorm2d(channels, affine=False)

one_norm_missing
    One of your convolutions has no batch norm behind it. Each has one of its own; that on the mean over the image and the last
    one as well.
    - self.image = layers(in_channels, 1)
    + self.image = nn.Sequential(layers(in_channels, 1)[0], nn.ReLU())

hidden_in_a_list
    Your branches stand in a plain list, where nothing would train them.
    - nn.ModuleList([layers(in_channels, 1)] + [layers(in_channels, 3, rate) for rate in rates])
    + [layers(in_channels, 1)] + [layers(in_channels, 3, rate) for rate in rates]

rates_in_a_list
    Your 3 × 3 convolutions stand in a plain list, where nothing would train them.
    - nn.ModuleList([layers(in_channels, 1)] + [layers(in_channels, 3, rate) for rate in rates])
    + nn.ModuleList([layers(in_channels, 1)])
    + self.atrous = [layers(in_channels, 3, rate) for rate in rates]

first_rate_for_all
    All your 3 × 3 convolutions have the first of the rates. Each is to have its own, so that each sees another size.
    - layers(in_channels, 3, rate)
    + layers(in_channels, 3, rates[0])

rates_not_used
    Your 3 × 3 convolutions read direct neighbours: the rate is missing, `dilation=rate`.
    - layers(in_channels, 3, rate)
    + layers(in_channels, 3)

rates_reversed
    Your rates are in the reverse order. The order of `rates` is to stay: the weights that join the branches depend on it.
    - for rate in rates
    + for rate in reversed(rates)

image_first
    The mean over the image comes first in your concatenation. The order is: the 1 × 1, the rates, the mean; the weights that
    join them depend on it.
    - torch.cat(seen, dim=1)
    + torch.cat([seen[-1], *seen[:-1]], dim=1)

image_second
    The mean over the image comes second in your concatenation, before the rates. The order is: the 1 × 1, the rates, the mean;
    the weights that join them depend on it.
    - torch.cat(seen, dim=1)
    + torch.cat([seen[0], seen[-1], *seen[1:-1]], dim=1)

rates_first
    The rates come first in your concatenation. The order is: the 1 × 1, the rates, the mean; the weights that join them depend
    on it.
    - torch.cat(seen, dim=1)
    + torch.cat([*seen[1:-1], seen[0], seen[-1]], dim=1)

rates_first_image_second
    The rates come first in your concatenation, and the 1 × 1 last. The order is: the 1 × 1, the rates, the mean; the weights
    that join them depend on it.
    - torch.cat(seen, dim=1)
    + torch.cat([*seen[1:], seen[0]], dim=1)

along_the_batch
    You lay the maps one behind the other along axis 0, which is the batch. Channels are axis 1.
    - dim=1
    + dim=0

along_the_height
    You lay the maps one below the other, along axis 2. Channels are axis 1.
    - dim=1
    + dim=2

maximum
    You take the maximum over the image, which hangs on a single place. The mean is asked for.
    - x.mean((2, 3), keepdim=True)
    + x.amax((2, 3), keepdim=True)

mean_afterwards
    You take the mean of what the image's branch gives. The mean comes first: its convolution, norm and ReLU work on one value
    of each channel.
    - self.image(x.mean((2, 3), keepdim=True))
    + self.image(x).mean((2, 3), keepdim=True)

no_relu
    There is no ReLU in your module. One follows each batch norm.
    - , nn.ReLU())
    + )

no_relu_in_the_branches
    Your branches have no ReLU, only the last convolution has one. Each batch norm is followed by one.
    - branch(x) for branch
    + branch[:2](x) for branch
    - self.image(x.mean((2, 3), keepdim=True))
    + self.image[:2](x.mean((2, 3), keepdim=True))

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
    library=("ASPP",),
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
