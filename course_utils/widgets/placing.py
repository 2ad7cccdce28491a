"""Axes at fixed places, for explorers whose figures must not jump while a slider moves, and are drawn fast."""

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure


class Place(NamedTuple):
    """Where axes stand, in inches from the lower left corner of a figure."""

    left: float
    bottom: float
    width: float
    height: float


def axes_at(figure: Figure | SubFigure, *places: Place) -> list[Axes]:
    """New axes at these places, which no layout engine moves: for an explorer with `placed=True`.

    A strip of an explorer's figures has room above each of them for a title: it is left free, since all is measured from below.
    """
    width, height = figure.bbox.width / figure.figure.dpi, figure.bbox.height / figure.figure.dpi
    row: list[Axes] = list(figure.subplots(1, len(places), squeeze=False)[0])
    for axes, place in zip(row, places, strict=True):
        axes.set_position((place.left / width, place.bottom / height, place.width / width, place.height / height))
    return row
