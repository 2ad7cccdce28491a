"""Losses and scores on their way into the history, and the stop at what is not finite."""

import math
from numbers import Real

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from course_utils.datasets.samples import Sample
from course_utils.training.batches import draw_indices, names_of
from course_utils.training.distributed import rank_and_size, sum_over_ranks
from course_utils.training.history import NO_LOSSES, History


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


def require_losses(losses: object) -> dict[str, Tensor]:
    """What an objective gave, if it is losses by name of which one at least depends on the network.

    Raises: ValueError that says what came instead.
    """
    if not isinstance(losses, dict) or not losses or not all(_is_loss(*item) for item in losses.items()):
        found = (
            {name: tuple(value.shape) if isinstance(value, Tensor) else value for name, value in losses.items()}
            if isinstance(losses, dict)
            else type(losses).__name__
        )
        raise ValueError(
            "objective must give a dict of losses by name, one or more, each a tensor of shape () and none of them named "
            f"{', '.join(map(repr, NO_LOSSES))}, but gave {found}; take the mean over pixels and samples."
        )
    if not any(value.requires_grad for value in losses.values()):
        raise ValueError(
            f"No loss of {', '.join(losses)} depends on what is trained, so that there is no gradient; compute one from the "
            "network's output, without `detach` and `no_grad`."
        )
    return losses


def _is_loss(name: object, value: object) -> bool:
    return isinstance(name, str) and name not in NO_LOSSES and isinstance(value, Tensor) and value.shape == ()


def plain_scores(scores: object) -> dict[str, float]:
    """What `evaluate` gave, as numbers of Python, since a checkpoint keeps no others.

    Raises: ValueError that says what came instead.
    """
    if not isinstance(scores, dict) or not all(_is_score(*item) for item in scores.items()):
        found = scores if isinstance(scores, dict) else type(scores).__name__
        raise ValueError(
            f"evaluate must give a dict of scores by name, each one number and none of them named 'step', but gave {found}."
        )
    return {name: float(value) for name, value in scores.items()}


def _is_score(name: object, value: object) -> bool:
    number = isinstance(value, Real) or (isinstance(value, Tensor) and value.shape == ())
    return isinstance(name, str) and name != "step" and number


def require_finite(model: nn.Module, *, step: int, steps: int) -> None:
    """Refuse to go on, to score and to keep a network that an update has broken.

    Raises: FloatingPointError that names what is broken.
    """
    broken = [name for name, value in model.named_parameters() if not value.isfinite().all()]
    # A buffer may well be infinite, as a mask of attention is, but no number it always is.
    broken += [name for name, value in model.named_buffers() if value.isnan().any()]
    if broken:
        raise FloatingPointError(
            f"After step {step} of {steps} the network is broken, though its loss was finite: {', '.join(broken[:3])} "
            f"({len(broken)} tensors in all) hold NaN or infinity. Try a smaller learning_rate, or clip_norm=1; look "
            "for a square root or a logarithm of 0 in the objective."
        )
