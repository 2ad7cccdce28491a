"""Numbers about chains of rates and separable convolutions; and a guess about time."""

from typing import Any

from course_utils.exercises.questions import Answer, Prediction, WrongNumbers, mistakes_by_item

CHAINS = ("2, 2, 2", "1, 2, 5", "1, 2, 4", "12")
SIDES, READ = [f"rates {chain}: side" for chain in CHAINS], [f"rates {chain}: read" for chain in CHAINS]

WRONG_SIDES: WrongNumbers = {  # of each chain the wrong number, where this mistake gives one that no other gives
    "one_side": ((7, 9, 8, 13), "a kernel reads to both sides: a layer adds its rate on the left and on the right."),
    "sum_of_rates": ((6, 8, 7, 12), "you add the rates up. A layer adds its rate on the left and on the right."),
    "steps": ((12, 16, 14, 24), "so many steps lead from the first to the last pixel. A side counts pixels."),
    "taps_for_each_rate": (
        (18, 24, None, 36),
        "you count three pixels for each step of a rate. From the first tap to the last there are two steps.",
    ),
    "holes": ((19, 23, 21, 27), "a rate is the distance from one tap to the next, not the number of pixels between."),
    "widths_added": (
        (15, 19, 17, None),
        "you add the widths of the kernels. They overlap: a layer adds its steps only.",
    ),
    "product": ((27, 27, 27, None), "nothing multiplies the side: a layer adds two steps, each as long as its rate."),
    "at_rate_one": ((None, 7, None, 3), "so many it would be at rate 1. A step is as long as the rate of its layer."),
    "largest_alone": ((5, 11, 9, None), "that is the layer of the largest rate alone. The others add steps as well."),
}
WRONG_READ: WrongNumbers = {
    "all_of_them": ((13, None, None, 25), "that is the side. Which of these pixels do the taps reach, layer by layer?"),
    "ways": ((27, 27, 27, None), "so many ways lead through the taps. Many end at the same pixel, which counts once."),
    "taps_added": ((9, 9, 9, None), "you add the taps up. Each tap of a layer reads all those of the layer below it."),
    "both_axes": ((49, 289, 225, 9), "that is on both axes of an image. Asked for is a single row."),
    "one_layer": ((3, 3, 3, 1), "you count one layer, or one tap. What does each tap of the layer see in its turn?"),
    "share": ((54, 100, None, 12), "a number of pixels is asked for, not their share in the side."),
    "share_of_one": ((0.54, 1, 1, 0.12), "a number of pixels is asked for, not their share in the side."),
    "two_left_out": (
        (None, 15, 13, None),
        "you leave two of them out. The first two layers reach -3 … 3; moved by the last rate, do these leave a gap?",
    ),
    "at_rate_one": ((None, 7, 7, None), "so many it would be at rate 1. Which pixels do the taps reach here?"),
    "one_too_few": ((6, 16, 14, 2), "nearly: the pixel in the centre, or one at an end, is missing from your count."),
}
SEEN = mistakes_by_item((SIDES, WRONG_SIDES), (READ, WRONG_READ))

what_a_chain_sees = Answer(
    "what_a_chain_sees",
    "Layers with kernels of three taps follow one another along one row. From the first pixel to the last one that an output "
    "depends on, how many pixels is that ('side', both ends included), and how many of these does it read at all ('read')? "
    "Answer for three layers with the rates 2, 2, 2, with 1, 2, 5 and with 1, 2, 4, and for a single layer with rate 12.",
    dict(zip(SIDES, (13, 17, 15, 25), strict=True)) | dict(zip(READ, (7, 17, 15, 3), strict=True)),
    SEEN,
    [
        "One layer of rate 2 reads the places -2, 0 and 2. What does the layer below it add to each of these?",
        "Side: 1, and for each layer twice its rate. Read: write down all places that a sum of one tap of each layer can reach.",
        "With rates 1, 2, 5 the first two reach -3 … 3, seven places in a row. Moved by -5, 0 and 5, do these leave gaps?",
    ],
    explanation="A large rate alone sees far and reads little. No gap is left if each rate is at most what the layers before it "
    "span; equal ones, from 2 on, leave a grid of gaps.",
    tolerance=0,
    difficulty=2,
    minutes=5,
)

