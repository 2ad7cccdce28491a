"""Explorer of lesson 05: a prediction is painted on a small grid, and every loss is watched."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch
from torch import Tensor

from course_utils import plots
from course_utils.datasets.samples import VOID
from course_utils.losses.boundary import boundary_loss, hausdorff_loss
from course_utils.losses.distribution import cross_entropy_loss, focal_loss, top_k_loss
from course_utils.losses.lovasz import lovasz_softmax_loss
from course_utils.losses.region import (
    asymmetric_similarity_loss,
    dice_loss,
    focal_tversky_loss,
    generalised_dice_loss,
    jaccard_loss,
    squared_dice_loss,
    tversky_loss,
)
from course_utils.widgets.explorer import Choice, Explorer

_NEARLY_0, _NEARLY_1 = 0.001, 0.999  # no logit is infinite
_LONGEST = 1.6  # where bars end that are longer
_LIVE_SIZE = (6.6, 4.9)

# By family. Those of the first, and generalised Dice, which weighs the classes, are given background and foreground as two
# classes; the others are asked for the foreground alone.
_PIXELS = {"cross-entropy": cross_entropy_loss, "focal, γ = 2": focal_loss, "top-k, 10 %": top_k_loss}
_REGIONS = {
    "Dice": dice_loss,
    "squared Dice": squared_dice_loss,
    "generalised Dice": generalised_dice_loss,
    "Jaccard": jaccard_loss,
    "Tversky, β = 0.7": tversky_loss,
    "focal Tversky": focal_tversky_loss,
    "asymmetric": asymmetric_similarity_loss,
    "Lovász": lovasz_softmax_loss,
}
_BOUNDARIES = {"boundary": boundary_loss, "Hausdorff": hausdorff_loss}
_FAMILIES = (
    ("pixel by pixel", _PIXELS, plots.COLOURS[0]),
    ("regions", _REGIONS, plots.COLOURS[1]),
    ("boundaries", _BOUNDARIES, plots.COLOURS[2]),
)


def _truth() -> Tensor:
    """A disc, void along its right half, where nobody could tell where it ends: labels (12, 16)."""
    rows, columns = torch.arange(12.0, device="cpu")[:, None], torch.arange(16.0, device="cpu")
    distance = ((rows - 5.5) ** 2 + (columns - 7) ** 2).sqrt()
    labels = (distance <= 3.3).long()
    return labels.where((distance - 3.6).abs().gt(0.5) | (columns < 8), VOID)


TRUTH = _truth()
_SURE = (TRUTH == 1).float()


def _outlier() -> Tensor:
    prediction = _SURE.clone()
    prediction[1, 14] = 1
    return prediction


PRESETS: dict[str, Tensor] = {
    "perfect": _SURE,
    "empty": torch.zeros_like(_SURE),
    "shifted by one": _SURE.roll(-1, dims=1),
    "one outlier": _outlier(),
    "blurred": F.avg_pool2d(_SURE[None], 3, stride=1, padding=1)[0],
    "unsure": torch.full_like(_SURE, 0.5),
}
"""Predictions to begin with, (12, 16) in [0, 1]."""


def losses_of(prediction: Tensor) -> dict[str, float]:
    """Every loss of a prediction, probabilities of foreground (12, 16), by its name.

    Probabilities are brought into 0.001 to 0.999 first.

    Raises: ValueError for another shape, and for numbers outside 0 to 1.
    """
    if prediction.shape != TRUTH.shape or not ((prediction >= 0) & (prediction <= 1)).all():
        raise ValueError(
            f"prediction must hold probabilities from 0 to 1, of shape {tuple(TRUTH.shape)}, but has shape "
            f"{tuple(prediction.shape)} and goes from {float(prediction.min())} to {float(prediction.max())}."
        )
    logits = prediction.double().clamp(_NEARLY_0, _NEARLY_1).logit()
    two_classes = torch.stack([torch.zeros_like(logits), logits])[None]  # their softmax is the sigmoid of one logit
    losses = {}
    for _, family, _ in _FAMILIES:
        for name, loss in family.items():
            if family is _PIXELS or loss is generalised_dice_loss:
                losses[name] = float(loss(two_classes, TRUTH[None]))
            else:
                losses[name] = float(loss(logits[None, None], TRUTH[None, None], multilabel=True))
    return losses


_PERFECT, _EMPTY = losses_of(PRESETS["perfect"]), losses_of(PRESETS["empty"])


def relative_losses(prediction: Tensor) -> dict[str, float]:
    """Every loss on a scale of its own, on which the perfect prediction has 0 and the empty one 1."""
    return {n: (loss - _PERFECT[n]) / (_EMPTY[n] - _PERFECT[n]) for n, loss in losses_of(prediction).items()}


def draw(figure: Figure | SubFigure, *, prediction: Tensor) -> None:
    """Draw a prediction with the outline of the truth, and its losses as bars."""
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    _draw_prediction(left, prediction)
    _draw_bars(right, prediction)


def draw_bars(figure: Figure | SubFigure, *, prediction: Tensor, brush: float) -> None:
    """Draw the losses as bars, and the scale of grey with the strength of the brush marked on it."""
    scale, bars = figure.subplots(2, 1, height_ratios=(1, 22))
    scale.imshow(torch.linspace(0, 1, 256)[None].numpy(), cmap="gray", aspect="auto", extent=(0, 1, 0, 1))
    scale.plot([brush, brush], [0, 1], color=plots.COLOURS[3], linewidth=5)
    scale.set(xticks=[0, 0.5, 1], yticks=[], title=f"probability of foreground; the brush paints {brush:.2f}")
    _draw_bars(bars, prediction)


def _draw_prediction(axes: Axes, prediction: Tensor) -> None:
    rows, columns = TRUTH.shape
    axes.imshow(prediction.numpy(), cmap="gray", vmin=0, vmax=1, extent=(0, columns, rows, 0))
    for row, column in (TRUTH == VOID).nonzero().tolist():
        axes.plot(column + 0.5, row + 0.5, "x", color=plots.COLOURS[3], markersize=8, markeredgewidth=1.5)
    inside = TRUTH == 1
    for row, column in (inside[:, 1:] != inside[:, :-1]).nonzero().tolist():
        axes.plot([column + 1] * 2, [row, row + 1], color=plots.COLOURS[2], linewidth=3)
    for row, column in (inside[1:] != inside[:-1]).nonzero().tolist():
        axes.plot([column, column + 1], [row + 1] * 2, color=plots.COLOURS[2], linewidth=3)
    axes.set(xticks=[], yticks=[], xlabel="green: outline of the truth; crosses: void")


def _draw_bars(axes: Axes, prediction: Tensor) -> None:
    """One bar a loss from `relative_losses`, with the loss itself written at the right."""
    losses, relative = losses_of(prediction), relative_losses(prediction)
    colours = {name: colour for _, family, colour in _FAMILIES for name in family}
    axes.barh(list(losses), [min(r, _LONGEST) for r in relative.values()], color=[colours[name] for name in losses])
    for place, (name, loss) in enumerate(losses.items()):
        beyond = "→ " if relative[name] > _LONGEST else ""
        text = f"{beyond}{0.0 if abs(loss) < 5e-4 else loss:.3f}"
        axes.annotate(text, (2.1, place), ha="right", va="center", fontsize=12)
    axes.axvline(1, color="0.35", linewidth=1, linestyle="--")
    axes.set(xlim=(min(-0.02, *relative.values()), 2.12), xticks=[0, 1], xticklabels=["perfect", "empty"])
    axes.set(xlabel="each bar on a scale of its own")
    axes.annotate("loss", (2.1, -1), ha="right", va="center", fontsize=12, fontweight="bold")
    axes.set_ylim(len(losses) - 0.4, -1.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)
    handles = [Patch(facecolor=colour, label=family) for family, _, colour in _FAMILIES]
    axes.figure.legend(handles=handles, loc="outside lower right", ncols=3, fontsize=12, handlelength=1)


def alt(*, prediction: Tensor) -> str:
    """What there is to see for one prediction."""
    found, true = prediction > 0.5, TRUTH == 1
    listed = ", ".join(f"{name} {loss:.3f}" for name, loss in losses_of(prediction).items())
    return (
        f"A disc of {int(true.sum())} pixels, of which the prediction has {int((found & true).sum())} above one half, and "
        f"{int((found & (TRUTH == 0)).sum())} outside of it. Its losses: {listed}."
    )


class Painter(Explorer):
    """The explorer of the presets, whose `show` lets one paint a prediction of one's own."""

    def show(self) -> None:
        """Show a grid to paint on beside the losses, which are computed anew after each stroke."""
        from IPython.display import display
        from ipywidgets import HTML, Button, FloatSlider, HBox, Layout, VBox

        from course_utils.widgets.paint_canvas import PaintCanvas

        rows, columns = TRUTH.shape
        brush = FloatSlider(min=0, max=1, step=0.05, value=0.95, description="brush", continuous_update=False)
        canvas = PaintCanvas(
            rows=rows,
            columns=columns,
            truth=TRUTH.flatten().tolist(),
            values=PRESETS["one outlier"].flatten().tolist(),
            brush=brush.value,
            description=f"A grid of {rows} by {columns} probabilities. Arrow keys move, the space bar paints.",
        )
        picture = HTML()

        def redraw(_change: object = None) -> None:
            canvas.brush = brush.value
            prediction = torch.tensor(canvas.values, device="cpu").reshape(rows, columns)
            figure = plt.figure(figsize=_LIVE_SIZE)
            draw_bars(figure, prediction=prediction, brush=brush.value)
            picture.value = plots.image_element(figure, alt=alt(prediction=prediction))

        def preset(name: str) -> Callable[[object], None]:
            def begin(_button: object) -> None:
                canvas.values = PRESETS[name].flatten().tolist()

            return begin

        buttons = [Button(description=name) for name in PRESETS]
        for button in buttons:
            button.on_click(preset(button.description))
        canvas.observe(redraw, "values")
        brush.observe(redraw, "value")
        redraw()
        row = Layout(flex_flow="row wrap", align_items="center")
        display(VBox([HBox(buttons, layout=row), brush, HBox([canvas, picture], layout=row)]))


PAINTER = Painter(
    lambda figure, prediction: draw(figure, prediction=PRESETS[prediction]),
    lambda prediction: alt(prediction=PRESETS[prediction]),
    {"prediction": Choice("prediction", tuple(PRESETS))},
    [{"prediction": name} for name in ("one outlier", "shifted by one", "blurred")],
    size=(9.5, 4.4),
)
