"""Figures of the course: one style, and `show`, which gives every figure a text for those who cannot see it.

The drawing functions are in `overlays` (images, labels, comparisons), `curves` and `tables`.
"""

from base64 import b64encode
from html import escape
from io import BytesIO

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

# Okabe and Ito, "Color Universal Design" (2008): eight colours that colour-blind readers tell apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#000000")

_LARGE_PNG = 60_000  # bytes

_STYLE = {
    "figure.dpi": 80,
    "savefig.dpi": 80,
    "figure.constrained_layout.use": True,
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.labelsize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "legend.frameon": False,
    "image.interpolation": "nearest",
}


def apply_style() -> None:
    """Set the style of all figures of a lesson: text of 12 points and up, colours that everybody tells apart."""
    matplotlib.rcParams.update(_STYLE)


class _Shown:
    """A figure as Jupyter stores it: its picture, and its alternative text as plain text."""

    def __init__(self, figure: Figure, alt: str) -> None:
        self.figure, self.alt = figure, alt

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        picture = _saved(self.figure, "png")
        if len(picture) <= _LARGE_PNG:
            return {"image/png": picture, "text/plain": self.alt}
        # A photograph as PNG is ten times the size of the same as JPEG, and a notebook has to stay below a megabyte. Of
        # lines and even areas the JPEG is often the larger one.
        smaller = _saved(self.figure, "jpeg")
        if len(smaller) >= len(picture):
            return {"image/png": picture, "text/plain": self.alt}
        return {"image/jpeg": smaller, "text/plain": self.alt}


def _saved(figure: Figure, form: str) -> bytes:
    options = {"metadata": {"Software": None}} if form == "png" else {"pil_kwargs": {"quality": 82, "subsampling": 0}}
    buffer = BytesIO()
    figure.savefig(buffer, format=form, **options)
    return buffer.getvalue()


def show(figure: Figure, *, alt: str) -> None:
    """Display a figure with its alternative text, which says what there is to see in it, and close it.

    Raises: ValueError where `alt` says nothing.
    """
    from IPython.display import display

    _require_words(alt)
    display(_Shown(figure, alt))
    plt.close(figure)


def image_element(figure: Figure, *, alt: str) -> str:
    """A figure as an HTML image with its alternative text, for a widget that replaces it; closes the figure.

    Raises: ValueError where `alt` says nothing.
    """
    _require_words(alt)
    data = b64encode(_saved(figure, "png")).decode()
    plt.close(figure)
    return f'<img src="data:image/png;base64,{data}" alt="{escape(alt, quote=True)}">'


def _require_words(alt: str) -> None:
    if len(alt.split()) < 4:
        raise ValueError(f"alt must say in a sentence what there is to see in the figure; got {alt!r}.")
