"""What is known of a tensor's values: found once, and forgotten when the tensor is changed in place.

Whoever looks at a value of a tensor on a GPU has to wait until the GPU has done all that it was asked to do. So what has to
be known of labels or weights is found once, while they are still on the host, and remembered for the tensor that moves.
"""

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

_known: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def on_host(tensor: Tensor) -> bool:
    """Whether a value of the tensor can be looked at without waiting for a GPU."""
    return tensor.device.type == "cpu"


def remember(tensor: Tensor, what: str, value: object) -> None:
    """Keep a value for as long as the tensor lives and is not changed."""
    if not tensor.is_inference():  # of these PyTorch does not count the changes
        _known.setdefault(tensor, {})[what] = (tensor._version, value)


def recall(tensor: Tensor, what: str) -> object | None:
    """What was remembered of this very tensor; None where nothing was, or where it has been changed since."""
    if tensor.is_inference() or torch.compiler.is_compiling():
        return None
    version, value = _known.get(tensor, {}).get(what, (None, None))
    return value if version == tensor._version else None
