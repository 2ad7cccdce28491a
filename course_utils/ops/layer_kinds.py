"""What a layer is and needs, for those who go through a network layer by layer."""

import math

from torch import nn

ACTIVATIONS = (
    *(nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.Hardshrink, nn.Softshrink),
    *(nn.Tanhshrink, nn.Softplus, nn.Softsign, nn.Threshold, nn.Softmax2d),
)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def is_plain_sequential(layer: object) -> bool:
    """Whether a module calls its children in their order and does nothing else."""
    return isinstance(layer, nn.Sequential) and type(layer).forward is nn.Sequential.forward


def is_pointwise(layer: object) -> bool:
    """Whether a layer treats every place alone, in training too."""
    return isinstance(layer, ACTIVATIONS) or (isinstance(layer, (nn.Softmax, nn.LogSoftmax)) and layer.dim == 1)


def margins(convolution: nn.Conv2d) -> tuple[int, int]:
    """Rows of padding above and columns on the left; a convolution may say "same" or "valid" instead of a number."""
    if convolution.padding == "valid":
        return 0, 0
    if convolution.padding == "same":
        (rows, columns), dilation = convolution.kernel_size, convolution.dilation
        return dilation[0] * (rows - 1) // 2, dilation[1] * (columns - 1) // 2
    return convolution.padding


def map_side(linear: nn.Linear, channels: int | None, name: str) -> int:
    """Side of the square map with so many channels that a linear layer takes flattened.

    Raises: ValueError where there is none, or the channels are not known (None).
    """
    side = math.isqrt(linear.in_features // channels) if channels else 0
    if side == 0 or channels * side**2 != linear.in_features:
        raise ValueError(
            f"A linear layer is a convolution as large as the map before it, but the {linear.in_features} inputs of {name} "
            f"are no square map of {channels or 'an unknown number of'} channels; write it as nn.Conv2d(channels, "
            f"{linear.out_features}, kernel_size=(rows, columns)), or pass `window` to to_dense."
        )
    return side


def refuse_training_mode(network: object) -> None:
    """Raise a ValueError if batch norm or dropout makes an output depend on more than the pixels it sees."""
    for name, layer in network.named_modules() if isinstance(network, nn.Module) else ():
        where = f"layer {name} ({type(layer).__name__})" if name else f"this {type(layer).__name__}"
        if isinstance(layer, BATCH_NORMS) and layer.running_mean is None:
            raise ValueError(
                f"Each output must depend on its own pixels alone, but {where} keeps no statistics and takes those of the "
                "batch; make it with track_running_stats=True."
            )
        if layer.training and (isinstance(layer, BATCH_NORMS) or (isinstance(layer, DROPOUTS) and layer.p > 0)):
            raise ValueError(
                f"Each output must depend on its own pixels alone, but {where} is in training mode, where it depends on "
                "the batch or on chance; call `.eval()` on the network first."
            )
