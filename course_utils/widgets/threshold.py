"""Explorer of lesson 00: one threshold on the grey value, its histogram and the mask that it gives."""

from matplotlib.figure import Figure, SubFigure

from course_utils import plots
from course_utils.datasets.cells import Cells
from course_utils.plots.overlays import draw as draw_picture, to_picture
from course_utils.widgets.explorer import Explorer, Slider

_IMAGES = 4


def measure(image: int, threshold: float) -> float:
    """The share of the pixels of a validation image that a threshold sorts rightly: darker than it is membrane."""
    sample = Cells("val")[image]
    return float(((sample.image.mean(0) < threshold) == (sample.labels == 1)).float().mean())


def draw(figure: Figure | SubFigure, *, image: int, threshold: float) -> None:
    """Draw an image, the histograms of its two classes with the threshold, and the pixels taken for membrane."""
    sample = Cells("val")[image]
    grey = sample.image.mean(0)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1.1, 1))
    draw_picture(left, to_picture(sample.image), "image")
    for name, label, colour in (("cell", 0, plots.COLOURS[4]), ("membrane", 1, plots.COLOURS[3])):
        middle.hist(grey[sample.labels == label].numpy(), bins=40, range=(0, 1), color=colour, alpha=0.6, label=name)
    middle.axvline(threshold, color="black", linewidth=2)
    middle.set(xlabel="grey value", yticks=[], xlim=(0, 1.1), title="the two classes overlap")
    middle.legend(loc="upper right")
    draw_picture(right, (grey >= threshold).float().numpy(), f"black: below {threshold:.2f}")


def alt(*, image: int, threshold: float) -> str:
    """What there is to see for one setting."""
    right = measure(image, threshold)
    return f"Tissue, histograms of cell and membrane, and the mask below {threshold:.2f}: {100 * right:.0f} % of pixels right."


THRESHOLD = Explorer(
    draw,
    alt,
    {"image": Slider("image", 0, _IMAGES - 1, 1, 0), "threshold": Slider("threshold", 0.0, 1.0, 0.02, 0.4)},
    [{"threshold": 0.3}, {"threshold": 0.6}],
    size=(10.0, 3.0),
)
