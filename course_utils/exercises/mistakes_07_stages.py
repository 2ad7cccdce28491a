"""What people get wrong in lesson 07 about a stage of SegNet's decoder: each class's docstring says what."""

import torch.nn.functional as F
from torch import Tensor, nn


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


class no_relu_at_all(_Stage):
    """No ReLU stands behind your convolutions: two in a row are one larger convolution then, and learn no more than that. Each of
    them has one."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return self.second(self.first(F.max_unpool2d(maps, indices, 2, output_size=size)))


class padded_afterwards(_Stage):
    """You unpool to twice the pooled size and pad up to `size`. By then the values are in wrong places: the indices count rows of
    the right width, so that the unpooling has to know `size`."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        unpooled = F.max_unpool2d(maps, indices, 2)
        rows, columns = (wanted - had for wanted, had in zip(size, unpooled.shape[-2:], strict=True))
        return self.convolve(F.pad(unpooled, (0, columns, 0, rows)))


class resized_at_the_end(_Stage):
    """You unpool to twice the pooled size, convolve, and resize to `size` at the end. The values are in wrong places before: the
    indices count rows of the right width, so that the unpooling has to know `size`."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return F.interpolate(self.convolve(F.max_unpool2d(maps, indices, 2)), size=size, mode="nearest")


class sides_exchanged(_Stage):
    """You gave `size` the other way round. It is (rows, columns), as everywhere in PyTorch, and goes into `output_size` as it
    is."""

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return self.convolve(F.max_unpool2d(maps, indices, 2, output_size=size[::-1]))


class _Unpooled(nn.Module):
    """Stages of other layers, which are recognised by their parameters."""

    first: nn.Module
    second: nn.Module

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return F.relu(self.second(F.relu(self.first(F.max_unpool2d(maps, indices, 2, output_size=size)))))


class narrowed_at_once(_Unpooled):
    """Your first convolution becomes narrower already. In the encoder's stage the first one becomes wider; in the mirror that is
    the last: width to width, then width to `finer`."""

    def __init__(self, width: int, finer: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, finer, kernel_size=3, padding=1)
        self.second = nn.Conv2d(finer, finer, kernel_size=3, padding=1)


class never_narrower(_Unpooled):
    """Both of your convolutions keep the channels. The second leads to the next stage, and gives `finer`. (If that does not fit
    the indices: unpool first, and convolve then.)"""

    def __init__(self, width: int, finer: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, kernel_size=3, padding=1)
        self.second = nn.Conv2d(width, width, kernel_size=3, padding=1)


class one_by_one(_Unpooled):
    """Your kernels are 1 × 1: each pixel sees itself only, and three of four are zero after the unpooling. It takes 3 × 3 to fill
    the gaps from the neighbours."""

    def __init__(self, width: int, finer: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, kernel_size=1)
        self.second = nn.Conv2d(width, finer, kernel_size=1)


class without_biases(_Unpooled):
    """Your convolutions have no biases. That is usual where a batch norm follows, which adds one; here none does."""

    def __init__(self, width: int, finer: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.second = nn.Conv2d(width, finer, kernel_size=3, padding=1, bias=False)


class one_convolution(_Unpooled):
    """Your stage has one convolution, from width to `finer`. It should have two: the first keeps the width."""

    def __init__(self, width: int, finer: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, finer, kernel_size=3, padding=1)
        self.second = nn.Identity()


class transposed_convolutions(_Unpooled):
    """These are transposed convolutions, as DeconvNet has them. SegNet has plain ones; at stride 1 the difference is a flipped
    kernel."""

    def __init__(self, width: int, finer: int) -> None:
        super().__init__()
        self.first = nn.ConvTranspose2d(width, width, kernel_size=3, padding=1)
        self.second = nn.ConvTranspose2d(width, finer, kernel_size=3, padding=1)


STAGES = [
    size_left_out,
    resized_afterwards,
    not_padded,
    convolved_first,
    copied_by_nearest,
    enlarged_bilinearly,
    no_relu_between,
    no_relu_at_the_end,
    relu_instead_of_a_convolution,
    no_relu_at_all,
    padded_afterwards,
    resized_at_the_end,
    sides_exchanged,
    narrowed_at_once,
    never_narrower,
    one_by_one,
    without_biases,
    one_convolution,
    transposed_convolutions,
]
