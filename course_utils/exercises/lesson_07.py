"""The exercises of lesson 07: unpooling decoders."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import (
    Exercise,
    mistakes_07 as mistakes,
    mistakes_07_answers as answers,
    mistakes_07_layers as mistakes_in_layers,
    mistakes_07_stages as mistakes_in_stages,
)
from course_utils.exercises.kinds import Answer, Prediction
from course_utils.models.segnet import SegNet


def decoder_layers(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """Channels (in, out) of the convolutions in SegNet's decoder, the mirror of its encoder, in the order in which they run.
    Stage s of the encoder has depths[s] convolutions to widths[s] channels; the decoder's last one gives the classes."""
    layers = []
    finer = [num_classes, *widths[:-1]]
    for stage in reversed(range(len(widths))):
        layers += [(widths[stage], widths[stage])] * (depths[stage] - 1)
        layers += [(widths[stage], finer[stage])]
    return layers


def _layers_of_segnet(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    with torch.device("meta"):
        network = SegNet(num_classes, widths=widths, depths=depths)
    layers = [layer for layer in network.decoder.modules() if isinstance(layer, nn.Conv2d)] + [network.classifier]
    return [(layer.in_channels, layer.out_channels) for layer in layers]


def _draw_stages(generator: torch.Generator) -> tuple[list[int], list[int], int]:
    widths = (torch.randperm(30, generator=generator)[:4] + 4).sort().values.tolist()
    return widths, torch.randint(1, 4, (4,), generator=generator).tolist(), 2


decoder_layers = Exercise(
    "decoder_layers",
    decoder_layers,
    [
        ([4, 6, 9], [2, 1, 3], 5),
        ([64, 128, 256, 512, 512], [2, 2, 3, 3, 3], 11),
    ],
    mistakes_in_layers.LAYERS,
    [
        "Write the encoder's list for widths 4, 6, 9 and depths 2, 1, 3 first: (3, 4), (4, 4), (4, 6), (6, 9), (9, 9), (9, 9). "
        "Now hold a mirror to it.",
        "The mirror turns the order round, and each pair as well: (9, 9), (9, 9), (9, 6), … What does the last pair have to be?",
        "From the last stage to the first: depths[s] - 1 times (widths[s], widths[s]), then once (widths[s], widths[s - 1]); "
        "where there is no stage s - 1, the classes.",
    ],
    reference=_layers_of_segnet,
    common_errors={
        "list index out of range": "The last stage has no widths[s + 1]. The decoder goes the other way: to s - 1.",
        "can only concatenate": "Collect pairs in a list: `layers.append((a, b))`, or `layers += [(a, b)] * n`.",
    },
    draw=_draw_stages,
    difficulty=2,
    minutes=8,
)


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

MirroredStage = Exercise(
    "MirroredStage",
    MirroredStage,
    [
        # Pooled from 5 x 7, with no place beyond the 4 x 6 of a size that is guessed.
        (torch.arange(18, dtype=torch.float64).reshape(1, 3, 2, 3) - 7.5, _LOW_PLACES, (5, 7)),
    ],
    mistakes_in_stages.STAGES,
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
        "invalid output_size": "`output_size` is the size of the maps before the pooling, rows first: `size` as it is.",
        "invalid max index": "An index lies beyond the map that you unpool to: give `output_size`, the size before the pooling.",
        "shape of indices to be same": "The indices have `width` channels, as the maps that were pooled: unpool "
        "before the number of channels changes.",
    },
    difficulty=2,
    minutes=10,
)


lands_at = Answer(
    "lands_at",
    "A map of 7 x 7 is pooled by 2 x 2 to 3 x 3; one maximum was at row 3, column 5 (counted from 0). Its index is 3 · 7 + 5. "
    "The map is unpooled without `output_size`, to 6 x 6. Where does the value land?",
    {"row": 4, "column": 2},
    answers.LANDS_AT,
    ["The index is 26. Which row is it in if every row has 6 values?", "26 // 6 and 26 % 6."],
    explanation="Every row is one place further off: an edge becomes a slanted one. The decoder must be told the size.",
    difficulty=1,
    minutes=3,
)


