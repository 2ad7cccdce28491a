"""An adapter: the maps of a backbone, picked from what its layers give."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def pyramid(images: Tensor, layers: list) -> list:
    """The maps of a backbone. Its layers run one after another: the first on images (B, C, H, W), each other one on what the
    layer before it gives. Each keeps the height and width or makes them smaller; some change the channels. Of each size, give
    the last map that is computed before the size changes, the finest first. The images themselves do not belong to the list."""
    maps = []
    x = images
    for layer in layers:
        x = layer(x)
        if maps and maps[-1].shape[2:] == x.shape[2:]:
            maps[-1] = x
        else:
            maps.append(x)
    return maps


_DOES = {
    "halve": lambda x: F.max_pool2d(x, 2, ceil_mode=True),
    "scale": lambda x: 1.5 * x - 0.25,
    "blur": lambda x: F.avg_pool2d(x, 3, stride=1, padding=1),
    "widen": lambda x: torch.cat([x, 0.75 - x], dim=1),
    "narrow": lambda x: x.mean(1, keepdim=True) + 0.5,
}


class _Layer(nn.Module):
    """A layer without weights, told by its name; what it gives grows with every further call.

    Two of one name are equal, so that a copied argument counts as unchanged.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.calls = name, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return _DOES[self.name](x) + (self.calls - 1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Layer) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return self.name


def _layers(names: str) -> list[_Layer]:
    return [_Layer(name) for name in names.split()]


def _numbered(first: float, *shape: int) -> Tensor:
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 7) % count * 0.75 + first).reshape(shape).double()


def _draw_layers(generator: torch.Generator) -> tuple[Tensor, list[_Layer]]:
    chosen = torch.randint(len(_DOES), (4,), generator=generator).tolist()
    names = ["halve", *(list(_DOES)[number] for number in chosen), "halve", "scale"]
    return torch.randint(-39, 40, (2, 2, 5, 8), generator=generator).double() / 4, _layers(" ".join(names))


def from_the_beginning(images: Tensor, layers: list) -> list:
    """You run the first layers anew for every map. A layer may change with every run, as batch norm does in training, and it
    takes many times as long: run each of them once, and go on from what it gives."""
    maps = {}
    for count in range(len(layers)):
        x = nn.Sequential(*layers[: count + 1])(images)
        maps[x.shape[2:]] = x
    return list(maps.values())


def concatenated(images: Tensor, layers: list) -> list:
    """You lay all maps of a size beside each other. The last one is enough: it was computed from the others. (A decoder is told
    the channels of each map in advance.)"""
    maps, x = {}, images
    for layer in layers:
        x = layer(x)
        maps.setdefault(x.shape[2:], []).append(x)
    return [torch.cat(of_a_size, dim=1) for of_a_size in maps.values()]


SLIPS = read_slips("""
first_of_each_size
    You keep the first map of each size. It has only just been made smaller; the layers that follow at this size have their
    work in the last one.
    - maps[-1] = x
    + pass

all_maps
    You give what every layer gives. A decoder takes one map of each size.
    - maps and maps[-1].shape[2:] == x.shape[2:]
    + False

coarsest_first
    The right maps, but the coarsest comes first. The contract says: the finest first.
    - return maps
    + return maps[::-1]

last_size_forgotten
    The coarsest map is missing: after it the size does not change any more, so that nothing in your loop keeps it.
    - return maps
    + return maps[:-1]

image_included
    The images stand in your list. What a backbone gives begins with what its first layer gives.
    - maps = []
    + maps = [images]

image_in_front
    In front of your maps stand the images. What a backbone gives begins with what its first layer gives.
    - return maps
    + return [images, *maps]

channels_compared
    You look at the number of channels. A layer can change the channels and keep the size, or the other way round: what
    counts here is height and width.
    - maps[-1].shape[2:] == x.shape[2:]
    + maps[-1].shape[1] == x.shape[1]

whole_shapes_compared
    You compare whole shapes, with the channels. A layer that changes the channels alone does not change the size: height and
    width.
    - maps[-1].shape[2:] == x.shape[2:]
    + maps[-1].shape == x.shape

height_alone
    You look at the height alone. Of a map one row high only the width can still change.
    - maps[-1].shape[2:] == x.shape[2:]
    + maps[-1].shape[2] == x.shape[2]

width_alone
    You look at the width alone. Of a map one column wide only the height can still change.
    - maps[-1].shape[2:] == x.shape[2:]
    + maps[-1].shape[3] == x.shape[3]

run_twice
    You run some layers more than once. A layer may change with every run, as batch norm does in training: run each of them once,
    and keep what it gives.
    - layer(x)
    + (layer(x), layer(x))[1]

each_from_the_images
    Each of your layers gets the images. Only the first one does; each other one goes on with what the layer before it gave.
    - layer(x)
    + layer(images)

own_size_left_out
    You leave out the maps that have the size of the images. They are maps like the others: the first one of VGG-16 has stride 1.
    - return maps
    + return [found for found in maps if found.shape[2:] != images.shape[2:]]

coarsest_alone
    That is the coarsest map alone. A decoder needs the finer ones as well: keep them on the way.
    - return maps
    + return maps[-1:]
""")

pyramid = Exercise(
    "pyramid",
    pyramid,
    [
        (_numbered(-1.25, 1, 1, 2, 3), _layers("halve scale")),
        (_numbered(-2.5, 2, 1, 5, 4), _layers("scale widen halve blur narrow halve scale widen")),
        (_numbered(-3.25, 1, 2, 6, 1), _layers("halve scale halve widen")),
        (_numbered(-4.75, 1, 1, 1, 7), _layers("blur halve scale halve halve")),
        (_numbered(-0.5, 2, 3, 2, 3), _layers("widen scale")),
        (_numbered(-5.25, 1, 1, 9, 6), _layers("widen halve narrow halve halve scale")),
    ],
    [*SLIPS, from_the_beginning, concatenated],
    [
        "Write down the sizes behind all layers, one after another. Where in this list does the last map of each size stand?",
        "Keep a list. If the new map has the size of the last one in it, it takes that one's place; otherwise it is appended.",
        "`x = layer(x)` goes on from layer to layer, and `x.shape[2:]` is the size. (A dictionary from sizes to maps does it, "
        "too: it keeps their order.)",
    ],
    draw=_draw_layers,
    common_errors={
        "index out of range": "Before the first layer your list is empty: there is no map yet to compare with, or to replace.",
        "'list' object is not callable": "`layers` is a list: call its members, one after another.",
        "must match": "The maps of two sizes are neither added nor compared value by value: what counts is `x.shape[2:]`.",
        "not subscriptable": "`layers` and your maps are lists; a single layer is called: `layer(x)`.",
    },
    differentiable=True,
    difficulty=2,
    minutes=8,
)
