"""The course's networks by name."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.functional import pad

from course_utils.models.backbones.small import small_resnet
from course_utils.ops.checks import whole_number

# What makes the VGG-16 of DeconvNet and SegNet a network that two cores can train.
SMALL = {"widths": (16, 32, 48, 64, 96), "depths": (1, 1, 2, 2, 2)}


class Entry(NamedTuple):
    """What builds a network: a class or function of a module here, called with a number of classes and settings."""

    module: str
    name: str
    settings: Mapping[str, Any] = {}
    on_small_resnet: bool = False  # its first argument is a backbone, here `small_resnet(**backbone)`
    backbone: Mapping[str, Any] = {}
    counts_background: bool = True  # whether label 0 is one of the classes whose number it takes


# What makes DeepLab fit for images of 96 × 128: the rates see as much of a map of 12 × 16 as 6, 12 and 18 do of the 33 × 33 that
# output stride 16 leaves of the 513 pixels in the paper.
SMALL_DEEPLAB = {"output_stride": 8, "rates": (2, 4, 6), "channels": 64}

# No weights are fetched. An architecture's module is imported when it is asked for.
MODELS = {
    "fcn32s": Entry(".fcn", "FCN", {"stride": 32}, on_small_resnet=True),
    "fcn16s": Entry(".fcn", "FCN", {"stride": 16}, on_small_resnet=True),
    "fcn8s": Entry(".fcn", "FCN", {"stride": 8}, on_small_resnet=True),
    "fcn4s": Entry(".fcn", "FCN", {"stride": 4}, on_small_resnet=True),
    "fcn_vgg16_32s": Entry(".fcn", "fcn_vgg16", {"stride": 32}),
    "fcn_vgg16_16s": Entry(".fcn", "fcn_vgg16", {"stride": 16}),
    "fcn_vgg16_8s": Entry(".fcn", "fcn_vgg16", {"stride": 8}),
    "fcn_resnet50": Entry(".fcn", "fcn_resnet50"),
    "deeplab_v3_small": Entry(
        ".deeplab", "DeepLabV3", SMALL_DEEPLAB, on_small_resnet=True, backbone={"output_stride": 8}
    ),
    "deeplab_v3plus_small": Entry(
        *(".deeplab", "DeepLabV3Plus", {**SMALL_DEEPLAB, "low_channels": 24}),
        on_small_resnet=True,
        backbone={"output_stride": 8},
    ),
    "deeplabv3_resnet50": Entry(".deeplab", "deeplabv3_resnet50"),
    "deconvnet_small": Entry(".deconvnet", "DeconvNet", {**SMALL, "hidden": 128, "hidden_kernel": 3}),
    "deconvnet": Entry(".deconvnet", "DeconvNet"),
    "segnet_small": Entry(".segnet", "SegNet", SMALL),
    "segnet": Entry(".segnet", "SegNet"),
    "unet": Entry(".unet", "padded_unet"),
    "unet_bilinear": Entry(".unet", "padded_unet", {"upsample": "bilinear"}),
    "unet_small_resnet": Entry(".unet", "UNet", on_small_resnet=True),
    "unet_plus_plus": Entry(".unet_plus_plus", "UNetPlusPlus", on_small_resnet=True),
    "pspnet_small": Entry(".pspnet", "pspnet_small"),
    "pspnet_resnet50": Entry(".pspnet", "pspnet_resnet50"),
    "small_unet": Entry(".quick_unet", "small_unet"),
    "fpn_small": Entry(
        ".semantic_fpn", "SemanticFPN", {"channels": 64, "width": 64, "groups": 16}, on_small_resnet=True
    ),
    "linknet_small": Entry(".linknet", "Linknet", on_small_resnet=True),
    "segformer_small": Entry(".segformer", "small_segformer"),
    "hrnet_small": Entry(".hrnet", "small_hrnetv2"),
    "hrnet_w18": Entry(".hrnet", "hrnetv2_w18"),
}

# What makes YOLACT fit for small images, as its anchors of 10 to 40 pixels are, and for training from nothing.
SMALL_YOLACT = {
    **{"channels": 48, "prototypes": 16, "prototype_channels": 32, "stride": 4, "extra": "none"},
    **{"sides": (10, 20, 40), "ratios": (0.35, 0.8, 1.6), "batch_norm": True},
    **{"matching": (0.4, 0.3), "masks_per_image": 24},
}
DETECTORS = {
    "mask_rcnn": Entry(".detection.quick_mask_rcnn", "quick_mask_rcnn"),
    "maskrcnn_resnet50_fpn": Entry(".detection.mask_rcnn", "maskrcnn_resnet50_fpn"),
    "yolact": Entry(
        *(".detection.yolact", "YOLACT", SMALL_YOLACT),
        on_small_resnet=True,
        backbone={"widths": (24, 40, 64, 96)},
        counts_background=False,
    ),
}
"""Networks that find objects one by one; label 0 is background."""


def build(name: str, num_classes: int) -> nn.Module:
    """A network with random weights: of `MODELS` or `DETECTORS`, or "smp:ARCHITECTURE:ENCODER" of segmentation_models_pytorch.

    All take images (B, 3, H, W) in [0, 1]. They give logits (B, num_classes, H, W), and detectors what `MaskRCNN` gives.

    Raises: ValueError for another name, and a number of classes below 1.
    """
    num_classes = whole_number(num_classes, "num_classes", minimum=1)
    if isinstance(name, str) and name.startswith("smp:"):
        return _smp(name, num_classes)
    known = MODELS | DETECTORS
    if not isinstance(name, str) or name not in known:
        raise ValueError(
            f"There is no model {name!r}; choose one of {', '.join(known)}, or smp:ARCHITECTURE:ENCODER, for example "
            "smp:unet:resnet18."
        )
    entry = known[name]
    make = getattr(import_module(entry.module, __package__), entry.name)
    backbone = [small_resnet(**entry.backbone)] if entry.on_small_resnet else []
    return make(*backbone, num_classes if entry.counts_background else num_classes - 1, **entry.settings)


def _smp(name: str, num_classes: int) -> nn.Module:
    import segmentation_models_pytorch

    try:
        _, architecture, encoder = name.split(":")
        network = segmentation_models_pytorch.create_model(
            architecture, encoder_name=encoder, encoder_weights=None, classes=num_classes
        )
    except Exception as error:  # whatever it raises, it is about this name
        raise ValueError(
            f"segmentation_models_pytorch cannot make {name!r} ({_shortened(error)}); write smp:ARCHITECTURE:ENCODER, for "
            "example smp:unet:resnet18."
        ) from error
    return AnySize(network, multiple=32)


def _shortened(error: Exception, length: int = 300) -> str:
    """What an exception of another library says, in one line and not without end."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= length else text[:length] + " …"


class AnySize(nn.Module):
    """A network for images whose sides are multiples of a number, on images of every size.

    The edge is repeated at the bottom and on the right, and cut off the logits again.

    Raises: when it is called, ValueError for images that the network does not take.
    """

    def __init__(self, network: nn.Module, *, multiple: int) -> None:
        super().__init__()
        self.network, self.multiple = network, whole_number(multiple, "multiple", minimum=1)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        padded = pad(images, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        try:
            logits = self.network(padded)
        except (RuntimeError, ValueError, AssertionError) as error:
            if "memory" in str(error):
                raise
            raise ValueError(
                f"This {type(self.network).__name__} does not take a batch of images {tuple(images.shape)}, enlarged to "
                f"{tuple(padded.shape)} ({_shortened(error)}); give larger images, or another network."
            ) from error
        return logits[:, :, :height, :width]
