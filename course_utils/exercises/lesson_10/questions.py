"""Comparisons that are fair or not, weights that a backbone changes, and two guesses: about few images and about time."""

from course_utils.exercises.questions import Answer, Prediction, WrongNumbers, mistakes_by_item

_TABLES = """
table 1

| backbone | parameters | decoder | steps | images | weights | image size | seeds | mIoU |
|---|---|---|---|---|---|---|---|---|
| A | 23.5 M | U-Net, 256 to 16 | 40,000 | 2,975 | ImageNet | 512 × 1024 | mean of 3 | 71.8 |
| B | 21.3 M | U-Net, 256 to 16 | 40,000 | 2,975 | random | 512 × 1024 | mean of 3 | 64.1 |

table 2

| backbone | parameters | decoder | steps | images | weights | image size | seeds | mIoU |
|---|---|---|---|---|---|---|---|---|
| A | 25.0 M | FPN, 256 channels | 60,000 | 1,464 | ImageNet | 512 × 512 | mean of 3 | 74.6 |
| B | 27.6 M | FPN, 128 channels | 60,000 | 1,464 | ImageNet | 512 × 512 | mean of 3 | 73.9 |

table 3

| backbone | parameters | decoder | steps | images | weights | image size | seeds | mIoU |
|---|---|---|---|---|---|---|---|---|
| A | 5.4 M | FCN-8s | 20,000 | 367 | random | 360 × 480 | best of 5 | 63.0 |
| B | 3.2 M | FCN-8s | 20,000 | 367 | random | 360 × 480 | mean of 5 | 61.9 |

table 4

| backbone | parameters | decoder | steps | images | weights | image size | seeds | mIoU |
|---|---|---|---|---|---|---|---|---|
| A | 58.8 M | DeepLab v3+ | 30,000 | 10,582 | ImageNet | 513 × 513 | mean of 3 | 79.2 ± 0.2 |
| B | 11.2 M | DeepLab v3+ | 30,000 | 10,582 | ImageNet | 513 × 513 | mean of 3 | 75.0 ± 0.3 |
"""
CHOICES = ("decoder", "steps", "images", "weights", "image size", "seeds", "parameters", "nothing")
_DIFFERS = {"table 1": "weights", "table 2": "decoder", "table 3": "seeds", "table 4": "nothing"}
_OWN_PARAMETERS = "how many parameters a backbone has is its own affair, a part of what is compared."
_TOLD: dict[str, dict[str, str]] = {  # what does not only say that a column is the same in both rows
    "table 1": {
        "nothing": "what did each backbone know before the first step? Go through the columns once more.",
        "images": "both have learnt from these in training. Where did A see others? Another column says so.",
        "parameters": f"{_OWN_PARAMETERS} What did each of them know before the first step?",
    },
    "table 2": {
        "nothing": "go through the columns once more: one entry has the same name, and yet it is not the same.",
        "parameters": f"{_OWN_PARAMETERS} But one of the two has got more behind it.",
    },
    "table 3": {
        "nothing": "what are these two scores made of? One of the columns says so.",
        "parameters": f"{_OWN_PARAMETERS} What are the two scores made of?",
        "weights": "both begin at random. That is hard on both, and so it is fair.",
    },
    "table 4": {
        "parameters": f"{_OWN_PARAMETERS} It belongs beside the score, as it stands here.",
        "seeds": "both are means of as many seeds, and the spread is small beside the difference.",
    },
}
_UNFAIR = [
    (
        f"{choice.replace(' ', '_')}_in_{table.replace(' ', '_')}",
        (table, choice),
        _TOLD[table].get(choice, f"that column, {choice}, says the same in both rows. Compare them one by one."),
    )
    for table, right in _DIFFERS.items()
    for choice in CHOICES
    if choice != right
]

fair_comparison = Answer(
    "fair_comparison",
    "Four comparisons, made up for this exercise. Each concludes that A is a better backbone than B. For each, name the "
    f"one thing that differs besides the backbone itself, or 'nothing'.\n{_TABLES}",
    _DIFFERS,
    _UNFAIR,
    [
        "Compare A with B, column by column. How large a backbone is belongs to it; what it was *given* should be equal.",
        "What was given: something before the first step, behind the backbone, during training, or when runs were counted?",
    ],
    explanation="A score belongs to all columns of its row. With one of them changed, nobody knows what made the difference.",
    options=CHOICES,
    difficulty=1,
    minutes=5,
)

UNETS = ("U-Net, ResNet-18", "U-Net, ResNet-50")
LATERALS = ("FPN laterals, ResNet-18", "FPN laterals, ResNet-50")
BEHIND = ("FPN 3 x 3 convolutions, how many more",)

