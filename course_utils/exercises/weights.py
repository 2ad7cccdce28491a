"""Giving a student's module the solution's weights, so that the two can be compared number by number."""

from itertools import chain, groupby

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

State = dict[str, Tensor]


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
        shapes = f"the shapes of [{_listed(wanted)}], but are [{_listed(given)}]"
        raise UnlikeModule(f"The module's parameters should have {shapes}.")
    built.load_state_dict({name: value.reshape(given[name].shape) for name, value in paired.items()})


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


def _why_there_are_none(built: nn.Module) -> str:
    kept = [value for name, value in vars(built).items() if name not in vars(nn.Module())]
    parts = chain(*(value.values() if isinstance(value, dict) else value for value in kept if _is_collection(value)))
    if any(isinstance(part, nn.Module) for part in parts):
        return (
            "A list or a dictionary hides its layers from the module, so that they are not trained. `nn.ModuleList` does "
            "not, nor do attributes of their own, `self.first = nn.Conv2d(...)`."
        )
    return (
        "Layers are made in `__init__`, and kept as attributes, `self.first = nn.Conv2d(...)`. Those that `forward` makes "
        "are new at each call: they begin at random, and nothing that they learn is kept."
    )


def _is_collection(value: object) -> bool:
    return isinstance(value, list | tuple | dict | set)
