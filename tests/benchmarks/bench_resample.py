"""Resizing, sampling and unpooling against their library counterparts, see `tools/bench.py`."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate, max_pool2d, max_unpool2d

from course_utils.ops.resample import bilinear_resize, bilinear_sample, nearest_resize
from course_utils.ops.unpool import max_pool_with_indices, max_unpool

Comparison = tuple[Callable[[], object], Callable[[], object], float | None]


def _maps(batch: int, channels: int, height: int, width: int) -> Tensor:
    return torch.randn(batch, channels, height, width, generator=torch.Generator().manual_seed(0))


def _with_backward(function: Callable[..., Tensor], *inputs: Tensor) -> Callable[[], object]:
    """A call that computes the function of leaves of its own, and the gradient of its sum with respect to them."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    weight = torch.randn_like(function(*leaves))
    return lambda: torch.autograd.grad(function(*leaves), leaves, weight)


def _resize(x: Tensor, size: tuple[int, int], goal: float | None, *, backward: bool = False) -> Comparison:
    def ours(x: Tensor) -> Tensor:
        return bilinear_resize(x, size)

    def library(x: Tensor) -> Tensor:
        return interpolate(x, size=size, mode="bilinear")

    if backward:
        return _with_backward(ours, x), _with_backward(library, x), goal
    return (lambda: ours(x), lambda: library(x), goal)


def bench_bilinear_resize_2x_up() -> Comparison:
    return _resize(_maps(2, 64, 64, 64), (128, 128), 0.9)


def bench_bilinear_resize_2x_up_odd_sizes() -> Comparison:
    return _resize(_maps(2, 64, 45, 61), (97, 131), 0.9)


def bench_bilinear_resize_4x_up() -> Comparison:
    return _resize(_maps(2, 64, 32, 32), (128, 128), 0.9)


def bench_bilinear_resize_8x_up() -> Comparison:
    return _resize(_maps(2, 21, 32, 32), (256, 256), 0.9)


def bench_bilinear_resize_8x_up_logits_of_one_image() -> Comparison:
    return _resize(_maps(1, 8, 12, 16), (96, 128), 0.9)


def bench_bilinear_resize_2x_up_image() -> Comparison:
    return _resize(_maps(1, 3, 256, 256), (512, 512), 0.9)


def bench_bilinear_resize_2x_up_image_forward_backward() -> Comparison:
    return _resize(_maps(1, 3, 256, 256), (512, 512), 0.6, backward=True)


def bench_bilinear_resize_2x_up_large() -> Comparison:
    return _resize(_maps(2, 16, 128, 128), (256, 256), 0.9)


def bench_bilinear_resize_2x_up_large_forward_backward() -> Comparison:
    return _resize(_maps(2, 16, 128, 128), (256, 256), 0.6, backward=True)


def bench_bilinear_resize_2x_up_forward_backward() -> Comparison:
    return _resize(_maps(2, 64, 64, 64), (128, 128), 0.6, backward=True)


def bench_bilinear_resize_4x_up_forward_backward() -> Comparison:
    return _resize(_maps(2, 64, 32, 32), (128, 128), 0.6, backward=True)


def bench_bilinear_resize_8x_up_forward_backward() -> Comparison:
    return _resize(_maps(2, 21, 32, 32), (256, 256), 0.6, backward=True)


def bench_bilinear_resize_2x_up_channels_last() -> Comparison:
    return _resize(_maps(2, 64, 64, 64).contiguous(memory_format=torch.channels_last), (128, 128), None)


def bench_bilinear_resize_2x_down() -> Comparison:
    return _resize(_maps(2, 16, 256, 256), (128, 128), 4)


def bench_bilinear_resize_2x_down_forward_backward() -> Comparison:
    return _resize(_maps(2, 16, 256, 256), (128, 128), None, backward=True)


def bench_bilinear_resize_2x_down_antialias() -> Comparison:
    x = _maps(2, 16, 256, 256)
    return (
        lambda: bilinear_resize(x, (128, 128), antialias=True),
        lambda: interpolate(x, size=(128, 128), mode="bilinear", antialias=True),
        None,
    )


def bench_nearest_resize_2x_up() -> Comparison:
    x = _maps(2, 64, 64, 64)
    return (lambda: nearest_resize(x, (128, 128)), lambda: interpolate(x, size=(128, 128)), None)


def _sample(x: Tensor, goal: float | None, *, backward: bool = False) -> Comparison:
    batch, _, height, width = x.shape
    size = torch.tensor([width, height])
    points = torch.rand(batch, 64, 64, 2, generator=torch.Generator().manual_seed(1)) * size

    def library(x: Tensor, points: Tensor) -> Tensor:
        return grid_sample(x, 2 * points / size - 1, padding_mode="border", align_corners=False)

    if backward:
        return _with_backward(bilinear_sample, x, points), _with_backward(library, x, points), goal
    return (lambda: bilinear_sample(x, points), lambda: library(x, points), goal)


def bench_bilinear_sample_256_channels() -> Comparison:
    return _sample(_maps(2, 256, 32, 32), 1)


def bench_bilinear_sample_256_channels_forward_backward() -> Comparison:
    return _sample(_maps(2, 256, 32, 32), 1, backward=True)


def bench_bilinear_sample_256_channels_large_map() -> Comparison:
    """As many points as pixels: the transposition of the map to a row a pixel takes as long as the sampling."""
    return _sample(_maps(2, 256, 64, 64), 1)


def bench_bilinear_sample_256_channels_large_map_forward_backward() -> Comparison:
    return _sample(_maps(2, 256, 64, 64), 1, backward=True)


def bench_bilinear_sample_256_channels_last() -> Comparison:
    return _sample(_maps(2, 256, 64, 64).contiguous(memory_format=torch.channels_last), 1)


def bench_bilinear_sample_64_channels() -> Comparison:
    return _sample(_maps(2, 64, 64, 64), None)


def bench_bilinear_sample_image() -> Comparison:
    return _sample(_maps(2, 3, 64, 64), None)


def _pooled() -> tuple[Tensor, Tensor]:
    return max_pool2d(_maps(2, 64, 128, 128), 2, return_indices=True)


def bench_max_unpool() -> Comparison:
    x, indices = _pooled()
    return (lambda: max_unpool(x, indices, (128, 128)), lambda: max_unpool2d(x, indices, 2), 1.5)


def bench_max_unpool_forward_backward() -> Comparison:
    x, indices = _pooled()
    return (
        _with_backward(lambda x: max_unpool(x, indices, (128, 128)), x),
        _with_backward(lambda x: max_unpool2d(x, indices, 2), x),
        1.5,
    )


def bench_max_pool_with_indices() -> Comparison:
    x = _maps(2, 64, 128, 128)
    return (lambda: max_pool_with_indices(x, 2), lambda: max_pool2d(x, 2, return_indices=True), None)


def bench_max_pool_with_indices_3x3_stride_2() -> Comparison:
    x = _maps(2, 64, 128, 128)
    return (
        lambda: max_pool_with_indices(x, 3, stride=2, padding=1),
        lambda: max_pool2d(x, 3, 2, 1, return_indices=True),
        None,
    )
