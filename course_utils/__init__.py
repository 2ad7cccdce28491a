"""Reference implementations, data sets, figures and exercises of the course on image segmentation.

The legend of all shapes in this package:

- B, C, H, W: batch, channels, height, width; K: number of classes, background included; N: number of objects.
- images (B, C, H, W) float in [0, 1]; logits (B, K, H, W) at the input's size; labels (B, H, W) int64 with void = 255;
- instances (B, H, W) int64, 0 = no instance; boxes (N, 4) as (x1, y1, x2, y2) in continuous pixel coordinates, in which
  pixel i covers [i, i + 1); instance masks (N, H, W) bool.

This module holds what the first cell of a lesson needs, and imports nothing heavy.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__version__ = "0.1.0"


def start(*, lesson: int) -> None:
    """Begin a lesson: seed, threads, figure style, and a line with its title, minutes and exercises.

    Threads: `OMP_NUM_THREADS` where it is set, otherwise the cores of this machine, at most 4.

    Raises: ValueError for a lesson that does not exist.
    """
    import torch

    from course_utils.exercises import tasks
    from course_utils.lessons import LESSONS
    from course_utils.messages import show_message
    from course_utils.plots import apply_style

    if lesson not in LESSONS:
        raise ValueError(f"There is no lesson {lesson}; the lessons are {', '.join(map(str, LESSONS))}.")
    torch.manual_seed(0)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or min(os.cpu_count() or 1, 4)))
    apply_style()
    _, title, minutes = LESSONS[lesson]
    lines = [f"Lesson {lesson:02d} · {title} · about {minutes} minutes"]
    lines += [f"{'●' * t.difficulty}{'○' * (3 - t.difficulty)} {t.name} ({t.minutes} min)" for t in tasks(lesson)]
    show_message("\n".join(lines))


def claim(sentence: str, holds: bool, *, found: object = None) -> None:
    """State something that the lesson teaches, and check it: prints the sentence if it holds.

    If it does not hold, says what was `found` instead: in a warning box, so that a student who changed a model is not
    stopped; under `COURSE_STRICT=1`, where the course itself is tested, by an error.

    Raises: AssertionError under `COURSE_STRICT=1` where the claim does not hold; ValueError where `holds` is not one
    truth value.
    """
    try:
        truth = bool(holds)
    except (ValueError, RuntimeError, TypeError) as error:
        raise ValueError(
            "claim needs one truth value, but got something that has none, of the type "
            f"{type(holds).__name__}; reduce it with `.all()` or `.any()`."
        ) from error
    if truth:
        print(f"✓ {sentence}")
        return
    from course_utils.messages import show_message

    text = f"✗ This did not hold here: {sentence}" + ("" if found is None else f"\n  Found: {found}")
    if os.environ.get("COURSE_STRICT") == "1":
        raise AssertionError(text)
    show_message(text, tone="warning")


def device() -> "torch.device":
    """The device that lessons compute on: `COURSE_DEVICE` where it is set, else the GPU (CUDA), else the CPU.

    Raises: ValueError where `COURSE_DEVICE` names no device that can be used here.
    """
    import torch

    wanted = os.environ.get("COURSE_DEVICE")
    if not wanted:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(wanted)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"COURSE_DEVICE is {wanted!r}, which cannot be used here ({error}). "
            "Set it to 'cpu', 'cuda' or 'mps', or unset it."
        ) from error
    return chosen
