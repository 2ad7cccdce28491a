"""Comparisons that are fair or not, weights that a backbone changes, and two guesses: about few images and about time."""

from typing import Any

from course_utils.exercises.questions import Answer, Prediction

_TABLES = """
table 1

| backbone | decoder | steps | images | weights | image size | seeds | parameters | mIoU |
|---|---|---|---|---|---|---|---|---|
| A | U-Net, 256 to 16 | 40,000 | 2,975 | ImageNet | 512 × 1024 | mean of 3 | 23.5 M | 71.8 |
| B | U-Net, 256 to 16 | 40,000 | 2,975 | random | 512 × 1024 | mean of 3 | 21.3 M | 64.1 |

table 2

| backbone | decoder | steps | images | weights | image size | seeds | parameters | mIoU |
|---|---|---|---|---|---|---|---|---|
| A | FPN, 256 | 60,000 | 1,464 | ImageNet | 512 × 512 | mean of 3 | 25.0 M | 74.6 |
| B | FPN, 128 | 60,000 | 1,464 | ImageNet | 512 × 512 | mean of 3 | 27.6 M | 73.9 |

table 3

| backbone | decoder | steps | images | weights | image size | seeds | parameters | mIoU |
|---|---|---|---|---|---|---|---|---|
| A | FCN-8s | 20,000 | 367 | random | 360 × 480 | best of 5 | 5.4 M | 63.0 |
| B | FCN-8s | 20,000 | 367 | random | 360 × 480 | mean of 5 | 3.2 M | 61.9 |

table 4

| backbone | decoder | steps | images | weights | image size | seeds | parameters | mIoU |
|---|---|---|---|---|---|---|---|---|
| A | DeepLab v3+ | 30,000 | 10,582 | ImageNet | 513 × 513 | mean of 3 | 58.8 M | 79.2 ± 0.2 |
| B | DeepLab v3+ | 30,000 | 10,582 | ImageNet | 513 × 513 | mean of 3 | 11.2 M | 75.0 ± 0.3 |
"""
CHOICES = ("decoder", "steps", "images", "weights", "image size", "seeds", "parameters", "nothing")
_DIFFERS = {"table 1": "weights", "table 2": "decoder", "table 3": "seeds", "table 4": "nothing"}
_OWN_PARAMETERS = "how many parameters a backbone has is its own affair, a part of what is compared."
_TOLD: dict[tuple[str, str], str] = {
    ("table 1", "nothing"): "what did each backbone know before the first step? Go through the columns once more.",
    ("table 1", "images"): "both have learnt from the same ones in these steps. Where did A see others? That is another column.",
    ("table 1", "parameters"): f"{_OWN_PARAMETERS} What did each of them know before the first step?",
    ("table 2", "nothing"): "go through the columns letter by letter: one entry has the same name and another number.",
    ("table 2", "parameters"): f"{_OWN_PARAMETERS} One of the two has got more behind it, though.",
    ("table 3", "nothing"): "of what are these two numbers made? One of the columns says so.",
    ("table 3", "parameters"): f"{_OWN_PARAMETERS} Of what are the two scores made?",
    ("table 3", "weights"): "both begin at random. That is hard on both, and so it is fair.",
    ("table 4", "parameters"): f"{_OWN_PARAMETERS} It belongs beside the score, as it stands here.",
    ("table 4", "seeds"): "both are means of as many seeds. The spread is small beside the difference, and it is reported.",
}
_UNFAIR = [
    (
        f"{choice.replace(' ', '_')}_in_{table.replace(' ', '_')}",
        (table, choice),
        _TOLD.get((table, choice), f"that column, {choice}, says the same in both rows. Compare them one by one."),
    )
    for table, right in _DIFFERS.items()
    for choice in CHOICES
    if choice != right
]

