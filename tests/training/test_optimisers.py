"""Muon: equal to PyTorch's on matrices, to the definition on kernels, and to AdamW on the rest."""

from pathlib import Path
from unittest import mock

import pytest
import torch
from tolerances import OPERATION
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from training_cases import Squares

from course_utils.training.checkpoints import save_checkpoint
from course_utils.training.loop import fit
from course_utils.training.optimisers import SHARE, Muon, is_hidden_matrix, orthogonalised

SHAPES = [(16, 16), (24, 40), (40, 24)]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
def test_muon_equals_torch_on_matrices(shape: tuple[int, int]) -> None:
    """PyTorch's computes in bfloat16; here it is made to compute in float64."""
    ours, theirs = (nn.Parameter(random(*shape)) for _ in range(2))
    muon = Muon([ours], lr=0.02, weight_decay=0.1)
    reference = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    before = ours.detach().clone()
    for step in range(5):
        ours.grad, theirs.grad = (random(*shape, seed=step + 1) for _ in range(2))
        muon.step()
        with mock.patch.object(torch, "bfloat16", torch.float64):
            reference.step()
        torch.testing.assert_close(ours, theirs, **OPERATION[torch.float64])
    assert (ours - before).abs().min() > 0


def test_muon_equals_torch_on_matrices_up_to_bfloat16() -> None:
    ours, theirs = (nn.Parameter(random(24, 40).float()) for _ in range(2))
    muon = Muon([ours], lr=0.02)
    reference = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    ours.grad, theirs.grad = (random(24, 40, seed=1).float() for _ in range(2))
    muon.step()
    reference.step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-3)


def test_a_kernel_is_treated_as_the_matrix_of_its_outputs() -> None:
    kernel, matrix = nn.Parameter(random(16, 20, 3, 3)), nn.Parameter(random(16, 20, 3, 3).reshape(16, 180))
    for parameter in (kernel, matrix):
        parameter.grad = random(16, 20, 3, 3, seed=1).reshape(parameter.shape)
        Muon([parameter], lr=0.1).step()
    torch.testing.assert_close(kernel.reshape(16, 180), matrix, **OPERATION[torch.float64])


@pytest.mark.parametrize("shape", [*SHAPES, (3, 200)])
def test_orthogonalised_has_singular_values_near_one_and_the_same_directions(shape: tuple[int, int]) -> None:
    matrix = random(*shape)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    found = left.mT @ orthogonalised(matrix) @ right.mT
    torch.testing.assert_close(found, torch.diag(found.diagonal()), rtol=0, atol=1e-9)
    large = values > 0.03 * values.norm()
    assert large.any() and ((found.diagonal() > 0.65) & (found.diagonal() < 1.25))[large].all()


def test_orthogonalised_by_hand() -> None:
    """One singular value, 1 after the division by the norm: five steps of 3.4445 x - 4.775 x³ + 2.0315 x⁵."""
    x = 1.0
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    column = torch.tensor([[3.0], [4.0]], dtype=torch.float64)
    torch.testing.assert_close(orthogonalised(column), column / 5 * x, **OPERATION[torch.float64])
    assert not orthogonalised(torch.zeros(3, 4)).any()


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 24, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(24, 4, 1),
    )  # fmt: skip


def test_only_what_lies_inside_is_made_orthogonal() -> None:
    model = small_network()
    assert [name for name, parameter in model.named_parameters() if is_hidden_matrix(parameter)] == ["3.weight"]
    groups = Muon(model.parameters(), lr=0.1, weight_decay=0.5).param_groups
    assert [len(group["params"]) for group in groups] == [1, 2, 4]
    assert [group["lr"] for group in groups] == pytest.approx([0.1, 0.1 * SHARE, 0.1 * SHARE])
    assert [group["weight_decay"] for group in groups] == [0.5, 0.5, 0]


def test_the_rest_is_trained_by_adamw() -> None:
    ours, theirs = (nn.Linear(3, 2).double() for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    muon = Muon(ours.parameters(), lr=0.1, weight_decay=0.2)
    groups = [{"params": [theirs.weight]}, {"params": [theirs.bias], "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, lr=0.1 * SHARE, weight_decay=0.2)
    for step in range(4):
        for model, optimiser in ((ours, muon), (theirs, reference)):
            optimiser.zero_grad()
            model(random(5, 3, seed=step)).square().sum().backward()
            optimiser.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, **OPERATION[torch.float64])


def test_a_parameter_without_a_gradient_stays() -> None:
    parameters = [nn.Parameter(random(16, 16)), nn.Parameter(random(3))]
    before = [parameter.detach().clone() for parameter in parameters]
    muon = Muon(parameters, lr=0.1, weight_decay=0.5)
    muon.step()
    assert all(torch.equal(parameter, kept) for parameter, kept in zip(parameters, before, strict=True))
    assert not muon.state[parameters[0]]


def test_a_closure_is_called_with_gradients() -> None:
    parameter = nn.Parameter(random(16, 16))
    muon = Muon([parameter], lr=0.1)

    def closure() -> Tensor:
        muon.zero_grad()
        loss = parameter.square().sum()
        loss.backward()
        return loss

    assert muon.step(closure) > parameter.square().sum()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"lr": -1.0}, "lr must be"),
        ({"momentum": 1.0}, "momentum must be below 1"),
        ({"momentum": 2.0}, "momentum must be"),
        ({"weight_decay": -0.1}, "weight_decay must be"),
        ({"weight_decay": "a"}, "weight_decay must be"),
    ],
)
def test_bad_settings(settings: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Muon([nn.Parameter(torch.zeros(2))], **settings)
    with pytest.raises(ValueError, match="empty parameter list"):
        Muon([])


def test_a_run_with_muon_is_cut_and_goes_on_to_the_last_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def objective(model: nn.Module, batch) -> dict[str, Tensor]:
        return {"loss": cross_entropy(model(batch.images), batch.labels, ignore_index=255)}

    def run(path: Path | None) -> nn.Module:
        model = small_network()
        fit(model, Squares(), steps=7, objective=objective, seed=1, optimiser="muon", learning_rate=8e-3,
            checkpoint=path, checkpoint_every=path and 3)  # fmt: skip
        return model

    path = tmp_path / "run.safetensors"
    saved = []

    def save_and_stop(*arguments: object) -> None:
        save_checkpoint(*arguments)
        saved.append(arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("course_utils.training.loop.save_checkpoint", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run(path)
    assert saved and path.exists()
    for one, other in zip(run(path).state_dict().values(), run(None).state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.gpu
def test_muon_on_a_gpu_equals_the_cpu() -> None:
    models = [small_network().double(), small_network().double().cuda()]
    for model in models:
        muon = Muon(model.parameters(), lr=0.01)
        x = random(2, 3, 6, 7).to(next(model.parameters()))
        for _ in range(3):
            muon.zero_grad()
            model(x).square().mean().backward()
            muon.step()
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one, other.cpu(), rtol=1e-7, atol=1e-9)
