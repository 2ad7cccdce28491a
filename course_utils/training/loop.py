"""The training loop of the course."""

import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import Dataset

from course_utils.datasets.samples import Sample, require_data_set
from course_utils.datasets.transforms import Transform
from course_utils.models.modes import like_parameters
from course_utils.training.batches import NETWORK, Batch, derived_seed, draw_batch
from course_utils.training.checkpoints import load_checkpoint, require_writable, save_checkpoint
from course_utils.training.distributed import parallel, rank_and_size, share_buffers
from course_utils.training.history import History
from course_utils.training.objectives import Evaluate, Objective
from course_utils.training.optimisers import make_optimiser
from course_utils.training.progress import progress_bar, show_values
from course_utils.training.recording import Recorder, plain_scores, require_finite, require_losses
from course_utils.training.schedules import SCHEDULES
from course_utils.training.settings import Settings, check_functions, checked_intervals, checked_settings, due


@torch.inference_mode(False)
@torch.enable_grad()
def fit(
    model: nn.Module,
    train: Dataset[Sample],
    *,
    steps: int,
    objective: Objective,
    evaluate: Evaluate | None = None,
    seed: int,
    batch_size: int = 4,
    learning_rate: float = 1.5e-3,
    optimiser: str = "adamw",
    schedule: str = "one_cycle",
    weight_decay: float = 1e-4,
    momentum: float = 0.9,
    clip_norm: float | None = None,
    bfloat16: bool = False,
    channels_last: bool = True,
    transform: Transform | None = None,
    evaluate_every: int | None = None,
    checkpoint: Path | str | None = None,
    checkpoint_every: int | None = None,
    progress: bool = True,
) -> History:
    """Train `model` in place, on the device that it is on, and record what happened; it ends in evaluation mode.

    `objective(model, batch)` gives the losses by name, whose sum is minimised; `evaluate(model)` gives scores by name, at the
    end and every `evaluate_every` steps. `objectives.label_loss` and `objectives.score_labels` make both for a network that
    gives logits. `transform` augments each sample. `learning_rate` is the schedule's largest; `optimiser` is "adamw", "muon"
    (`optimisers.Muon`: 8e-3 is a good rate for it, and 0.01 a good decay) or "sgd", of which `momentum` is; `clip_norm` bounds
    the length of the gradient; `bfloat16` computes the objective under autocast. The progress bar is only seen where somebody
    can watch it, see `course_utils.training.progress`.

    The batch of a step, its augmentation and the network's own random numbers (dropout) depend on the seed and the step's
    number alone, even where the data set or the transform draws from PyTorch's common generator. Images come in the type of
    the network's first parameter. With `checkpoint`, the state is written there at the end and every `checkpoint_every` steps,
    and a run whose file exists goes on from it: on a CPU, the result is that of a run without a break, to the last bit.
    Under torchrun the processes share the work, see `course_utils.training.distributed`.

    Raises: ValueError for arguments that cannot be, and a checkpoint of another run; FloatingPointError where the sum of the
    losses is not finite, before the network's weights are changed by it (on a GPU, which is not asked at every step, within
    10), and where a weight is not finite, before the network is scored, kept or given back.
    """
    require_data_set(train)
    check_functions(objective=objective, evaluate=evaluate, transform=transform)
    settings = {
        "steps": steps, "seed": seed, "batch_size": batch_size, "samples": len(train), "learning_rate": learning_rate,
        "optimiser": optimiser, "schedule": schedule, "weight_decay": weight_decay, "momentum": momentum,
        "clip_norm": clip_norm, "bfloat16": bfloat16, "channels_last": channels_last,
        "trained_parameters": sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
    }  # fmt: skip
    settings = checked_settings(settings)
    evaluate_every, checkpoint_every = checked_intervals(evaluate_every, checkpoint, checkpoint_every)
    run = _set_up(model, train, objective, settings, None if checkpoint is None else Path(checkpoint))
    # The caller's random numbers go on afterwards as if there had been no training.
    with (
        torch.random.fork_rng([run.device] if run.device.type == "cuda" else []),
        progress_bar(first=run.first, steps=run.steps, wanted=progress and run.part[0] == 0) as bar,
    ):
        for step in range(run.first, run.steps):
            start = time.process_time()
            batch = _draw(run, train, step, transform)
            with torch.autocast(run.device.type, torch.bfloat16, enabled=bfloat16):
                losses = run.losses_of(batch)
            rate = settings["learning_rate"] * SCHEDULES[schedule](step, run.steps)
            run.recorder.add(rate, losses)
            run.updates.zero_grad()
            sum(losses.values()).backward()
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            for group in run.updates.param_groups:
                group["lr"] = rate * group.get("share", 1)
            run.updates.step()
            run.history.cpu_seconds += time.process_time() - start

            done = step + 1
            scored = evaluate is not None and due(done, run.steps, evaluate_every)
            kept = run.checkpoint is not None and due(done, run.steps, checkpoint_every)
            if scored or kept or done == run.steps:
                run.recorder.flush()
                require_finite(model, step=done, steps=run.steps)
            if scored:
                share_buffers(model)
                model.eval()
                run.history.evaluations.append({"step": done, **plain_scores(evaluate(model))})
                model.train()
            if kept and run.part[0] == 0:
                save_checkpoint(run.checkpoint, model, run.updates, run.history, settings)
            show_values(bar, run.recorder.latest | run.history.scores)
            bar.update()
    model.eval()
    return run.history


