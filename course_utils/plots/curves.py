"""Curves and bars on axes, with everything named that a reader needs."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def draw_curves(
    axes: Axes, x: Sequence[float], curves: Mapping[str, Sequence[float]], *, xlabel: str, ylabel: str, title: str = ""
) -> None:
    """Draw curves over a common x, each with its name in the legend and its own marker, so that colour is not all."""
    for (name, y), marker in zip(curves.items(), cycle("osD^vPX*"), strict=False):
        axes.plot(x, y, marker=marker, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    axes.legend()


def class_bars(
    values: Sequence[float],
    classes: Sequence[str],
    colours: Sequence[tuple[int, int, int]],
    *,
    ylabel: str,
    title: str = "",
) -> Figure:
    """A figure with one bar a class, in the palette of the data set, its value written on it; NaN is left empty.

    Raises: ValueError where values, classes and colours are not equally many.
    """
    if not len(values) == len(classes) == len(colours):
        raise ValueError(
            f"Expected one value and one colour a class, got {len(values)} values, {len(classes)} classes and "
            f"{len(colours)} colours."
        )
    figure, axes = plt.subplots(figsize=(max(6, 1.1 * len(classes)), 3.6))
    heights = [0 if value != value else float(value) for value in values]
    bars = axes.bar(range(len(classes)), heights, color=[tuple(c / 255 for c in colour) for colour in colours])
    bars_text = ["–" if value != value else f"{float(value):.2f}" for value in values]
    axes.bar_label(bars, bars_text)
    for bar in bars:
        bar.set_edgecolor("0.3")
    axes.set_xticks(range(len(classes)), classes, rotation=25, ha="right")
    axes.set(ylabel=ylabel, title=title)
    return figure
