"""A frozen backbone that is not: its batch norm goes on in training mode."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def frozen_training(backbone: nn.Module, head: nn.Module, images: Tensor, labels: Tensor, steps: int) -> Tensor:
    """Train a head on the maps of a backbone: `steps` steps of gradient descent, with images (B, C, H, W) and labels of the maps'
    size. The backbone stays exactly as it is, and gives what it gives in evaluation mode. The head is in training mode, so that
    its batch norm learns, too. Both may come in either mode. Result: the trained network's logits for the images, evaluated."""
    backbone.requires_grad_(False)
    network = nn.Sequential(backbone, head)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.5)
    for _ in range(steps):
        network.train()
        backbone.eval()
        loss = F.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()(images)


def given_frozen_training(backbone: nn.Module, head: nn.Module, images: Tensor, labels: Tensor, steps: int) -> Tensor:
    """This is still the version given, or does as it does. No weight of the backbone changes, and yet it is not the same
    afterwards: what else does a batch norm hold, and when does that move? (Whatever mode was set before `network.train()` is
    gone after it.)"""
    backbone.requires_grad_(False)
    network = nn.Sequential(backbone, head)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.5)
    for _ in range(steps):
        network.train()
        loss = F.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()(images)


SLIPS = read_slips("""
head_evaluated_as_well
    Your head learns in evaluation mode as well, so that its batch norm never sees what the maps are like. Only the backbone is
    to stay as it is.
    - backbone.eval()
    + network.eval()

mode_as_it_came
    You leave the head in the mode in which it came. Where that is evaluation, its batch norm does not learn what the maps are
    like.
    - network.train()
    + pass

momentum_of_zero
    The running statistics stay now, but the head learns on other maps than it gets later: in training mode a batch norm
    divides by the statistics of the batch, whatever becomes of the running ones.
    - backbone.eval()
    + for layer in backbone.modules():
    +     layer.momentum = 0.0

thawed
    The mode is right, but the backbone's weights move with the head's: gradients still get to them.
    - backbone.requires_grad_(False)
    + pass

thawed_in_training_mode
    The backbone learns with the head: gradients get to its weights, and in training mode its batch norm moves its running
    statistics as well.
    - backbone.requires_grad_(False)
    + pass
    - backbone.eval()
    + pass

head_frozen
    The head is frozen, too, so that nothing is left that could learn. Only the backbone's weights are to stay.
    - backbone.requires_grad_(False)
    + pass
    - network = nn.Sequential(backbone, head)
    + network = nn.Sequential(backbone, head).requires_grad_(False)

batch_norm_evaluated_alone
    Batch norm is in evaluation mode now, but the backbone's other layers are not: dropout, for one, gives something else in
    training mode. Put all of the backbone in evaluation mode.
    - backbone.eval()
    + for layer in backbone.modules():
    +     if isinstance(layer, nn.BatchNorm2d):
    +         layer.eval()

outermost_layers_evaluated
    You put some of the backbone's layers in evaluation mode, and not those inside of them, or not all: `backbone.eval()` reaches
    every layer.
    - backbone.eval()
    + for layer in backbone.children():
    +     layer.training = False

measured_in_training_mode
    Training is right. The logits afterwards are those of training mode: the head's batch norm takes the statistics of this one
    batch.
    - network.eval()(images)
    + network(images)
""")


class _Part(nn.Sequential):
    """Layers that are told by a name, instead of one by one."""

    def __init__(self, name: str, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self.name = name

    def __repr__(self) -> str:
        return self.name


class _LouderInTraining(nn.Module):
    """A layer that gives something else in training mode, as dropout does, but without chance."""

    def forward(self, maps: Tensor) -> Tensor:
        return 1.5 * maps if self.training else maps


def _parts(seed: int, channels: int, width: int, classes: int, modes: tuple[bool, bool]) -> tuple[_Part, _Part]:
    """A backbone whose batch norm has seen other images, and a head; `modes`: whether each of them is in training mode."""
    backbone = _Part(
        f"a backbone of {channels} to {width} channels",
        nn.Conv2d(channels, width, 3, stride=2, padding=1),
        nn.Sequential(nn.BatchNorm2d(width), nn.ReLU()),
        _LouderInTraining(),
    )
    backbone.channels, backbone.strides = (width,), (2,)
    head = _Part(
        f"a head of {width} channels to {classes} classes",
        nn.Conv2d(width, width, 1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, classes, 1),
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in (backbone, head):
            for value in part.state_dict().values():
                if value.is_floating_point():
                    value.copy_(3 * torch.rand(value.shape, generator=generator) - 1.5)
            for layer in part.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.running_var.add_(2)
    return backbone.double().train(modes[0]), head.double().train(modes[1])


def _probe(
    seed: int, size: tuple[int, int, int, int], width: int, classes: int, steps: int, modes: tuple[bool, bool]
) -> tuple[nn.Module, nn.Module, Tensor, Tensor, int]:
    generator = torch.Generator().manual_seed(seed + 100)
    images = torch.randint(-39, 40, size, generator=generator).double() / 16
    halved = [-(-side // 2) for side in size[2:]]
    labels = torch.randint(0, classes, (size[0], *halved), generator=generator)
    return *_parts(seed, size[1], width, classes, modes), images, labels, steps


frozen_training = Exercise(
    "frozen_training",
    frozen_training,
    [
        _probe(0, (2, 1, 3, 4), 2, 2, 1, (True, True)),
        _probe(1, (3, 3, 5, 8), 4, 3, 3, (False, False)),
        _probe(2, (2, 2, 6, 7), 3, 4, 2, (False, True)),
        _probe(3, (4, 3, 4, 6), 5, 2, 4, (True, False)),
    ],
    SLIPS,
    [
        "`requires_grad` is about gradients. What changes in a batch norm during training without any gradient?",
        "In training mode a batch norm divides by the statistics of the batch, and moves its running ones towards them. In which "
        "mode does it do neither? And what does `network.train()` do to each part of the network?",
        "`backbone.eval()` directly after `network.train()`. A module can do so itself, in a `train()` of its own, so that "
        "nobody forgets: `models.backbones.contract.Frozen` does.",
    ],
    given=given_frozen_training,
    common_errors={
        "does not require grad": "Nothing is left that could learn: only the backbone is to be frozen, the head is not.",
        "optimizer got an empty parameter list": "An optimiser needs parameters that learn: here those of the head.",
        "backward through the graph a second time": "Maps that are computed once, before the loop, are to have no graph: compute "
        "them in `torch.no_grad()`.",
        "Inference tensors": "`torch.no_grad()` instead of `torch.inference_mode()`: the head's gradients need the maps.",
    },
    unaffected={"what a network gives after training is looked at, and nothing learns through it": ["detached"]},
    difficulty=2,
    minutes=8,
)
