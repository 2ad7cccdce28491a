"""Trying a backbone that a student has written, before anything is trained: whether it can be compared with others at all."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from course_utils.exercises.code import NotAttempted
from course_utils.exercises.neutral import calling_itself, neutral_state
from course_utils.exercises.shortcuts import library_call
from course_utils.exercises.telling import where_raised
from course_utils.models.backbones.contract import check_backbone
from course_utils.recipes.encoders import on_scenes

Make = Callable[[], nn.Module]

DATA = ("scenes_in_memory", "Scenes", "Cells", "InMemory", "datasets", "labels", "instances")
TRAINING = ("backward", "train_quickly", "network_on_scenes")
NOT_FOR_A_BACKBONE = {
    "a backbone sees the images that it is given, and no data set": DATA,
    "its training is the course's, the same for all rows of the table": TRAINING,
}


def built(make: Make, seed: int) -> nn.Module:
    """A student's backbone under a seed, whatever state the notebook is in, which stays as it is."""
    with neutral_state(), calling_itself(make):
        torch.manual_seed(seed)
        return make()


def problem_of(make: Make) -> str | None:
    """What keeps a backbone from being trained and compared, as a sentence; None if nothing does.

    Raises: NotAttempted if it is still the stub.
    """
    problem = _problem_of_form(make)
    if problem:
        return problem
    with steps_counted() as steps:
        try:
            backbone = built(make, 0)
        except NotAttempted:
            raise
        except Exception as error:  # whatever a student's code raises
            code = make.__init__ if inspect.isclass(make) else make
            return f"when it is made, it raises {type(error).__name__}: {error}{where_raised(error, code)}"
        with neutral_state(), calling_itself(make):
            problem = (
                _problem_of_place(backbone)
                or _problem_of_contract(backbone)
                or _problem_of_calls(backbone)
                or _problem_with_the_decoder(backbone)
            )
    if problem:
        return problem
    if steps:
        return (
            "it trains itself: an optimiser has made a step before the training began. Every row of the table is trained by "
            "the same recipe, and only by that."
        )
    if _held_outside(backbone, built(make, 0)):
        return (
            "two of them share their weights, so that each goes on where the other has stopped: make the layers in `__init__`, "
            "and nothing outside of the class."
        )
    return None


def _problem_of_form(make: Make) -> str | None:
    if not callable(make) or isinstance(make, nn.Module):
        return (
            f"a class derived from `nn.Module` is asked for, but this is an object of the type {type(make).__name__}."
        )
    wanted = [
        name
        for name, parameter in inspect.signature(make).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if wanted:
        names = ", ".join(f"`{name}`" for name in wanted)
        return f"it is made without arguments, `MyBackbone()`, but asks for {names}: give them default values."
    for reason, names in NOT_FOR_A_BACKBONE.items():
        named = library_call(make, names)
        if named:
            return f"your code names `{named}`. That would be no fair comparison: {reason}."
    return None


def _problem_of_place(backbone: nn.Module) -> str | None:
    """Its weights and maps are where the course puts them, in the type of the decoder's weights."""
    if not isinstance(backbone, nn.Module):
        return f"a backbone is an `nn.Module`, but `MyBackbone()` gives a {type(backbone).__name__}."
    images = torch.rand(2, 3, 96, 128)
    try:
        with torch.no_grad():
            maps = backbone.eval()(images)
    except NotAttempted:
        raise
    except Exception:  # said by `check_backbone`, which comes next, or by what comes after it
        maps = []
    held = [*backbone.parameters(), *backbone.buffers()]
    for what, values in (("a map", maps if isinstance(maps, list) else []), ("a parameter or buffer", held)):
        for value in values:
            if not isinstance(value, Tensor) or not value.is_floating_point():
                continue
            if value.device != images.device:
                return f"{what} is on the device {value.device}: leave that to the course, and make tensors `x.new_zeros(...)`."
            if value.dtype != images.dtype:
                return f"{what} is of the type {value.dtype}, but images, and the weights of the decoder, are {images.dtype}."
    return None


def _held_outside(one: nn.Module, other: nn.Module) -> bool:
    """Whether two backbones, made one after the other, have weights in common."""
    places = {value.data_ptr() for value in one.parameters() if value.numel()}
    return any(value.data_ptr() in places for value in other.parameters() if value.numel())


def _problem_of_contract(backbone: nn.Module) -> str | None:
    try:
        check_backbone(backbone)
    except ValueError as error:
        return str(error)
    except Exception as error:  # of a copy that cannot be made, for one
        return f"it could not be tried: {type(error).__name__}: {error}"
    return None


def _problem_of_calls(backbone: nn.Module) -> str | None:
    """In evaluation mode what it gives for images depends on these images alone."""
    images, others = torch.rand(2, 2, 3, 64, 64)
    with torch.no_grad():
        backbone.eval()
        before, _, after = backbone(images), backbone(others), backbone(images)
        alone = backbone(images[:1])
    if not all(torch.equal(one, other) for one, other in zip(before, after, strict=True)):
        return (
            "the same images give other maps at the second call, although it is in evaluation mode: it keeps something from one "
            "call to the next, or draws random numbers. Keep nothing in `self` in `forward`, and use `F.dropout(x, p, "
            "self.training)`."
        )
    if not all(torch.allclose(one[:1], other, rtol=1e-3, atol=1e-3) for one, other in zip(before, alone, strict=True)):
        return "the maps of an image depend on the other images of its batch, although it is in evaluation mode."
    return None


def _problem_with_the_decoder(backbone: nn.Module) -> str | None:
    try:
        network = on_scenes(backbone)
        logits = network.train()(torch.rand(2, 3, 96, 128))
        logits.square().mean().backward()
    except Exception as error:  # whatever it is, the student reads it
        return f"the decoder cannot be put on it: {error}"
    return None


def weights_are_fixed(make: Make) -> bool | None:
    """Whether most of its weights are the same under two seeds, as pretrained ones are; None if it has none to tell by.

    Constants (a norm's ones and zeros) do not count, and random weights are never the same twice.
    """
    pairs = zip(*(chain(b.parameters(), b.buffers()) for b in (built(make, 1), built(make, 2))), strict=False)
    varied = [(one, other) for one, other in pairs if one.is_floating_point() and one.numel() > 1 and _varies(one)]
    total = sum(one.numel() for one, _ in varied)
    same = sum(one.numel() for one, other in varied if torch.equal(one, other))
    return None if total == 0 else 2 * same > total


def _varies(values: Tensor) -> bool:
    return bool((values != values.flatten()[0]).any())


def fingerprint(make: Make) -> str:
    """What tells one backbone from another: its maps of one image under one seed, in both modes, and what of it learns."""
    backbone = built(make, 0)
    digest = sha256()
    with neutral_state(), torch.no_grad():
        images = torch.rand(2, 3, 64, 64)
        for training in (False, True):
            for map_ in backbone.train(training)(images):
                digest.update(map_.contiguous().numpy().tobytes())
    learns = [value.requires_grad for value in backbone.parameters()]
    momenta = [getattr(layer, "momentum", None) for layer in backbone.modules()]
    digest.update(repr((learns, momenta)).encode())
    return digest.hexdigest()


@contextmanager
def steps_counted() -> Iterator[list[None]]:
    """A list that grows by one with each step of whatever optimiser."""
    steps: list[None] = []
    handle = register_optimizer_step_pre_hook(lambda *_: steps.append(None))
    try:
        yield steps
    finally:
        handle.remove()