_OF_RESNET_18 = "that was right for ResNet-18. The maps of ResNet-50 have other channels."
WRONG_UNETS: WrongNumbers = {  # on either backbone the wrong number, where this mistake gives one
    "skip_forgotten": (
        (1179648, 4718592),
        "so many there are from the coarsest map alone, or if its channels are halved first. It keeps them, and has a skip.",
    ),
    "one_third": (
        (589824, 2359296),
        "a third of it: either only the skip comes in, or each kernel has three weights. Both maps come in; kernels are 3 × 3.",
    ),
    "no_kernel": ((196608, 786432), "each pair of channels has a whole kernel, 3 × 3, not a single weight."),
    "bias_counted": ((1769728, 7078144), "the question is of weights without biases."),
    "next_step": ((884736, 3538944), "those are the maps of a later step. The first one joins the two coarsest."),
    "not_to_256": ((5308416, 84934656), "so many channels come in, but 256 go out, whatever comes in."),
    "decoder_grows": (
        (None, 28311552),
        "the decoder does not grow with the backbone: its convolution gives 256 channels.",
    ),
    "channels_in_only": ((6912, 27648), "each of the 256 channels that go out has kernels of its own."),
    "channels_out_only": ((2304, None), "each of the 256 has a kernel for each channel that comes in, of both maps."),
    "as_on_18": ((None, 1769472), _OF_RESNET_18),
}
WRONG_LATERALS: WrongNumbers = {
    "bias_of_laterals": ((246784, 984064), "the question is of weights without biases."),
    "three_by_three": ((2211840, 8847360), "the laterals are 1 × 1: one weight for each pair of channels."),
    "coarsest_alone": ((131072, 524288), "that is the lateral of the coarsest map alone. There are four."),
    "channels_added_up": ((960, 3840), "so many channels come in. Each has a weight for each of the 256 that go out."),
    "from_256": (
        (262144, 262144),
        "each of the four laterals begins with the channels of its own map. (The map at stride 2 has none.)",
    ),
    "map_of_stride_2": ((None, 999424), "the map at stride 2 has no lateral. There are four, from stride 4 on."),
    "laterals_as_on_18": ((None, 245760), _OF_RESNET_18),
}
WRONG_BEHIND: WrongNumbers = {
    "as_many_as_there_are": (
        (2359296,),
        "so many there are, on either backbone. How many *more* are there on ResNet-50?",
    ),
    "grown_with_it": (
        (7077888,),
        "they do not grow with the backbone: how many channels reach them, behind the laterals?",
    ),
    "more_laterals": ((737280,), "that is the difference of the laterals. What comes in *behind* them?"),
    "four_times": ((4,), "how many more weights, not how many times as many. What comes in behind the laterals?"),
}
CHANGES = mistakes_by_item((UNETS, WRONG_UNETS), (LATERALS, WRONG_LATERALS), (BEHIND, WRONG_BEHIND))

what_changes = Answer(
    "what_changes",
    "The four maps of ResNet-18 from stride 4 on have 64, 128, 256 and 512 channels, those of ResNet-50 have 256, 512, 1024 and "
    "2048. Count weights without biases, on either of the two. (a) The first convolution of a U-Net's decoder: 3 x 3, to 256 "
    "channels, from the coarsest map, enlarged by interpolation, with its skip beside it. (b) The four lateral 1 x 1 "
    "convolutions of an FPN of 256 channels, together. (c) The FPN's four 3 x 3 convolutions behind the laterals: how many more "
    "weights do they have on ResNet-50 than on ResNet-18?",
    dict(zip((*UNETS, *LATERALS, *BEHIND), (1769472, 7077888, 245760, 983040, 0), strict=True)),
    CHANGES,
    [
        "A convolution has k · k weights for each pair of a channel that comes in and one that goes out.",
        "Interpolation keeps the channels. Beside the coarsest map lies the next finer one: 512 + 256 channels come in.",
        "Each lateral brings its own map to 256 channels. So what do the 3 × 3 convolutions behind them see of the backbone?",
    ],
    explanation=(
        "The layers that meet the backbone have four times as many. What comes behind the laterals does not notice the swap."
    ),
    tolerance=0,
    difficulty=1,
    minutes=5,
)

gain_with_few = Prediction(
    "gain_with_few",
    "The same U-Net on the small residual network, 450 steps, learns from 16 scenes: once with random weights, once pretrained "
    "on drawn patterns. How many points of mean IoU does pretraining bring?",
    [
        "Edges, textures and colours are in both kinds of picture; roads and persons are not in the patterns. Which part of the "
        "network can begin with what it knows?",
        "A point is a hundredth of mean IoU. Half of the network's parameters are in the encoder. What else has to be learnt?",
    ],
    explanation=(
        "What pretraining brings is what the scenes would have to teach otherwise within these steps: filters for edges and "
        "textures. The classes and the decoder have to be learnt in either case. Does it bring less with more scenes, or with "
        "more steps? The lesson goes on with that."
    ),
    limits=(-50, 50),
    digits=1,
)

encoder_share = Prediction(
    "encoder_share",
    "Of the parameters of this lesson's U-Net on ResNet-18, 89 per cent are in the encoder. How many per cent of the time of a "
    "forward and a backward pass on images of 96 x 128 does the encoder take?",
    [
        "A weight of a convolution is used once for each place of its map. How many places do the coarsest maps of the encoder "
        "have, and how many the last ones of the decoder?",
        "Most weights of ResNet-18 work on maps of 3 × 4 places. The decoder ends at 96 × 128.",
    ],
    explanation=(
        "Parameters say how much there is to store, not how long it takes. Most of the encoder's weights work on its smallest "
        "maps. The last steps of the decoder have few weights, and each of them is used at thousands of places."
    ),
    limits=(0, 100),
    digits=0,
)
