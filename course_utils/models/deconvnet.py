"""DeconvNet: VGG-16 down to one vector, and the same way back."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from course_utils.models.backbones.vgg import VGG16_DEPTHS, VGG16_WIDTHS, vgg_keys
from course_utils.models.layers import positive_integers, with_he_weights
from course_utils.models.mirrored import (
    PoolingEncoder,
    Unpool,
    convolutions,
    recorded,
    renamed_vgg,
)
from course_utils.ops.checks import whole_numbers


class DeconvNet(nn.Module):
    """VGG-16 with its two fully connected layers, and a mirrored decoder of unpooling and transposed convolutions.

    Source: Noh, Hong and Han 2015 (arXiv 1505.04366), section 3 and table 2 of its supplement. At 224 x 224 pixels the
    encoder ends in 512 maps of 7 x 7; `fc6`, with a kernel of 7 x 7, sees all of them at once and gives 1 x 1, `fc7` is
    1 x 1, and `deconv6` makes 7 x 7 of them again. `widths`, `depths`, `hidden` (channels of fc6 and fc7) and `hidden_kernel`
    make a smaller one: `DeconvNet(8, widths=(16, 32, 48, 64, 96), depths=(1, 1, 2, 2, 2), hidden=128, hidden_kernel=3)`.

    Larger images give a larger map at `fc6`, and `deconv6` restores its size. Where the last pooling leaves fewer than
    `hidden_kernel` rows or columns, it is padded with zeros on both sides up to that many, and they are cut off again.

    Differs from the paper: images of any size, and not only proposals of 224 x 224; with an odd height the last row
    of a map is not pooled, and is 0 after unpooling; the first weights are He's, where the paper draws the decoder's with a
    standard deviation of 0.01.

    Shapes: images (B, 3, H, W) in [0, 1], with H and W of at least 2 to the number of stages → logits
    (B, num_classes, H, W). In training with batch norm, a batch needs more than one value at `fc6`: two images, or larger
    ones. Raises: ValueError for smaller images.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        widths: Sequence[int] = VGG16_WIDTHS,
        depths: Sequence[int] = VGG16_DEPTHS,
        hidden: int = 4096,
        hidden_kernel: int = 7,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        num_classes, hidden, hidden_kernel = whole_numbers(
            1, num_classes=num_classes, hidden=hidden, hidden_kernel=hidden_kernel
        )
        widths, depths = positive_integers(widths, "widths"), positive_integers(depths, "depths")
        self.hidden_kernel = hidden_kernel
        self.encoder = PoolingEncoder(widths, depths, batch_norm=batch_norm)
        wide = partial(nn.Conv2d, kernel_size=hidden_kernel)
        self.fc6 = convolutions([widths[-1], hidden], wide, batch_norm=batch_norm)
        self.fc7 = convolutions([hidden, hidden], partial(nn.Conv2d, kernel_size=1), batch_norm=batch_norm)
        wide_back = partial(nn.ConvTranspose2d, kernel_size=hidden_kernel)
        self.deconv6 = convolutions([hidden, widths[-1]], wide_back, batch_norm=batch_norm)
        self.unpool = nn.ModuleList(Unpool() for _ in widths)
        back = partial(nn.ConvTranspose2d, kernel_size=3, padding=1)
        self.decoder = nn.ModuleList(
            convolutions([width] * depth + [finer], back, batch_norm=batch_norm)
            for width, depth, finer in reversed(list(zip(widths, depths, (widths[0], *widths[:-1]), strict=True)))
        )
        self.classifier = with_he_weights(nn.Conv2d(widths[0], num_classes, kernel_size=1), uniform=True)

    def forward(self, images: Tensor) -> Tensor:
        maps, poolings = self.encoder(images)  # (B, C_n, H/2^n, W/2^n)
        maps = self._through_the_hidden_layers(maps)
        for unpool, stage, pooling in zip(self.unpool, self.decoder, reversed(poolings), strict=True):
            maps = stage(unpool(maps, pooling))  # (B, C_i, H/2^(i-1), W/2^(i-1)) for i = n, … 1
        return self.classifier(maps)  # (B, K, H, W)

    def _through_the_hidden_layers(self, maps: Tensor) -> Tensor:
        height, width = maps.shape[-2:]
        rows, columns = (max(self.hidden_kernel - n, 0) for n in (height, width))
        top, left = rows // 2, columns // 2
        padded = pad(maps, (left, columns - left, top, rows - top))
        hidden = self.fc7(self.fc6(padded))  # (B, hidden, h - k + 1, w - k + 1) for a kernel of k pixels
        restored = self.deconv6(hidden)  # (B, C_n, h, w)
        return restored[..., top : top + height, left : left + width]

    def activations(self, images: Tensor) -> dict[str, Tensor]:
        """The maps of every stage in their order: "encode 1", …, "fc6", "fc7", "deconv6", "upsample 5", "convolve 5",
        "decode 5", …, "decode 1", "logits".

        Stage 1 is the one at the images' size. "encode" is before the pooling; "upsample" has a value in one of four places,
        "convolve" is the first transposed convolution on it, "decode" the last, after ReLU. Wrap the call in
        `torch.no_grad()` if nothing is to be learned from it.
        """
        count = len(self.decoder)
        modules = {f"encode {n + 1}": stage for n, stage in enumerate(self.encoder.stages)}
        modules |= {"fc6": self.fc6, "fc7": self.fc7, "deconv6": self.deconv6}
        for n, (unpool, stage) in enumerate(zip(self.unpool, self.decoder, strict=True)):
            modules |= {
                f"upsample {count - n}": unpool,
                f"convolve {count - n}": next(stage.children()),
                f"decode {count - n}": stage,
            }
        return recorded(self, modules | {"logits": self.classifier}, images)


def deconvnet_from_torchvision(
    state: Mapping[str, Tensor],
    *,
    widths: Sequence[int] = VGG16_WIDTHS,
    depths: Sequence[int] = VGG16_DEPTHS,
    hidden: int = 4096,
    hidden_kernel: int = 7,
    batch_norm: bool = True,
) -> dict[str, Tensor]:
    """torchvision's `vgg16_bn` `state_dict`, or with `batch_norm=False` that of `vgg16`, under the names of `DeconvNet`.

    It goes up to `fc7`: VGG's own classifier, its last layer, is not used, and VGG has no batch norm after `fc6` and `fc7`.
    `network.load_state_dict(network.state_dict() | deconvnet_from_torchvision(state))` loads it. The other arguments are the
    network's.

    Raises: ValueError where the weights do not fit, for one because the widths are not the published ones.
    """
    with torch.device("meta"):  # for the names and shapes alone
        network = DeconvNet(
            1, widths=widths, depths=depths, hidden=hidden, hidden_kernel=hidden_kernel, batch_norm=batch_norm
        )
    names = {f"encoder.{ours}": theirs for ours, theirs in vgg_keys(network.encoder.stages).items()}
    for layer, number in (("fc6", 0), ("fc7", 3)):
        names |= {f"{layer}.0.{tensor}": f"classifier.{number}.{tensor}" for tensor in ("weight", "bias")}
    return renamed_vgg(state, names, network.state_dict(), unused="classifier.6.")
