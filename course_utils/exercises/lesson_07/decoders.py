"""The list of a decoder's convolutions."""

import torch
from torch import nn

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
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


def _encoder(widths: list[int], depths: list[int]) -> list[tuple[int, int]]:
    before = [3, *widths[:-1]]
    return [
        pair
        for first, width, depth in zip(before, widths, depths, strict=True)
        for pair in [(first, width)] + [(width, width)] * (depth - 1)
    ]


def the_encoder_again(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """These are the encoder's convolutions. The decoder begins where the encoder ends, at the coarsest maps, and makes fewer
    channels on its way to the fine ones."""
    return _encoder(widths, depths)


def order_reversed_only(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """You turned the encoder's order round, but not its layers: each still goes from few channels to many. What was an
    encoder layer's output is its mirror image's input."""
    return list(reversed(_encoder(widths, depths)))


SLIPS = read_slips("""
layers_turned_only
    Each layer is turned round, but they run in the encoder's order, from fine to coarse. The decoder's first layer
    works on the last maps of the encoder.
    - return layers
    + return layers[::-1]

back_to_colours
    A mirror to the last layer: yours ends in the three colours of a picture. A segmentation ends in a score for
    each class.
    - num_classes, *widths
    + 3, *widths

classifier_on_top
    You have one convolution too many: the classes come after the whole mirror. In SegNet the mirror's last
    convolution gives them, 13 and 13.
    - num_classes, *widths
    + widths[0], *widths
    - return layers
    + return [*layers, (widths[0], num_classes)]

classifier_forgotten
    Your last layer gives as many channels as the encoder's first stage. It should give one for each class.
    - num_classes, *widths
    + widths[0], *widths

wrapped_round
    Your last layer gives as many channels as the *coarsest* stage has: `widths[s - 1]` with s = 0 is `widths[-1]`,
    the last entry. Before the first stage there is none; there the classes belong.
    - num_classes, *widths
    + widths[-1], *widths

depths_in_the_encoders_order
    You turned the widths round, but not the depths: a stage has to have as many convolutions as its mirror image in
    the encoder.
    - depths[stage]
    + depths[::-1][stage]

narrowed_at_once
    Your stages become narrower with their first convolution. The encoder's stages become wider with their first
    one, and in the mirror that is the last.
    - layers += [(widths[stage], widths[stage])] * (depths[stage] - 1)
    - layers += [(widths[stage], finer[stage])]
    + layers += [(widths[stage], finer[stage])]
    + layers += [(finer[stage], finer[stage])] * (depths[stage] - 1)

never_narrower
    In your list every layer keeps its number of channels, so that two stages do not fit together: the last
    convolution of a stage gives the next one's channels.
    - (widths[stage], finer[stage])
    + (widths[stage], widths[stage])

one_for_each_stage
    You have one convolution for each stage. A stage of the decoder has as many as its mirror image in the encoder:
    `depths` says how many.
    - depths[stage] - 1
    + 0

one_too_many_in_each_stage
    Every stage has one convolution too many: the one that becomes narrower is one of its `depths[stage]`, not
    another one.
    - depths[stage] - 1
    + depths[stage]

pairs_exchanged
    The order is right, but each pair is turned: yours are (out, in). A pair begins with the channels that come in,
    so that a layer's second number is the next one's first.
    - return layers
    + return [(after, before) for before, after in layers]

stages_not_turned
    Each stage is right in itself, but the stages run from fine to coarse. The decoder's first stage works on the
    last maps of the encoder.
    - reversed(range(len(widths)))
    + range(len(widths))

lists_not_turned
    Your layers go from few channels to many, as the encoder's, and then to the classes. The mirror begins with the
    coarsest stage, the last of `widths` and of `depths`.
    - layers = []
    + layers, widths, depths = [], widths[::-1], depths[::-1]

widths_in_the_encoders_order
    You turned the depths round, but not the widths: the decoder begins with the last of both, the coarsest stage.
    (What `reversed(...)` gives can be run through only once.)
    - layers = []
    + layers, widths = [], widths[::-1]

never_narrower_before_the_classes
    The classes are right, but before them every layer keeps its number of channels, so that two stages do not fit
    together: the last convolution of a stage gives the next one's channels.
    - *widths[:-1]
    + *widths[1:]

narrowing_left_out
    The layer that ends a stage is missing, but in the last one: each stage has depths[stage] - 1 convolutions that
    keep their channels, and one more that leads to the next stage.
    - layers += [(widths[stage], finer[stage])]
    + layers += [(widths[0], num_classes)] if stage == 0 else []

classes_after_every_stage
    Each of your stages ends in the classes. Only the last one does; the others hand over to the next finer stage,
    which has channels of its own.
    - (widths[stage], finer[stage])
    + (widths[stage], num_classes)

halved
    You halve the channels from stage to stage. Widths need not double: SegNet's last two stages have 512 both. The
    next number of channels is the one before in `widths`.
    - *widths[:-1]
    + *(width // 2 for width in widths[1:])

finest_stage_cut
    Your finest stage has one convolution, the one that gives the classes. It has `depths[0]` of them, as its mirror
    image in the encoder.
    - (depths[stage] - 1)
    + (depths[stage] - 1 if stage else 0)

finest_stage_forgotten
    Your list ends one stage too early. Stages are counted from 0: `range(len(widths) - 1, 0, -1)` stops before it,
    and it is the one that gives the classes.
    - range(len(widths))
    + range(1, len(widths))

always_three
    Each of your stages has three convolutions, as VGG-16's coarse ones have. How many it has is in `depths`.
    - depths[stage] - 1
    + 2

always_two
    Each of your stages has two convolutions, as VGG-16's fine ones have. How many it has is in `depths`.
    - depths[stage] - 1
    + 1

one_too_few_in_each_stage
    A stage of two or more convolutions has one too few: of its `depths[stage]`, one leads to the next stage, and
    all the others keep their channels.
    - depths[stage] - 1
    + max(depths[stage] - 2, 0)

vgg_whatever_is_asked
    This is the list for VGG-16 whatever is asked for, and for VGG-16 it is right. The check asks for other
    encoders, too: compute it from `widths` and `depths`.
    - layers = []
    + layers, widths, depths = [], [64, 128, 256, 512, 512], [2, 2, 3, 3, 3]
""")


decoder_layers = Exercise(
    "decoder_layers",
    decoder_layers,
    [
        ([7], [2], 3),
        ([4, 6, 9], [2, 1, 3], 5),
        ([64, 128, 256, 512, 512], [2, 2, 3, 3, 3], 11),
    ],
    [*SLIPS, the_encoder_again, order_reversed_only],
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
