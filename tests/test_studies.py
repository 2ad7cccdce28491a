"""Studies: what is there is kept, what is missing is run, a table is never half written; and what lessons claim on them."""

import ast
import sys
from pathlib import Path
from typing import NamedTuple

import notebook_files
import pandas
import pytest
from notebook_sources import calls

sys.path.insert(0, str(Path(__file__).parents[1] / "tools" / "studies"))
import live
from study import RESULTS, read_rows, run_study, write_rows


def test_only_missing_rows_are_run_and_every_row_is_written_at_once(tmp_path: Path) -> None:
    ran: list[tuple[str, int]] = []

    def variant(name: str):
        def run(seed: int) -> dict[str, float]:
            assert len(read_rows(tmp_path / "small.csv")) == len(ran), "the rows before are on the disk"
            ran.append((name, seed))
            return {"mean_iou": 0.5 + seed / 10, "steps": 7}

        return run

    variants = {"b": variant("b"), "a": variant("a")}
    run_study("small", variants, folder=tmp_path, arguments=["--seeds", "0", "1"])
    assert ran == [("b", 0), ("a", 0), ("b", 1), ("a", 1)]
    run_study("small", variants, folder=tmp_path, arguments=["--seeds", "1", "2", "--only", "a"])
    assert ran[4:] == [("a", 2)]
    rows = read_rows(tmp_path / "small.csv")
    assert [(row["variant"], row["seed"]) for row in rows] == [
        ("b", "0"),
        ("b", "1"),
        ("a", "0"),
        ("a", "1"),
        ("a", "2"),
    ]
    assert rows[1]["mean_iou"] == "0.6000" and rows[1]["steps"] == "7" and float(rows[1]["cpu_seconds"]) >= 0


def test_an_interrupted_study_keeps_what_it_has(tmp_path: Path) -> None:
    def run(seed: int) -> dict[str, float]:
        if seed == 1:
            raise KeyboardInterrupt
        return {"mean_iou": 0.5}

    with pytest.raises(KeyboardInterrupt):
        run_study("small", {"a": run}, folder=tmp_path, arguments=[])
    assert [row["seed"] for row in read_rows(tmp_path / "small.csv")] == ["0"]
    assert [file.name for file in tmp_path.iterdir()] == ["small.csv"]


def test_unknown_variants_and_rows_of_another_study_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no .'c'.; its variants are .'a'"):
        run_study("small", {"a": lambda seed: {}}, folder=tmp_path, arguments=["--only", "c"])
    rows = [{"variant": "a", "seed": "0", "mean_iou": "1"}, {"variant": "a", "seed": "1", "dice": "1"}]
    with pytest.raises(ValueError, match="must have the columns"):
        write_rows(tmp_path / "small.csv", rows)
    assert not (tmp_path / "small.csv").exists()


class Claimed(NamedTuple):
    """A condition that a lesson claims of what it has trained just now, and the eight runs that say how far it can be off.

    `condition`: as it stands in the lesson. `quantity`: the number in it, from the rows of the variants, which are called a
    and b; it is claimed to lie on this `side` of the `limit`. `least`: the standard deviation is taken to be at least that.
    """

    lesson: int
    condition: str
    study: str
    variants: tuple[str, ...]
    quantity: str
    side: str
    limit: float
    least: float = 0.01


