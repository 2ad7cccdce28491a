"""Losses on their way into the history, and the stop at one that is not finite."""

import math

import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.datasets.samples import Sample
from course_utils.training.batches import draw_indices, names_of
from course_utils.training.distributed import rank_and_size, sum_over_ranks
from course_utils.training.history import History


class Recorder:
    """Writes losses into a history.

    On a GPU it waits for ten steps before it looks at them, since every look makes the processor wait for the GPU.
    `latest`: the losses of the last step that was looked at.
    """

    def __init__(
        self, history: History, train: Dataset[Sample], *, steps: int, batch_size: int, seed: int, device: torch.device
    ) -> None:
        self.history, self.train, self.steps, self.batch_size, self.seed = history, train, steps, batch_size, seed
        self.patience = 1 if device.type == "cpu" else 10
        self.waiting: list[tuple[float, list[str], Tensor]] = []
        self.latest: dict[str, float] = {}

    def add(self, learning_rate: float, losses: dict[str, Tensor]) -> None:
        """Note the losses of the next step.

        Raises: as `flush`, which this calls every so often.
        """
        values = torch.stack([value.detach().float() for value in losses.values()])
        self.waiting.append((learning_rate, list(losses), values))
        if len(self.waiting) == self.patience:
            self.flush()

    def flush(self) -> None:
        """Write down what waits, with several processes the mean of theirs.

        Raises: FloatingPointError where a sum of losses is not finite.
        """
        waiting, self.waiting = self.waiting, []
        ranks = rank_and_size()[1]
        for learning_rate, names, values in waiting:
            self.latest = dict(zip(names, (sum_over_ranks(values) / ranks).tolist(), strict=True))
            if not math.isfinite(sum(self.latest.values())):
                raise FloatingPointError(self._explanation())
            done = len(self.history.steps) + 1
            self.history.steps.append({"step": done, "learning_rate": learning_rate, **self.latest})

    def _explanation(self) -> str:
        step = len(self.history.steps)
        indices = draw_indices(len(self.train), batch_size=self.batch_size, seed=self.seed, step=step)
        values = ", ".join(f"{name} = {value}" for name, value in self.latest.items())
        return (
            f"The loss is not finite at step {step + 1} of {self.steps} ({values}). Its batch was "
            f"{', '.join(names_of(self.train, indices))}: look at these samples; if nothing is wrong with them, try a smaller "
            "learning_rate, or clip_norm=1."
        )
