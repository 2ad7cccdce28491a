"""Follow every map through a network while it runs: which layers it was made of, and which rows of the image it sees."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from course_utils.models.seen_rows import SeenRows

IMAGE = -1
"""The source that stands for the image."""


class Trace(NamedTuple):
    """What is known of a tensor that depends on the image.

    `sources` are the numbers of the layers that it comes from directly. `seen` is what its rows see. It is None for what has
    no rows of its own: a map that was pooled or flattened as a whole, and what is made of it. `whole` is how many rows that map
    saw in all, and whatever it is joined with sees as many at least. After an operation that none of the rules below knows,
    `known` is False.
    """

    sources: frozenset[int]
    seen: SeenRows | None = None
    whole: int = 0
    known: bool = True

    @property
    def field(self) -> int | None:
        """The receptive field in rows of the image, None if it is not known."""
        return max(self.whole, self.seen.size if self.seen else 0) if self.known else None

    def pooled(self, rows: int) -> "Trace":
        """After all `rows` of the map have gone into each value."""
        return self._replace(seen=None, whole=max(self.whole, self.seen.together(rows) if self.seen else 0))

    def lost(self) -> "Trace":
        return self._replace(seen=None, known=False)


class DataFlow(TorchDispatchMode):
    """Within it, each operation of PyTorch, in a layer or between layers, hands on the traces of its inputs.

    `image` (B, C, H, W) is where they begin. Rows are the third axis of maps (B, C, h, w). What columns see is not followed.
    """

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self._traces: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._traces[image] = Trace(frozenset({IMAGE}), SeenRows())
        self._strides = {image.shape[2]: Fraction(1)}  # of the last map with so many rows

    def of(self, tensor: Tensor) -> Trace | None:
        """What is known of a tensor; None if it does not depend on the image."""
        return self._traces.get(tensor)

    def name_source(self, tensor: Tensor, source: int) -> None:
        """From now on, what is made of this tensor comes from the layer with this number."""
        if tensor in self._traces:
            self._traces[tensor] = self._traces[tensor]._replace(sources=frozenset({source}))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        inputs = [part for part in tree_leaves((args, kwargs)) if isinstance(part, Tensor) and part in self._traces]
        outputs = [part for part in tree_leaves(result) if isinstance(part, Tensor)]
        if not inputs or not outputs or func.overloadpacket.__name__ in _OF_ITS_SHAPE:
            return result
        trace = self._after(func, _arguments(func, args, kwargs or {}), inputs, outputs[0])
        for output in outputs:
            self._traces[output] = trace
        if trace.seen is not None:
            self._strides[outputs[0].shape[2]] = trace.seen.stride
        whole = outputs[0]._base if any(outputs[0] is part for part in args) else None
        if whole is not None:  # it has written into a part of another tensor
            self._traces[whole] = _union([trace, self._traces.get(whole, trace)]).lost()
        return result

    def _after(self, func: Any, given: Mapping[str, Any], inputs: Sequence[Tensor], output: Tensor) -> Trace:
        name = func.overloadpacket.__name__
        if torch.Tag.pointwise in func.tags or name in _LEAVE_ROWS:
            return _union(_repeated(self._traces[part], part, output) for part in inputs)
        trace = _union(self._traces[part] for part in inputs)
        if trace.seen is None:
            return trace
        maps, *others = (part for part in inputs if self._traces[part].seen is not None)
        if name in _REACH:
            factor = self._factor(trace.seen.stride, maps.shape[2], output.shape[2])
            return trace._replace(seen=trace.seen.interpolated(factor, _REACH[name]))
        if name not in _RULES or (others and name != "cat"):  # a kernel that is made from the image, for one
            return trace.lost()
        return _RULES[name](trace, trace.seen, given, maps, output)

    def _factor(self, stride: Fraction, before: int, after: int) -> Fraction:
        """By how much rows are enlarged: 33 of 65 pixels, resized to 65, have stride 1 again, and not 66/65.

        If there was a map with as many rows as now, theirs is the stride; otherwise the factor is whole, if rounding explains it.
        """
        candidates = [stride / self._strides[after]] if after in self._strides else []
        for factor in (*candidates, Fraction(round(after / before))):
            if factor and before in (after // factor, -(-after // factor)):
                return factor
        return Fraction(after, before)


def _arguments(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What an operation was called with, by name, defaults included."""
    named = func._schema.arguments
    given = {argument.name: argument.default_value for argument in named if argument.has_default_value()}
    return given | {argument.name: value for argument, value in zip(named, args, strict=False)} | dict(kwargs)


def _union(traces: Iterable[Trace]) -> Trace:
    """What is known of a tensor made of several, row by row."""
    union, *others = traces
    for trace in others:
        seen = union.seen or trace.seen
        known = union.known and trace.known
        if union.seen and trace.seen:
            seen = union.seen.joined(trace.seen)
            known = known and seen is not None
        union = Trace(union.sources | trace.sources, seen if known else None, max(union.whole, trace.whole), known)
    return union


def _repeated(trace: Trace, part: Tensor, output: Tensor) -> Trace:
    """The trace of a part as the rows of the output see it: a single row that is repeated for all of them is no row of theirs."""
    if trace.seen is None or output.shape[2:3] == part.shape[2:3]:
        return trace
    return trace.pooled(part.shape[2]) if output.ndim == 4 else trace.lost()


