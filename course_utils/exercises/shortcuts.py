"""A right answer that leaves out what the exercise is for: it calls the library, or goes through the pixels one by one."""

import inspect
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from course_utils.exercises.parts import size_of

Version = Callable[..., Any]


def library_call(candidate: Version, library: Collection[str]) -> str | None:
    """Which of these functions, named without their modules, a candidate calls or is, or which of these keywords it calls one
    with; None where it is none of them."""
    names = {name for code in _codes(candidate) for name in (*code.co_names, *_keywords(code))}
    if inspect.isclass(candidate):
        names.discard(candidate.__name__)  # as in `super(ASPP, self)`
    if _is_of_a_library(candidate):
        names.add(getattr(candidate, "__name__", ""))
    return next((name for name in library if name in names), None)


def library_part(parts: Sequence[object], library: Collection[str]) -> str | None:
    """Which of these classes of a library one of a module's parts is, or is derived from; None where it is none of them."""
    classes = [kind for part in parts for kind in type(part).__mro__]
    return next((kind.__name__ for kind in classes if kind.__name__ in library and _is_of_a_library(kind)), None)


def _is_of_a_library(candidate: Version) -> bool:
    """Whether it is a library's function itself, as in `exercise.NAME(F.interpolate)`, whatever the student's is called."""
    module = getattr(candidate, "__module__", None) or "builtins"
    libraries = (
        *("builtins", "torch", "torchvision", "numpy", "scipy", "sklearn"),
        *("segmentation_models_pytorch", "course_utils"),
    )
    return module.split(".")[0] in libraries and not module.startswith("course_utils.exercises")


def goes_pixel_by_pixel(candidate: Version, arguments: Sequence[Any]) -> bool:
    """Whether a function runs as many lines of its own as its largest argument has elements."""
    pixels = max(size_of([argument]) for argument in arguments)
    with _lines_counted(candidate) as lines:
        candidate(*arguments)
    return len(lines) >= pixels


@contextmanager
def _lines_counted(candidate: Version) -> Iterator[list[int]]:
    """The lines that are run in the candidate's own code, comprehensions and inner functions included."""
    codes, lines, before = set(_codes(candidate)), [], sys.gettrace()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code not in codes:
            return None
        if event == "line":
            lines.append(frame.f_lineno)
        return trace

    sys.settrace(trace)
    try:
        yield lines
    finally:
        sys.settrace(before)


def _keywords(code: CodeType) -> Iterator[str]:
    """The names of the arguments that a code gives by name: Python keeps them in tuples, as constants."""
    for constant in code.co_consts:
        if isinstance(constant, tuple):
            yield from (name for name in constant if isinstance(name, str))


def _codes(candidate: Version) -> Iterator[CodeType]:
    """The code of a function, or of a class's methods, and of all that is defined within."""
    functions = [candidate]
    if inspect.isclass(candidate):
        functions = [value for value in vars(candidate).values() if inspect.isfunction(value)]
    waiting = [function.__code__ for function in functions if inspect.isfunction(function)]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
