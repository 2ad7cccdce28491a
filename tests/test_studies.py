"""Studies: what is there is kept, what is missing is run, and a table is never half written."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tools" / "studies"))
from study import read_rows, run_study, write_rows


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
