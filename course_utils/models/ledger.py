"""The shape ledger of a network, line by line, written while it runs."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from course_utils.models.dataflow import DataFlow, Trace

if TYPE_CHECKING:
    import pandas


class Layer(NamedTuple):
    """A line of the ledger: what a layer gives out; see `cost.ledger`."""

    name: str
    kind: str
    shape: tuple[int, ...]
    stride: float | None
    receptive_field: int | None
    parameters: int
    bytes: int
    reads: tuple[int, ...]


class Ledger(NamedTuple):
    """The layers of a network in the order of their calls, for an image (C, H, W), and what it returns; see `cost.ledger`."""

    image: tuple[int, ...]
    layers: tuple[Layer, ...]
    outputs: tuple[Layer, ...]

    def table(self) -> "pandas.DataFrame":
        """One row a layer, by name: kind, channels, rows, columns, stride, receptive field, parameters, MiB.

        What is not known, or does not exist, is <NA>: rows of a vector, the stride of a map that was pooled as a whole.
        """
        import pandas

        whole = all(layer.stride is None or isinstance(layer.stride, int) for layer in self.layers)
        columns: dict[str, tuple[str, list[Any]]] = {
            "kind": ("str", [layer.kind for layer in self.layers]),
            "channels": ("Int64", [_at(layer.shape, 0) for layer in self.layers]),
            "rows": ("Int64", [_at(layer.shape, 1) for layer in self.layers]),
            "columns": ("Int64", [_at(layer.shape, 2) for layer in self.layers]),
            "stride": ("Int64" if whole else "Float64", [layer.stride for layer in self.layers]),
            "receptive field": ("Int64", [layer.receptive_field for layer in self.layers]),
            "parameters": ("int64", [layer.parameters for layer in self.layers]),
            "MiB": ("float64", [round(layer.bytes / 2**20, 2) for layer in self.layers]),
        }
        names = [layer.name for layer in self.layers]
        return pandas.DataFrame(
            {name: pandas.Series(values, index=names, dtype=kind) for name, (kind, values) in columns.items()}
        )


def _at(shape: tuple[int, ...], axis: int) -> int | None:
    return shape[axis] if axis < len(shape) else None


def write_ledger(network: nn.Module, image: Tensor) -> Ledger:
    """Run a network on an image (B, C, H, W) and write its ledger; see `cost.ledger`."""
    lines: list[Layer] = []
    counted: set[int] = set()
    flow = DataFlow(image)

    def describe(name: str, kind: str, tensor: Tensor, parameters: int = 0, size: int = 0) -> Layer:
        trace = flow.of(tensor) or Trace(frozenset(), known=False)
        stride = None if trace.seen is None else float(trace.seen.stride)
        return Layer(
            name=name,
            kind=kind,
            shape=tuple(tensor.shape[1:]),
            stride=int(stride) if stride is not None and stride.is_integer() else stride,
            receptive_field=trace.field,
            parameters=parameters,
            bytes=size,
            reads=tuple(sorted(trace.sources)),
        )

    def note(name: str, layer: nn.Module, args: object, kwargs: object, output: object) -> None:
        new = {id(value): value.numel() for value in layer.parameters(recurse=False) if id(value) not in counted}
        counted.update(new)
        parameters = sum(new.values())
        given = [part.untyped_storage() for part in tree_leaves((args, kwargs)) if isinstance(part, Tensor)]
        for label, tensor in _named_tensors(name, output):
            size = 0 if any(tensor.untyped_storage() is storage for storage in given) else tensor.nbytes
            lines.append(describe(label, type(layer).__name__, tensor, parameters, size))
            flow.name_source(tensor, len(lines) - 1)
            parameters = 0  # they stand in the first line

    with ExitStack() as hooks, torch.no_grad():
        for name, module in network.named_modules():
            if not list(module.children()) or list(module.parameters(recurse=False)):
                hooks.enter_context(module.register_forward_hook(partial(note, name), with_kwargs=True))
        with flow:
            output = network(image)
    outputs = tuple(describe(label, "", tensor) for label, tensor in _named_tensors("output", output))
    return Ledger(tuple(image.shape[1:]), tuple(lines), outputs)


def _named_tensors(name: str, output: object) -> Iterator[tuple[str, Tensor]]:
    """Each tensor in what a layer returns, under the layer's name, with a number if there are several."""
    tensors = [part for part in tree_leaves(output) if isinstance(part, Tensor)]
    for number, tensor in enumerate(tensors):
        yield f"{name}[{number}]" if len(tensors) > 1 else name, tensor
