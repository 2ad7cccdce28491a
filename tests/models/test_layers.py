"""He's first weights: their variance, their distribution, and biases of 0."""

import math

import pytest
import torch
from torch import nn

from course_utils.models.layers import with_he_weights


@pytest.mark.parametrize("layer", [nn.Conv2d(16, 64, 3), nn.ConvTranspose2d(64, 16, 3)])  # both weights (64, 16, 3, 3)
def test_he_weights(layer: nn.Module) -> None:
    torch.manual_seed(0)
    assert with_he_weights(layer) is layer
    # The standard deviation of 9216 numbers is known to a hundredth; those of a normal distribution exceed three of it.
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.03)
    assert layer.weight.abs().max() > 3 * math.sqrt(2 / (64 * 9))
    with_he_weights(layer, uniform=True)
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (16 * 9)), rel=0.03)
    assert 0.99 * math.sqrt(6 / (16 * 9)) < layer.weight.abs().max() <= math.sqrt(6 / (16 * 9))
    assert not layer.bias.any()


def test_he_weights_of_a_network_leave_its_norms() -> None:
    network = nn.Sequential(nn.Conv2d(2, 2, 1, bias=False), nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 1)))
    before = [parameter.clone() for parameter in network.parameters()]
    with_he_weights(network)
    same = [torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True)]
    assert same == [False, True, True, False, False] and not network[1][1].bias.any()
