"""The painter of lesson 05: its losses by hand, its pictures, and a stroke that Python hears of without a browser."""

import math

import matplotlib.pyplot as plt
import pytest
import torch
from pictures import picture

from course_utils.widgets import losses
from course_utils.widgets.losses import PAINTER, PRESETS, TRUTH, alt, losses_of, relative_losses

FOREGROUND, VALID = 32, 180


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def shown_widgets(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    PAINTER.show()
    buttons, brush, row = shown[0].children
    return {button.description: button for button in buttons.children}, brush, *row.children


def test_truth_has_all_three_kinds_of_pixel() -> None:
    assert int((TRUTH == 1).sum()) == FOREGROUND and int((TRUTH != 255).sum()) == VALID
    assert TRUTH.shape == (12, 16)


def test_unsure_everywhere_by_hand() -> None:
    """Σ p = 90, Σ g = 32, Σ p g = 16; -log 0.5 at each pixel; worst errors 0.5 all alike."""
    found = losses_of(PRESETS["unsure"])
    assert found["cross-entropy"] == found["top-k, 10 %"] == pytest.approx(math.log(2))
    assert found["focal, γ = 2"] == pytest.approx(math.log(2) / 4)
    assert found["Dice"] == pytest.approx(1 - 32 / 122)
    assert found["squared Dice"] == pytest.approx(1 - 32 / (45 + 32))
    assert found["Jaccard"] == pytest.approx(1 - 16 / 106)
    assert found["Tversky, β = 0.7"] == pytest.approx(1 - 16 / (16 + 0.3 * 74 + 0.7 * 16))
    assert found["Lovász"] == pytest.approx(0.5)
    # Weights 1 / 32² and 1 / 148²: Σ w Σ p g over Σ w Σ (p + g), twice.
    weights = {FOREGROUND: 1 / FOREGROUND**2, VALID - FOREGROUND: 1 / (VALID - FOREGROUND) ** 2}
    common, size = (sum(w * part(n) for n, w in weights.items()) for part in (lambda n: n / 2, lambda n: n + 90))
    assert found["generalised Dice"] == pytest.approx(1 - 2 * common / size)


def test_empty_prediction_by_hand() -> None:
    found = losses_of(PRESETS["empty"])
    surely_wrong, surely_right = math.log(1000), -math.log(0.999)
    mean = (FOREGROUND * surely_wrong + (VALID - FOREGROUND) * surely_right) / VALID
    assert found["cross-entropy"] == pytest.approx(mean)
    # Linear in p, which is 0.001 here and 0.999 there: nearly 0.
    assert found["boundary"] == pytest.approx(losses_of(torch.ones(12, 16))["boundary"] / 999)
    assert found["Dice"] > 0.99


def test_the_scale_goes_from_perfect_to_empty() -> None:
    assert set(relative_losses(PRESETS["perfect"]).values()) == {0}
    assert list(relative_losses(PRESETS["empty"]).values()) == pytest.approx([1] * 13)


def test_nothing_is_better_than_perfect() -> None:
    for name, prediction in PRESETS.items():
        assert name == "perfect" or min(relative_losses(prediction).values()) > 0


def test_only_the_distances_notice_how_far_an_outlier_is() -> None:
    near, far = PRESETS["perfect"].clone(), PRESETS["one outlier"]
    near[5, 3] = 1
    same = {name for name, loss in losses_of(near).items() if loss == pytest.approx(losses_of(far)[name])}
    assert set(losses_of(far)) - same == {"boundary", "Hausdorff"}


def test_void_can_be_painted_without_changing_a_loss() -> None:
    painted = PRESETS["blurred"].where(TRUTH != 255, 1)
    assert not torch.equal(painted, PRESETS["blurred"])
    assert losses_of(painted) == losses_of(PRESETS["blurred"])


@pytest.mark.parametrize("wrong", [torch.zeros(16, 12), torch.full((12, 16), 1.5), torch.full((12, 16), math.nan)])
def test_what_is_no_prediction_is_refused(wrong: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="prediction must hold probabilities from 0 to 1"):
        losses_of(wrong)


@pytest.mark.slow
def test_every_preset_has_a_picture_and_a_text_of_its_own() -> None:
    pictures = {picture(PAINTER.figure(prediction=name)) for name in PRESETS}
    texts = {PAINTER.alt(prediction=name) for name in PRESETS}
    assert len(pictures) == len(texts) == len(PRESETS)


def test_bars_beyond_the_end_are_cut_and_marked() -> None:
    figure = plt.figure(figsize=losses._LIVE_SIZE)
    losses.draw_bars(figure, prediction=torch.ones(12, 16), brush=0.5)
    bars = figure.axes[1]
    texts = [text.get_text() for text in bars.texts]
    assert [text for text in texts if text.startswith("→")] == ["→ 5.680", "→ 5.668", "→ 2.491", "→ 11.344"]
    assert max(bar.get_width() for bar in bars.patches) == losses._LONGEST


def test_alt_counts_pixels() -> None:
    text = alt(prediction=PRESETS["one outlier"])
    assert "disc of 32 pixels, of which the prediction has 32 above one half, and 1 outside" in text
    assert "Dice 0.018" in text


def test_strip_is_one_figure_with_a_text(monkeypatch) -> None:
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    PAINTER.strip()
    assert len(shown) == 1 and repr(shown[0]).count("A disc of 32 pixels") == 3


def test_a_stroke_draws_the_losses_anew(monkeypatch) -> None:
    _, brush, canvas, picture = shown_widgets(monkeypatch)
    assert canvas.rows * canvas.columns == len(canvas.values) == len(canvas.truth)
    before = picture.value
    values = list(canvas.values)
    values[0] = brush.value
    canvas.values = values  # what the browser sends when the button of the mouse is let go
    assert picture.value != before and picture.value.startswith('<img src="data:image/png;base64,')
    assert "and 2 outside" in picture.value
    assert plt.get_fignums() == []


def test_buttons_set_the_prediction_and_the_slider_the_brush(monkeypatch) -> None:
    buttons, brush, canvas, picture = shown_widgets(monkeypatch)
    assert list(buttons) == list(PRESETS)
    buttons["empty"].click()
    assert set(canvas.values) == {0.0} and "has 0 above one half" in picture.value
    before = picture.value
    brush.value = 0.5
    assert canvas.brush == 0.5 and picture.value != before


def test_the_page_needs_nothing_from_elsewhere(monkeypatch) -> None:
    _, _, canvas, _ = shown_widgets(monkeypatch)
    assert "export default" in canvas._esm
    assert "import" not in canvas._esm and "http" not in canvas._esm
