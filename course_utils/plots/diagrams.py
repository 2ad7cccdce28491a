"""Diagrams of networks: which values a unit reads."""

from matplotlib.axes import Axes

from course_utils import plots


def draw_readings(axes: Axes, *, stride: int, title: str) -> None:
    """Draw what the first output of a kernel of 3 reads above a pooling of 2, in one dimension.

    With a stride of 2 the pooling keeps every second place, and the kernel reads neighbours; with a stride of 1 it keeps
    all, and the kernel, dilated by 2, reads every second. `stride` is 1 or 2.

    Raises: ValueError for another stride.
    """
    if stride not in (1, 2):
        raise ValueError(f"The diagram is drawn for strides 1 and 2, but stride is {stride}.")
    image, pooled, output = plots.COLOURS[4], plots.COLOURS[1], plots.COLOURS[2]
    axes.plot(range(9), [0] * 9, "o", markersize=15, color=image)
    for place in range(0, 8, stride):
        read = place in (0, 2, 4)
        colour, width = (pooled, 2) if read else ("0.75", 1)
        for below in (place, place + 1):
            axes.plot([below, place], [0, 1], color=colour, linewidth=width, zorder=0)
        axes.plot(place, 1, "o", markersize=15, color=colour)
        if read:
            axes.plot([place, 0], [1, 2], color=output, linewidth=2, zorder=0)
    axes.plot(0, 2, "o", markersize=15, color=output)
    axes.set(
        xticks=[], yticks=[0, 1, 2], yticklabels=["image", "pooling of 2", "kernel of 3"], title=title, ylim=(-0.4, 2.4)
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
