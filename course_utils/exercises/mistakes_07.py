"""What people get wrong in lesson 07, unpooling decoders: each function makes one mistake, its docstring says which."""

import torch.nn.functional as F
from torch import Tensor, nn


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


def given_unpool_pair(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """This is still the version given. Look at both results: the second is right. Whose places has the first?"""
    pooled = []
    for picture in (before, after):
        maps, indices = F.max_pool2d(picture, 2, return_indices=True)
        pooled.append(maps)
    first, second = (F.max_unpool2d(maps, indices, 2, output_size=before.shape[-2:]) for maps in pooled)
    return first, second


def indices_of_before(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Now the first picture is right and the second has the first one's places. Each needs its own: both must be kept."""
    second, first = given_unpool_pair(after, before)
    return first, second


def indices_exchanged(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Both indices are kept, but exchanged: each picture's maxima land where the other picture had its own."""
    return given_unpool_pair(before, after)[0], given_unpool_pair(after, before)[0]


def results_exchanged(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Both are unpooled rightly, but you return them in the other order; `before` comes first."""
    return given_unpool_pair(after, after)[0], given_unpool_pair(before, before)[0]


def pooled_as_one(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Both maps of your result use the places at which the larger of the two pictures has its maximum. Where a picture has
    its own maximum is in its own indices."""
    indices = F.max_pool2d(before.maximum(after), 2, return_indices=True)[1]
    size = before.shape[-2:]
    first, second = (
        F.max_unpool2d(F.max_pool2d(picture, 2), indices, 2, output_size=size) for picture in (before, after)
    )
    return first, second


def read_at_the_others_places(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """At the places of the second picture's maxima you left the first picture's values as they are there. Unpooling moves the
    maxima; the other values are gone."""
    second = given_unpool_pair(before, after)[1]
    return before * (second != 0), second


def size_guessed(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Each picture has its own indices now, but the result is twice the pooled size. A width of 4 and one of 5 both pool to 2:
    keep `output_size`, or rows of another length are counted and the values land elsewhere."""
    first, second = (
        F.max_unpool2d(*F.max_pool2d(picture, 2, return_indices=True), kernel_size=2) for picture in (before, after)
    )
    return first, second


class _Stage(nn.Module):
    def __init__(self, width: int, finer: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, kernel_size=3, padding=1)
        self.second = nn.Conv2d(width, finer, kernel_size=3, padding=1)

    def convolve(self, maps: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(maps))))


class size_left_out(_Stage):
    """Without `output_size` the map becomes twice the pooled size, whatever it was: `size` says what it was. The indices count
    rows of that width, so that the values land in other places, too."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return self.convolve(F.max_unpool2d(maps, indices, 2))


class resized_afterwards(_Stage):
    """You unpool to twice the pooled size and resize to `size` then. By then the values are in wrong places: the indices count
    rows of the right width, so that the unpooling has to know `size`."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return self.convolve(F.interpolate(F.max_unpool2d(maps, indices, 2), size=size, mode="nearest"))


class not_padded(_Stage):
    """Your convolutions have no padding: each takes a pixel off every side, and the maps no longer fit the encoder's. A 3 × 3
    convolution keeps the size with `padding=1`."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        unpooled = F.max_unpool2d(maps, indices, 2, output_size=size)
        first = F.relu(F.conv2d(unpooled, self.first.weight, self.first.bias))
        return F.relu(F.conv2d(first, self.second.weight, self.second.bias))


class convolved_first(_Stage):
    """Your first convolution runs before the unpooling, on the small maps. After the unpooling, where three of four values are
    zero, two convolutions are to fill the gaps."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        maps = F.max_unpool2d(F.relu(self.first(maps)), indices, 2, output_size=size)
        return F.relu(self.second(maps))


class copied_by_nearest(_Stage):
    """You enlarge the maps by copying, and the indices play no part. Unpooling puts each value to its one place."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return self.convolve(F.interpolate(maps, size=size, mode="nearest"))


class enlarged_bilinearly(_Stage):
    """You enlarge the maps by interpolation, and the indices play no part. Unpooling puts each value to its one place."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return self.convolve(F.interpolate(maps, size=size, mode="bilinear", align_corners=False))


class no_relu_between(_Stage):
    """The first convolution has no ReLU behind it: two convolutions in a row are one larger convolution, and learn no more
    than that."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return F.relu(self.second(self.first(F.max_unpool2d(maps, indices, 2, output_size=size))))


class no_relu_at_the_end(_Stage):
    """The second convolution has no ReLU behind it. Only the classifier has none, since scores may be negative."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return self.second(F.relu(self.first(F.max_unpool2d(maps, indices, 2, output_size=size))))


class relu_instead_of_a_convolution(_Stage):
    """A ReLU stands between unpooling and the first convolution: the maps are unpooled as they are, negative values too."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return self.convolve(F.max_unpool2d(maps, indices, 2, output_size=size).relu())