def unpool_pair(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Pool two pictures (B, C, H, W) of one street by 2 × 2, and unpool both: two (B, C, H, W), each with its own maxima in
    their places."""
    restored = []
    for picture in (before, after):
        maps, indices = F.max_pool2d(picture, 2, return_indices=True)
        restored.append(F.max_unpool2d(maps, indices, 2, output_size=picture.shape[-2:]))
    return restored[0], restored[1]


def _draw_pictures(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    # Even sizes: with odd ones, a guessed size is an error, and not a wrong answer that can be told.
    return tuple(
        torch.randperm(144, generator=generator).sub(90.5).double().reshape(2, 2, 4, 9)[..., :8] for _ in range(2)
    )


unpool_pair = Exercise(
    "unpool_pair",
    unpool_pair,
    [
        (
            # One window of each has no positive value.
            torch.tensor([[[[3.0, 12, -4, -1, 2], [5, 7, -6, -15, 8], [11, 19, 17, 9, 20], [10, 13, 14, 16, 18]]]]),
            torch.tensor([[[[9.0, 2, 1, 14, 19], [4, 3, 8, 6, 7], [-12, -5, 10, 20, 17], [-18, -11, 13, 15, 16]]]]),
        ),
    ],
    mistakes.PAIRS,
    [
        "What does `indices` refer to after the loop, when the unpooling begins?",
        "The second picture's indices have overwritten the first one's. Keep both, or unpool within the loop.",
        "Inside the loop: `restored.append(F.max_unpool2d(maps, indices, 2, output_size=picture.shape[-2:]))`.",
    ],
    draw=_draw_pictures,
    common_errors={
        "invalid max index": "An index lies beyond the map that you unpool to: give `output_size`, the size before the pooling.",
        "shape of indices to be same": "Values and indices are not of the same pooling.",
    },
    given=mistakes.given_unpool_pair,
    difficulty=1,
    minutes=5,
)


nonzero_share = Prediction(
    "nonzero_share",
    "The trained SegNet looks at a street. How many per cent of the values are not zero in the maps of the finest stage right "
    "after unpooling?",
    [
        "A window of 2 x 2 has four places: how many of them get a value? And which layer came just before the unpooling?"
    ],
    explanation=(
        "One place in four gets a value, so that it cannot be more than 25; and what is put there has been through a ReLU, which "
        "made a good part of it zero. The convolutions that follow fill the gaps: behind their ReLU, which makes zeros as "
        "well, about half is not zero."
    ),
    limits=(0, 100),
    digits=0,
    minutes=2,
)


index_memory = Answer(
    "index_memory",
    "Float32 maps (4 bytes a value) are pooled by 2 x 2. A decoder needs the maps before the pooling, or only the indices of the "
    "maxima. How many times less memory do the indices take, if each is stored in 2 bits, and if each is an int64 (8 bytes)?",
    {"2 bits": 64, "int64": 2},
    answers.INDEX_MEMORY,
    [
        "Take one window of 2 x 2: how many bytes are its four values, and how many its one index?",
        "Four values: 16 bytes. One index: 2 bits are a quarter of a byte; an int64 is 8 bytes.",
    ],
    tolerance=0.01,
    explanation="Sixteen bytes to a quarter of one, or to eight: SegNet's saving is real, but PyTorch's indices do not have it.",
    difficulty=1,
    minutes=4,
)


which_upsampling = Answer(
    "which_upsampling",
    "A decoder doubles its maps by unpooling with 'indices', by 'bilinear' interpolation or by a 'transposed' convolution that "
    "is learned. Which one do you take, or which one is it?",
    answers.RIGHT_UPSAMPLING,
    answers.WHICH_UPSAMPLING,
    [
        "Ask of each item: what is handed over by the encoder, and what is learned?",
        "Unpooling needs a max pooling, its indices, and maps whose channels match the pooled ones. Interpolation needs "
        "nothing; a transposed convolution needs weights.",
    ],
    options=("indices", "bilinear", "transposed"),
    explanation="Indices carry places, weights carry patterns, interpolation carries neither and costs nothing.",
    difficulty=2,
    minutes=5,
)