class _Run(NamedTuple):
    """What a run is made of; `part` is this process's number and how many there are, `first` the step to begin with."""

    settings: Settings
    steps: int
    first: int
    device: torch.device
    part: tuple[int, int]
    losses_of: nn.Module
    updates: Optimizer
    history: History
    recorder: Recorder
    checkpoint: Path | None


def _set_up(
    model: nn.Module, train: Dataset[Sample], objective: Objective, settings: Settings, checkpoint: Path | None
) -> _Run:
    """Make what a run needs, from its checkpoint where there is one, and put the network into training mode."""
    steps, device = settings["steps"], like_parameters(model).device
    model.to(memory_format=_memory_format(model, settings))
    updates = make_optimiser(model, settings)
    found = checkpoint is not None and checkpoint.is_file()
    history = load_checkpoint(checkpoint, model, updates, settings) if found else History()
    recorder = Recorder(
        history, train, steps=steps, batch_size=settings["batch_size"], seed=settings["seed"], device=device
    )
    losses_of, first = parallel(_Losses(model, objective)), len(history.steps)
    if checkpoint is not None and first < steps:
        require_writable(checkpoint)
    model.train(first < steps)
    return _Run(settings, steps, first, device, rank_and_size(), losses_of, updates, history, recorder, checkpoint)


def _draw(run: _Run, train: Dataset[Sample], step: int, transform: Transform | None) -> Batch:
    """The batch of a step, and the network's own random numbers begun anew."""
    seed, batch_size = run.settings["seed"], run.settings["batch_size"]
    _seed(run.device, derived_seed(seed, NETWORK, step, run.part[0]))
    batch = draw_batch(
        train, batch_size=batch_size, seed=seed, step=step, transform=transform, part=run.part, device=run.device
    )
    dtype = like_parameters(run.losses_of).dtype
    images = batch.images.to(dtype).contiguous(memory_format=_memory_format(run.losses_of, run.settings))
    return batch._replace(images=images, done=step / run.steps)


def _memory_format(model: nn.Module, settings: Settings) -> torch.memory_format:
    wanted = settings["channels_last"] and not any(_writes_beyond_its_memory(layer) for layer in model.modules())
    return torch.channels_last if wanted else torch.contiguous_format


def _writes_beyond_its_memory(layer: nn.Module) -> bool:
    """Whether PyTorch 2.15 on a CPU with AVX2 breaks the process in this layer's backward, with channels last.

    So it does for 1×1 with a stride and fewer than 8 input channels, as the shortcut of a very narrow residual block has it.
    """
    return (
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == (1, 1)
        and max(layer.stride) > 1
        and layer.in_channels < 8
        and layer.weight.device.type == "cpu"
    )


class _Losses(nn.Module):
    """The objective as a module, since DistributedDataParallel watches what goes through `forward`."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        try:
            losses = self.objective(self.model, batch)
        except ValueError as error:
            if "more than 1 value per channel" in str(error):
                raise ValueError(
                    f"Batch norm has one value a channel to take a mean and a variance of ({error}); train with a larger "
                    "batch_size, or with larger images."
                ) from error
            raise
        return require_losses(losses)


def _seed(device: torch.device, seed: int) -> None:
    # Not torch.manual_seed, which on a machine with a GPU that is not in use keeps a list of all calls.
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