fair_comparison = Answer(
    "fair_comparison",
    "Four comparisons, made up for this exercise. Each says: A is a better backbone than B. In each, name the one thing that "
    f"differs beside the backbone itself, or 'nothing'.\n{_TABLES}",
    _DIFFERS,
    _UNFAIR,
    [
        "Read each column from A to B. What a backbone brings with it (how large it is) is no unfairness; what it was *given* is.",
        "What was given: something in front of the first step, behind the backbone, during training, or in counting the runs?",
    ],
    explanation="A score belongs to all columns of its row. With one of them changed, nobody knows what made the difference.",
    options=CHOICES,
    difficulty=1,
    minutes=5,
)

UNET18, UNET50 = "U-Net, ResNet-18", "U-Net, ResNet-50"
FPN18, FPN50 = "FPN laterals, ResNet-18", "FPN laterals, ResNet-50"
SMOOTHING = "FPN 3 x 3 convolutions, how many more"
_WIDER = "that was right for ResNet-18. Those of ResNet-50 have other channels to begin with."
CHANGES: list[tuple[str, Any, str]] = [
    (
        "skip_forgotten",
        (UNET18, 1179648),
        "so many there are from 512 channels. What comes in is the enlarged map and, beside it, the skip.",
    ),
    (
        "one_third",
        (UNET18, 589824),
        "a third of it: either the skip comes in alone, or each kernel has three weights. Both maps come in, by kernels of 3 × 3.",
    ),
    ("no_kernel", (UNET18, 196608), "each pair of channels has a whole kernel, 3 × 3, not a single weight."),
    ("bias_counted", (UNET18, 1769728), "the question is of weights without biases."),
    ("next_step", (UNET18, 884736), "these are the maps of the step after it. The first one joins the two coarsest maps."),
    ("not_to_256", (UNET18, 5308416), "768 channels come in, but 256 go out."),
    ("channels_in_only", (UNET18, 6912), "each of the 256 channels that go out has kernels of its own."),
    ("channels_out_only", (UNET18, 2304), "each of the 256 has a kernel for each channel that comes in, of both maps."),
    (
        "skip_forgotten_50",
        (UNET50, 4718592),
        "so many there are from 2048 channels. What comes in is the enlarged map and, beside it, the skip.",
    ),
    (
        "one_third_50",
        (UNET50, 2359296),
        "a third of it: either the skip comes in alone, or each kernel has three weights. Both maps come in, by kernels of 3 × 3.",
    ),
    ("no_kernel_50", (UNET50, 786432), "each pair of channels has a whole kernel, 3 × 3, not a single weight."),
    ("bias_counted_50", (UNET50, 7078144), "the question is of weights without biases."),
    ("next_step_50", (UNET50, 3538944), "these are the maps of the step after it. The first one joins the two coarsest maps."),
    (
        "decoder_grows",
        (UNET50, 28311552),
        "sixteen times as many would be right if it went out to four times as many channels, too. The decoder keeps its 256.",
    ),
    ("as_with_18", (UNET50, 1769472), _WIDER),
    ("bias_of_laterals", (FPN18, 246784), "the question is of weights without biases."),
    ("laterals_three_by_three", (FPN18, 2211840), "the laterals are 1 × 1: one weight for each pair of channels."),
    ("coarsest_lateral", (FPN18, 131072), "that is the lateral of the coarsest map alone. There are four."),
    ("channels_added_up", (FPN18, 960), "so many channels come in. Each of them has a weight for each of the 256 that go out."),
    (
        "from_256",
        (FPN18, 262144),
        "each lateral begins with the channels of its own map. (The map at stride 2, of 64 channels more, has none.)",
    ),
    ("bias_of_laterals_50", (FPN50, 984064), "the question is of weights without biases."),
    ("laterals_three_by_three_50", (FPN50, 8847360), "the laterals are 1 × 1: one weight for each pair of channels."),
    ("coarsest_lateral_50", (FPN50, 524288), "that is the lateral of the coarsest map alone. There are four."),
    ("channels_added_up_50", (FPN50, 3840), "so many channels come in. Each has a weight for each of the 256 that go out."),
    ("from_256_50", (FPN50, 262144), "each lateral begins with the channels of its own map, not with 256."),
    ("map_of_stride_2", (FPN50, 999424), "the map at stride 2 has no lateral. There are four, from stride 4 on."),
    ("as_with_18_50", (FPN50, 245760), _WIDER),
    (
        "as_many_as_there_are",
        (SMOOTHING, 2359296),
        "so many there are, under either backbone. Asked for is how many *more* there are under ResNet-50.",
    ),
    (
        "smoothing_grows",
        (SMOOTHING, 7077888),
        "you let them grow with the backbone. How many channels reach them, behind the laterals?",
    ),
    ("more_laterals", (SMOOTHING, 737280), "that is the difference of the laterals. What comes in *behind* them?"),
    ("four_times", (SMOOTHING, 4), "how many more weights, not how many times as many. And: what comes in behind the laterals?"),
]

