"""The explorer of region pooling: its geometry against the operators and by hand, its pictures and texts."""

from io import BytesIO
from itertools import product

import pytest
import torch
from pictures import assert_legible, assert_legible_strip, assert_shown_and_moved, picture

from course_utils.ops.roi import roi_align, roi_pool
from course_utils.widgets import region_pooling
from course_utils.widgets.region_pooling import (
    POOLING,
    RAMP,
    STRIDE,
    align_samples,
    pool_bins,
    pooled,
    pooling_explorer,
)

ENDS = [
    {"x": 0.0, "y": 0.0, "side": 1.0, "bins": 3},
    {"x": 9.0, "y": 5.0, "side": 6.0, "bins": 4},
    {"x": 8.75, "y": 4.5, "side": 5.75, "bins": 3},
    {"x": 0.5, "y": 5.0, "side": 1.0, "bins": 7},
]
QUARTERS = [n / 4 for n in range(0, 37)]


pytestmark = pytest.mark.usefixtures("course_style")


def learnt_map(height: int = 12, width: int = 16) -> torch.Tensor:
    return torch.randn(height, width, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_a_box_of_four_cells_slides_by_one_cell() -> None:
    """The first of two bins of the ramp: RoIPool jumps where the edge is rounded up, RoIAlign goes along."""
    found = [pooled(RAMP, 3 + shift / 4, 3.0, 4.0, 2) for shift in range(5)]
    assert [float(one.pool[0, 0]) for one in found] == [5, 5, 6, 6, 6]
    assert [float(one.align[0, 0]) for one in found] == pytest.approx([3.5, 3.75, 4, 4.25, 4.5])
    odd = pooled(RAMP, 3.4, 2.6, 4.7, 2)
    assert odd.pool[0].tolist() == [5, 8] and odd.align[0].tolist() == pytest.approx([4.075, 6.425])


def test_bins_and_samples_by_hand() -> None:
    """From 3.25 to 7.25 are the cells 3 to 7, and two bins of 2½ cells become two of three, which share cell 5."""
    assert region_pooling.rounded(3.25, 7.25) == (3, 7) and region_pooling.rounded(3.5, 7.5) == (4, 8)
    assert pool_bins(3.25, 7.25, 2) == [(3, 6), (5, 8)]
    assert pool_bins(0.0, 1.0, 3) == [(0, 1), (0, 2), (1, 2)]
    assert align_samples(3.25, 7.25, 2) == [3.75, 4.75, 5.75, 6.75]


@pytest.mark.parametrize("bins", range(2, 8))
def test_what_is_drawn_is_what_the_operators_read(bins: int) -> None:
    """The maximum of the cells that are drawn, and the mean of the samples, for every place and many sides."""
    features = learnt_map()
    for x, side in product(QUARTERS, (1.0, 2.5, 4.0, 5.75)):
        y = x / 2
        found = pooled(features, x, y, side, bins)
        across, down = pool_bins(x, x + side, bins), pool_bins(y, y + side, bins)
        maxima = [[features[slice(*rows), slice(*columns)].max() for columns in across] for rows in down]
        assert torch.equal(found.pool, torch.tensor(maxima, dtype=torch.float64)), (x, side)
        rows, columns = align_samples(y, y + side, bins), align_samples(x, x + side, bins)
        samples = sampled(features, rows, columns)
        means = samples.reshape(bins, 2, bins, 2).mean((1, 3))
        torch.testing.assert_close(found.align, means, rtol=1e-12, atol=1e-12)


def sampled(features: torch.Tensor, rows: list[float], columns: list[float]) -> torch.Tensor:
    """The map at all pairs of places, bilinear between the middles of cells, its border going on."""
    height, width = features.shape
    y, x = torch.meshgrid(*(torch.tensor(places, dtype=torch.float64) for places in (rows, columns)), indexing="ij")
    grid = torch.stack([2 * x / width - 1, 2 * y / height - 1], -1)[None]
    return torch.nn.functional.grid_sample(features[None, None], grid, padding_mode="border", align_corners=False)[0, 0]


def test_the_curve_passes_through_what_the_box_reads() -> None:
    places, values = region_pooling.slide(RAMP, 3.0, 4.0, 2)
    assert len(places) == 9 * STRIDE + 1 and places[-1] == 9
    at_quarters = places * 4 % 1 == 0
    for x, pool, align in zip(places[at_quarters], values.pool[at_quarters], values.align[at_quarters], strict=True):
        found = pooled(RAMP, float(x), 3.0, 4.0, 2)
        assert found.pool[0, 0] == pool and found.align[0, 0] == pytest.approx(float(align))
    torch.testing.assert_close(values.align, places + 0.5)
    assert set(values.pool.diff().tolist()) == {0, 1} and values.pool.diff().sum() == 9


def test_boxes_are_handed_over_in_pixels_of_the_image() -> None:
    features = learnt_map()
    box = [torch.tensor([[3.25, 3, 7.25, 7]], dtype=torch.float64) * 16]
    found = pooled(features, 3.25, 3.0, 4.0, 3)
    wanted = roi_pool(features[None, None], box, 3, spatial_scale=1 / 16)[0, 0]
    assert torch.equal(found.pool, wanted)
    wanted = roi_align(features[None, None], box, 3, spatial_scale=1 / 16, sampling_ratio=2, aligned=True)[0, 0]
    assert torch.equal(found.align, wanted)


@pytest.mark.parametrize("setting", [*POOLING.settings, *ENDS], ids=str)
def test_all_can_be_read(setting: dict) -> None:
    figure = POOLING.figure(**setting)
    assert figure.get_figwidth() <= 9 and figure.get_figheight() <= 5
    assert_legible(figure, more_than=15)


@pytest.mark.slow
def test_axes_stay_where_they_are_while_sliders_move() -> None:
    places = {
        tuple(axes.get_position().bounds for axes in POOLING.figure(**setting).axes)
        for setting in ({}, ENDS[1], {"bins": 7})
    }
    limits = {(axes.get_xlim(), axes.get_ylim()) for s in ({}, ENDS[1]) for axes in POOLING.figure(**s).axes[:2]}
    assert len(places) == len(limits) == 1


def test_a_figure_can_be_saved_twice_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    """Matplotlib gives a figure without layout engine one after it has saved it."""
    figure = POOLING.figure()
    assert figure.get_layout_engine() is None
    places = [axes.get_position().bounds for axes in figure.axes]
    for _ in range(2):
        figure.savefig(BytesIO(), format="png")
    assert [axes.get_position().bounds for axes in figure.axes] == places and not recwarn.list


def test_numbers_in_the_grids_are_those_that_were_read() -> None:
    figure = POOLING.figure(x=3.25, bins=2)
    found = pooled(RAMP, 3.25, 3.0, 4.0, 2)
    for axes, grid in zip(figure.axes[2:4], found, strict=True):
        numbers = [text.get_text() for text in axes.texts][:-1]
        assert numbers == [f"{value:.2f}" for value in grid.flatten().tolist()]
    words = [axes.texts[-1].get_text() for axes in figure.axes[2:4]]
    assert "52/16 = 3.25 → 3\n116/16 = 7.25 → 7\n5 cells / 2 bins\n→ 3 cells a bin" in words[0]
    assert "52/16 = 3.25\n116/16 = 7.25\n4 cells / 2 bins\n= 2.00 cells a bin" in words[1]
    assert "→ 1 or 2 cells a bin" in POOLING.figure(bins=7).axes[2].texts[-1].get_text()


def test_diamonds_stand_on_the_maxima() -> None:
    features = learnt_map()
    axes = pooling_explorer(features).figure(x=2.0, y=1.25, side=5.25, bins=3).axes[0]
    (diamonds,) = (line for line in axes.lines if line.get_marker() == "D")
    cells = [features[int(y), int(x)] for x, y in zip(*diamonds.get_data(), strict=True)]
    assert torch.equal(torch.stack(cells).reshape(3, 3), pooled(features, 2.0, 1.25, 5.25, 3).pool)


@pytest.mark.slow
def test_every_control_changes_picture_and_text() -> None:
    changes = ({}, {"x": 3.5}, {"y": 3.5}, {"side": 4.75}, {"bins": 3})
    assert len({picture(POOLING.figure(**changed)) for changed in changes}) == len(changes)
    assert len({POOLING.alt(**POOLING.values(**changed)) for changed in changes}) == len(changes)
    assert "takes the columns 3 to 7, and its first bin reads 5.00; RoIAlign" in POOLING.alt(**POOLING.values(x=3.25))


@pytest.mark.slow
def test_the_strip_and_the_moving_slider(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_shown_and_moved(POOLING, monkeypatch, to=6.0)


@pytest.mark.slow
def test_titles_of_the_strip_are_above_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_legible_strip(POOLING, monkeypatch, more_than=45)


def test_another_map_has_sliders_of_its_own_size() -> None:
    explorer = pooling_explorer(learnt_map(24, 9).float())
    assert (
        explorer.controls["x"].high == 2 and explorer.controls["y"].high == 17 and explorer.controls["side"].high == 6
    )
    explorer = pooling_explorer(learnt_map(8, 40))
    ends = {name: explorer.controls[name].high for name in ("x", "y", "side", "bins")}
    assert explorer.figure(**ends).axes and explorer.figure().axes


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (torch.zeros(1, 12, 16), r"one channel .* got torch.float32 \(1, 12, 16\)"),
        (torch.zeros(12, 7), "at least 8 cells"),
        (torch.zeros(12, 16, dtype=torch.int64), "floating"),
        (torch.full((12, 16), torch.nan), "must be finite"),
        ([[1.0]], "must be a tensor"),
    ],
)
def test_other_maps_are_refused(features: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pooling_explorer(features)
