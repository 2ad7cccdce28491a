"""Explorer of lesson 01: a predicted square is moved over the true one, and every score is watched."""

import torch
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from course_utils import plots
from course_utils.metrics.semantic import confusion_matrix, scores
from course_utils.widgets.explorer import Explorer, Slider

SIDE_OF_IMAGE = 64
_COLOURS = {"true positive": "#009E73", "false negative": "#0072B2", "false positive": "#D55E00"}


def squares(side: int, shift: int, image: int = SIDE_OF_IMAGE) -> tuple[Tensor, Tensor]:
    """Truth and prediction: a square in the middle of an image, and the same moved to the right: two (image, image) maps."""
    first = (image - side) // 2
    truth = torch.zeros(image, image, dtype=torch.int64)
    truth[first : first + side, first : first + side] = 1
    prediction = torch.zeros_like(truth)
    prediction[first : first + side, min(first + shift, image) : min(first + side + shift, image)] = 1
    return truth, prediction


def measure(side: int, shift: int) -> dict[str, float]:
    """The scores of a moved square, by name."""
    truth, prediction = squares(side, shift)
    found = scores(confusion_matrix(prediction, truth, 2))
    return {
        "IoU": float(found.iou[1]),
        "Dice": float(found.dice[1]),
        "mean IoU": float(found.mean_iou),
        "accuracy": float(found.pixel_accuracy),
    }


def draw(figure: Figure | SubFigure, *, side: int, shift: int) -> None:
    """Draw the two squares, coloured by true and false, and the scores as bars."""
    truth, prediction = squares(side, shift)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
    picture = torch.full((*truth.shape, 3), 0.94)
    places = {
        "true positive": (truth == 1) & (prediction == 1),
        "false negative": (truth == 1) & (prediction == 0),
        "false positive": (truth == 0) & (prediction == 1),
    }
    for name, place in places.items():
        red, green, blue = (int(_COLOURS[name][n : n + 2], 16) / 255 for n in (1, 3, 5))
        picture[place] = torch.tensor([red, green, blue])
        left.plot([], [], "s", color=_COLOURS[name], label=f"{name}: {int(place.sum())} px")
    left.imshow(picture.numpy())
    left.set(xticks=[], yticks=[])
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02))
    found = measure(side, shift)
    bars = right.barh(list(found), list(found.values()), color=plots.COLOURS[: len(found)])
    right.bar_label(bars, [f"{value:.2f}" for value in found.values()], padding=4)
    right.set(xlim=(0, 1.15), xticks=[0, 0.25, 0.5, 0.75, 1], xlabel="score")
    right.invert_yaxis()


def alt(*, side: int, shift: int) -> str:
    """What there is to see for one setting."""
    found = ", ".join(f"{name} {value:.2f}" for name, value in measure(side, shift).items())
    return f"A square of {side} pixels predicted {shift} pixels too far to the right: {found}."


OVERLAP = Explorer(
    draw,
    alt,
    {"side": Slider("side of the square", 2, 48, 1, 16), "shift": Slider("moved by", 0, 32, 1, 4)},
    [{"side": 32, "shift": 4}, {"side": 16, "shift": 4}, {"side": 4, "shift": 4}],
    size=(9.0, 3.4),
)
