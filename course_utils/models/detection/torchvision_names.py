"""The weights of torchvision's detectors under the names that they have here."""

import re
from collections.abc import Mapping

from torch import Tensor

from course_utils.models.backbones.resnet import weights_of
from course_utils.models.fpn import fpn_from_torchvision

# Theirs, without the last part (weight, bias, …), and ours. Weights from files have names of an older form in two places.
_COMMON = {
    r"rpn\.head\.conv": "rpn.shared.0",
    r"rpn\.head\.cls_logits": "rpn.objectness",
    r"rpn\.head\.bbox_pred": "rpn.offsets",
}
_TWO_LINEAR = {
    r"roi_heads\.box_head\.fc6": "roi_heads.box.1",
    r"roi_heads\.box_head\.fc7": "roi_heads.box.3",
    r"roi_heads\.box_predictor\.cls_score": "roi_heads.box.5.classes",
    r"roi_heads\.box_predictor\.bbox_pred": "roi_heads.box.5.offsets",
}
_CONVOLUTIONS = {
    r"roi_heads\.box_head\.(\d(?:\.[01])?)": "roi_heads.box.{}",
    r"roi_heads\.box_predictor\.cls_score": "roi_heads.box.7.classes",
    r"roi_heads\.box_predictor\.bbox_pred": "roi_heads.box.7.offsets",
}
_MASK = {
    r"roi_heads\.mask_head\.(\d\.[01])": "roi_heads.mask.{}",
    r"roi_heads\.mask_predictor\.conv5_mask": "roi_heads.mask.4",
    r"roi_heads\.mask_predictor\.mask_fcn_logits": "roi_heads.mask.6",
}
_KEYPOINTS = {
    r"roi_heads\.keypoint_head\.(\d+)": "roi_heads.keypoints.{}",
    r"roi_heads\.keypoint_predictor\.kps_score_lowres": "roi_heads.keypoints.16",
}


def maskrcnn_resnet50_fpn_from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The `state_dict` of torchvision's `maskrcnn_resnet50_fpn`, or a file of its weights, under the names that it has here.

    Weights with frozen norms, as those of a file, are for `maskrcnn_resnet50_fpn(frozen_eps=0.0)`.

    Raises: ValueError for the weights of another network.
    """
    return _renamed(state, "maskrcnn_resnet50_fpn", _COMMON | _TWO_LINEAR | _MASK)


def maskrcnn_resnet50_fpn_v2_from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same of torchvision's `maskrcnn_resnet50_fpn_v2`."""
    return _renamed(state, "maskrcnn_resnet50_fpn_v2", _COMMON | _CONVOLUTIONS | _MASK)


def fasterrcnn_resnet50_fpn_from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same of torchvision's `fasterrcnn_resnet50_fpn`."""
    return _renamed(state, "fasterrcnn_resnet50_fpn", _COMMON | _TWO_LINEAR)


def keypointrcnn_resnet50_fpn_from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same of torchvision's `keypointrcnn_resnet50_fpn`."""
    return _renamed(state, "keypointrcnn_resnet50_fpn", _COMMON | _TWO_LINEAR | _KEYPOINTS)


def _renamed(state: Mapping[str, Tensor], network: str, names: Mapping[str, str]) -> dict[str, Tensor]:
    with weights_of(f"torchvision's {network}"):
        pyramid = {name.removeprefix("backbone."): state[name] for name in state if name.startswith("backbone.")}
        renamed = {f"backbone.{name}": value for name, value in fpn_from_torchvision(pyramid).items()}
        heads = {_our_name(name, names): state[name] for name in state if not name.startswith("backbone.")}
    return renamed | heads


def _our_name(name: str, names: Mapping[str, str]) -> str:
    """rpn.head.conv.1.0.bias → rpn.shared.2.bias; roi_heads.mask_head.mask_fcn4.bias → roi_heads.mask.3.0.bias."""
    layer, _, kind = name.rpartition(".")
    if older := re.fullmatch(r"roi_heads\.mask_head\.mask_fcn(\d)", layer):
        layer = f"roi_heads.mask_head.{int(older[1]) - 1}.0"
    if convolution := re.fullmatch(r"rpn\.head\.conv\.(\d)\.0", layer):
        return f"rpn.shared.{2 * int(convolution[1])}.{kind}"
    for theirs, ours in names.items():
        if found := re.fullmatch(theirs, layer):
            return f"{ours.format(*found.groups())}.{kind}"
    raise ValueError(f"there is a {name}")
