"""What a layer is and needs, for those who go through a network layer by layer."""

import math
from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm

from course_utils.ops.checks import int_pair

ACTIVATIONS = (
    *(nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.Hardshrink, nn.Softshrink),
    *(nn.Tanhshrink, nn.Softplus, nn.Softsign, nn.Threshold, nn.Softmax2d),
)
# What PyTorch's layers of a kind have in common, whatever the number of their axes.
Dropout, BatchNorm, InstanceNorm = _DropoutNd, _BatchNorm, _InstanceNorm
OVER_MAPS = (nn.GroupNorm, nn.LayerNorm, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
PADDINGS = (nn.ZeroPad2d, nn.ConstantPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d)


def own_computation(layer: nn.Module) -> str | None:
    """What makes a layer compute something else than its type in PyTorch does; None if nothing does."""
    known = next(kind for kind in type(layer).__mro__ if kind.__module__.startswith("torch.nn.modules"))
    if type(layer).forward is not known.forward or "forward" in vars(layer):
        return "a forward of its own"
    hooks = [*layer._forward_hooks.values(), *layer._forward_pre_hooks.values()]
    # Those of torch.nn.utils (pruning, weight norm) compute the layer's weight and leave its inputs and outputs alone.
    if not all(str(hook.__module__).startswith("torch.nn.utils.") for hook in hooks):
        return "forward hooks"
    return None


def is_plain_sequential(layer: object) -> bool:
    """Whether a module calls its children in their order and does nothing else."""
    return isinstance(layer, nn.Sequential) and own_computation(layer) is None


def is_pointwise(layer: object) -> bool:
    """Whether a layer treats every place alone, in training too."""
    return isinstance(layer, ACTIVATIONS) or (isinstance(layer, (nn.Softmax, nn.LogSoftmax)) and layer.dim == 1)


def is_padded(layer: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) -> bool:
    """Whether a layer sees more than its input, be it by one row below as "same" with an even kernel."""
    if layer.padding == "same":
        return any(d * (k - 1) for k, d in zip(layer.kernel_size, layer.dilation, strict=True))
    return layer.padding != "valid" and any(int_pair(layer.padding, "padding", minimum=0))


def margins(convolution: nn.Conv2d) -> tuple[int, int]:
    """Rows of padding above and columns on the left; a convolution may say "same" or "valid" instead of a number."""
    if convolution.padding == "valid":
        return 0, 0
    if convolution.padding == "same":
        rows, columns = int_pair(convolution.kernel_size, "kernel_size")
        dilation = int_pair(convolution.dilation, "dilation")
        return dilation[0] * (rows - 1) // 2, dilation[1] * (columns - 1) // 2
    return int_pair(convolution.padding, "padding", minimum=0)


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
    """Raise a ValueError if a norm or dropout makes an output depend on more than the pixels it sees."""
    for where, layer in _named_layers(network):
        if isinstance(layer, BatchNorm) and layer.running_mean is None:
            raise ValueError(
                f"Each output must depend on its own pixels alone, but {where} keeps no statistics and takes those of the "
                "batch; make it with track_running_stats=True."
            )
        draws = isinstance(layer, nn.RReLU) or (isinstance(layer, Dropout) and layer.p > 0)
        norms = isinstance(layer, BatchNorm) or (isinstance(layer, InstanceNorm) and layer.track_running_stats)
        if layer.training and (draws or norms):
            raise ValueError(
                f"Each output must depend on its own pixels alone, but {where} is in training mode, where it depends on "
                "the batch or on chance; call `.eval()` on the network first."
            )


def refuse_layers_that_see_borders(network: object) -> None:
    """Raise a ValueError if an output depends on where the image ends, so that its window alone gives another."""
    for where, layer in _named_layers(network):
        pools = isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d))
        if isinstance(layer, PADDINGS) or ((pools or isinstance(layer, nn.Conv2d)) and is_padded(layer)):
            reason = "pads the image, but not each window; remove its padding"
        elif pools and layer.ceil_mode:
            reason = "pools over less at the image's end; set ceil_mode=False"
        elif isinstance(layer, OVER_MAPS) or (isinstance(layer, InstanceNorm) and not layer.track_running_stats):
            reason = "computes over the whole map; leave it out, or use sliding_window_logits"
        else:
            continue
        raise ValueError(f"Each output must depend on the pixels of its window alone, but {where} {reason}.")


def _named_layers(network: object) -> Iterator[tuple[str, nn.Module]]:
    """Every module in a network, with the words that name it; nothing if `network` is not a module."""
    for name, layer in network.named_modules() if isinstance(network, nn.Module) else ():
        yield f"layer {name} ({type(layer).__name__})" if name else f"this {type(layer).__name__}", layer
