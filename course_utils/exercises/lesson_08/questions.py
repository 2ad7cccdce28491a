"""Numbers and choices about U-Net: parameters, the level at which sizes part; and a guess about poles."""

from typing import Any

from course_utils.exercises.questions import Answer, Prediction

PARAMETERS: list[tuple[str, Any, str]] = [
    (
        "bias_forgotten_in_the_first",
        ("first convolution, 3 to 64, 3 x 3", 1728),
        "each of the 64 channels has a bias, too: 64 more.",
    ),
    (
        "kernel_not_squared",
        ("first convolution, 3 to 64, 3 x 3", 640),
        "a kernel of 3 × 3 has nine numbers for each pair of channels.",
    ),
    (
        "norm_counted_four_times",
        ("batch norm of 64", 256),
        "running mean and variance are counted, not learnt: two numbers a channel.",
    ),
    ("norm_counted_once", ("batch norm of 64", 64), "a factor *and* a shift for each channel are learnt."),
    (
        "three_by_three_upwards",
        ("transposed convolution, 1024 to 512, 2 x 2", 4719104),
        "that would be a kernel of 3 × 3. This one is 2 × 2: it doubles the side, and its windows do not overlap.",
    ),
    (
        "bias_of_the_wrong_side",
        ("transposed convolution, 1024 to 512, 2 x 2", 2098176),
        "a bias belongs to each channel that comes *out*: 512 of them.",
    ),
    (
        "bias_forgotten_upwards",
        ("transposed convolution, 1024 to 512, 2 x 2", 2097152),
        "the bias is missing: one for each channel that comes out.",
    ),
    (
        "skip_forgotten",
        ("first convolution after it, 3 x 3, to 512", 2359808),
        "that is a convolution from 512 channels. The skip lies beside the enlarged map: 512 and 512 come in.",
    ),
    (
        "not_halved",
        ("first convolution after it, 3 x 3, to 512", 7078400),
        "the transposed convolution has made 512 channels of the 1024; with the skip's 512 that is 1024 again, not 1536.",
    ),
    ("bias_forgotten_in_the_head", ("last convolution, 64 to 1, 1 x 1", 64), "it has a bias as well."),
]

parameter_counts = Answer(
    "parameter_counts",
    "How many parameters do these layers of a U-Net have? All convolutions have biases.",
    {
        "first convolution, 3 to 64, 3 x 3": 1792,
        "batch norm of 64": 128,
        "transposed convolution, 1024 to 512, 2 x 2": 2097664,
        "first convolution after it, 3 x 3, to 512": 4719104,
        "last convolution, 64 to 1, 1 x 1": 65,
    },
    PARAMETERS,
    [
        "A convolution has k · k · (channels in) weights for each channel that comes out, and a bias for each.",
        "A transposed convolution has as many. A batch norm learns a factor and a shift for each channel.",
        "After the transposed convolution the skip lies beside the map: how many channels go into the next convolution?",
    ],
    explanation="(k² · C_in + 1) · C_out, 2 · C for a batch norm. Half of the convolution after a skip is there for the skip.",
    tolerance=0,
    difficulty=2,
    minutes=6,
)

PARTS: list[tuple[str, Any, str]] = [
    ("513_at_the_first_step", ("513", "up1"), "513 is halved to 256, 128, 64 and 32. Double 32: does it fit 64?"),
    ("513_fits", ("513", "none"), "256 · 2 is 512. How wide is the skip at the image's own size?"),
    (
        "500_at_the_last_step",
        ("500", "up4"),
        "500, 250, 125, 62, 31. The first odd number stands elsewhere; double what is below it.",
    ),
    ("500_at_the_first_step", ("500", "up1"), "500, 250, 125, 62, 31: twice 31 is 62, which fits."),
    (
        "500_fits",
        ("500", "none"),
        "500 is even, but it is halved four times: 500, 250, 125, and here a column is dropped.",
    ),
    ("512_parts", ("512", "up4"), "512 is 2⁹: none of its four halvings leaves anything over."),
    ("360_fits", ("360", "none"), "360, 180, 90, 45: and then?"),
]

where_sizes_part = Answer(
    "where_sizes_part",
    "A padded U-Net with four poolings and plain `torch.cat`. At which step of the way up does it fail first for images of these "
    "sides? 'up1' is the lowest, 'up4' the one at the image's own size; 'none' if it does not fail.",
    {"512": "none", "513": "up4", "500": "up2", "360": "up1"},
    PARTS,
    [
        "Write down the five sides of the way down; a pooling drops an odd column. Then double them on the way up, one by one.",
        "It fails at the first step, from below, where twice the lower side is not the side of the skip.",
    ],
    explanation="Where all four halvings come out even, at multiples of 16, nothing fails. `join` makes every size fit.",
    options=("up1", "up2", "up3", "up4", "none"),
    difficulty=2,
    minutes=5,
)

poles_without_skips = Prediction(
    "poles_without_skips",
    "With its skips, a U-Net reaches on the poles of the scenes, one to three pixels wide, a certain IoU. How many per cent of "
    "that does the same network reach without them, trained for as long?",
    ["The lowest map has one place for 8 × 8 pixels. What did the grid of stride 8 do with poles in lesson 06?"],
    explanation=(
        "Without skips all that the decoder knows of a pole has gone through a map of an eighth of the size. It learns where "
        "poles are likely, and roughly where they stand; where their edges run, it would have to guess."
    ),
    limits=(0, 100),
    digits=0,
)
