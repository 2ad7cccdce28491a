"""The fully connected CRF: labels of all pixels, decided together by exact mean-field inference."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.ops.checks import real_number, require_bools, require_tensor, whole_number
from course_utils.ops.precision import at_least_float32, without_autocast

Kernel = Callable[[Tensor], Tensor]
"""Maps (B, C, H, W) → sums over all pixels, each times its kernel value, (B, C, H, W)."""

BLOCK = 2**20
"""So many values of a kernel are held at once."""
LOWEST = -80.0
"""Of lower numbers, exp would give what is nothing beside 1, but what a CPU computes with many times as slowly."""


class DenseCRF(nn.Module):
    """Logits made to agree with the image: each pixel hears from all others, most from those that are near and of its colour.

    Source: Krähenbühl and Koltun 2011, equations 1 to 3 and algorithm 1, arXiv:1210.5644; unrolled, and so a layer that
    learns: Zheng et al. 2015 (CRF-RNN), section 4, arXiv:1502.03240. The energy of a labelling x is

        E(x) = Σ_i ψ_u(x_i) + Σ_{i<j} μ(x_i, x_j) k(i, j)
        k(i, j) = w₁ exp(-|p_i - p_j|² / 2θ_α² - |I_i - I_j|² / 2θ_β²) + w₂ exp(-|p_i - p_j|² / 2θ_γ²)

    and mean-field inference looks for independent Q_i that are close to exp(-E): in each step

        Q_i(l) ∝ exp(-ψ_u(l) - Σ_l' μ(l, l') Σ_{j≠i} k(i, j) Q_j(l')).

    - `logits` are -ψ_u. Of probabilities, pass `logits_of(probabilities)`.
    - `position_std` θ_α and `smoothness_std` θ_γ are in pixels. `colour_std` θ_β is in the unit of the image, whose colours
      are in [0, 1]: 0.05 is 13 of 255. The defaults suit the course's scenes; a larger image needs a larger θ_α.
    - `appearance_weight` w₁ and `smoothness_weight` w₂ are parameters, and learn. The compatibility μ (K, K) is Potts, 0 for
      equal labels and 1 for others. With `learn_compatibility=True` it only begins so, and learns as well.
    - `normalise=True` divides each kernel by √(d_i d_j), where d_i = Σ_j k(i, j) is about how many pixels i hears from, itself
      included. Then a weight means the same in images of every size, and nearly the same at their borders: by about so much
      falls the logit of a label that no similar pixel has.

    The result is log Q: logits again, whose softmax, and whose exponential, is Q. With both weights 0 or `steps=0`, Q is the
    softmax of `logits`.

    All pixels change at once. So a step may also raise the KL divergence between Q and exp(-E), and Q may oscillate: two
    pixels that are alike, with opposite labels and weak logits, take each other's label for ever if the weights times their
    kernels add up to more than 2. With Potts and weights of 0 or more, no step raises the divergence if w₁ + w₂ ≤ 2 or, with
    `normalise=True`, if w₁ / d_i + w₂ / d'_i ≤ 2 at every pixel, d for the first kernel and d' for the second. A pixel with
    many like it around has a large d; so, normalised, only a few pixels that resemble nothing but each other can oscillate.

    Exact: no kernel is approximated, and rounding in float32 changes its values by less than 1e-5. The time of a step grows
    with the square of the number of pixels: a third of a second for 96 × 128 on one core. Memory does not, since the first
    kernel is computed anew in each step, in blocks, and the second is a product of two small matrices. Gradients reach
    `logits`, weights and compatibility; not the image, and no θ, as in CRF-RNN.

    Shapes: logits (B, K, H, W) and images (B, C, H, W) in [0, 1], both floating → log Q (B, K, H, W), in the type of `logits`;
    computed in float32 at least.

    Differs from the paper: `normalise=True` is not in its equations, but in the authors' code. Differs from that code: a pixel
    hears nothing from itself, as in the equations, and sums are not approximated. Differs from CRF-RNN: one weight for each
    kernel, not one for each class.

    Raises: ValueError for numbers and shapes that do not fit.
    """

    compatibility: Tensor

    def __init__(
        self,
        num_classes: int,
        *,
        steps: int = 10,
        appearance_weight: float = 5.0,
        position_std: float = 8.0,
        colour_std: float = 0.05,
        smoothness_weight: float = 1.0,
        smoothness_std: float = 1.0,
        learn_compatibility: bool = False,
        normalise: bool = True,
    ) -> None:
        super().__init__()
        num_classes = whole_number(num_classes, "num_classes", minimum=1)
        require_bools(learn_compatibility=learn_compatibility, normalise=normalise)
        self.steps, self.normalise = whole_number(steps, "steps", minimum=0), normalise
        self.position_std = _positive(position_std, "position_std")
        self.colour_std = _positive(colour_std, "colour_std")
        self.smoothness_std = _positive(smoothness_std, "smoothness_std")
        self.appearance_weight = _weight(appearance_weight, "appearance_weight")
        self.smoothness_weight = _weight(smoothness_weight, "smoothness_weight")
        potts = 1 - torch.eye(num_classes)
        if learn_compatibility:
            self.compatibility = nn.Parameter(potts)
        else:
            self.register_buffer("compatibility", potts, persistent=False)

    def forward(self, logits: Tensor, images: Tensor) -> Tensor:
        _require_maps(logits, images, len(self.compatibility))
        with without_autocast(logits.device):
            unary = at_least_float32(logits)
            compatibility = self.compatibility.to(unary.dtype)
            appearance, smoothness = self._kernels(images.detach().to(unary.dtype))
            log_q = unary.log_softmax(1)  # (B, K, H, W)
            for _ in range(self.steps):
                q = log_q.clamp_min(LOWEST).exp()
                heard = self.appearance_weight * appearance(q) + self.smoothness_weight * smoothness(q)
                penalty = torch.einsum("lm,bmhw->blhw", compatibility, heard)
                log_q = (unary - penalty).log_softmax(1)
        return log_q.to(logits.dtype)

    def _kernels(self, images: Tensor) -> list[Kernel]:
        everywhere = torch.ones_like(images[:, :1])  # (B, 1, H, W)
        kernels = (
            appearance_kernel(images, position_std=self.position_std, colour_std=self.colour_std),
            smoothness_kernel(images, std=self.smoothness_std),
        )
        return [_of_others(kernel, kernel(everywhere).rsqrt() if self.normalise else everywhere) for kernel in kernels]


def appearance_kernel(images: Tensor, *, position_std: float, colour_std: float) -> Kernel:
    """exp(-|p_i - p_j|² / 2θ_α² - |I_i - I_j|² / 2θ_β²) for all pairs of pixels, as a function of maps; see `DenseCRF`.

    Of a map that is 1 at one pixel and 0 elsewhere, it makes a picture of the kernel around this pixel.
    """
    batch, _, height, width = images.shape
    colours = images - images.mean(dim=(2, 3), keepdim=True)  # small numbers lose less to rounding
    rows = (_places(height, images) / position_std)[:, None].expand(batch, 1, height, width)
    columns = (_places(width, images) / position_std).expand(batch, 1, height, width)
    features = torch.cat([rows, columns, colours / colour_std], dim=1).flatten(2).mT  # (B, N, 2 + C)

    def kernel(maps: Tensor) -> Tensor:
        return _AllPairs.apply(maps.flatten(2).mT, features).mT.unflatten(2, (height, width))

    return kernel


def smoothness_kernel(images: Tensor, *, std: float) -> Kernel:
    """exp(-|p_i - p_j|² / 2θ_γ²) for all pairs of pixels, as a function of maps: one product along each axis."""
    vertical, horizontal = (_bells(_places(side, images) / std) for side in images.shape[2:])  # (H, H) and (W, W)
    return lambda maps: vertical @ maps @ horizontal


def _places(count: int, like: Tensor) -> Tensor:
    """0, 1, 2, … less their mean."""
    return torch.arange(count, dtype=like.dtype, device=like.device) - (count - 1) / 2


def _bells(places: Tensor) -> Tensor:
    return (-(places[:, None] - places).square() / 2).clamp_min(LOWEST).exp()


def _of_others(kernel: Kernel, scale: Tensor) -> Kernel:
    """Without what a pixel hears from itself, which is 1 times its own value; both its ends times `scale`."""
    return lambda maps: scale * (kernel(scale * maps) - scale * maps)


class _AllPairs(torch.autograd.Function):
    """Σ_j exp(-|f_i - f_j|² / 2) v_j for all pixels i, in blocks: (B, N, C) and features (B, N, F) → (B, N, C).

    The kernel is symmetric. So the gradient at the values takes the same product, and nothing needs to be kept for it.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        # -|f - g|² / 2 = f · g - |f|² / 2 - |g|² / 2 is a product of vectors that are two numbers longer.
        half, one = -features.square().sum(2, keepdim=True) / 2, torch.ones_like(features[:, :, :1])
        left, right = torch.cat([features, half, one], dim=2), torch.cat([features, one, half], dim=2).mT
        rows = max(BLOCK // max(right[:, 0].numel(), 1), 1)
        return torch.cat(
            [(block @ right).clamp_min_(LOWEST).exp_() @ values for block in left.split(rows, dim=1)], dim=1
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (features,) = ctx.saved_tensors
        return _AllPairs.apply(gradients[0], features), None


def logits_of(probabilities: Tensor) -> Tensor:
    """Logits whose softmax is these probabilities: their logarithm, also of 0, for which the smallest number is taken.

    Shapes: any, floating → the same. Raises: ValueError if this is not a floating tensor.
    """
    require_tensor(probabilities, "probabilities")
    if not probabilities.is_floating_point():
        raise ValueError(
            f"probabilities must be floating, but are {probabilities.dtype}; convert them with `.float()`."
        )
    return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()


def _positive(value: float, name: str) -> float:
    return real_number(value, name, 0, math.inf, exclusive=True)


def _weight(value: float, name: str) -> nn.Parameter:
    return nn.Parameter(torch.tensor(real_number(value, name, -math.inf, math.inf)))


def _require_maps(logits: Tensor, images: Tensor, num_classes: int) -> None:
    for name, maps in (("logits", logits), ("images", images)):
        require_tensor(maps, name)
        if maps.ndim != 4 or not maps.is_floating_point():
            raise ValueError(
                f"{name} must be floating (B, C, H, W), but are {maps.dtype} of shape {tuple(maps.shape)}; divide bytes by "
                "255, and give a single image the axis of the batch with `[None]`."
            )
    if logits.shape[1] != num_classes:
        raise ValueError(f"This CRF was made for {num_classes} classes, but the logits have {logits.shape[1]}.")
    if logits.shape[:1] + logits.shape[2:] != images.shape[:1] + images.shape[2:]:
        raise ValueError(
            f"Each pixel of the images needs logits, but logits have the shape {tuple(logits.shape)} and images "
            f"{tuple(images.shape)}; resize the logits with `models.layers.resize`."
        )
