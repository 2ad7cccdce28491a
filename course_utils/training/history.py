"""What a run leaves behind: every step's losses, every evaluation's scores, as a table and as a figure."""

from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

NO_LOSSES = ("step", "learning_rate", "sum of losses")
"""Names of other columns, which no loss can have."""


@dataclass
class History:
    """Record of a run.

    `steps`: one dict a step, with "step" (1, 2, …), "learning_rate" and the losses by name; `evaluations`: one a time that the
    network was evaluated, with "step" and the scores by name; `cpu_seconds`: of the training steps, without the evaluations.
    """

    steps: list[dict[str, float]] = field(default_factory=list)
    evaluations: list[dict[str, float]] = field(default_factory=list)
    cpu_seconds: float = 0.0

    @property
    def scores(self) -> dict[str, float]:
        """The scores of the last evaluation, by name; none where there was none."""
        last = self.evaluations[-1] if self.evaluations else {}
        return {name: value for name, value in last.items() if name != "step"}

    def table(self) -> "pandas.DataFrame":
        """One row a step: learning rate, losses, their sum where they are several, and scores, NaN where there was none.

        A score that is named as another column is called "NAME (score)".
        """
        steps, scores = self._tables()
        return steps.join(scores.rename(columns={name: f"{name} (score)" for name in steps}))

    def plot(self) -> "Figure":
        """The losses of all steps, thick their mean over the neighbouring ones, and the scores, each on axes of its own."""
        import matplotlib.pyplot as plt

        steps, scores = self._tables()
        panels = 2 if len(scores.columns) else 1
        figure, axes = plt.subplots(1, panels, figsize=(10 if panels == 2 else 6, 3.6), squeeze=False)
        window = max(1, len(steps) // 25)
        for number, name in enumerate(name for name in steps if name != "learning_rate"):
            axes[0, 0].plot(steps.index, steps[name], color=f"C{number}", alpha=0.25, linewidth=1)
            smooth = steps[name].rolling(window, center=True, min_periods=1).mean()
            axes[0, 0].plot(steps.index, smooth, color=f"C{number}", linewidth=2, label=name)
        axes[0, 0].set(xlabel="step", ylabel="loss", ylim=(0, None))
        for name, marker in zip(scores, cycle("osD^vPX*"), strict=False):
            axes[0, 1].plot(scores[name].dropna(), marker=marker, label=name)
            axes[0, 1].set(xlabel="step", ylabel="score", ylim=(0, 1))
        for panel in axes[0]:
            panel.legend()
        return figure

    def _tables(self) -> tuple["pandas.DataFrame", "pandas.DataFrame"]:
        """Learning rate and losses by step, and scores by step."""
        import pandas

        steps, scores = (
            pandas.DataFrame(rows, columns=None if rows else ["step"]).set_index("step")
            for rows in (self.steps, self.evaluations)
        )
        losses = [name for name in steps if name != "learning_rate"]
        if len(losses) > 1:
            steps["sum of losses"] = steps[losses].sum(axis=1)
        return steps, scores
