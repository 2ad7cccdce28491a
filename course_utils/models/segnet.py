"""SegNet: a decoder that unpools with the encoder's indices, and four others to compare with."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d

from course_utils.models.backbones.vgg import VGG16_DEPTHS, VGG16_WIDTHS, vgg_keys
from course_utils.models.layers import (
    TransposedUpsampling,
    new_parameters,
    positive_integers,
    resize,
    with_he_weights,
)
from course_utils.models.mirrored import (
    Pooling,
    PoolingEncoder,
    Unpool,
    convolutions,
    recorded,
    renamed_vgg,
)
from course_utils.ops.checks import whole_number
from course_utils.ops.convmatrix import bilinear_kernel


class SegNet(nn.Module):
    """Encoder, and a decoder that mirrors it: per stage an upsampling, then convolutions with batch norm and ReLU.

    Source: Badrinarayanan, Kendall and Cipolla 2017 (arXiv 1511.00561), section 3: the 13 convolutions of VGG-16 and 13 in
    the decoder, the last of which gives the logits, without batch norm or ReLU. `widths` and `depths` of the encoder's
    stages make a smaller one: `SegNet(8, widths=(16, 32, 48, 64, 96), depths=(1, 1, 2, 2, 2))`.

    `upsample` says what the decoder does before its convolutions, all else being the same:
    - "indices": unpooling with the indices of the pooling, SegNet's own;
    - "bed_of_nails": every value to the top left of its window and zeros elsewhere, as sparse, but not placed by the encoder;
    - "bilinear": interpolation, nothing to learn and nothing handed over by the encoder;
    - "transposed": a transposed convolution, one learned kernel for each channel, which begins as bilinear interpolation;
    - "full_transposed": the same with a kernel for each pair of channels.

    Differs from the paper: with an odd height the last row of a map is not pooled (as in torchvision's VGG), and is 0 after
    unpooling; Caffe's pooling would have one window more.

    Shapes: images (B, 3, H, W) in [0, 1], with H and W of at least 2 to the number of stages → logits
    (B, num_classes, H, W). Raises: ValueError for smaller images and for an unknown `upsample`.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        widths: Sequence[int] = VGG16_WIDTHS,
        depths: Sequence[int] = VGG16_DEPTHS,
        upsample: str = "indices",
    ) -> None:
        super().__init__()
        num_classes = whole_number(num_classes, "num_classes", minimum=1)
        if upsample not in tuple(UPSAMPLERS):
            raise ValueError(f"upsample must be one of {', '.join(UPSAMPLERS)}, but is {upsample!r}.")
        widths, depths = positive_integers(widths, "widths"), positive_integers(depths, "depths")
        self.encoder = PoolingEncoder(widths, depths, batch_norm=True)
        convolution = partial(nn.Conv2d, kernel_size=3, padding=1)
        stages = list(zip(widths, depths, (None, *widths[:-1]), strict=True))
        self.upsamplers = nn.ModuleList(UPSAMPLERS[upsample](width) for width, _, _ in reversed(stages))
        self.decoder = nn.ModuleList(
            # The stage at the images' own size has one convolution less: its last one is the classifier.
            convolutions([width] * depth + ([finer] if finer else []), convolution, batch_norm=True)
            for width, depth, finer in reversed(stages)
        )
        self.classifier = with_he_weights(convolution(widths[0], num_classes), uniform=True)

    def forward(self, images: Tensor) -> Tensor:
        return self.decode(*self.encoder(images))

    def decode(self, maps: Tensor, poolings: Sequence[Pooling]) -> Tensor:
        """Logits from the encoder's last maps and its poolings, finest first; poolings of other content can be tried as well.

        Shapes: maps (B, widths[-1], h, w) → logits (B, num_classes, H, W), where (H, W) is the size of the first pooling.
        """
        for upsample, stage, pooling in zip(self.upsamplers, self.decoder, reversed(poolings), strict=True):
            maps = stage(upsample(maps, pooling))
        return self.classifier(maps)

    def activations(self, images: Tensor) -> dict[str, Tensor]:
        """The maps of every stage in their order: "encode 1", …, "upsample 5", "decode 5", …, "decode 1", "logits".

        Stage 1 is the one at the images' size. "encode" is before the pooling, "upsample" before the convolutions: with
        indices it has a value in one of four places. Wrap the call in `torch.no_grad()` if nothing is to be learned from it.
        """
        count = len(self.decoder)
        modules = {f"encode {n + 1}": stage for n, stage in enumerate(self.encoder.stages)}
        for n, (upsample, stage) in enumerate(zip(self.upsamplers, self.decoder, strict=True)):
            modules[f"upsample {count - n}"] = upsample
            layers = list(stage.children())
            if layers:  # at the images' size, the classifier may be the only convolution
                modules |= {f"convolve {count - n}": layers[0], f"decode {count - n}": stage}
        return recorded(self, modules | {"logits": self.classifier}, images)


