"""What the exercises of lesson 02 are tried on: networks whose answers can be followed by hand, and drawn ones."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


def channel(*rows: list[float]) -> Tensor:
    """One channel of an image: (1, H, W) float64."""
    return torch.tensor([rows], dtype=torch.float64)


def drawn_image(generator: torch.Generator, *shape: int) -> Tensor:
    """Values from [-1, 1): float64."""
    return 2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1