# fmt: off
CLAIMED = (
    Claimed(0, "right > 0.4", "live", ("colour classifier: pixels right",), "a.value", ">", 0.4),
    Claimed(0, "found[PERSON] < 0.1", "live", ("colour classifier: persons found",), "a.value", "<", 0.1),
    Claimed(0, "found[-1] < 0.1", "live", ("colour classifier: poles found",), "a.value", "<", 0.1),

    Claimed(2, "mean_iou[9] - mean_iou[1] > 0.05", "windows", ("window 9", "window 1"), "a.mean_iou - b.mean_iou", ">", 0.05),
    Claimed(2, "mean_iou[33] - mean_iou[9] > 0.06", "windows", ("window 33", "window 9"), "a.mean_iou - b.mean_iou", ">", 0.06),
    Claimed(2, "gained[0] - gained[1] > 0.02", "windows", ("window 33", "window 9"),
            "(a.inside - b.inside) - (a.near - b.near)", ">", 0.02),
    Claimed(2, "middle > 0.5", "live", ("untrained stack: gradient in the middle",), "a.value", ">", 0.5),
    Claimed(2, "(difference[0:5] > 1e-05).any(dim=1).all()", "live", ("zero padding: log10 of the frame's error",), "a.value",
            ">", -5),

    # Of weights that are exact in the end, or small, no standard deviation of 0.01 can be expected.
    Claimed(4, "found < 0.01", "live", ("tent: largest error of a weight",), "a.value", "<", 0.01, 0.001),
    Claimed(4, "by_learnt < 0.85 * errors['bilinear']", "live", ("kernel: error over bilinear's",), "a.value", "<", 0.85),
    Claimed(4, "by_learnt < errors['bicubic']", "live", ("kernel: error over bicubic's",), "a.value", "<", 1),
    Claimed(4, "max(outer) < 0", "live", ("kernel: largest outer weight",), "a.value", "<", 0, 0.003),
    Claimed(4, "abs(p - 1) < 0.02", "live", ("kernel: phases from 1",), "a.value", "<", 0.02, 0.003),

    Claimed(5, "last < constant", "live", ("loop: loss over that of a constant",), "a.value", "<", 1),
    Claimed(5, "by_hand['recall'] < 0.1", "live", ("loop: recall",), "a.value", "<", 0.1),
    Claimed(5, "by_focal['recall'] < 0.1", "live", ("loop, focal: recall",), "a.value", "<", 0.1),
    Claimed(5, "by_focal['mean_probability'] > 5 * share", "live", ("loop, focal: mean probability over the true share",),
            "a.value", ">", 5),
    Claimed(5, "found['cross-entropy']['recall'] < 0.1", "losses", ("cross-entropy",), "a.recall", "<", 0.1),
    Claimed(5, "weighted['recall'] > 0.8", "losses", ("weighted cross-entropy",), "a.recall", ">", 0.8),
    Claimed(5, "weighted['precision'] < 0.3", "losses", ("weighted cross-entropy",), "a.precision", "<", 0.3),
    Claimed(5, "dice['iou'] - weighted['iou'] > 0.1", "losses", ("Dice", "weighted cross-entropy"), "a.iou - b.iou", ">", 0.1),
    Claimed(5, "where['cross-entropy'] < 0.3", "losses", ("cross-entropy",), "a.best_threshold", "<", 0.3),
    Claimed(5, "where['weighted cross-entropy'] > 0.9", "losses", ("weighted cross-entropy",), "a.best_threshold", ">", 0.9),
    Claimed(5, "error['weighted cross-entropy'] > 5 * error['cross-entropy']", "losses",
            ("weighted cross-entropy", "cross-entropy"), "a.calibration_error / b.calibration_error", ">", 5),
    Claimed(5, "after['calibration_error'] < before['calibration_error'] / 5", "live",
            ("log w taken off: calibration error over that before",), "a.value", "<", 1 / 5),
    Claimed(5, "after['iou'] - before['iou'] > 0.05", "live", ("log w taken off: gain in IoU",), "a.value", ">", 0.05),
    # The order of the pixels stays, but for ties.
    Claimed(5, "math.isclose(after['average_precision'], before['average_precision'], abs_tol=0.01)", "live",
            ("log w taken off: average precision",), "a.value", "<", 0.01, 0.001),

    Claimed(6, "region[32].mean_iou < 0.7", "live", ("fitted grid, stride 32: mean IoU",), "a.value", "<", 0.7),
    Claimed(6, "edge[32] < 0.4", "live", ("fitted grid, stride 32: boundary IoU",), "a.value", "<", 0.4),
    Claimed(6, "pole[32] < 0.3", "live", ("fitted grid, stride 32: IoU of poles",), "a.value", "<", 0.3),
    Claimed(6, "region[8].mean_iou > 0.84", "live", ("fitted grid, stride 8: mean IoU",), "a.value", ">", 0.84),
    Claimed(6, "pole[8] < 0.7", "live", ("fitted grid, stride 8: IoU of poles",), "a.value", "<", 0.7),
    Claimed(6, "mean_iou[8] - mean_iou[32] > 0.08", "live", ("skips: gain in mean IoU",), "a.value", ">", 0.08),
    Claimed(6, "boundary[8] - boundary[32] > 0.06", "live", ("skips: gain in boundary IoU",), "a.value", ">", 0.06),
    Claimed(6, "max(gain, key=gain.get) == 'person'", "live", ("skips: gain of persons over the next",), "a.value", ">", 0),
    Claimed(6, "gain['car'] > gain['pole']", "live", ("skips: gain of cars over that of poles",), "a.value", ">", 0),
    Claimed(6, "sum((gain[name] for name in large)) / sum(gain.values()) > 0.4", "live", ("skips: part of the large classes",),
            "a.value", ">", 0.4),
    Claimed(6, "errors[8][band] < 0.7 * errors[32][band]", "live", ("skips: errors left, 2 to 4 pixels",), "a.value", "<", 0.7),
    Claimed(6, "errors[8][band] < 0.7 * errors[32][band]", "live", ("skips: errors left, 4 to 8 pixels",), "a.value", "<", 0.7),
    Claimed(6, "errors[8][0] > 0.3", "live", ("skips: errors of FCN-8s, 0 to 2 pixels",), "a.value", ">", 0.3),
    Claimed(6, "errors[8][0] > 2 * errors['fitted'][0]", "live", ("skips: errors over the fitted grid's, 0 to 2 pixels",),
            "a.value", ">", 2),

    Claimed(7, "edge['indices'] > edge['bilinear']", "live", ("mirrored stages: indices over bilinear in boundary IoU",),
            "a.value", ">", 0),
    Claimed(7, "30 < s < 70", "live", ("SegNet: smallest share not zero",), "a.value", ">", 0.3),
    Claimed(7, "30 < s < 70", "live", ("SegNet: largest share not zero",), "a.value", "<", 0.7),
    Claimed(7, "own_iou - mixed_iou > 0.12", "live", ("places of B: loss in mean IoU with A",), "a.value", ">", 0.12),
    Claimed(7, "near['B'][score][1] - near['A'][score][1] > 0.04", "live", ("places of B: nearer to B in mean IoU",), "a.value",
            ">", 0.04),
    Claimed(7, "near['B'][score][1] - near['A'][score][1] > 0.04", "live", ("places of B: nearer to B in boundary IoU",),
            "a.value", ">", 0.04),
    Claimed(7, "abs(own_iou - finest_iou) < 0.06", "live", ("places of B in the finest stage: change",), "a.value", "<", 0.06),

    Claimed(12, "scores['ap50'] > 0.7", "live", ("Mask R-CNN: mask AP50",), "a.value", ">", 0.7),
    Claimed(12, "scores['ap'] > 0.29", "live", ("Mask R-CNN: mask AP",), "a.value", ">", 0.29),
)
# fmt: on