def segnet_from_torchvision(
    state: Mapping[str, Tensor], *, widths: Sequence[int] = VGG16_WIDTHS, depths: Sequence[int] = VGG16_DEPTHS
) -> dict[str, Tensor]:
    """torchvision's `vgg16_bn` `state_dict` under the names of `SegNet`: the whole encoder, and nothing of the decoder.

    `network.load_state_dict(network.state_dict() | segnet_from_torchvision(state))` loads it. `widths` and `depths` are the
    network's.

    Raises: ValueError where the weights do not fit, for one because the widths are not the published ones.
    """
    with torch.device("meta"):  # for the names and shapes alone
        network = SegNet(1, widths=widths, depths=depths)
    names = {f"encoder.{ours}": theirs for ours, theirs in vgg_keys(network.encoder.stages).items()}
    return renamed_vgg(state, names, network.state_dict(), unused="classifier.")


class BedOfNails(nn.Module):
    """Every value to the top left of its window; zeros elsewhere.

    Differs from `course_utils.ops.resample.bed_of_nails`: with an odd size there is a last row or column of zeros.
    """

    def forward(self, maps: Tensor, pooling: Pooling) -> Tensor:
        height, width = maps.shape[-2:]
        nails = maps.new_zeros(*maps.shape[:2], *pooling.size)
        nails[..., : 2 * height : 2, : 2 * width : 2] = maps
        return nails


class Bilinear(nn.Module):
    """Interpolation to the size before the pooling."""

    def forward(self, maps: Tensor, pooling: Pooling) -> Tensor:
        return resize(maps, pooling.size)


class Transposed(nn.Module):
    """A learned upsampling by 2, one kernel for each channel, which begins as bilinear interpolation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.upsampling = TransposedUpsampling(width, 2, learned=True)

    def forward(self, maps: Tensor, pooling: Pooling) -> Tensor:
        return self.upsampling(maps, pooling.size)


class FullTransposed(nn.Module):
    """A learned upsampling by 2, one kernel for each pair of channels, which begins as bilinear interpolation of each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.eye(width)[:, :, None, None] * bilinear_kernel(2, **new_parameters()))

    def forward(self, maps: Tensor, pooling: Pooling) -> Tensor:
        odd = [after - 2 * before for after, before in zip(pooling.size, maps.shape[-2:], strict=True)]
        return conv_transpose2d(maps, self.kernel, stride=2, padding=1, output_padding=odd)


UPSAMPLERS: dict[str, Callable[[int], nn.Module]] = {
    "indices": lambda _width: Unpool(),
    "bed_of_nails": lambda _width: BedOfNails(),
    "bilinear": lambda _width: Bilinear(),
    "transposed": Transposed,
    "full_transposed": FullTransposed,
}
"""The ways up by their names; each is built from the channels of a stage, and takes maps and the stage's `Pooling`."""
