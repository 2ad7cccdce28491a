"""Batch norm that does not learn: by hand, against torchvision, and in place of norms that do."""

import pytest
import torch
from tolerances import OPERATION
from torch import nn
from unet_cases import count, images_of
from unfilled import drawn

from course_utils.models.backbones.small import small_resnet
from course_utils.models.frozen_norm import FrozenNorm, with_frozen_norms


def test_a_frozen_norm_by_hand():
    norm = FrozenNorm(2, eps=0)
    values = {"weight": [2.0, 1], "bias": [1.0, 0], "running_mean": [3.0, 0], "running_var": [4.0, 1]}
    norm.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    x = torch.tensor([[[[5.0, 3]], [[7, 8]]]])
    assert norm.train()(x).tolist() == [[[[3, 1]], [[7, 8]]]]
    assert count(norm) == 0


@pytest.mark.parametrize("eps", [0.0, 1e-5])
def test_frozen_norm_equals_torchvision_frozen_batch_norm(eps):
    from torchvision.ops import FrozenBatchNorm2d

    theirs = drawn(lambda: FrozenBatchNorm2d(3, eps=eps))
    ours = FrozenNorm(3, eps=eps).double()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    found, expected = (images_of(5, 6).requires_grad_() for _ in range(2))
    have, want = ours(found), theirs(expected)
    torch.testing.assert_close(have, want, **OPERATION[torch.float64])
    weights = torch.rand_like(want)
    (have * weights).sum().backward(), (want * weights).sum().backward()
    torch.testing.assert_close(found.grad, expected.grad, **OPERATION[torch.float64])


def test_a_network_goes_on_with_what_its_norms_have_learnt():
    network = drawn(lambda: small_resnet(widths=(4, 6)))
    images, before = images_of(12, 16), count(network)
    wanted = network(images)
    affine = sum(2 * norm.num_features for norm in network.modules() if isinstance(norm, nn.BatchNorm2d))
    assert with_frozen_norms(network) is network and count(network) == before - affine < before
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    for have, want in zip(network.train()(images), wanted, strict=True):
        torch.testing.assert_close(have, want, **OPERATION[torch.float64])


@pytest.mark.gpu
def test_a_frozen_norm_on_a_gpu():
    network = with_frozen_norms(small_resnet(widths=(4, 6)).cuda())
    assert all(map_.is_cuda for map_ in network(torch.rand(1, 3, 12, 16, device="cuda")))
