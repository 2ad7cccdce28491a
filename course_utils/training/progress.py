"""A progress bar of text, where somebody is there to see it move."""

import os
import sys

from tqdm import tqdm

from course_utils.messages import in_notebook


def progress_bar(*, first: int, steps: int, wanted: bool) -> tqdm:
    """A bar over the steps of a run, silent where it is not wanted, where nobody looks, and where lessons are tested.

    A bar that is written to a file or stored in a notebook is a heap of its old states.
    """
    tested = os.environ.get("COURSE_STRICT") == "1"
    seen = in_notebook() or sys.stderr.isatty()
    file = sys.stdout if in_notebook() else sys.stderr
    silent = not wanted or tested or not seen
    return tqdm(initial=first, total=steps, unit="step", disable=silent, file=file, ncols=100)


def show_values(bar: tqdm, values: dict[str, float]) -> None:
    """Losses and scores at the end of the bar, at the bar's own pace."""
    if not bar.disable:
        bar.set_postfix({name: f"{value:.3f}" for name, value in values.items()}, refresh=False)