FULL, DEPTHWISE, POINTWISE, TIMES = "3 x 3 convolution", "depth-wise half", "point-wise half", "how many times as many"
COUNTS: list[tuple[str, Any, str]] = [
    ("kernel_not_squared", (FULL, 147456), "a kernel of 3 × 3 has nine weights for each pair of channels, not three."),
    ("kernel_forgotten", (FULL, 49152), "each pair of channels has a whole kernel, 3 × 3, not a single weight."),
    ("bias_counted", (FULL, 442624), "the question is of weights without biases."),
    ("channels_out_only", (FULL, 2304), "each of the 256 channels that come out has a kernel for each of the 192."),
    ("channels_in_only", (FULL, 1728), "each of the 256 channels that come out has kernels of its own."),
    ("depthwise_out", (DEPTHWISE, 2304), "it works on the channels that come in, and gives as many."),
    ("depthwise_not_squared", (DEPTHWISE, 576), "a kernel of 3 × 3 has nine weights, not three."),
    ("depthwise_one_kernel", (DEPTHWISE, 9), "each channel has a kernel of its own."),
    ("depthwise_all_pairs", (DEPTHWISE, 331776), "a channel has one kernel there, not one for each pair of channels."),
    ("depthwise_full", (DEPTHWISE, 442368), "that is the ordinary one. Here each channel is convolved for itself."),
    ("halves_swapped", (DEPTHWISE, 49152), "that is the other half. Depth-wise, each channel is convolved for itself."),
    (
        "halves_swapped_too",
        (POINTWISE, 1728),
        "that is the other half. Point-wise, each pair of channels has a weight.",
    ),
    (
        "pointwise_with_kernel",
        (POINTWISE, 442368),
        "the point-wise half is 1 × 1: one weight for each pair of channels.",
    ),
    ("pointwise_added", (POINTWISE, 448), "each of the 256 is connected to each of the 192: the channels multiply."),
    ("pointwise_square", (POINTWISE, 36864), "it mixes 192 channels to 256, not to 192."),
    ("pointwise_square_out", (POINTWISE, 65536), "the depth-wise half leaves 192 channels: so many come in."),
    ("pointwise_bias", (POINTWISE, 49408), "the question is of weights without biases."),
    ("one_half_forgotten", (TIMES, 9), "you compare with the point-wise half alone. What is the other half?"),
    ("other_half_forgotten", (TIMES, 256), "you compare with the depth-wise half alone. What is the other half?"),
    (
        "inverted",
        (TIMES, 50880 / 442368),
        "that is the share that is left. How many times as many has the ordinary one?",
    ),
    (
        "inverted_and_rounded",
        (TIMES, 0.12),
        "that is the share that is left. How many times as many has the ordinary one?",
    ),
    ("rounded", (TIMES, 8.7), "nearly: 8.7 is right to one decimal. To two, the last digit is not 0."),
]

separable_counts = Answer(
    "separable_counts",
    "A 3 x 3 convolution from 192 to 256 channels is replaced by a depth-wise separable one. How many weights, without biases "
    "and norms, have the convolution, the depth-wise half and the point-wise half? How many times as many has the ordinary "
    "convolution as the separable one (to two decimals)?",
    {FULL: 442368, DEPTHWISE: 1728, POINTWISE: 49152, TIMES: 442368 / 50880},
    COUNTS,
    [
        "The ordinary one has a kernel of 9 weights for each pair of channels. For what has the depth-wise half a kernel?",
        "Depth-wise: 9 weights for each of the 192 channels. Point-wise: a 1 × 1 convolution from 192 to 256 channels.",
        "For the last number divide the first by the sum of the two halves.",
    ],
    explanation="Nearly nine: with so many channels, nearly all weights are in the 1 × 1 convolution.",
    tolerance={TIMES: 6e-4},  # so that 8.69 is right, and 8.7 is not
    difficulty=1,
    minutes=5,
)

dearer_grid = Prediction(
    "dearer_grid",
    "The same backbone, with a 1 × 1 convolution on its last map, is trained at output stride 32 and at 8. How many times as "
    "long does a training step take at 8?",
    [
        "How many places has a map of stride 8 for each place of one of stride 32? And which layers work on it?",
        "The layers before the strides that were removed work on the same maps as ever.",
        "Suppose that half of the step at stride 32 goes into layers whose maps become larger. What does that make of it?",
    ],
    explanation=(
        "A map of stride 8 has many more places, and each costs as much as before: a dilated kernel has no more weights than "
        "another. But only the layers behind the strides that were removed, and those on the last map, work on it. Those before "
        "them, on the largest maps of all, cost the same at both strides, and so does all that a step does besides."
    ),
    remarks=[
        (0, 0.99, "Below 1 the finer grid would be the faster one, and it has sixteen times as many places."),
        (2.5, 2.9, "The multiply-adds of the two networks have that ratio. A step does more than multiply."),
        (15, 17, "So many times as many places has the last map, and it alone. Most layers work on others."),
    ],
    limits=(0, 64),
    digits=1,
)
