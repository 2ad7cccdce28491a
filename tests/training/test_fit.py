"""The loop: what it computes, what it records, what it refuses."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from training_cases import Squares, Tiny, objective, tiny

from course_utils.datasets.samples import VOID
from course_utils.training.batches import Batch, draw_batch, draw_indices
from course_utils.training.loop import fit


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, images: Tensor) -> Tensor:
        return self.weight * images


def parabola(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    return {"square": 3 * model.weight**2, "line": model.weight.clone()}


def test_two_steps_of_gradient_descent_by_hand() -> None:
    """w = 2: loss 14, gradient 13, w = 0.7 at a rate of 0.1; then loss 2.17, gradient 5.2, w = 0.18."""
    model = Scale()
    history = fit(
        model, Squares(), steps=2, objective=parabola, seed=0, optimiser="sgd", momentum=0, weight_decay=0,
        learning_rate=0.1, schedule="constant",
    )  # fmt: skip
    assert model.weight.item() == pytest.approx(0.18, abs=1e-6)
    assert [row["square"] for row in history.steps] == pytest.approx([12, 3 * 0.49], rel=1e-6)
    assert [row["line"] for row in history.steps] == pytest.approx([2, 0.7], rel=1e-6)
    assert [row["learning_rate"] for row in history.steps] == [0.1, 0.1]
    assert history.table()["sum of losses"].tolist() == pytest.approx([14, 2.17], rel=1e-6)


def test_gradient_is_clipped() -> None:
    """Gradient 13 clipped to 1: w = 2 - 0.1."""
    model = Scale()
    fit(
        model, Squares(), steps=1, objective=parabola, seed=0, optimiser="sgd", momentum=0, weight_decay=0,
        learning_rate=0.1, schedule="constant", clip_norm=1.0,
    )  # fmt: skip
    assert model.weight.item() == pytest.approx(1.9, abs=1e-5)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_equals_a_plain_loop(name: str) -> None:
    """PyTorch's optimiser and its scheduler, on the same batches: the same weights to the last bit."""
    steps, seed = 12, 3
    model, plain = tiny(dropout=0.0), tiny(dropout=0.0)
    fit(
        model,
        Squares(),
        steps=steps,
        objective=objective,
        seed=seed,
        optimiser=name,
        learning_rate=0.01,
        channels_last=False,
    )
    optimiser = (
        torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=1e-4)
        if name == "adamw"
        else torch.optim.SGD(plain.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    )
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=steps, cycle_momentum=False)
    plain.train()
    for step in range(steps):
        batch = draw_batch(Squares(), batch_size=4, seed=seed, step=step)
        logits = plain(batch.images)
        loss = cross_entropy(logits, batch.labels, ignore_index=VOID) + 0.01 * logits.square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        scheduler.step()
    for ours, theirs in zip(model.state_dict().values(), plain.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


def test_same_seed_same_network_whatever_was_drawn_before() -> None:
    """Dropout included, and the caller's random numbers go on as if nothing had been."""
    networks = []
    for before in (0, 5):
        model = tiny()
        torch.manual_seed(before)
        expected = torch.rand(3)
        torch.manual_seed(before)
        fit(model, Squares(), steps=5, objective=objective, seed=2)
        assert torch.equal(torch.rand(3), expected)
        networks.append(model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(*(network.values() for network in networks), strict=True))


def test_seed_decides_dropout() -> None:
    masks = []

    def spy(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        masks.append(torch.nn.functional.dropout(torch.ones(50)))
        return objective(model, batch)

    for seed in (0, 0, 1):
        fit(tiny(), Squares(), steps=2, objective=spy, seed=seed)
    assert torch.equal(masks[0], masks[2]) and torch.equal(masks[1], masks[3])
    assert not torch.equal(masks[0], masks[1]) and not torch.equal(masks[0], masks[4])


def test_loss_falls_and_scores_are_recorded() -> None:
    model, modes = tiny(dropout=0.0), []

    def evaluate(network: nn.Module) -> dict[str, float]:
        modes.append(network.training)
        return {"score": float(len(modes))}

    history = fit(
        model,
        Squares(),
        steps=25,
        objective=objective,
        evaluate=evaluate,
        evaluate_every=10,
        seed=0,
        learning_rate=0.02,
    )
    losses = [row["labels"] for row in history.steps]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert history.evaluations == [{"step": 10, "score": 1.0}, {"step": 20, "score": 2.0}, {"step": 25, "score": 3.0}]
    assert history.scores == {"score": 3.0}
    assert modes == [False] * 3 and not model.training
    assert [row["step"] for row in history.steps] == list(range(1, 26))
    assert history.cpu_seconds > 0


def test_a_loss_that_is_no_number_stops_with_its_batch_and_leaves_the_weights() -> None:
    model, before = tiny(), []

    def poisoned(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        losses = objective(network, batch)
        if len(before) == 6:
            return {**losses, "labels": losses["labels"] * math.nan}
        before.append([p.clone() for p in network.parameters()])
        return losses

    data = Squares()
    with pytest.raises(FloatingPointError, match=r"step 7 of 20 \(labels = nan, size = ") as raised:
        fit(model, data, steps=20, objective=poisoned, seed=0)
    names = [data.names[i] for i in draw_indices(len(data), batch_size=4, seed=0, step=6)]
    assert f"Its batch was {', '.join(names)}:" in str(raised.value)
    changed = [not torch.equal(a, b) for a, b in zip(before[-1], model.parameters(), strict=True)]
    assert any(changed)  # step 6 was taken
    assert all(p.isfinite().all() for p in model.parameters())


def test_channels_last_reaches_the_objective() -> None:
    seen = []

    def spy(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        seen.append(batch.images.is_contiguous(memory_format=torch.channels_last))
        return objective(model, batch)

    for channels_last in (True, False):
        fit(tiny(), Squares(), steps=1, objective=spy, seed=0, channels_last=channels_last)
    assert seen == [True, False]


def test_bfloat16_computes_in_it_and_keeps_float32() -> None:
    seen = []

    def spy(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits = model(batch.images)
        seen.append(logits.dtype)
        return {"loss": cross_entropy(logits.float(), batch.labels, ignore_index=VOID)}

    model = tiny()
    fit(model, Squares(), steps=1, objective=spy, seed=0, bfloat16=True)
    assert seen == [torch.bfloat16]
    assert {p.dtype for p in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_images_come_in_the_type_of_the_network(dtype: torch.dtype) -> None:
    seen = []

    def spy(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        seen.append((batch.images.dtype, batch.labels.dtype))
        return objective(model, batch)

    assert len(fit(tiny().to(dtype), Squares(), steps=1, objective=spy, seed=0).steps) == 1
    assert seen == [(dtype, torch.int64)]


def test_frozen_parameters_stay() -> None:
    model = tiny()
    model.layers[0].requires_grad_(False)
    before = model.layers[0].weight.clone()
    fit(model, Squares(), steps=3, objective=objective, seed=0)
    assert torch.equal(model.layers[0].weight, before)


@pytest.mark.gpu
def test_on_a_gpu() -> None:
    model = tiny(dropout=0.0).cuda()
    history = fit(model, Squares(), steps=25, objective=objective, seed=0, learning_rate=0.02, bfloat16=True)
    assert len(history.steps) == 25
    assert history.steps[-1]["labels"] < history.steps[0]["labels"]

    def poisoned(network: Tiny, batch: Batch) -> dict[str, Tensor]:
        return {"loss": objective(network, batch)["labels"] * math.nan}

    with pytest.raises(FloatingPointError, match="step 1 of 20"):
        fit(model, Squares(), steps=20, objective=poisoned, seed=0)


def test_a_narrow_shortcut_with_a_stride_is_not_trained_with_channels_last() -> None:
    """PyTorch 2.15 writes beyond its memory in this backward, on CPUs with AVX2, and ends the process."""
    torch.manual_seed(0)
    narrow = nn.Sequential(nn.Conv2d(3, 6, 1, stride=2), nn.Upsample(scale_factor=2), nn.Conv2d(6, 3, 1))
    wide = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 3, 1, stride=2), nn.Upsample((8, 12)))
    formats = []
    for model in (narrow, wide):
        seen = model[1].register_forward_hook(lambda layer, inputs, output: formats.append(inputs[0].stride()[1]))
        fit(model, Squares(), steps=20, seed=0, objective=objective, progress=False)
        seen.remove()
    assert set(formats[:20]) == {4 * 6} and set(formats[20:]) == {1}, "channels are last only where it is safe"
