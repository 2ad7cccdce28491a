"""Drawing boxes on pictures so that they are seen on any ground, and masks as tints."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from course_utils.metrics.overlaps import require_masks
from course_utils.ops.overlap import require_boxes

Dashes = tuple[float, tuple[float, ...]]


def draw_boxes(
    axes: Axes,
    boxes: Tensor,
    *,
    colour: str,
    texts: Sequence[str] = (),
    dashes: Dashes = (0, ()),
    ground: str = "white",
    width: float = 2.5,
) -> None:
    """Draw boxes on a picture that `overlays.draw` has drawn, each with a text at its upper left corner if there are any.

    `colour` is a colour of Matplotlib, `dashes` one of its line styles: (0, (3, 1)) are dashes three times as long as the line is
    wide, and gaps of once its width; the default is a line without gaps. Below each line lies a wider one of the colour
    `ground`, so that it is seen before anything. A pixel i of the picture covers [i, i + 1), as everywhere in the course:
    Matplotlib puts its middle at i, and so boxes are drawn half a pixel further up and left.

    Shapes: `boxes` floating (N, 4).

    Raises: ValueError for other boxes, and texts that are not as many.
    """
    require_boxes(boxes, "boxes")
    if boxes.ndim != 2 or len(texts) not in (0, len(boxes)):
        raise ValueError(
            f"draw_boxes needs boxes (N, 4) and a text for each or none, but got {tuple(boxes.shape)} and {len(texts)} texts."
        )
    for number, (x1, y1, x2, y2) in enumerate((boxes.detach().cpu().double() - 0.5).tolist()):
        box = Rectangle(
            (x1, y1), x2 - x1, y2 - y1, fill=False, linewidth=width + 2, edgecolor=ground, joinstyle="miter"
        )
        axes.add_patch(box)
        box = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, linewidth=width, edgecolor=colour, linestyle=dashes)
        axes.add_patch(box)
        if texts:
            label = axes.text(x1, y1 - 1, texts[number], color=colour, va="bottom", fontweight="bold", clip_on=True)
            label.set_path_effects([withStroke(linewidth=3, foreground=ground)])


def tinted(picture: np.ndarray, masks: Tensor, colour: str, *, opacity: float = 0.5) -> np.ndarray:
    """A picture (H, W, 3) of bytes with the pixels of masks mixed with a colour; a new array of the same kind.

    Shapes: `masks` bool (N, H, W).

    Raises: ValueError for masks of another type or size, and an opacity outside 0 to 1.
    """
    require_masks(masks, "masks")
    if picture.shape != (*masks.shape[1:], 3) or not 0 <= opacity <= 1:
        raise ValueError(
            f"tinted needs a picture {(*masks.shape[1:], 3)} for masks {tuple(masks.shape)} and an opacity from 0 to 1, but "
            f"got {picture.shape} and {opacity}."
        )
    covered = masks.any(0).cpu().numpy()
    mixed = picture.copy()
    mixed[covered] = (1 - opacity) * picture[covered] + opacity * 255 * np.array(to_rgb(colour))
    return mixed
