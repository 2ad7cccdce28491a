"""Numbers and choices about U-Net: parameters, the level at which sizes part; and a guess about poles."""

from typing import Any

from course_utils.exercises.questions import Answer, Prediction

FIRST, NORM = "first convolution, 3 to 48, 3 x 3", "batch norm of 48"
UP, AFTER = "transposed convolution, 768 to 384, 2 x 2", "first convolution after it, 3 x 3, to 384"
BILINEAR = "bilinear interpolation instead, 768 at twice the side"
PARAMETERS: list[tuple[str, Any, str]] = [
    ("bias_forgotten_in_the_first", (FIRST, 1296), "each of the 48 channels has a bias, too: 48 more."),
    ("one_bias_in_all", (FIRST, 1297), "each of the 48 channels that come out has a bias of its own."),
    ("kernel_not_squared", (FIRST, 480), "a kernel of 3 × 3 has nine numbers for each pair of channels."),
    (
        "norm_counted_four_times",
        (NORM, 192),
        "running mean and variance are measured, not learnt; two others a channel are.",
    ),
    (
        "norm_counted_three_times",
        (NORM, 144),
        "a factor and a shift are learnt for each channel: two numbers, not three.",
    ),
    ("norm_counted_once", (NORM, 48), "a factor *and* a shift for each channel are learnt."),
    (
        "three_by_three_upwards",
        (UP, 2654592),
        "that would be a kernel of 3 × 3. This one is 2 × 2: it doubles the side, and its windows do not overlap.",
    ),
    ("bias_of_the_wrong_side", (UP, 1180416), "a bias belongs to each channel that comes *out*: 384 of them."),
    ("bias_forgotten_upwards", (UP, 1179648), "the bias is missing: one for each channel that comes out."),
    (
        "no_kernel_upwards",
        (UP, 295296),
        "the kernel is 2 × 2: four weights for each pair of channels, as in any convolution.",
    ),
    (
        "skip_forgotten",
        (AFTER, 1327488),
        "that is a convolution from 384 channels. The skip lies beside the enlarged map: 384 and 384 come in.",
    ),
    (
        "not_halved",
        (AFTER, 3981696),
        "the transposed convolution has made 384 channels of the 768; with the skip's 384 that is 768 again, not 1152.",
    ),
    ("bias_forgotten_after_it", (AFTER, 2654208), "the bias is missing: one for each channel that comes out."),
    (
        "only_one_side_of_the_channels",
        (AFTER, 7296),
        "each of the 384 that come out has a kernel for each of the 768 that come in.",
    ),
    (
        "interpolation_learns",
        (BILINEAR, 1180032),
        "interpolation has its weights from geometry: nothing of it is learnt.",
    ),
    ("four_weights", (BILINEAR, 4), "each value is a mean of four with fixed weights; a parameter is what is learnt."),
    ("one_for_each_channel", (BILINEAR, 768), "all channels are interpolated alike, and nothing of it is learnt."),
]

parameter_counts = Answer(
    "parameter_counts",
    "A padded U-Net for images of 3 channels and 1 class has the widths 48, 96, 192, 384 and 768. All its convolutions have "
    "biases. How many parameters do these layers have?",
    {FIRST: 1344, NORM: 96, UP: 1180032, AFTER: 2654592, BILINEAR: 0},
    PARAMETERS,
    [
        "A convolution has k · k · (channels in) weights for each channel that comes out, and a bias for each.",
        "A transposed convolution has as many. A batch norm learns a factor and a shift for each channel.",
        "After the transposed convolution the skip lies beside the map: how many channels go into the next convolution?",
    ],
    explanation="(k² · C_in + 1) · C_out, 2 · C for a batch norm. Half of the convolution after a skip is there for the skip.",
    tolerance=0,
    difficulty=2,
    minutes=10,
)

HALVED = {
    "512": "512 is 2⁹: none of its four halvings leaves anything over.",
    "513": "513, 256, 128, 64, 32. Only one of these is odd: at which step is it the skip?",
    "500": "500, 250, 125, 62, 31. A pooling drops a column where the side is odd *and* is halved: which side is that?",
    "360": "360, 180, 90, 45, 22. Double 22 and compare it with the skip beside it.",
}
PARTS: list[tuple[str, Any, str]] = [
    ("513_fits", ("513", "none"), "256 · 2 is 512. How wide is the skip at the image's own size?"),
    (
        "500_fits",
        ("500", "none"),
        "500 is even, but it is halved four times: 500, 250, 125, and here a column is dropped.",
    ),
    ("360_fits", ("360", "none"), "360, 180, 90, 45: and then?"),
    ("500_at_the_first_step", ("500", "up1"), "500, 250, 125, 62, 31: twice 31 is 62, which fits."),
    (
        "500_at_the_last_step",
        ("500", "up4"),
        "The image's own side is even. In 500, 250, 125, 62, 31, which is the first odd number? Double the one after it.",
    ),
]
_STEPS = ("up1", "up2", "up3", "up4", "none")
_WHERE = {"512": "none", "513": "up4", "500": "up2", "360": "up1"}
PARTS += [
    (f"{side}_at_{step}", (side, step), HALVED[side])
    for side, right in _WHERE.items()
    for step in _STEPS
    if step != right and (side, step) not in {wrong for _, wrong, _ in PARTS}
]

where_sizes_part = Answer(
    "where_sizes_part",
    "A padded U-Net with four poolings and plain `torch.cat`. At which step of the way up does it fail first for images of these "
    "sides? 'up1' is the lowest, 'up4' the one at the image's own size; 'none' if it does not fail.",
    _WHERE,
    PARTS,
    [
        "Write down the five sides of the way down; a pooling drops an odd column. Then double them on the way up, one by one.",
        "It fails at the first step, from below, where twice the lower side is not the side of the skip.",
    ],
    explanation="Where all four halvings come out even, at multiples of 16, nothing fails. `join` makes every size fit.",
    options=_STEPS,
    difficulty=2,
    minutes=5,
)

poles_without_skips = Prediction(
    "poles_without_skips",
    "With its skips, a U-Net reaches a certain IoU on the poles of the scenes, which are one to three pixels wide. What "
    "percentage of that does the same network reach without skips, trained for as long?",
    ["The lowest map has one place for 8 × 8 pixels. What did the grid of stride 8 do with poles in lesson 06?"],
    explanation=(
        "Without skips all that the decoder knows of a pole has gone through a map of an eighth of the size. It learns where "
        "poles are likely, and roughly where they stand; where their edges run, it would have to guess."
    ),
    limits=(0, 100),
    digits=0,
)
