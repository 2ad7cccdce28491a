"""What people get wrong in lesson 07 about the list of a decoder's convolutions: each docstring says what."""


def _encoder(widths: list[int], depths: list[int]) -> list[tuple[int, int]]:
    before = [3, *widths[:-1]]
    return [
        pair
        for first, width, depth in zip(before, widths, depths, strict=True)
        for pair in [(first, width)] + [(width, width)] * (depth - 1)
    ]


def _mirrored(widths: list[int], depths: list[int], last: int) -> list[tuple[int, int]]:
    layers = [(after, before) for before, after in reversed(_encoder(widths, depths))]
    return layers[:-1] + [(layers[-1][0], last)]


def the_encoder_again(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """These are the encoder's convolutions. The decoder begins where the encoder ends, at the coarsest maps, and makes fewer
    channels on its way to the fine ones."""
    return _encoder(widths, depths)


def order_reversed_only(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """You turned the encoder's order round, but not its layers: each still goes from few channels to many. What was an
    encoder layer's output is its mirror image's input."""
    return list(reversed(_encoder(widths, depths)))


def layers_turned_only(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """Each layer is turned round, but they run in the encoder's order, from fine to coarse. The decoder's first layer works on
    the last maps of the encoder."""
    return list(reversed(_mirrored(widths, depths, num_classes)))


def back_to_colours(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """A mirror to the last layer: yours ends in the three colours of a picture. A segmentation ends in a score for each
    class."""
    return _mirrored(widths, depths, 3)


def classifier_on_top(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """You have one convolution too many: the classes come after the whole mirror. In SegNet the mirror's last convolution
    gives them, 13 and 13."""
    return [*_mirrored(widths, depths, widths[0]), (widths[0], num_classes)]


def classifier_forgotten(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """Your last layer gives as many channels as the encoder's first stage. It should give one for each class."""
    return _mirrored(widths, depths, widths[0])


def wrapped_round(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """Your last layer gives as many channels as the *coarsest* stage has: `widths[s - 1]` with s = 0 is `widths[-1]`, the last
    entry. Before the first stage there is none; there the classes belong."""
    return _mirrored(widths, depths, widths[-1])


def depths_in_the_encoders_order(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """You turned the widths round, but not the depths: a stage has to have as many convolutions as its mirror image in the
    encoder."""
    return _mirrored(widths, depths[::-1], num_classes)


def narrowed_at_once(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """Your stages become narrower with their first convolution. The encoder's stages become wider with their first one, and
    in the mirror that is the last."""
    finer = [num_classes, *widths[:-1]]
    stages = reversed(list(zip(widths, depths, finer, strict=True)))
    return [pair for width, depth, out in stages for pair in [(width, out)] + [(out, out)] * (depth - 1)]


def never_narrower(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """In your list every layer keeps its number of channels, so that two stages do not fit together: the last convolution of a
    stage gives the next one's channels."""
    stages = reversed(list(zip(widths, depths, strict=True)))
    return [(width, width) for width, depth in stages for _ in range(depth)]


def one_for_each_stage(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """You have one convolution for each stage. A stage of the decoder has as many as its mirror image in the encoder:
    `depths` says how many."""
    return _mirrored(widths, [1] * len(widths), num_classes)


def one_too_many_in_each_stage(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """Every stage has one convolution too many: the one that becomes narrower is one of its `depths[stage]`, not another
    one."""
    return _mirrored(widths, [depth + 1 for depth in depths], num_classes)


def pairs_exchanged(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """The order is right, but each pair is turned: yours are (out, in). A pair begins with the channels that come in, so that a
    layer's second number is the next one's first."""
    return [(after, before) for before, after in _mirrored(widths, depths, num_classes)]


def stages_not_turned(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """Each stage is right in itself, but the stages run from fine to coarse. The decoder's first stage works on the last maps of
    the encoder."""
    finer = [num_classes, *widths[:-1]]
    stages = zip(widths, depths, finer, strict=True)
    return [pair for width, depth, out in stages for pair in [(width, width)] * (depth - 1) + [(width, out)]]


def lists_not_turned(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """Your layers go from few channels to many, as the encoder's, and then to the classes. The mirror begins with the coarsest
    stage, the last of `widths` and of `depths`."""
    return _mirrored(widths[::-1], depths[::-1], num_classes)


def widths_in_the_encoders_order(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """You turned the depths round, but not the widths: the decoder begins with the last of both, the coarsest stage. (What
    `reversed(...)` gives can be run through only once.)"""
    return _mirrored(widths[::-1], depths, num_classes)


def never_narrower_before_the_classes(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """The classes are right, but before them every layer keeps its number of channels, so that two stages do not fit together:
    the last convolution of a stage gives the next one's channels."""
    layers = never_narrower(widths, depths, num_classes)
    return layers[:-1] + [(widths[0], num_classes)]


def narrowing_left_out(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """The layer that ends a stage is missing, but in the last one: each stage has depths[stage] - 1 convolutions that keep their
    channels, and one more that leads to the next stage."""
    stages = reversed(list(zip(widths, depths, strict=True)))
    return [(width, width) for width, depth in stages for _ in range(depth - 1)] + [(widths[0], num_classes)]


def classes_after_every_stage(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """Each of your stages ends in the classes. Only the last one does; the others hand over to the next finer stage, which has
    channels of its own."""
    stages = reversed(list(zip(widths, depths, strict=True)))
    return [pair for width, depth in stages for pair in [(width, width)] * (depth - 1) + [(width, num_classes)]]


def halved(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """You halve the channels from stage to stage. Widths need not double: SegNet's last two stages have 512 both. The next number
    of channels is the one before in `widths`."""
    finer = [num_classes, *(width // 2 for width in widths[1:])]
    stages = reversed(list(zip(widths, depths, finer, strict=True)))
    return [pair for width, depth, out in stages for pair in [(width, width)] * (depth - 1) + [(width, out)]]


def always_three(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """Each of your stages has three convolutions, as VGG-16's coarse ones have. How many it has is in `depths`."""
    return _mirrored(widths, [3] * len(widths), num_classes)


def always_two(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """Each of your stages has two convolutions, as VGG-16's fine ones have. How many it has is in `depths`."""
    return _mirrored(widths, [2] * len(widths), num_classes)


def one_too_few_in_each_stage(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """A stage of two or more convolutions has one too few: of its `depths[stage]`, one leads to the next stage, and all the
    others keep their channels."""
    return _mirrored(widths, [max(depth - 1, 1) for depth in depths], num_classes)


def vgg_whatever_is_asked(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
    """This is the list for VGG-16 whatever is asked for, and for VGG-16 it is right. The check asks for other encoders, too:
    compute it from `widths` and `depths`."""
    return _mirrored([64, 128, 256, 512, 512], [2, 2, 3, 3, 3], num_classes)


LAYERS = [
    the_encoder_again,
    order_reversed_only,
    layers_turned_only,
    back_to_colours,
    classifier_on_top,
    classifier_forgotten,
    wrapped_round,
    depths_in_the_encoders_order,
    narrowed_at_once,
    never_narrower,
    one_for_each_stage,
    one_too_many_in_each_stage,
    pairs_exchanged,
    stages_not_turned,
    lists_not_turned,
    widths_in_the_encoders_order,
    never_narrower_before_the_classes,
    narrowing_left_out,
    classes_after_every_stage,
    halved,
    always_three,
    always_two,
    one_too_few_in_each_stage,
    vgg_whatever_is_asked,
]
