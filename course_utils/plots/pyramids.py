"""Diagrams of networks that keep maps of several sizes side by side: FPN and HRNet."""

import math
from collections.abc import Iterable, Mapping

from matplotlib.axes import Axes

from course_utils import plots
from course_utils.models.fpn import FPN
from course_utils.models.hrnet import HRNet

Place = tuple[int, int]
"""Of a map in the diagram: its column, and its stride."""


def draw_fpn(axes: Axes, fpn: FPN) -> None:
    """The maps of a backbone that an FPN reads, the sums from coarse to fine, and the pyramid that comes out.

    Raises: ValueError for a pyramid with further, coarser levels (`extra`).
    """
    if fpn.extra != "none":
        raise ValueError(
            f'This diagram is of a pyramid without further levels, but extra is "{fpn.extra}"; make it with extra="none".'
        )
    read = [fpn.backbone.channels[level] for level in fpn.levels]
    channels: dict[Place, int] = {}
    for stride, below, above in zip(fpn.strides, read, fpn.channels, strict=True):
        channels |= {(0, stride): below, (1, stride): above, (2, stride): above}
    down = [((1, coarse), (1, fine)) for fine, coarse in zip(fpn.strides, fpn.strides[1:], strict=False)]
    flat = [((column, stride), (column + 1, stride)) for stride in fpn.strides for column in (0, 1)]
    own = [((0, fine), (0, coarse)) for fine, coarse in zip(fpn.strides, fpn.strides[1:], strict=False)]
    _draw(axes, channels, [*own, *flat, *down], ["backbone", "sums", "FPN"])


def draw_hrnet(axes: Axes, hrnet: HRNet) -> None:
    """The streams of an HRNet: at the end of each stage all of them exchange, and the coarsest begins a coarser one."""
    widths = dict(zip(hrnet.strides[1:], hrnet.channels[1:], strict=True))
    strides = list(widths)
    stages = [strides[: number + 1] for number in range(len(strides))]
    columns = [*stages, strides]  # what comes out of the last stage has no new stream
    channels = {(place, stride): widths[stride] for place, column in enumerate(columns) for stride in column}
    exchange = [
        ((stage, source), (stage + 1, target))
        for stage, streams in enumerate(stages)
        for source in streams
        for target in streams
    ]
    begun = [((stage, streams[-1]), (stage + 1, strides[stage + 1])) for stage, streams in enumerate(stages[:-1])]
    _draw(axes, channels, [*exchange, *begun], [*(f"stage {stage + 1}" for stage in range(len(stages))), "maps"])


def _draw(axes: Axes, channels: Mapping[Place, int], ways: Iterable[tuple[Place, Place]], columns: list[str]) -> None:
    """Boxes with their channels in columns, the finest map on top, and arrows between them."""
    finest = min(stride for _, stride in channels)
    rows = {stride: -math.log2(stride / finest) for _, stride in channels}
    box = {"boxstyle": "round,pad=0.35", "facecolor": plots.COLOURS[0], "edgecolor": "none"}
    texts = {
        (column, stride): axes.text(
            column, rows[stride], f"{number}", ha="center", va="center", color="white", bbox=box, zorder=3
        )
        for (column, stride), number in channels.items()
    }
    for start, end in ways:
        axes.annotate(
            "",
            xy=(end[0], rows[end[1]]),
            xytext=(start[0], rows[start[1]]),
            arrowprops={
                "arrowstyle": "-|>",
                "color": "0.45",
                "patchA": texts[start].get_bbox_patch(),
                "patchB": texts[end].get_bbox_patch(),
                "shrinkA": 2,
                "shrinkB": 2,
            },
        )
    strides = sorted(rows)
    axes.set(
        xlim=(-0.5, len(columns) - 0.5),
        ylim=(rows[strides[-1]] - 0.6, 0.6),
        xticks=range(len(columns)),
        xticklabels=columns,
        yticks=[rows[stride] for stride in strides],
        yticklabels=[f"stride {stride}" for stride in strides],
    )
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