what_changes = Answer(
    "what_changes",
    "The four maps of ResNet-18 from stride 4 on have 64, 128, 256 and 512 channels, those of ResNet-50 have 256, 512, 1024 and "
    "2048. How many weights, without biases, has, under each of the two, (a) the first convolution of a U-Net's decoder: 3 x 3, to "
    "256 channels, from the coarsest map, enlarged by interpolation, with its skip beside it; (b) the four lateral 1 x 1 "
    "convolutions of an FPN of 256 channels, together? And (c): how many more weights have that FPN's four 3 x 3 convolutions, "
    "behind the laterals, under ResNet-50 than under ResNet-18?",
    {UNET18: 1769472, UNET50: 7077888, FPN18: 245760, FPN50: 983040, SMOOTHING: 0},
    CHANGES,
    [
        "A convolution has k · k weights for each pair of a channel that comes in and one that goes out.",
        "Interpolation keeps the channels. Beside the coarsest map lies the next finer one: 512 + 256 channels come in.",
        "Each lateral brings its own map to 256 channels. So what do the 3 × 3 convolutions behind them see of the backbone?",
    ],
    explanation=(
        "The first layer that meets the backbone has four times as many. What stands behind the laterals does not notice the swap."
    ),
    tolerance=0,
    difficulty=1,
    minutes=5,
)

gain_with_few = Prediction(
    "gain_with_few",
    "The same U-Net on the small residual network, 450 steps, learns from 32 scenes: once with random weights, once pretrained on "
    "drawn patterns. How many points of mean IoU does pretraining bring?",
    [
        "Edges, textures and colours are in both kinds of picture; roads and persons are not in the patterns. Which part of the "
        "network can begin with what it knows?",
        "A point is a hundredth of mean IoU. What would you expect with a hundred times as many scenes?",
    ],
    explanation=(
        "What pretraining brings is what the scenes at hand would have to teach otherwise, within these steps: filters for edges "
        "and textures. The classes and the decoder have to be learnt in either case. With more scenes the network with random "
        "weights can find such filters itself, so that there is less to bring."
    ),
    limits=(-50, 50),
    digits=1,
)

encoder_share = Prediction(
    "encoder_share",
    "Of the parameters of this lesson's U-Net on ResNet-18, 89 per cent are in the encoder. How many per cent of the time of a "
    "training step on images of 96 x 128 does the encoder take?",
    [
        "A weight of a convolution is used once for each place of its map. How many places have the coarsest maps of the encoder, "
        "and how many the last ones of the decoder?",
        "Most weights of ResNet-18 work on maps of 3 × 4 places. The decoder ends at 96 × 128.",
    ],
    explanation=(
        "Parameters say how much there is to store, not how long it takes. Most of the encoder's weights work on its smallest maps; "
        "the decoder's few ones work on the largest, where each is used thousands of times."
    ),
    limits=(0, 100),
    digits=0,
)
