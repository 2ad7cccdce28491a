"""Several processes that train one network: `torchrun --nproc-per-node=N -m course_utils.training …`.

What is per rank: the network's copy, and a part of every batch (`batch_size` is that of the whole, and N divides it), so that
batch norm takes its statistics over the part, and those that are kept are rank 0's. What is common: the gradients, averaged by
PyTorch's DistributedDataParallel; the losses that are recorded; the samples and their augmentation, which are those of one
process. Rank 0 alone writes files and shows progress.

The mean over ranks of means is the mean over all pixels only where each has equally many that are not void:
`share_of_pixels` puts that right. The losses of detectors are divided by each rank's own counts, so that they agree with those
of one process only approximately, see `instance_objectives.detection_loss`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from course_utils.datasets.samples import VOID
from course_utils.ops.precision import in_float64


def rank_and_size() -> tuple[int, int]:
    """Number of this process and of all that train together: (0, 1) where it is alone."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_available() and dist.is_initialized() else (0, 1)


@contextmanager
def processes(device: torch.device) -> Iterator[torch.device]:
    """Join the other processes where torchrun started this one (nccl on GPUs, else gloo); gives the device to compute on."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    # The others wait so long where rank 0 has something to do first.
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(hours=3))
    try:
        yield device
    finally:
        dist.destroy_process_group()


def parallel(module: nn.Module) -> nn.Module:
    """The module itself, or with several processes the same one with averaged gradients."""
    if rank_and_size()[1] == 1:
        return module
    return nn.parallel.DistributedDataParallel(module, find_unused_parameters=True)


def share_buffers(module: nn.Module) -> None:
    """Give every rank the buffers of rank 0 (batch norm's statistics), so that all evaluate one network."""
    if rank_and_size()[1] > 1:
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """The sum of this tensor in all processes; whole numbers are summed exactly."""
    if rank_and_size()[1] > 1:
        tensor = tensor.clone()
        dist.all_reduce(tensor)
    return tensor


def rank_0_first(act: Callable[[], object]) -> None:
    """Let rank 0 do something, such as a download, while the others wait; if it cannot, it says why and the others end, too.

    Raises: what `act` raises, in rank 0; SystemExit in the others.
    """
    done = False
    try:
        if rank_and_size()[0] == 0:
            act()
            done = True
    finally:
        done = bool(from_rank_0(done))
    if not done:
        raise SystemExit(1)


def from_rank_0(number: float) -> float:
    """The number that rank 0 has."""
    rank, size = rank_and_size()
    if size == 1:
        return number
    values: list[float] = [number]
    dist.broadcast_object_list(values, src=0)
    return values[0]


def share_of_pixels(labels: Tensor, *, class_weights: Tensor | None = None, ignore_index: int = VOID) -> Tensor | float:
    """N n / Σ n, with n the pixels of this rank that are not void, each counted with the weight of its class if there are any.

    The mean over N ranks of (mean over the rank's pixels × this share) is the mean over the pixels of all ranks: with it, the
    gradients of a cross-entropy are those of one process with the whole batch.
    """
    size = rank_and_size()[1]
    if size == 1:
        return 1.0
    valid = labels != ignore_index
    weights = in_float64(valid)
    if class_weights is not None:
        weights = weights * in_float64(class_weights).to(weights.device)[labels.where(valid, 0).to(weights.device)]
    own = weights.sum()
    return size * own / sum_over_ranks(own).clamp(min=torch.finfo(own.dtype).tiny)
