"""What the exercises of lesson 02 are tried on: networks whose answers can be followed by hand, and drawn ones."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class ReadsDigits(nn.Module):
    """A convolution that reads the digits below it as a number: [[1, 2], [3, 4]] is 1234.

    `kernel`: height and width; it reads the first channel of images (B, C, H, W) of at most `widest` columns, and gives
    (B, 1, h, w).
    """

    def __init__(
        self, kernel: tuple[int, int], *, stride: int = 1, padding: tuple[int, int] = (0, 0), widest: int = 1000
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding, self.widest = kernel, stride, padding, widest

    def forward(self, images: Tensor) -> Tensor:
        if images.ndim != 4:
            raise ValueError(f"a network takes a batch of images (B, C, H, W), but got the shape {tuple(images.shape)}")
        if images.shape[-1] > self.widest:
            raise MemoryError(f"{images.shape[-1]} columns do not fit into memory, at most {self.widest} do")
        places = self.kernel[0] * self.kernel[1]
        weight = 10.0 ** torch.arange(places - 1, -1, -1, device=images.device).reshape(1, 1, *self.kernel)
        return F.conv2d(images[:, :1], weight.to(images.dtype), stride=self.stride, padding=self.padding)

    def __repr__(self) -> str:
        height, width = self.kernel
        stride = f", stride {self.stride}" if self.stride > 1 else ""
        padding = ", zeros around the image" if any(self.padding) else ""
        return f"(a network that reads {height} × {width} digits as a number{stride}{padding})"


class ReadsWindow(nn.Module):
    """A classifier of windows (N, C, w, w), two logits: the digits of the first channel's first row and of the last
    channel's last column, each as a number."""

    def __init__(self, channels: int, window: int) -> None:
        super().__init__()
        self.channels, self.window = channels, window

    def forward(self, windows: Tensor) -> Tensor:
        if windows.ndim != 4:
            raise ValueError(f"a classifier takes a batch of windows (N, C, w, w), but got {tuple(windows.shape)}")
        if windows.shape[1:] != (self.channels, self.window, self.window):
            wanted = f"(N, {self.channels}, {self.window}, {self.window})"
            raise ValueError(f"this classifier takes windows {wanted}, but got {tuple(windows.shape)}")
        weight = 10.0 ** torch.arange(self.window - 1, -1, -1, device=windows.device).to(windows.dtype)
        return torch.stack([windows[:, 0, 0] @ weight, windows[:, -1, :, -1] @ weight], dim=1)

    def __repr__(self) -> str:
        return "(a classifier with two logits: the window's first row and its last column, their digits as numbers)"


class Drawn(nn.Sequential):
    """Layers in float64 whose weights are drawn from [-0.5, 1) and fixed."""

    def __init__(self, generator: torch.Generator, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self.double().requires_grad_(False)
        for weight in self.parameters():
            weight.copy_(1.5 * torch.rand(weight.shape, generator=generator, dtype=torch.float64) - 0.5)

    def __repr__(self) -> str:
        return f"(a network of {', '.join(type(layer).__name__ for layer in self)}, weights drawn)"


def digits(*rows: list[int]) -> Tensor:
    """One channel of digits: (1, H, W) float64."""
    return torch.tensor([rows], dtype=torch.float64)


def counting(rows: int, columns: int) -> Tensor:
    """1, 2, 3, … row by row: (rows, columns) float64."""
    return torch.arange(1, rows * columns + 1, dtype=torch.float64).reshape(rows, columns)


def _image(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def draw_sizes(generator: torch.Generator) -> tuple[int, int, int, int]:
    height, width = torch.randint(20, 60, (2,), generator=generator).tolist()
    window, stride = torch.randint(3, 9, (2,), generator=generator).tolist()
    return height, width, window, stride


def draw_classifier(generator: torch.Generator) -> tuple[nn.Module, Tensor, int]:
    classifier = Drawn(generator, nn.Flatten(), nn.Linear(3 * 4 * 4, 5), nn.Tanh(), nn.Linear(5, 4))
    return classifier, _image(generator, 3, 6, 9), 4


def draw_weight(generator: torch.Generator) -> tuple[Tensor, int, int, int]:
    return _image(generator, 5, 3 * 2 * 4), 3, 2, 4


def draw_strides(generator: torch.Generator) -> tuple[list[int]]:
    return (torch.randint(1, 5, (5,), generator=generator).tolist(),)


def draw_padded(generator: torch.Generator) -> tuple[nn.Module, Tensor, int, int]:
    network = Drawn(generator, nn.Conv2d(3, 4, 5, padding=2), nn.Tanh(), nn.Conv2d(4, 2, 3, padding=1))
    return network, _image(generator, 2, 3, 4, 15), 5, 3


def draw_layers(generator: torch.Generator) -> tuple[list[tuple[int, int, int]]]:
    layers = torch.randint(1, 5, (4, 3), generator=generator) + torch.tensor([1, 0, 0])
    return ([tuple(layer) for layer in layers.tolist()],)


def draw_strided(generator: torch.Generator) -> tuple[nn.Module, Tensor, int]:
    """Stride 4, window 7: 10 × 18 pixels have 4 × 12 windows."""
    layers = nn.Conv2d(3, 4, 3, stride=2), nn.Tanh(), nn.MaxPool2d(2, stride=1), nn.Conv2d(4, 3, 2, stride=2)
    return Drawn(generator, *layers), _image(generator, 2, 3, 10, 18), 4


def draw_stride_three(generator: torch.Generator) -> tuple[nn.Module, Tensor, int]:
    """Stride 3, window 4: 9 × 6 pixels have 6 × 3 windows."""
    return Drawn(generator, nn.Conv2d(2, 3, 4, stride=3)), _image(generator, 2, 2, 9, 6), 3
