"""What lessons claim of things that they train live and that no other study has, measured by the lessons' own code.

`python tools/studies/live.py --seeds 0 1 2 3 4 5 6 7` runs the cells of each lesson, with `COURSE_SEED` set to the seed, up to
the last claim that is named here, and evaluates an expression right after the cell with that claim.
"""

import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import matplotlib

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from notebook_files import code_cells, read, tags
from notebook_sources import plain_python
from study import run_study

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


class Quantity(NamedTuple):
    """A number that a claim speaks of: the lesson, the beginning of the claim's sentence, and a Python expression."""

    lesson: int
    sentence: str
    expression: str


QUANTITIES = {
    "colour classifier: pixels right": Quantity(0, "more than four in ten pixels", "right"),
    "colour classifier: persons found": Quantity(0, "of the pixels of people,", "found[PERSON]"),
    "colour classifier: poles found": Quantity(0, "of the pixels of poles,", "found[-1]"),
    "untrained stack: gradient in the middle": Quantity(2, "and more than half of it is in", "middle"),
    "zero padding: log10 of the frame's error": Quantity(
        2, "five layers, five pixels", "float(difference[0:5].amax(dim=1).min().log10())"
    ),
    "tent: largest error of a weight": Quantity(4, "after 300 steps every weight", "found"),
    "kernel: error over bilinear's": Quantity(4, "the learnt kernel is far better", "by_learnt / errors['bilinear']"),
    "kernel: error over bicubic's": Quantity(4, "and a little better than", "by_learnt / errors['bicubic']"),
    "kernel: largest outer weight": Quantity(4, "its upper and lower rows", "float(max(outer))"),
    "kernel: phases from 1": Quantity(4, "and its four phases", "max(abs(p - 1) for p in phases)"),
    "loop: loss over that of a constant": Quantity(5, "the network is below that", "last / constant"),
    "loop: recall": Quantity(5, "and finds fewer than ten", "by_hand['recall']"),
    "loop, focal: recall": Quantity(5, "focal loss finds as few", "by_focal['recall']"),
    "loop, focal: mean probability over the true share": Quantity(
        5, "focal loss finds as few", "by_focal['mean_probability'] / share"
    ),
    "log w taken off: calibration error over that before": Quantity(
        5, "the calibration error falls", "after['calibration_error'] / before['calibration_error']"
    ),
    "log w taken off: gain in IoU": Quantity(5, "the IoU at one half rises", "after['iou'] - before['iou']"),
    "log w taken off: average precision": Quantity(
        5, "the IoU at one half rises", "abs(after['average_precision'] - before['average_precision'])"
    ),
    "fitted grid, stride 32: mean IoU": Quantity(6, "at stride 32 the mean IoU", "region[32].mean_iou"),
    "fitted grid, stride 32: boundary IoU": Quantity(6, "there the boundary IoU", "edge[32]"),
    "fitted grid, stride 32: IoU of poles": Quantity(6, "there the boundary IoU", "pole[32]"),
    "fitted grid, stride 8: mean IoU": Quantity(6, "at stride 8 the mean IoU", "region[8].mean_iou"),
    "fitted grid, stride 8: IoU of poles": Quantity(6, "at stride 8 the mean IoU", "pole[8]"),
    "skips: gain in mean IoU": Quantity(6, "FCN-8s has a mean IoU", "mean_iou[8] - mean_iou[32]"),
    "skips: gain in boundary IoU": Quantity(6, "and a boundary IoU", "boundary[8] - boundary[32]"),
    "skips: gain of persons over the next": Quantity(
        6, "persons gain most", "gain['person'] - max(value for name, value in gain.items() if name != 'person')"
    ),
    "skips: gain of cars over that of poles": Quantity(6, "cars gain more", "gain['car'] - gain['pole']"),
    "skips: part of the large classes": Quantity(
        6, "more than four tenths", "sum(gain[name] for name in large) / sum(gain.values())"
    ),
    "skips: errors left, 2 to 4 pixels": Quantity(6, "between 2 and 8 pixels", "errors[8][1] / errors[32][1]"),
    "skips: errors left, 4 to 8 pixels": Quantity(6, "between 2 and 8 pixels", "errors[8][2] / errors[32][2]"),
    "skips: errors of FCN-8s, 0 to 2 pixels": Quantity(6, "nearer than that", "errors[8][0]"),
    "skips: errors over the fitted grid's, 0 to 2 pixels": Quantity(
        6, "nearer than that", "errors[8][0] / errors['fitted'][0]"
    ),
    "mirrored stages: indices over bilinear in boundary IoU": Quantity(
        7, "with indices the boundary IoU", "edge['indices'] - edge['bilinear']"
    ),
    "SegNet: smallest share not zero": Quantity(
        7, "of what the stages give", "min(s for name, s in share.items() if name.split()[0][2:] == 'code') / 100"
    ),
    "SegNet: largest share not zero": Quantity(
        7, "of what the stages give", "max(s for name, s in share.items() if name.split()[0][2:] == 'code') / 100"
    ),
    "places of B: loss in mean IoU with A": Quantity(7, "with the places of B", "own_iou - mixed_iou"),
    "places of B: nearer to B in mean IoU": Quantity(
        7, "and nearer to B", "near['B']['mean IoU'][1] - near['A']['mean IoU'][1]"
    ),
    "places of B: nearer to B in boundary IoU": Quantity(
        7, "and nearer to B", "near['B']['boundary IoU'][1] - near['A']['boundary IoU'][1]"
    ),
    "places of B in the finest stage: change": Quantity(7, "more than half of these", "abs(own_iou - finest_iou)"),
    "Mask R-CNN: mask AP50": Quantity(12, "most cars and persons are found", "scores['ap50']"),
    "Mask R-CNN: mask AP": Quantity(12, "and these are masks, not boxes", "scores['ap']"),
}


@lru_cache(maxsize=8)
def measured(lesson: int, seed: int) -> dict[str, float]:
    """All quantities of a lesson, by name, for one seed.

    Raises: ValueError where the sentence of a claim is not in exactly one cell of the lesson.
    """
    wanted = {name: quantity for name, quantity in QUANTITIES.items() if quantity.lesson == lesson}
    (path,) = NOTEBOOKS.glob(f"{lesson:02d}_*.ipynb")
    cells = [cell for _, cell in code_cells(read(path)) if "real-data" not in tags(cell)]
    found: dict[str, float] = {}
    names: dict[str, object] = {"__name__": "__main__"}
    for name, quantity in wanted.items():
        if sum(quantity.sentence in cell.source for cell in cells) != 1:
            raise ValueError(f"{path.name} should have the claim of {name!r} once: {quantity.sentence!r}")
    matplotlib.use("Agg")
    os.environ |= {"COURSE_SEED": str(seed), "COURSE_STRICT": "0", "COURSE_BUDGET": "laptop", "COURSE_DEVICE": "cpu"}
    os.chdir(NOTEBOOKS)
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        for cell in cells:
            exec(compile(plain_python(cell.source), path.name, "exec"), names)
            matplotlib.pyplot.close("all")
            for name, quantity in wanted.items():
                if quantity.sentence in cell.source:
                    found[name] = float(eval(quantity.expression, names))
            if len(found) == len(wanted):
                break
    return found


def value_of(seed: int, *, name: str) -> dict[str, float]:
    """One quantity as a row of the table; the first of a lesson takes the time of all of them."""
    return {"value": measured(QUANTITIES[name].lesson, seed)[name]}


if __name__ == "__main__":
    run_study("live", {name: partial(value_of, name=name) for name in QUANTITIES})
