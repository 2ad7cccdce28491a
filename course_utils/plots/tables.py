"""Tables: a confusion matrix as a picture with its numbers, and scores as a data frame."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

if TYPE_CHECKING:
    import pandas


def confusion_table(matrix: Tensor, classes: Sequence[str], *, title: str = "") -> Figure:
    """A confusion matrix (K, K): each row divided by its sum is the shade, so that rare classes can be read; void is not in it.

    Up to four classes the cells carry the counts, above that the per cent of the row.

    Raises: ValueError where the matrix is not (K, K) for K class names, or does not hold counts.
    """
    number = len(classes)
    if tuple(matrix.shape) != (number, number):
        raise ValueError(
            f"Expected a matrix of shape {(number, number)} for {number} classes, got {tuple(matrix.shape)}."
        )
    if matrix.is_floating_point() or bool((matrix < 0).any()):
        raise ValueError(
            "Expected counts, whole numbers of 0 and above, not shares: the rows are divided by their sums here."
        )
    matrix = matrix.cpu()
    shares = matrix / matrix.sum(1, keepdim=True).clamp(min=1)
    side = 2.4 + 0.72 * number
    figure, axes = plt.subplots(figsize=(side + 1.6, side))
    axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    for row in range(number):
        for column in range(number):
            share = float(shares[row, column])
            text = str(int(matrix[row, column])) if number <= 4 else f"{100 * share:.0f}"
            axes.text(column, row, text, ha="center", va="center", color="white" if share > 0.55 else "black")
    axes.set_xticks(range(number), classes, rotation=0 if number <= 4 else 45, ha="center" if number <= 4 else "right")
    axes.set_yticks(range(number), classes)
    axes.set(xlabel="prediction", ylabel="truth", title=title)
    axes.spines[:].set_visible(False)
    return figure


def score_table(columns: dict[str, Sequence[float]], rows: Sequence[str], *, digits: int = 3) -> "pandas.DataFrame":
    """Scores as a data frame of texts with `digits` decimals, an en dash for NaN: columns by name, one row a name in `rows`."""
    import pandas

    lengths = {name: len(values) for name, values in columns.items()}
    if set(lengths.values()) != {len(rows)}:
        raise ValueError(f"Every column needs one value for each of the {len(rows)} rows, but they have {lengths}.")

    def text(value: float) -> str:
        return "–" if value != value else f"{value:.{digits}f}"

    return pandas.DataFrame({name: [text(float(v)) for v in values] for name, values in columns.items()}, index=rows)


def read_leaderboard(name: str) -> "pandas.DataFrame":
    """A table of published numbers, `data/leaderboards/NAME.csv`, with its source, split and caveat columns.

    Raises: ValueError where there is no such table.
    """
    table, names = _read("leaderboards", name)
    if table is None:
        raise ValueError(f"There is no table {name!r}; the tables are {names}.")
    return table


def read_results(name: str) -> "pandas.DataFrame":
    """A study of the course over several seeds, `data/results/NAME.csv`: one row a variant and seed.

    Raises: ValueError where there is no such study.
    """
    table, names = _read("results", name)
    if table is None:
        raise ValueError(
            f"There is no study {name!r}; the studies are {names}. `python tools/studies/{name}.py` runs it."
        )
    return table


def _read(folder: str, name: str) -> tuple["pandas.DataFrame | None", str]:
    """A CSV file in a folder of `data`, None where it is not there, and the names of those that are."""
    from pathlib import Path

    import pandas

    tables = Path(__file__).resolve().parents[2] / "data" / folder
    file = tables / f"{name}.csv"
    return pandas.read_csv(file) if file.exists() else None, ", ".join(sorted(f.stem for f in tables.glob("*.csv")))


def study_table(results: "pandas.DataFrame", scores: Sequence[str]) -> "pandas.DataFrame":
    """One row a variant, in their order: of each score the mean over seeds and, in brackets, the smallest and the largest.

    An en dash where a score is missing for a seed: the precision of a network that has found nothing.

    Raises: ValueError for a score that the study has not.
    """
    missing = set(scores) - set(results.columns)
    if missing:
        raise ValueError(f"The study has no {sorted(missing)}; its columns are {list(results.columns)}.")
    import pandas

    rows = {}
    for variant, runs in results.groupby("variant", sort=False):
        rows[variant] = {score: _mean_and_range(runs[score]) for score in scores} | {"seeds": str(len(runs))}
    return pandas.DataFrame.from_dict(rows, orient="index")


def _mean_and_range(values: "pandas.Series") -> str:
    if values.isna().any():
        return "–"
    return f"{values.mean():.3f} ({values.min():.3f} – {values.max():.3f})"
