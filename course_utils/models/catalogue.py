"""The course's networks by name."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.nn.functional import pad

from course_utils.ops.checks import whole_number

# What makes the VGG-16 of DeconvNet and SegNet a network that two cores can train.
SMALL = {"widths": (16, 32, 48, 64, 96), "depths": (1, 1, 2, 2, 2)}


def _small_fcn(num_classes: int, *, stride: int) -> nn.Module:
    from course_utils.models.backbones.small import small_resnet
    from course_utils.models.fcn import FCN

    return FCN(small_resnet(), num_classes, stride=stride)


def _fcn_vgg16(num_classes: int, *, stride: int) -> nn.Module:
    from course_utils.models.fcn import fcn_vgg16

    return fcn_vgg16(num_classes, stride=stride)


def _fcn_resnet50(num_classes: int) -> nn.Module:
    from course_utils.models.fcn import fcn_resnet50

    return fcn_resnet50(num_classes)


def _deconvnet(num_classes: int) -> nn.Module:
    from course_utils.models.deconvnet import DeconvNet

    return DeconvNet(num_classes)


def _deconvnet_small(num_classes: int) -> nn.Module:
    from course_utils.models.deconvnet import DeconvNet

    return DeconvNet(num_classes, **SMALL, hidden=128, hidden_kernel=3)


def _segnet(num_classes: int) -> nn.Module:
    from course_utils.models.segnet import SegNet

    return SegNet(num_classes)


def _segnet_small(num_classes: int) -> nn.Module:
    from course_utils.models.segnet import SegNet

    return SegNet(num_classes, **SMALL)


# A name, and what builds the network for a number of classes. No weights are fetched. An architecture's module is imported
# when it is asked for.
MODELS: dict[str, Callable[[int], nn.Module]] = {
    "fcn32s": partial(_small_fcn, stride=32),
    "fcn16s": partial(_small_fcn, stride=16),
    "fcn8s": partial(_small_fcn, stride=8),
    "fcn4s": partial(_small_fcn, stride=4),
    "fcn_vgg16_32s": partial(_fcn_vgg16, stride=32),
    "fcn_vgg16_16s": partial(_fcn_vgg16, stride=16),
    "fcn_vgg16_8s": partial(_fcn_vgg16, stride=8),
    "fcn_resnet50": _fcn_resnet50,
    "deconvnet_small": _deconvnet_small,
    "deconvnet": _deconvnet,
    "segnet_small": _segnet_small,
    "segnet": _segnet,
}


def build(name: str, num_classes: int) -> nn.Module:
    """A network with random weights: one of `MODELS`, or "smp:ARCHITECTURE:ENCODER" of segmentation_models_pytorch.

    All take images (B, 3, H, W) in [0, 1] to logits (B, num_classes, H, W).

    Raises: ValueError for a name that is neither, and a number of classes below 1.
    """
    num_classes = whole_number(num_classes, "num_classes", minimum=1)
    if isinstance(name, str) and name.startswith("smp:"):
        return _smp(name, num_classes)
    if not isinstance(name, str) or name not in MODELS:
        raise ValueError(
            f"There is no model {name!r}; choose one of {', '.join(MODELS)}, or smp:ARCHITECTURE:ENCODER, for example "
            "smp:unet:resnet18."
        )
    return MODELS[name](num_classes)


def _smp(name: str, num_classes: int) -> nn.Module:
    import segmentation_models_pytorch

    try:
        _, architecture, encoder = name.split(":")
        network = segmentation_models_pytorch.create_model(
            architecture, encoder_name=encoder, encoder_weights=None, classes=num_classes
        )
    except (ValueError, KeyError, RuntimeError) as error:
        raise ValueError(
            f"segmentation_models_pytorch cannot make {name!r} ({error}); write smp:ARCHITECTURE:ENCODER, for example "
            "smp:unet:resnet18."
        ) from error
    return AnySize(network, multiple=32)


class AnySize(nn.Module):
    """A network for images whose sides are multiples of a number, on images of every size.

    The edge is repeated at the bottom and on the right, and cut off the logits again.
    """

    def __init__(self, network: nn.Module, *, multiple: int) -> None:
        super().__init__()
        self.network, self.multiple = network, whole_number(multiple, "multiple", minimum=1)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        padded = pad(images, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        return self.network(padded)[:, :, :height, :width]
