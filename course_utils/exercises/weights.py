"""Giving a student's module the solution's weights, so that the two can be compared number by number."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain, groupby

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

State = dict[str, Tensor]


HIDDEN = (
    "A list or a dictionary hides its layers from the module, so that they are not trained. `nn.ModuleList` does "
    "not, nor do attributes of their own, `self.first = nn.Conv2d(...)`."
)


class UnlikeModule(Exception):
    """A module that cannot be given the solution's weights; nothing in it has failed, so that the text says what to change."""


def copy_weights(solution: nn.Module, built: object) -> None:
    """Give a student's module the solution's weights: by name, in order, or, where the order is another one, by shape.

    A linear layer takes the weights of a 1 × 1 convolution: they are the same numbers.

    Raises: UnlikeModule where its parameters are others.
    """
    if not isinstance(built, nn.Module):
        raise UnlikeModule(f"What you wrote is no module: `class {type(solution).__name__}(nn.Module):` makes it one.")
    if any(is_lazy(value) for value in chain(built.parameters(), built.buffers())):
        raise UnlikeModule(
            "A lazy layer has no weights until the first map has gone through it, so that it cannot be given the "
            "solution's. All sizes are known when the module is built: make the layer with them, as `nn.Conv2d` does."
        )
    wanted, given = solution.state_dict(), built.state_dict()
    paired = _paired(wanted, given)
    if paired is None:
        if not given:
            raise UnlikeModule(
                f"{_why_there_are_none(built)}\nIt has no parameters, and should have {_listed(wanted)}."
            )
        differences = f"Missing: {_listed_without(wanted, given)}. Too many: {_listed_without(given, wanted)}."
        hidden = f"{HIDDEN}\n" if _hides_layers(built) else ""
        raise UnlikeModule(f"{hidden}The module's parameters should have the shapes of the solution's. {differences}")
    built.load_state_dict({name: value.reshape(given[name].shape) for name, value in paired.items()})


def shapes_of(built: nn.Module) -> list[tuple[int, ...]]:
    """The shapes of a module's parameters and buffers, in the order in which they were made."""
    return [_shape(value) for value in built.state_dict().values()]


def orders_of(solution: nn.Module, built: nn.Module) -> Iterator[tuple[str, ...]]:
    """The orders of a module's own parts in which its shapes, one after another, are the solution's.

    Two layers of one shape can each be the solution's first, and which of them was made first is no mistake.
    """
    wanted = shapes_of(solution)
    if isinstance(built, nn.Sequential | nn.ModuleList | nn.ModuleDict):
        return  # there the order is that in which they are used
    parts = {name: shapes_of(part) for name, part in built.named_children() if shapes_of(part)}
    own = [_shape(value) for name, value in built.state_dict().items() if "." not in name]

    def going_on(order: tuple[str, ...], place: int) -> Iterator[tuple[str, ...]]:
        if len(order) == len(parts) and place == len(wanted):
            yield order
        for name, shapes in parts.items():
            if name not in order and wanted[place : place + len(shapes)] == shapes:
                yield from going_on((*order, name), place + len(shapes))

    if wanted[: len(own)] == own:
        yield from going_on((), len(own))


def in_order(built: nn.Module, order: tuple[str, ...]) -> nn.Module:
    """The same module, as if these of its parts had been made in this order."""
    for name in order:
        part = getattr(built, name)
        delattr(built, name)
        built.add_module(name, part)
    return built


def _paired(wanted: State, given: State) -> State | None:
    """The solution's values under the student's names; None where the shapes do not allow it."""
    if wanted.keys() == given.keys() and all(_shape(wanted[name]) == _shape(given[name]) for name in given):
        return wanted
    if [_shape(value) for value in wanted.values()] == [_shape(value) for value in given.values()]:
        return dict(zip(given, wanted.values(), strict=True))
    layers, students = _layers(wanted), _layers(given)
    if len(set(layers)) < len(layers) or sorted(layers) != sorted(students):
        return _paired_one_by_one(wanted, given)
    values = dict(zip(layers, _split(wanted), strict=True))
    return {
        name: value
        for shapes, part in zip(students, _split(given), strict=True)
        for name, value in zip(part, values[shapes].values(), strict=True)
    }


def _paired_one_by_one(wanted: State, given: State) -> State | None:
    """Each tensor for the next one of its shape, as where all weights are in one list and all biases in another."""
    if sorted(map(_shape, wanted.values())) != sorted(map(_shape, given.values())):
        return None
    waiting = list(wanted.values())
    paired = {}
    for name, value in given.items():
        first = next(n for n, tensor in enumerate(waiting) if _shape(tensor) == _shape(value))
        paired[name] = waiting.pop(first)
    return paired


def _split(state: State) -> list[State]:
    """The parameters of each layer."""
    return [dict(layer) for _, layer in groupby(state.items(), key=lambda item: item[0].rpartition(".")[0])]


def _layers(state: State) -> list[tuple[tuple[int, ...], ...]]:
    return [tuple(_shape(value) for value in layer.values()) for layer in _split(state)]


def _shape(value: Tensor) -> tuple[int, ...]:
    """A shape without axes of length 1 at its end, as a 1 × 1 convolution has two and a linear layer none."""
    shape = tuple(value.shape)
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _listed(state: State) -> str:
    """Shapes, with the last part of each name: what a layer is called differs from student to student."""
    return ", ".join(f"{name.rpartition('.')[2]} {tuple(value.shape)}" for name, value in state.items())


def _listed_without(state: State, other: State) -> str:
    """What a state has and the other has not, by the last part of each name and its shape, and how often."""
    more = Counter(map(_shape, state.values())) - Counter(map(_shape, other.values()))
    times = Counter(_listed({name: value}) for name, value in state.items())
    times -= Counter(_listed({name: value}) for name, value in other.items())
    found = []
    for name, value in state.items():
        text = _listed({name: value})
        count = min(times.pop(text, 0), more[_shape(value)])
        if count and not text.startswith("num_batches_tracked"):  # it goes with the running mean
            found.append(text if count == 1 else f"{text} {count} times")
    return ", ".join(found) or "nothing"


def _hides_layers(built: nn.Module) -> bool:
    kept = [value for name, value in vars(built).items() if name not in vars(nn.Module())]
    parts = chain(*(value.values() if isinstance(value, dict) else value for value in kept if _is_collection(value)))
    return any(isinstance(part, nn.Module) for part in parts)


def _why_there_are_none(built: nn.Module) -> str:
    if _hides_layers(built):
        return HIDDEN
    return (
        "Layers are made in `__init__`, and kept as attributes, `self.first = nn.Conv2d(...)`. Those that `forward` makes "
        "are new at each call: they begin at random, and nothing that they learn is kept."
    )


def _is_collection(value: object) -> bool:
    return isinstance(value, list | tuple | dict | set)
