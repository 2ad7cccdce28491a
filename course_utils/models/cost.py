"""What a network costs, and its shape ledger, for any model and size of image; mostly without computing a single value."""

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.weak import WeakIdKeyDictionary

from course_utils.models.ledger import Ledger, write_ledger
from course_utils.models.memory import saved_for_backward
from course_utils.models.trial import Size, try_out

if TYPE_CHECKING:
    import pandas


class Cost(NamedTuple):
    """What a network costs for one image or one batch, memory in bytes; see `cost`."""

    parameters: int
    trained: int
    multiply_adds: int
    outputs: int
    kept: int
    peak: int

    def table(self, name: str = "network") -> "pandas.DataFrame":
        """One row, as text; `pandas.concat` puts those of several networks below each other."""
        import pandas

        texts = {"parameters": f"{self.parameters:,}", "trained": f"{self.trained:,}"}
        texts["multiply-adds"] = f"{self.multiply_adds / 1e9:,.2f} G"
        for what, size in (("all outputs", self.outputs), ("kept for training", self.kept), ("peak", self.peak)):
            texts[what] = f"{size / 2**20:,.1f} MiB"
        return pandas.DataFrame(texts, index=[name])


def cost(model: nn.Module, size: Size) -> Cost:
    """Parameters, multiply-adds and memory of a network for one image, or for a batch.

    `size` is the image's (H, W), one number if it is square, (C, H, W) or (B, C, H, W). Channels that are not given are those
    that the model's first convolution takes, in the order in which the model lists its layers, or 3 if it has none.

    - `parameters`, and how many of them are `trained` (`requires_grad`).
    - `multiply_adds` of convolutions and matrix products: half of what `torch.utils.flop_counter` counts. A transposed
      convolution has as many as the convolution that it reverses: one for each value of its input, tap and output channel.
    - `outputs`: bytes of what all layers give out. A layer that works in place or passes its input on adds nothing.
    - `kept`: bytes that PyTorch keeps for the backward pass, without the parameters; see `memory.saved_for_backward`.
    - `peak`: the most bytes of maps that exist at once in a pass without gradients, the image among them.

    A copy of the model runs on the device "meta", where a large image costs nothing. If it does not run there, for one
    because it holds tensors that are neither parameters nor buffers, the model itself runs where it is, on an image of zeros.
    It is in evaluation mode for that time, and left as it was. In training mode, masks of dropout are kept as well.

    Raises: ValueError if `model` is not a module or `size` is no size.
    """
    multiply_adds, kept, peak = try_out(model, size, _work_and_memory)
    return Cost(
        parameters=sum(value.numel() for value in model.parameters()),
        trained=sum(value.numel() for value in model.parameters() if value.requires_grad),
        multiply_adds=multiply_adds,
        outputs=sum(layer.bytes for layer in ledger(model, size).layers),
        kept=kept,
        peak=peak,
    )


def ledger(model: nn.Module, size: Size) -> Ledger:
    """The shape ledger: what each layer of a network gives out, in the order of the calls.

    A layer is a module that has no modules in it, or parameters of its own. If it is called twice it has two lines, and its
    parameters stand in the first. If it returns several tensors, each has a line: `name[0]`, `name[1]`, ….

    - `shape`: of the output, without the batch; (C, H, W) for maps.
    - `stride`: rows of the image for each row of the map. A map that is resized to the size of an earlier one has the stride
      of that one, also if an odd size does not divide.
    - `receptive_field`: rows of the image that a row of the map sees; if its rows differ, of the one that sees most. Maps that
      are added or put beside each other see together what either sees. The image is taken to go on beyond its borders.
      Pooling of the whole map, or adaptive pooling to some bins, sees all of it. Statistics of norms do not count.
    - `parameters` of the layer, and `bytes` of its output, 0 if it works in place or passes its input on.
    - `reads`: the places in the ledger of the layers whose outputs it reads, directly or through what happens between layers
      (sums, concatenation, interpolation); -1 stands for the image.

    Stride and receptive field follow every tensor through PyTorch's operations. They are None if a tensor has no rows of
    its own (no stride), and after an operation without a rule in `dataflow`, attention over tokens for one.

    `Ledger.outputs` describes in the same way what the network returns. `size`, and how the model is run: as in `cost`.

    Source of the recursion that this generalises: Araujo, Norris and Sim 2019, Computing receptive fields of convolutional
    neural networks, Distill; see `seen_rows.SeenRows` for the way up.

    Raises: ValueError as `cost`.
    """
    return try_out(model, size, write_ledger)


def _work_and_memory(network: nn.Module, image: Tensor) -> tuple[int, int, int]:
    """Multiply-adds, bytes kept for the backward pass, and the peak of a pass without gradients."""
    held = [*network.parameters(), *network.buffers()]
    with torch.no_grad(), FlopCounterMode(display=False) as work, _Peak(image, held) as memory:
        network(image)
    kept = saved_for_backward(lambda: network(image), leave_out=held)
    return work.get_total_flops() // 2, sum(kept.values()), memory.bytes


class _Peak(TorchDispatchMode):
    """Within it, the most bytes of storages that exist at once, without those of the tensors in `leave_out`."""

    def __init__(self, image: Tensor, leave_out: list[Tensor]) -> None:
        super().__init__()
        self.bytes = image.untyped_storage().nbytes()
        self._left_out = WeakIdKeyDictionary({tensor.untyped_storage(): None for tensor in leave_out})
        self._alive = WeakIdKeyDictionary({image.untyped_storage(): self.bytes})

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for part in tree_leaves(result):
            if isinstance(part, Tensor) and part.untyped_storage() not in self._left_out:
                self._alive[part.untyped_storage()] = part.untyped_storage().nbytes()
        self.bytes = max(self.bytes, sum(self._alive.values()))
        return result
