"""What lesson 10 and its study train: one U-Net decoder, one recipe, and the encoders that it is put on."""

import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course_utils.datasets.samples import VOID
from course_utils.devices import device
from course_utils.models.backbones.contract import require_backbone
from course_utils.models.cost import cost
from course_utils.models.unet import UNet
from course_utils.ops.checks import whole_number
from course_utils.recipes.scenes import scenes_in_memory
from course_utils.recipes.unets import network_on_scenes
from course_utils.training.optimisers import Muon

DECODER = (96, 64, 40, 24, 16)
"""Channels of the decoder at strides 16, 8, 4, 2 and 1: a coarsest map of stride 8 needs the last three of them."""
REFERENCE = "small_resnet"
"""The encoder that all others are compared with; the study's variants begin with the name of their encoder."""
IMAGES, SIZE = 512, (3, 96, 128)
"""Scenes to train on, and the shape of each."""


def on_scenes(backbone: nn.Module) -> UNet:
    """The decoder of the study on a backbone: at each stride it gives the same channels, whatever the backbone.

    It is not of the same size: its transposed convolutions give as many channels as the skips have that they meet.

    Raises: ValueError if it is no backbone, for one whose coarsest map has a stride above 32, and as `UNet`.
    """
    strides = sorted(set(require_backbone(backbone).strides))
    halvings = (strides[0] - 1).bit_length()
    targets = [*reversed(strides[:-1]), *(2**step for step in reversed(range(halvings)))]  # 16, 8, 4, 2, 1
    if targets and targets[0].bit_length() > len(DECODER):
        raise ValueError(
            f"The decoder goes up from a map of stride 32 at most, but the strides of this backbone are {tuple(strides)}: "
            "leave out its coarsest map."
        )
    return UNet(backbone, 8, widths=[DECODER[-stride.bit_length()] for stride in targets])


def encoder_on_scenes(
    seed: int,
    *,
    make: Callable[[], nn.Module],
    steps: int,
    images: int = IMAGES,
    pretrained: bool = False,
) -> dict[str, float]:
    """Train the decoder on a backbone made by `make()`, under the seed, on so many scenes: a row of the study.

    Scores as `network_on_scenes`; what it costs as `costs`; and of which kind it is, so that like is compared with like:
    `images`, whether the encoder began `pretrained`, which is for the caller to say, and whether it was `frozen`.

    Raises: ValueError as `on_scenes`; what `make` raises.
    """
    torch.manual_seed(seed)
    backbone = make()
    network = on_scenes(backbone)
    row = costs(network) | {"images": images, "pretrained": int(pretrained), "frozen": int(is_frozen(backbone))}
    return network_on_scenes(network.to(device()), seed=seed, steps=steps, images=images) | row


def costs(network: UNet) -> dict[str, int]:
    """Parameters and multiply-adds for one scene, of the encoder alone and of the whole network."""
    encoder, whole = cost(network.backbone, SIZE), cost(network, SIZE)
    return {
        "encoder_parameters": encoder.parameters,
        "encoder_multiply_adds": encoder.multiply_adds,
        "parameters": whole.parameters,
        "multiply_adds": whole.multiply_adds,
    }


def is_frozen(backbone: nn.Module) -> bool:
    """Whether it has parameters, and learns none of them."""
    parameters = list(backbone.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


def seconds_a_step(networks: Sequence[nn.Module], *, rounds: int = 5, most: float | None = None) -> list[float]:
    """Seconds that a training step of four scenes takes each of several networks: the median of some rounds.

    They take turns, so that a neighbour who makes the machine slow does it to all of them. CPU seconds; on a GPU those of the
    clock. The networks learn a little. With `most`, a network whose very first step takes longer has that as its time, and is
    left alone afterwards.

    Raises: ValueError for less than one round.
    """
    rounds = whole_number(rounds, "rounds", minimum=1)
    scenes = scenes_in_memory("train", IMAGES)
    samples = [scenes[n] for n in range(4)]
    images, labels = (torch.stack([sample[layer] for sample in samples]).to(device()) for layer in (0, 1))
    runs = [(network.to(device()).train(), Muon(network.parameters())) for network in networks]
    # The first step of a network makes its buffers, and chooses its kernels: it is slower than all others.
    first = [_seconds_of_a_step(*run, images, labels) for run in runs]
    too_slow = [most is not None and seconds > most for seconds in first]
    if any(too_slow):
        return first
    times = [[_seconds_of_a_step(*run, images, labels) for run in runs] for _ in range(rounds)]
    return [median(column) for column in zip(*times, strict=True)]


def _seconds_of_a_step(network: nn.Module, updates: Muon, images: Tensor, labels: Tensor) -> float:
    on_gpu = images.is_cuda
    clock = time.perf_counter if on_gpu else time.process_time
    begun = clock()
    updates.zero_grad()
    cross_entropy(network(images), labels, ignore_index=VOID).backward()
    updates.step()
    if on_gpu:
        torch.cuda.synchronize()
    return clock() - begun
