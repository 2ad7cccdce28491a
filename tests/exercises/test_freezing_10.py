"""Lesson 10, a frozen backbone: what keeps it as it is passes in any form, and what does not is told why."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises.lesson_10 import frozen_training

Answer = Callable[..., Tensor]
Step = Callable[[nn.Module], Any]


def training(prepare: Step, each_step: Step, learning: Callable[[nn.Module], Any] = nn.Module.parameters) -> Answer:
    """An answer that does something to the network before training and before each step."""

    def answer(backbone: nn.Module, head: nn.Module, images: Tensor, labels: Tensor, steps: int) -> Tensor:
        network = nn.Sequential(backbone, head)
        prepare(network)
        optimiser = torch.optim.SGD(learning(network), lr=0.5)
        for _ in range(steps):
            each_step(network)
            optimiser.zero_grad()
            F.cross_entropy(network(images), labels).backward()
            optimiser.step()
        return network.eval()(images)

    return answer


def freeze(network: nn.Module) -> None:
    network[0].requires_grad_(False)


def nothing(network: nn.Module) -> None:
    pass


def keep(network: nn.Module) -> None:
    network.train()
    network[0].eval()


def keep_norms_only(network: nn.Module) -> None:
    network.train()
    for layer in network[0].modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()


def without_statistics(network: nn.Module) -> None:
    network.train()
    for layer in network[0].modules():
        layer.track_running_stats = False


class Kept(nn.Module):
    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> "Kept":
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        return self.backbone(images)


def wrapped(backbone: nn.Module, *others: Any) -> Tensor:
    return training(nothing, nn.Module.train)(Kept(backbone), *others)


def on_maps(maps_of: Callable[[nn.Module, Tensor], Tensor]) -> Answer:
    """An answer that computes the maps once."""

    def answer(backbone: nn.Module, head: nn.Module, images: Tensor, labels: Tensor, steps: int) -> Tensor:
        maps = maps_of(backbone.eval(), images)
        return training(nothing, nn.Module.train)(nn.Identity(), head, maps, labels, steps)

    return answer


def restored(backbone: nn.Module, head: nn.Module, images: Tensor, *others: Any) -> Tensor:
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    training(freeze, nn.Module.train)(backbone, head, images, *others)
    backbone.load_state_dict(before)
    return head(backbone(images))


def modes_of_parts(network: nn.Module) -> None:
    network[0].eval()
    network[1].train()


RIGHT: dict[str, Answer] = {
    "only the head is given to the optimiser": training(nothing, keep, lambda network: network[1].parameters()),
    "a mode for each part": training(freeze, modes_of_parts),
    "a module that keeps its mode": wrapped,
    "maps computed once": on_maps(torch.no_grad()(lambda backbone, images: backbone(images))),
}


@pytest.mark.parametrize("answer", RIGHT.values(), ids=RIGHT)
def test_what_keeps_the_backbone_is_right(answer: Answer) -> None:
    assert frozen_training.judge(answer).text == "right."


def evaluated_at_first(network: nn.Module) -> None:
    freeze(network)
    network[0].eval()


@pytest.mark.parametrize("prepare", [freeze, evaluated_at_first])
def test_a_mode_that_training_undoes_is_the_version_given(prepare: Step) -> None:
    verdict = frozen_training.judge(training(prepare, nn.Module.train))
    assert verdict.status == "not attempted" and "is gone after it" in verdict.text


WRONG: dict[str, tuple[Answer, str]] = {
    "the whole network evaluated": (training(freeze, nn.Module.eval), "Your head learns in evaluation mode"),
    "only the norms are evaluated": (training(freeze, keep_norms_only), "Batch norm is in evaluation mode now"),
    "the head's mode as it came": (training(freeze, lambda network: network[0].eval()), "in which it came"),
    "statistics put back": (restored, "the head learns on other maps"),
    "statistics not kept": (training(freeze, without_statistics), "the head learns on other maps"),
    "nothing frozen": (training(nothing, nn.Module.train), "The backbone learns with the head"),
    "weights not frozen": (training(nothing, keep), "the backbone's weights move"),
    "all frozen": (training(lambda network: network.requires_grad_(False), keep), "The head is frozen, too"),
    "nothing to learn": (training(freeze, keep, lambda network: []), "here those of the head"),
    "graph kept": (on_maps(lambda backbone, images: backbone(images)), "are to have no graph"),
    "inference mode": (on_maps(torch.inference_mode()(lambda backbone, x: backbone(x))), "instead of `torch.inference_mode()`"),
    "not trained": (lambda backbone, head, images, *_: head.eval()(backbone.eval()(images)), "expected"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "told"), WRONG.values(), ids=WRONG)
def test_what_changes_the_backbone_or_stops_the_head_is_told_why(answer: Answer, told: str) -> None:
    verdict = frozen_training.judge(answer)
    assert verdict.status in ("wrong", "error") and told in verdict.text, verdict.text


def test_the_solution_leaves_the_backbone_and_trains_the_head() -> None:
    for backbone, head, images, labels, steps in copy.deepcopy(frozen_training.probes):
        before = {name: value.clone() for name, value in backbone.state_dict().items()}
        of_head = {name: value.clone() for name, value in head.state_dict().items()}
        frozen_training._solution(backbone, head, images, labels, steps)
        assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
        assert all(value.grad is None for value in backbone.parameters())
        unchanged = [name for name, value in head.state_dict().items() if torch.allclose(value, of_head[name])]
        assert unchanged == ["0.bias"], "the norm behind it takes its mean off"
