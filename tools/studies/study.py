"""What all studies share: run each variant for each seed that has no row yet, and write one row as soon as it is done.

A study is a script beside this file, `python tools/studies/NAME.py [--seeds 0 1 2] [--only VARIANT ...]`, which writes
`data/results/NAME.csv`. It can be interrupted and called again: rows that are there are kept and not computed again.
"""

import argparse
import csv
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from course_utils.whole_files import write_whole

RESULTS = Path(__file__).resolve().parents[2] / "data" / "results"

Run = Callable[[int], Mapping[str, float]]
"""A variant: trains with a seed, and gives what was measured by name, "steps" among it."""


def run_study(
    name: str, variants: Mapping[str, Run], *, folder: Path = RESULTS, arguments: list[str] | None = None
) -> None:
    """Run what is missing of a study, seed by seed, and write its table.

    Each row has the variant, the seed, what the variant measured, the CPU seconds of the run, the kind of processor,
    and the version of PyTorch.

    Raises: ValueError for a variant that the study does not have, and for rows with other columns.
    """
    parser = argparse.ArgumentParser(description=f"Run the study {name} and write data/results/{name}.csv.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", default=list(variants), metavar="VARIANT")
    given = parser.parse_args(arguments)
    unknown = set(given.only) - set(variants)
    if unknown:
        raise ValueError(f"The study {name} has no {sorted(unknown)}; its variants are {sorted(variants)}.")
    path = folder / f"{name}.csv"
    for seed in given.seeds:
        for variant in given.only:
            if _has(read_rows(path), variant, seed):
                continue
            start = time.process_time()
            measured = variants[variant](seed)
            row = (
                {"variant": variant, "seed": str(seed)}
                | {key: f"{value:.4f}" if isinstance(value, float) else str(value) for key, value in measured.items()}
                | {"cpu_seconds": f"{time.process_time() - start:.0f}", "processor": platform.machine()}
                | {"torch": torch.__version__.split("+")[0]}
            )
            # Read again, because other parts of the study may have been run meanwhile.
            rows = read_rows(path)
            if not _has(rows, variant, seed):
                write_rows(path, [*rows, row])
            print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)


def _has(rows: list[dict[str, str]], variant: str, seed: int) -> bool:
    return any(row["variant"] == variant and row["seed"] == str(seed) for row in rows)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a study's table; none where there is no table yet."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8-sig") as file:  # a spreadsheet marks what it saves
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    """Write the table, sorted by variant as first met and by seed; the old one stays until the new one is complete.

    Raises: ValueError where a row has other columns than the first.
    """
    columns = list(rows[0])
    if any(list(row) != columns for row in rows):
        raise ValueError(f"All rows of {path.name} must have the columns {columns}; move the old table away.")
    order = list(dict.fromkeys(row["variant"] for row in rows))

    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, columns, lineterminator="\n")
            table.writeheader()
            table.writerows(sorted(rows, key=lambda row: (order.index(row["variant"]), int(row["seed"]))))

    write_whole(path, write)
