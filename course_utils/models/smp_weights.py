"""Weights of segmentation_models_pytorch's U-Nets under the names that they have here."""

import re
from collections.abc import Callable, Mapping

from torch import Tensor

from course_utils.models.backbones.resnet import resnet_from_torchvision
from course_utils.models.unet_plus_plus import node_name


def unet_from_smp(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """smp's `Unet` on a ResNet under the names of `UNet(resnet, …, upsample="nearest", head_kernel=3)`, whose `widths` are
    smp's `decoder_channels`: (256, 128, 64, 32, 16) where none were given there.

    Raises: ValueError for the weights of another network.
    """
    return _renamed(state, lambda block: f"steps.{int(block)}")


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

    return _renamed(state, place)


def _renamed(state: Mapping[str, Tensor], place: Callable[[str], str]) -> dict[str, Tensor]:
    """`place` gives our name for a block of their decoder."""
    encoder = {name.removeprefix("encoder."): value for name, value in state.items() if name.startswith("encoder.")}
    others = {name: value for name, value in state.items() if not name.startswith("encoder.")}
    try:
        backbone = {f"backbone.{name}": value for name, value in resnet_from_torchvision(encoder).items()}
        return backbone | {_our_name(name, place): value for name, value in others.items()}
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(
            "These are not the weights of smp's network on a ResNet, with batch norm and without attention, as it is made by "
            f"default ({error}); make such a one."
        ) from error


def _our_name(name: str, place: Callable[[str], str]) -> str:
    """Ours for smp's: decoder.blocks.BLOCK.conv2.1.bias → PLACE.convolutions.4.bias, segmentation_head.0.bias → head.bias."""
    if name in ("segmentation_head.0.weight", "segmentation_head.0.bias"):
        return f"head.{name.rpartition('.')[2]}"
    found = re.fullmatch(r"decoder\.blocks\.(\w+)\.conv([12])\.([01])\.(\w+)", name)
    if found is None:
        raise ValueError(f"there is a {name}")
    block, convolution, layer, kind = found.groups()
    # A convolution, its norm, a ReLU, and the same again.
    return f"{place(block)}.convolutions.{3 * (int(convolution) - 1) + int(layer)}.{kind}"
