"""The dense form of a window classifier against the window loop, in the place of a library's; see `tools/bench.py`.

The loop takes seconds: `--repeats 2` is enough.
"""

from collections.abc import Callable

import torch
from torch import nn

from course_utils.sliding.fields import receptive_field
from course_utils.sliding.windows import shift_and_stitch, sliding_window_logits, to_dense

Comparison = tuple[Callable[[], object], Callable[[], object], float | None]
WINDOW = 33


def _image() -> torch.Tensor:
    return torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))


def _without_pooling() -> nn.Sequential:
    """Eight convolutions 5×5: 1 + 8 · 4 = 33."""
    channels = [3, *[16] * 7, 8]
    layers = [(nn.Conv2d(channels[i], channels[i + 1], 5), nn.ReLU()) for i in range(8)]
    return nn.Sequential(*[layer for pair in layers for layer in pair][:-1], nn.Flatten())


def _with_pooling() -> nn.Sequential:
    """Two convolutions before each of two poolings, then two linear layers on 5×5 maps."""
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 5 * 5, 64), nn.ReLU(), nn.Linear(64, 8)),
    )


def _loop_in(classifier: nn.Sequential, image: torch.Tensor) -> Callable[[], object]:
    return torch.no_grad()(lambda: sliding_window_logits(classifier, image, window=WINDOW, batch_size=256))


def _dense_vs_loop(classifier: nn.Sequential, goal: float) -> Comparison:
    classifier, image = classifier.eval(), _image()
    dense = to_dense(classifier, window=WINDOW)
    return (torch.no_grad()(lambda: dense(image)), _loop_in(classifier, image), goal)


def bench_dense_vs_window_loop_without_pooling() -> Comparison:
    return _dense_vs_loop(_without_pooling(), 1 / 150)


def bench_dense_vs_window_loop_with_pooling() -> Comparison:
    return _dense_vs_loop(_with_pooling(), 1 / 50)


def bench_dense_vs_window_loop_forward_and_backward() -> Comparison:
    """On 48×48, since the loop keeps all windows for the gradient."""
    classifier, image = _with_pooling().eval(), _image()[:, :, :48, :48]
    dense = to_dense(classifier, window=WINDOW)
    loop = sliding_window_logits
    return (
        lambda: dense(image).square().mean().backward(),
        lambda: loop(classifier, image, window=WINDOW).square().mean().backward(),
        None,
    )


def bench_dense_vs_shift_and_stitch() -> Comparison:
    """The same 9216 outputs; shifting runs the strided network 16 times."""
    network, image = _with_pooling()[:10].eval(), _image()
    field, dense = receptive_field(network), to_dense(network)
    return (
        torch.no_grad()(lambda: dense(image)),
        torch.no_grad()(lambda: shift_and_stitch(network, image, stride=field.stride, window=field.size)),
        None,
    )
