"""What turns gradients into steps: AdamW, SGD, and Muon for the kernels inside a network."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.adamw import adamw

from course_utils.ops.checks import real_number
from course_utils.training.settings import Settings

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5
SMALLEST = 16  # channels on both sides, from which on a kernel is worth being made orthogonal
SHARE = 0.375  # of the learning rate, for what AdamW trains beside Muon


def make_optimiser(model: nn.Module, settings: Settings) -> Optimizer:
    """The optimiser of a run, for those parameters of the network that are trained."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    rate, decay = settings["learning_rate"], settings["weight_decay"]
    if settings["optimiser"] == "sgd":
        return SGD(parameters, lr=rate, momentum=settings["momentum"], weight_decay=decay)
    if settings["optimiser"] == "muon":
        return Muon(parameters, lr=rate, weight_decay=decay)
    return AdamW(parameters, lr=rate, weight_decay=decay)


def state_names(optimiser: Optimizer) -> list[tuple[str, ...]]:
    """What an optimiser keeps of each of its parameters, by name, in the order of its groups."""
    names: list[tuple[str, ...]] = []
    for group in optimiser.param_groups:
        if isinstance(optimiser, SGD) or group.get("orthogonal", False):
            kept: tuple[str, ...] = ("momentum_buffer",) if group["momentum"] else ()
        else:
            kept = ("step", "exp_avg", "exp_avg_sq")
        names += [kept] * len(group["params"])
    return names


class Muon(Optimizer):
    """Momentum whose step is made nearly orthogonal for each kernel or matrix inside a network; AdamW for all the rest.

    A gradient has a few large directions and many small ones. Muon makes them all of one size: the momentum of a kernel
    (out, in, k, k), as a matrix (out, in·k·k), is replaced by roughly the nearest orthogonal one, scaled so that its entries
    have the size of AdamW's. What has fewer than 16 channels on either side, as the first convolution and the last often have,
    biases and norms are trained by AdamW at 0.375 times the rate; of these, only weights decay.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks", kellerjordan.github.io/posts/muon; the
    scale 0.2·√(larger side): Liu et al. 2025, section 2.2, arXiv:2502.16982. On matrices equal to `torch.optim.Muon` with
    `adjust_lr_fn="match_rms_adamw"`, which takes nothing but matrices, and computes in bfloat16.

    Raises: ValueError for numbers below 0, a momentum of 1 or more, and no parameters.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        lr: float = 8e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        lr, weight_decay = (
            real_number(value, name, 0, math.inf) for name, value in (("lr", lr), ("weight_decay", weight_decay))
        )
        momentum = real_number(momentum, "momentum", 0, 1)
        if momentum == 1:
            raise ValueError("momentum must be below 1, or old gradients never fade, but is 1.")
        parameters = list(parameters)
        orthogonal = [parameter for parameter in parameters if is_hidden_matrix(parameter)]
        others = [parameter for parameter in parameters if not is_hidden_matrix(parameter)]
        groups: list[dict[str, Any]] = [
            {"params": orthogonal, "orthogonal": True, "share": 1.0, "momentum": momentum},
            {"params": [parameter for parameter in others if parameter.ndim > 1], "share": SHARE},
            {"params": [parameter for parameter in others if parameter.ndim < 2], "share": SHARE, "weight_decay": 0.0},
        ]
        defaults = {"lr": lr, "weight_decay": weight_decay, "betas": betas, "eps": eps}
        super().__init__([group for group in groups if group["params"]], defaults)
        for group in self.param_groups:
            group["lr"] = lr * group["share"]

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            trained = [parameter for parameter in group["params"] if parameter.grad is not None]
            if group.get("orthogonal", False):
                for parameter in trained:
                    self._orthogonal_step(parameter, group)
            elif trained:
                self._adamw_step(trained, group)
        return loss

    def _orthogonal_step(self, parameter: nn.Parameter, group: dict[str, Any]) -> None:
        state, gradient = self.state[parameter], parameter.grad
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        average = state["momentum_buffer"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(average, group["momentum"])  # Nesterov's: the momentum as it will be one step later
        matrix = ahead.reshape(len(ahead), -1)  # (out, in, k, k) → (out, in·k·k)
        update = orthogonalised(matrix).reshape(ahead.shape)
        scale = 0.2 * math.sqrt(max(matrix.shape))
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update, alpha=-group["lr"] * scale)

    def _adamw_step(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        for parameter in parameters:
            if not self.state[parameter]:
                zeros = (torch.zeros_like(parameter, memory_format=torch.preserve_format) for _ in range(2))
                names = ("step", "exp_avg", "exp_avg_sq")
                self.state[parameter] = dict(zip(names, (torch.tensor(0.0), *zeros), strict=True))
        kept = [self.state[parameter] for parameter in parameters]
        adamw(
            parameters,
            [parameter.grad for parameter in parameters],
            [state["exp_avg"] for state in kept],
            [state["exp_avg_sq"] for state in kept],
            [],
            [state["step"] for state in kept],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def is_hidden_matrix(parameter: Tensor) -> bool:
    """Whether Muon treats a parameter as a matrix: a kernel or matrix with at least 16 channels on both sides."""
    return parameter.ndim >= 2 and min(parameter.shape[:2]) >= SMALLEST


def orthogonalised(matrix: Tensor) -> Tensor:
    """A matrix whose singular values are brought near 1, to between about 0.7 and 1.2, by five Newton–Schulz steps.

    One step is X ← P·X with P = a + b·A + c·A² and A = X·Xᵀ, the smaller of the two Gram matrices. All of these P are
    polynomials of the first A: so A ← P·A·P and the product of the P are computed alone, and X is multiplied once at the end.

    Shapes: (m, n) → the same.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    a, b, c = COEFFICIENTS
    gram, product = x @ x.mT, None
    for _ in range(NEWTON_SCHULZ_STEPS):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        product = factor if product is None else factor @ product
        gram = factor @ gram @ factor
    x = product @ x
    return x.mT if tall else x
