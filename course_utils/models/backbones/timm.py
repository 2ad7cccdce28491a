"""Networks of the library timm as backbones."""

import warnings
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from course_utils.models.layers import Normalise

if TYPE_CHECKING:
    from timm.models import FeatureInfo


class TimmBackbone(nn.Module):
    """A network of timm behind the contract; see `timm_backbone`."""

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        info = cast("FeatureInfo", network.feature_info)  # PyTorch says of any attribute: a tensor or module
        self.channels, self.strides = tuple(info.channels()), tuple(info.reduction())
        self.channels_last = getattr(network, "output_fmt", None) == "NHWC"
        self.normalise = Normalise(mean, std)
        self.network = network

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = self.network(self.normalise(images))
        return [map_.movedim(-1, 1) for map_ in maps] if self.channels_last else list(maps)


def timm_backbone(name: str, weights: str | None = None) -> TimmBackbone:
    """A network of the library timm as a backbone, for example "convnext_atto" or "mobilenetv3_small_050".

    `weights` is None for random ones, one of timm's tags ("a1_in1k"), or "default". Where they cannot be fetched, a warning
    says so, and the weights are random. Some networks take images of one size only: `check_backbone` tells.

    Raises: ValueError for a name or tag that timm does not have, and a network without maps.
    """
    import timm
    from timm.data.config import resolve_model_data_config

    tagged = name if weights in (None, "default") else f"{name}.{weights}"
    try:
        try:
            network = timm.create_model(tagged, pretrained=weights is not None, features_only=True)
        except OSError as error:
            warnings.warn(
                f"timm could not fetch the pretrained weights of {tagged!r} ({error}). The network has random weights instead, "
                "and everything to learn.",
                stacklevel=2,
            )
            network = timm.create_model(tagged, pretrained=False, features_only=True)
    except (RuntimeError, AttributeError) as error:
        raise ValueError(
            f"timm cannot make a backbone of {tagged!r} ({error}); `timm.list_models()` lists the names, and "
            "`timm.list_pretrained()` those with tags of weights."
        ) from error
    data = resolve_model_data_config(network)
    return TimmBackbone(network, data["mean"], data["std"])
