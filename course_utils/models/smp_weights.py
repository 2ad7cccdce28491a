"""Weights of segmentation_models_pytorch's networks under the names that they have here."""

import re
from collections.abc import Callable, Mapping

from torch import Tensor

from course_utils.models.backbones.resnet import on_resnet, weights_of
from course_utils.models.unet_plus_plus import node_name


def unet_from_smp(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """smp's `Unet` on a ResNet under the names of `UNet(resnet, …, upsample="nearest", head_kernel=3)`, whose `widths` are
    smp's `decoder_channels`: (256, 128, 64, 32, 16) where none were given there.

    Raises: ValueError for the weights of another network.
    """
    return _renamed(state, lambda name: _unet_name(name, lambda block: f"steps.{int(block)}"))


def unet_plus_plus_from_smp(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """smp's `UnetPlusPlus` on a ResNet under the names of `UNetPlusPlus(resnet, …, upsample="nearest", head_kernel=3)`, whose
    `widths` are smp's `decoder_channels`: (256, 128, 64, 32, 16) where none were given there.

    Raises: ValueError for the weights of another network.
    """
    blocks = [name.split(".")[2] for name in state if name.startswith("decoder.blocks.x_")]
    depth = max((int(block.split("_")[2]) for block in blocks), default=0)

    def place(block: str) -> str:
        # Theirs are "x_FIRST_LAYER", counted from the coarsest map on; the layer after the finest map has no skip.
        _, first, layer = block.split("_")
        level, column = depth - 1 - int(layer), int(layer) - int(first) + 1
        return "last" if level < 0 else f"nodes.{node_name(level, column)}"

    return _renamed(state, lambda name: _unet_name(name, place))


def deeplab_v3plus_from_smp(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """smp's `DeepLabV3Plus` on a ResNet under the names of `DeepLabV3Plus(resnet, …, before=1, after=1, norm_between=False)`,
    with `rates=(12, 24, 36)`, smp's at every output stride, where none were given there.

    The outputs are smp's where three more things agree. smp enlarges with `align_corners=True`, twice. At output stride 16 it
    dilates the first block of the last stage as well, as `multi_grid=(1, 1, 1)` does here. At 8 it does so in the last two
    stages, which ours cannot. The paper has both 3×3 convolutions after the joining, and the rates 6, 12, 18 at output stride 16.

    Raises: ValueError for the weights of another network.
    """
    return _renamed(state, _deeplab_name)


def _renamed(state: Mapping[str, Tensor], our_name: Callable[[str], str]) -> dict[str, Tensor]:
    """`our_name` gives ours for a name of theirs outside the encoder."""
    with weights_of("smp's network on a ResNet, with batch norm and without attention, as it is made by default"):
        return on_resnet(state, our_name)


def _unet_name(name: str, place: Callable[[str], str]) -> str:
    """Ours for smp's: decoder.blocks.BLOCK.conv2.1.bias → PLACE.convolutions.4.bias, segmentation_head.0.bias → head.bias.

    `place` gives our name for a block of their decoder.
    """
    if name in ("segmentation_head.0.weight", "segmentation_head.0.bias"):
        return f"head.{name.rpartition('.')[2]}"
    found = re.fullmatch(r"decoder\.blocks\.(\w+)\.conv([12])\.([01])\.(\w+)", name)
    if found is None:
        raise ValueError(f"there is a {name}")
    block, convolution, layer, kind = found.groups()
    # A convolution, its norm, a ReLU, and the same again.
    return f"{place(block)}.convolutions.{3 * (int(convolution) - 1) + int(layer)}.{kind}"


_DEEPLAB_LAYERS = {
    **{f"aspp.0.convs.0.{part}": f"aspp.branches.0.{part}" for part in (0, 1)},
    **{f"aspp.0.convs.{rate}.0.{part}": f"aspp.branches.{rate}.{part}" for rate in (1, 2, 3) for part in (0, 1)},
    **{f"aspp.0.convs.{rate}.1": f"aspp.branches.{rate}.2" for rate in (1, 2, 3)},
    **{f"aspp.0.convs.4.{part + 1}": f"aspp.image.{part}" for part in (0, 1)},
    **{f"aspp.0.project.{part}": f"aspp.project.0.{part}" for part in (0, 1)},
    **{f"aspp.1.{part}": f"before.0.0.{part}" for part in (0, 1)},
    "aspp.2": "before.0.0.2",
    **{f"block1.{part}": f"low.0.{part}" for part in (0, 1)},
    **{f"block2.0.{part}": f"after.0.0.{part}" for part in (0, 1)},
    "block2.1": "after.0.0.2",
}
"""Layers of smp's decoder, and the same here."""


def _deeplab_name(name: str) -> str:
    layer, _, kind = name.rpartition(".")
    ours = "head" if layer == "segmentation_head.0" else _DEEPLAB_LAYERS[layer.removeprefix("decoder.")]
    return f"{ours}.{kind}"