def runs(study: str, variant: str) -> pandas.DataFrame:
    """The rows of the seeds 0 to 7, by seed."""
    table = pandas.read_csv(RESULTS / f"{study}.csv")
    found = table[table.variant == variant].set_index("seed").sort_index()
    assert list(found.index) == list(range(8)), f"{study}.csv has other seeds of {variant!r} than 0 to 7"
    return found


@pytest.mark.parametrize("claimed", CLAIMED, ids=lambda claimed: f"{claimed.lesson:02d} {claimed.condition}")
def test_what_is_claimed_live_would_hold_on_other_machines(claimed: Claimed) -> None:
    names = dict(zip("ab", (runs(claimed.study, variant) for variant in claimed.variants), strict=False))
    values = eval(claimed.quantity, names)
    margin = 5 * max(values.std(), claimed.least)
    room = values.mean() - claimed.limit if claimed.side == ">" else claimed.limit - values.mean()
    assert room >= margin, (
        f"the mean of eight seeds is {values.mean():.4f}, and five standard deviations are {margin:.4f}: claim less, or show it"
    )


@pytest.mark.parametrize("claimed", CLAIMED, ids=lambda claimed: f"{claimed.lesson:02d} {claimed.condition}")
def test_what_is_listed_is_what_the_lesson_claims(claimed: Claimed) -> None:
    (path,) = live.NOTEBOOKS.glob(f"{claimed.lesson:02d}_*.ipynb")
    claims = [
        call for _, cell in notebook_files.code_cells(notebook_files.read(path)) for call in calls(cell.source, "claim")
    ]
    holding = [call for call in claims if ast.unparse(ast.parse(claimed.condition)) in ast.unparse(call.args[1])]
    assert len(holding) == 1, f"{path.name} has {len(holding)} claims with {claimed.condition}"


def test_every_quantity_that_lessons_are_run_for_is_claimed() -> None:
    listed = {variant for claimed in CLAIMED if claimed.study == "live" for variant in claimed.variants}
    assert listed == set(live.QUANTITIES)
    for name, quantity in live.QUANTITIES.items():
        (path,) = live.NOTEBOOKS.glob(f"{quantity.lesson:02d}_*.ipynb")
        cells = [cell.source for _, cell in notebook_files.code_cells(notebook_files.read(path))]
        assert sum(quantity.sentence in cell for cell in cells) == 1, f"{name}: {quantity.sentence!r} in {path.name}"
