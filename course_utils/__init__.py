"""Reference implementations, data sets, figures and exercises of the course on image segmentation.

The legend of all shapes in this package:

- B, C, H, W: batch, channels, height, width; K: number of classes, background included; N: number of objects.
- images (B, C, H, W) float in [0, 1]; logits (B, K, H, W) at the input's size; labels (B, H, W) int64 with void = 255;
- instances (B, H, W) int64, 0 = no instance; boxes (N, 4) as (x1, y1, x2, y2) in continuous pixel coordinates, in which
  pixel i covers [i, i + 1); instance masks (N, H, W) bool.

This module holds what the first cell of a lesson needs, and imports nothing heavy.
"""

import os

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

    if not isinstance(lesson, int) or lesson not in LESSONS:
        raise ValueError(f"There is no lesson {lesson!r}; the lessons are {', '.join(map(str, LESSONS))}.")
    torch.manual_seed(seed(0))
    # OpenMP allows a list, "4,2", one number for each level of nesting; anything else than numbers is not for us.
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    cores = min(os.cpu_count() or 1, 4)
    torch.set_num_threads(max(1, int(wanted)) if wanted.isdecimal() else cores)
    apply_style()
    _, title, minutes = LESSONS[lesson]
    lines = [f"Lesson {lesson:02d} · {title} · about {minutes} minutes"]
    lines += [f"{'●' * t.difficulty}{'○' * (3 - t.difficulty)} {t.name} ({t.minutes} min)" for t in tasks(lesson)]
    show_message("\n".join(lines))


def seed(number: int) -> int:
    """A seed for what a lesson trains or draws: `number` + 1000 · `COURSE_SEED`, which is 0 where it is not set.

    The course's tests run each lesson with another `COURSE_SEED`, so that nothing that it says hangs on one seed. Only
    lessons call this function: a study names its own seeds, and the world of the data sets does not move.

    Raises: ValueError where `number` or `COURSE_SEED` is not a whole number of 0 or more.
    """
    if isinstance(number, bool) or not hasattr(number, "__index__") or number < 0:
        raise ValueError(f"seed needs a whole number of 0 or more, but got {number!r}.")
    moved = os.environ.get("COURSE_SEED", "").strip() or "0"
    if not moved.isdecimal():
        raise ValueError(f"COURSE_SEED must be a whole number of 0 or more, but is {moved!r}; unset it for 0.")
    return int(number) + 1000 * int(moved)


def claim(sentence: str, holds: bool, *, found: object = None) -> None:
    """State something that the lesson teaches, and check it: prints the sentence if it holds.

    If it does not hold, says what was `found` instead: in a warning box, so that a student who changed a model is not
    stopped; under `COURSE_STRICT=1`, where the course itself is tested, by an error.

    Raises: AssertionError under `COURSE_STRICT=1` where the claim does not hold; ValueError where `holds` is not one
    truth value.
    """
    # A list, a NaN or a function with its brackets forgotten is true in Python, and would be ticked.
    value = holds.item() if getattr(holds, "shape", None) == () and hasattr(holds, "item") else holds
    if not isinstance(value, bool):
        raise ValueError(
            f"claim needs True or False, but got {holds!r}; compare it with something, and reduce more than one truth "
            "value with `.all()` or `.any()`."
        )
    if value:
        print(f"✓ {sentence}")
        return
    from course_utils.messages import show_message

    text = f"✗ This did not hold here: {sentence}" + ("" if found is None else f"\n  Found: {found}")
    if os.environ.get("COURSE_STRICT") == "1":
        raise AssertionError(text)
    show_message(text, tone="warning")
