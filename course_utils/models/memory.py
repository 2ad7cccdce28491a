"""What a decoder needs from the encoder, in bytes: computed from sizes, and measured while a network runs."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.models.backbones.vgg import VGG16_WIDTHS
from course_utils.models.layers import positive_integers
from course_utils.ops.checks import IntPair, int_pair, whole_number


class DecoderMemory(NamedTuple):
    """Bytes that wait for the decoder, for one image: the features before each pooling, or only where the maxima were."""

    features: int
    packed_indices: int
    int64_indices: int


def decoder_memory(size: IntPair, widths: Sequence[int] = VGG16_WIDTHS, *, bytes_per_value: int = 4) -> DecoderMemory:
    """What an encoder with 2 x 2 poolings hands over at every stage: features, indices of 2 bits, indices as in PyTorch.

    Source: Badrinarayanan et al. 2017, section 3 (arXiv 1511.00561): one of four places is a number of 2 bits.

    `size` is the image's (H, W); `widths` are the channels of the stages. The features are those before the pooling, which
    a decoder with skip connections needs. Raises: ValueError for sizes that are no positive integers.
    """
    height, width = int_pair(size, "size")
    bytes_per_value = whole_number(bytes_per_value, "bytes_per_value", minimum=1)
    values = pooled = 0
    for channels in positive_integers(widths, "widths"):
        values += channels * height * width
        height, width = height // 2, width // 2
        pooled += channels * height * width
    return DecoderMemory(values * bytes_per_value, -(-pooled // 4), pooled * 8)


def saved_for_backward(compute: Callable[[], object], *, leave_out: Iterable[Tensor] = ()) -> dict[torch.dtype, int]:
    """Bytes that PyTorch keeps for the backward pass of what `compute()` computes, by type; every storage counts once.

    `leave_out` are tensors that are there anyway, `network.parameters()` for one. Indices are what is int64. A tensor is
    counted even if the rest of the program holds it as well. On the device "meta", sizes are all that is computed: VGG-16 on
    a large image takes no time there.
    """
    known = {id(tensor.untyped_storage()): tensor.untyped_storage() for tensor in leave_out}
    saved: dict[int, tuple[torch.dtype, torch.UntypedStorage]] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in known:
            saved[id(storage)] = (tensor.dtype, storage)  # held, so that no other storage gets its id
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), torch.enable_grad():
        compute()
    total: dict[torch.dtype, int] = {}
    for dtype, storage in saved.values():
        total[dtype] = total.get(dtype, 0) + storage.nbytes()
    return total