# --- What the operations do to rows, by PyTorch's names for them

# Beside those that PyTorch itself marks as pointwise. A norm's statistics do not count, although some see the whole map.
_LEAVE_ROWS = (
    *("clone", "alias", "detach", "_to_copy", "copy_", "expand", "lift_fresh", "native_dropout"),
    *("hardswish", "hardswish_", "_prelu_kernel", "log_sigmoid_forward", "rrelu_with_noise", "rrelu_with_noise_"),
    *("native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm", "_batch_norm_with_update"),
    *("_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "native_group_norm", "native_layer_norm"),
)
# What these give depends on the shape of a map, and on none of its values.
_OF_ITS_SHAPE = (
    *("new_zeros", "new_ones", "new_full", "new_empty"),
    *("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like"),
)
# Rows above and below between which a row lies: with 0 it is a copy of one row. With align_corners=True they drift a little.
_REACH = {
    **{"upsample_nearest2d": 0, "_upsample_nearest_exact2d": 0, "max_unpool2d": 0},
    **{"upsample_bilinear2d": 1, "upsample_bicubic2d": 2},
}


def _along_rows(value: int | Sequence[int]) -> int:
    return value if isinstance(value, int) else value[0]


def _convolution(trace: Trace, seen: SeenRows, given: Mapping[str, Any], maps: Tensor, output: Tensor) -> Trace:
    kernel = given["weight"].shape[2]
    stride, padding, dilation = (_along_rows(given[name]) for name in ("stride", "padding", "dilation"))
    if not given["transposed"]:
        return trace._replace(seen=seen.convolved(kernel, stride, padding, dilation))
    # Dilated, the rows of its output see further down and up again in turn, which `SeenRows` does not follow.
    return trace._replace(seen=seen.transposed(kernel, stride, padding)) if dilation == 1 else trace.lost()


def _pooling(trace: Trace, seen: SeenRows, given: Mapping[str, Any], maps: Tensor, output: Tensor) -> Trace:
    kernel, padding, dilation = (_along_rows(given.get(name, 1)) for name in ("kernel_size", "padding", "dilation"))
    return trace._replace(seen=seen.convolved(kernel, _along_rows(given["stride"] or kernel), padding, dilation))


def _adaptive_pooling(trace: Trace, seen: SeenRows, given: Mapping[str, Any], maps: Tensor, output: Tensor) -> Trace:
    # How much it pools depends on the image, so the bins have no stride; they count as if they saw the whole map.
    return trace if maps.shape[2] == output.shape[2] else trace.pooled(maps.shape[2])


def _padding(trace: Trace, seen: SeenRows, given: Mapping[str, Any], maps: Tensor, output: Tensor) -> Trace:
    columns_and_rows = given["pad"] if "pad" in given else given["padding"]  # left, right, top, bottom
    return trace._replace(seen=seen.convolved(1, padding=columns_and_rows[2] if len(columns_and_rows) > 2 else 0))


def _slice(trace: Trace, seen: SeenRows, given: Mapping[str, Any], maps: Tensor, output: Tensor) -> Trace:
    if given["dim"] not in (2, -2):
        return trace
    start, _, _ = slice(given["start"], given["end"], given["step"]).indices(maps.shape[2])
    return trace._replace(seen=seen.convolved(1, given["step"], -start))


def _beside_each_other(trace: Trace, seen: SeenRows, given: Mapping[str, Any], maps: Tensor, output: Tensor) -> Trace:
    return trace.lost() if given["dim"] in (2, -2) else trace


def _reduction(trace: Trace, seen: SeenRows, given: Mapping[str, Any], maps: Tensor, output: Tensor) -> Trace:
    dims = given.get("dim")
    dims = list(range(4)) if dims in (None, []) else [dims] if isinstance(dims, int) else dims
    if any(dim in (2, -2) for dim in dims):
        return trace.pooled(maps.shape[2])
    return trace if output.ndim == 4 else trace.lost()


def _softmax(trace: Trace, seen: SeenRows, given: Mapping[str, Any], maps: Tensor, output: Tensor) -> Trace:
    return trace.pooled(maps.shape[2])._replace(seen=seen) if given["dim"] in (2, -2) else trace


def _reshaping(trace: Trace, seen: SeenRows, given: Mapping[str, Any], maps: Tensor, output: Tensor) -> Trace:
    if output.ndim == 4 and output.shape[2:] == maps.shape[2:]:
        return trace
    flat = output.ndim == 2 and output.shape[0] == maps.shape[0]
    return trace.pooled(maps.shape[2]) if flat else trace.lost()


_RULES: dict[str, Callable[[Trace, SeenRows, Mapping[str, Any], Tensor, Tensor], Trace]] = {
    "convolution": _convolution,
    **dict.fromkeys(("max_pool2d_with_indices", "avg_pool2d"), _pooling),
    **dict.fromkeys(("_adaptive_avg_pool2d", "adaptive_max_pool2d"), _adaptive_pooling),
    **dict.fromkeys(("constant_pad_nd", "replication_pad2d", "reflection_pad2d"), _padding),
    **dict.fromkeys(("cat", "split", "split_with_sizes", "glu"), _beside_each_other),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "var", "std"), _reduction),
    **dict.fromkeys(("_softmax", "_log_softmax"), _softmax),
    **dict.fromkeys(("view", "_unsafe_view", "reshape"), _reshaping),
    "slice": _slice,
}
