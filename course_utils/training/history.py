"""What a run leaves behind: every step's losses, every evaluation's scores, as a table and as a figure."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


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
        """One row a step: learning rate, losses, their sum where they are several, and scores, NaN where there was none."""
        import pandas

        table = pandas.DataFrame(self.steps).set_index("step")
        losses = [name for name in table if name != "learning_rate"]
        if len(losses) > 1:
            table["sum of losses"] = table[losses].sum(axis=1)
        if self.evaluations:
            table = table.join(pandas.DataFrame(self.evaluations).set_index("step"))
        return table

    def plot(self) -> "Figure":
        """The losses of all steps, thick their mean over the neighbouring ones, and the scores, each on axes of its own."""
        import matplotlib.pyplot as plt

        table = self.table()
        scores = list(self.scores)
        figure, axes = plt.subplots(1, 2 if scores else 1, figsize=(10 if scores else 6, 3.6), squeeze=False)
        window = max(1, len(table) // 25)
        for number, name in enumerate(name for name in table if name not in ("learning_rate", *scores)):
            axes[0, 0].plot(table.index, table[name], color=f"C{number}", alpha=0.25, linewidth=1)
            smooth = table[name].rolling(window, center=True, min_periods=1).mean()
            axes[0, 0].plot(table.index, smooth, color=f"C{number}", linewidth=2, label=name)
        axes[0, 0].set(xlabel="step", ylabel="loss", ylim=(0, None))
        for name, marker in zip(scores, "osD^vPX*" * len(scores), strict=False):
            axes[0, 1].plot(table[name].dropna(), marker=marker, label=name)
            axes[0, 1].set(xlabel="step", ylabel="score", ylim=(0, 1))
        for panel in axes[0]:
            panel.legend()
        return figure
