"""SegNet and DeconvNet under `torch.use_deterministic_algorithms(True)`, where PyTorch's own unpooling is refused."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, max_unpool2d

from course_utils.models.deconvnet import DeconvNet
from course_utils.models.mirrored import Pooling, Unpool
from course_utils.models.segnet import UPSAMPLERS, SegNet
from course_utils.ops.unpool import max_unpool

SIZES = {"widths": (4, 6, 5), "depths": (1, 2, 2)}
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    **{f"SegNet, {way}": lambda way=way: SegNet(3, **SIZES, upsample=way) for way in UPSAMPLERS},
    "DeconvNet": lambda: DeconvNet(3, **SIZES, hidden=8, hidden_kernel=3),
}


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def images() -> Tensor:
    return torch.rand(2, 3, 25, 34, generator=torch.Generator().manual_seed(1))


def stepped(name: str, device: str) -> list[Tensor]:
    """The logits of a network in training and the gradients of all its weights."""
    torch.manual_seed(0)
    network = NETWORKS[name]().to(device).train()
    logits = network(images().to(device))
    logits.square().mean().backward()
    return [logits.detach(), *(parameter.grad for parameter in network.parameters() if parameter.grad is not None)]


def pooled(device: str) -> tuple[Tensor, Tensor]:
    maps = torch.randn(2, 3, 9, 7, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(device)
    return max_pool2d(maps, 2, return_indices=True)


def test_pytorch_refuses_and_ours_gives_the_same_with_gradients() -> None:
    maps, indices = pooled("cpu")
    maps.requires_grad_()
    wanted = max_unpool2d(maps, indices, 2, output_size=(9, 7))
    weight = torch.rand(wanted.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (slope,) = torch.autograd.grad(wanted, maps, weight)
    torch.use_deterministic_algorithms(True)
    try:
        with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
            max_unpool2d(maps, indices, 2, output_size=(9, 7))
        found = Unpool()(maps, Pooling(indices, (9, 7)))
        (found_slope,) = torch.autograd.grad(found, maps, weight)
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(found, wanted) and torch.equal(found_slope, slope)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_any_layout_in_memory(deterministic: None, memory_format: torch.memory_format) -> None:
    maps, indices = pooled("cpu")
    found = Unpool()(maps.to(memory_format=memory_format), Pooling(indices.to(memory_format=memory_format), (9, 7)))
    assert torch.equal(found, max_unpool(maps, indices, (9, 7)))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_trains_and_gives_what_it_gives_otherwise(name: str) -> None:
    wanted = stepped(name, "cpu")
    torch.use_deterministic_algorithms(True)
    try:
        found = stepped(name, "cpu")
    finally:
        torch.use_deterministic_algorithms(False)
    assert len(found) == len(wanted) > 10
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, wanted, strict=True))


def test_warnings_only() -> None:
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        assert stepped("SegNet, indices", "cpu")[0].isfinite().all()
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.gpu
def test_unpooling_on_a_gpu(deterministic: None) -> None:
    maps, indices = pooled("cpu")
    found = Unpool()(maps.cuda(), Pooling(indices.cuda(), (9, 7)))
    assert torch.equal(found.cpu(), max_unpool(maps, indices, (9, 7)))


@pytest.mark.gpu
@pytest.mark.parametrize("name", NETWORKS)
def test_two_runs_on_a_gpu_are_the_same(deterministic: None, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    first, second = stepped(name, "cuda"), stepped(name, "cuda")
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(first, second, strict=True))
