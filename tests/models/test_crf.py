"""The dense CRF: by hand, against loops over pixels in NumPy, what it repairs, what it learns, and when it oscillates."""

import math

import numpy as np
import pytest
import torch
from tolerances import EXACT, OPERATION
from torch.func import functional_call
from torch.nn.functional import cross_entropy, one_hot

from course_utils.models import crf
from course_utils.models.crf import DenseCRF, appearance_kernel, logits_of, smoothness_kernel
from course_utils.models.memory import saved_for_backward

DOUBLE = OPERATION[torch.float64]
NARROW = {"position_std": 3.0, "colour_std": 0.2, "smoothness_std": 1.5}
SETTINGS = {
    "as made": {},
    "not normalised": {"normalise": False, "appearance_weight": 0.3, "smoothness_weight": 0.2},
    "appearance only": {"smoothness_weight": 0.0},
    "smoothness only": {"appearance_weight": 0.0, "smoothness_weight": 3.0, "steps": 3},
    "apart": {"appearance_weight": -2.0, "smoothness_weight": -1.0},
    "learnt compatibility": {"learn_compatibility": True},
}


def drawn(*shape, seed=0, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def logits_and_images(height, width, *, classes=3, batch=2, channels=3):
    return 4 * drawn(batch, classes, height, width, seed=1) - 2, drawn(batch, channels, height, width, seed=2)


def crf_of(classes=3, **settings):
    """In float64; a compatibility that is learnt is no longer Potts, and not symmetric."""
    network = DenseCRF(classes, **(NARROW | settings)).double()
    if settings.get("learn_compatibility"):
        network.compatibility.data += drawn(classes, classes, seed=3)
    return network


# By hand


def two_pixels(logits, *, weight, steps, normalise=False):
    """Two pixels side by side, of one colour, whose kernel is 1/2."""
    network = DenseCRF(2, steps=steps, appearance_weight=weight, smoothness_weight=0, normalise=normalise,
                       position_std=math.sqrt(1 / (2 * math.log(2)))).double()  # fmt: skip
    logits = torch.tensor(logits, dtype=torch.float64)[None, :, None]
    return network(logits, torch.full((1, 3, 1, 2), 0.3).double()).exp()[0, :, 0]


def test_two_pixels_by_hand():
    """Q is (3/4, 1/4) and (1/2, 1/2). With 2 · 1/2 as kernel, the second pixel hears 3/4 and 1/4, and pays for the other."""
    q = two_pixels([[math.log(3), 0], [0, 0]], weight=2, steps=1)
    second = 1 / (1 + math.exp(-0.5))  # exp(-1/4) / (exp(-1/4) + exp(-3/4)) = 0.6225
    torch.testing.assert_close(q, torch.tensor([[0.75, second], [0.25, 1 - second]], dtype=torch.float64), **DOUBLE)
    # Then the first pixel hears this.
    q = two_pixels([[math.log(3), 0], [0, 0]], weight=2, steps=2)
    first = 1 / (1 + math.exp(-(math.log(3) + 2 * second - 1)))
    torch.testing.assert_close(q[0], torch.tensor([first, second], dtype=torch.float64), **DOUBLE)


@pytest.mark.parametrize("settings", [{"steps": 0}, {"appearance_weight": 0, "smoothness_weight": 0}], ids=str)
def test_with_nothing_to_hear_it_is_the_softmax(settings):
    logits, images = logits_and_images(5, 4)
    torch.testing.assert_close(crf_of(**settings)(logits, images), logits.log_softmax(1), **DOUBLE)


# Against loops


def by_loops(network, logits, image):
    """Mean field for one image in NumPy, pixel by pixel, as the paper's equations say: (K, H, W) → Q (K, H, W)."""
    unary, image = -logits.numpy(), image.numpy()
    classes, height, width = unary.shape
    pixels = [(row, column) for row in range(height) for column in range(width)]
    mu = network.compatibility.detach().numpy()

    def kernels(a, b):
        apart = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2
        colours = sum((image[channel][a] - image[channel][b]) ** 2 for channel in range(len(image)))
        near = math.exp(-apart / (2 * network.position_std**2) - colours / (2 * network.colour_std**2))
        return near, math.exp(-apart / (2 * network.smoothness_std**2))

    heard_by = {a: [sum(kernels(a, b)[which] for b in pixels) for which in (0, 1)] for a in pixels}
    weights = network.appearance_weight.item(), network.smoothness_weight.item()

    def together(a, b):
        total = 0.0
        for which, (weight, value) in enumerate(zip(weights, kernels(a, b), strict=True)):
            scale = math.sqrt(heard_by[a][which] * heard_by[b][which]) if network.normalise else 1.0
            total += weight * value / scale
        return total

    k = {(a, b): together(a, b) for a in pixels for b in pixels if a != b}

    def softmax(values):
        powers = np.exp(values - values.max())
        return powers / powers.sum()

    q = {a: softmax(-unary[:, a[0], a[1]]) for a in pixels}
    for _ in range(network.steps):
        found = {}
        for a in pixels:
            energy = unary[:, a[0], a[1]].copy()
            for label in range(classes):
                for other in range(classes):
                    energy[label] += mu[label, other] * sum(k[a, b] * q[b][other] for b in pixels if b != a)
            found[a] = softmax(-energy)
        q = found
    return np.stack([q[a] for a in pixels], axis=1).reshape(unary.shape), unary, k, q


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_it_equals_loops_over_pixels(settings):
    network = crf_of(**settings)
    logits, images = logits_and_images(4, 5)
    found = network(logits, images).detach().exp()
    torch.testing.assert_close(found.sum(1), torch.ones(2, 4, 5).double(), **DOUBLE)
    for each, of_image, image in zip(found, logits, images, strict=True):
        np.testing.assert_allclose(each.numpy(), by_loops(network, of_image, image)[0], rtol=0, atol=1e-10)
    assert (found - logits.softmax(1)).abs().max() > 0.1


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (3, 1), (2, 3)], ids=str)
@pytest.mark.parametrize(("classes", "channels"), [(1, 3), (2, 1), (4, 5)])
def test_it_takes_every_size_and_any_number_of_channels(size, classes, channels):
    logits, images = logits_and_images(*size, classes=classes, channels=channels, batch=1)
    network = crf_of(classes)
    found = network(logits, images).detach().exp()
    np.testing.assert_allclose(found[0].numpy(), by_loops(network, logits[0], images[0])[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("block", [1, 100, 1000])
def test_blocks_change_nothing(monkeypatch, block):
    logits, images = logits_and_images(7, 9)
    wanted = crf_of()(logits, images)
    monkeypatch.setattr(crf, "BLOCK", block)
    torch.testing.assert_close(crf_of()(logits, images), wanted, **DOUBLE)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kernels_of_a_large_image_are_exact(dtype):
    """Of one pixel, in a picture: by the formula, computed from differences."""
    images = drawn(1, 3, 96, 128, dtype=dtype)
    spot = torch.zeros(1, 1, 96, 128, dtype=dtype)
    spot[..., 5, 120] = 1
    rows, columns = torch.meshgrid(torch.arange(96) - 5, torch.arange(128) - 120, indexing="ij")
    apart = (rows**2 + columns**2).double()
    colours = (images - images[..., 5:6, 120:121]).double().square().sum(1)
    atol = 1e-12 if dtype == torch.float64 else 1e-5
    for position_std, colour_std in ((20, 0.1), (4, 0.03)):
        found = appearance_kernel(images, position_std=position_std, colour_std=colour_std)(spot)
        wanted = (-apart / (2 * position_std**2) - colours / (2 * colour_std**2)).exp()[None]
        torch.testing.assert_close(found.double(), wanted, rtol=0, atol=atol)
    found = smoothness_kernel(images, std=2)(spot)
    torch.testing.assert_close(found.double(), (-apart / (2 * 2**2)).exp()[None, None], rtol=0, atol=atol)


@pytest.mark.slow
def test_a_large_image_leaves_little_behind():
    """96 × 128 in float32: neither kernel, of 604 MB, is kept for the gradient."""
    logits, images = (part.float() for part in logits_and_images(96, 128, batch=1, classes=4))
    logits.requires_grad_()
    network = DenseCRF(4, steps=1)
    kept = saved_for_backward(lambda: network(logits, images), leave_out=[logits, *network.parameters()])
    assert sum(kept.values()) < 60 * 96 * 128 * 4
    network(logits, images)[0, 1].sum().backward()
    assert logits.grad.isfinite().all() and logits.grad.std() > 0


# Types and memory layouts


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_it_computes_in_float32_at_least(dtype):
    logits, images = logits_and_images(6, 7)
    logits, images = logits.to(dtype), images.to(dtype)
    network = crf_of().float()
    wanted = network(logits.float(), images.float())
    torch.testing.assert_close(wanted.double(), crf_of()(logits.double(), images.double()), rtol=0, atol=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(network(logits, images), wanted.to(dtype), **EXACT)


def test_images_of_a_batch_do_not_meet_and_channels_may_come_last():
    logits, images = logits_and_images(6, 7)
    together = crf_of()(logits, images)
    torch.testing.assert_close(crf_of()(logits[1:], images[1:]), together[1:], **DOUBLE)
    last = [part.to(memory_format=torch.channels_last) for part in (logits, images)]
    torch.testing.assert_close(crf_of()(*last), together, **DOUBLE)
    assert crf_of()(logits[:0], images[:0]).shape == (0, 3, 6, 7)


def test_normalised_a_weight_means_the_same_everywhere():
    """By how much the logit of a label falls that nobody has: by about the weight, at a corner too, in images of every size."""
    fell = {}
    for normalise in (True, False):
        for size in (40, 60), (20, 30):
            settings = {"steps": 1, "smoothness_weight": 0, "position_std": 4, "normalise": normalise}
            logits = torch.stack([torch.full(size, 50.0), torch.zeros(size)])[None].double()
            log_q = DenseCRF(2, appearance_weight=5, **settings).double()(logits, torch.full((1, 3, *size), 0.5))
            fell[normalise, size] = (log_q[0, 0] - log_q[0, 1] - 50).detach() / 5
    for size in (40, 60), (20, 30):
        found, raw = fell[True, size], fell[False, size]
        # Of small pixels, (2·√2 - 2)² at a corner: the integral of the bell φ over √Φ, along each axis.
        assert found.min() == found[0, 0] > (2 * math.sqrt(2) - 2) ** 2 and found.max() < 1.1
        assert raw[0, 0] < 0.35 * raw.max() and raw.max() > 90  # a corner has a quarter of the neighbours


# What it repairs


def disc(height, width, *, wrong, seed=0):
    """A noisy picture of a light disc on a dark ground, its labels, and labels of which some are wrong, as logits."""
    draw = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    truth = ((rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (height / 3) ** 2).long()
    image = 0.3 + 0.4 * truth + 0.02 * torch.randn(3, height, width, generator=draw)
    seen = torch.where(torch.rand(height, width, generator=draw) < wrong, 1 - truth, truth)
    logits = 2 * one_hot(seen, 2).movedim(2, 0).float()
    return image[None].clamp(0, 1), truth[None], logits[None]


def errors(logits, truth):
    return (logits.argmax(1) != truth).float().mean().item()


def test_noisy_labels_get_the_edge_of_the_image():
    images, truth, logits = disc(36, 48, wrong=0.3)
    assert errors(logits, truth) > 0.25
    assert errors(DenseCRF(2)(logits, images), truth) == 0
    # Without colours, noise goes but the edge stays ragged.
    smoothed = DenseCRF(2, appearance_weight=0, smoothness_weight=13)(logits, images)
    assert 0.01 < errors(smoothed, truth) < 0.1


def test_a_blurred_edge_comes_back():
    images, truth, _ = disc(36, 48, wrong=0)
    coarse = torch.nn.functional.avg_pool2d(one_hot(truth, 2).movedim(3, 1).float(), 12)
    logits = logits_of(torch.nn.functional.interpolate(coarse, size=(36, 48), mode="bilinear"))
    assert errors(logits, truth) > 0.04
    assert errors(DenseCRF(2)(logits, images), truth) < 0.001


# The KL divergence


def divergence(network, logits, images):
    """KL(Q ‖ exp(-E) / Z) less log Z, after each number of steps from 0 on, by loops."""
    found = []
    for steps in range(network.steps + 1):
        network.steps = steps
        _, unary, k, q = by_loops(network, logits[0], images[0])
        mu = network.compatibility.detach().numpy()
        pairs = sum(k[a, b] * q[a] @ mu @ q[b] for a, b in k) / 2
        found.append(pairs + sum(q[a] @ (np.log(q[a]) + unary[:, a[0], a[1]]) for a in q))
    return np.array(found)


@pytest.mark.parametrize("normalise", [True, False])
def test_no_step_raises_the_divergence_within_the_bound(normalise):
    """A step from Q to R minimises the divergence whose sum over pairs is made linear at Q, and lowers that by KL(Q ‖ R).

    That is |Q - R|² or more. The sum over pairs of Potts, whose kernels have no negative eigenvalue, bends upwards only by what
    is taken out of it: the pixel itself, in all (w₁ / d_i + w₂ / d'_i) |Q - R|² / 2.
    """
    for seed in range(3):
        logits, images = 4 * drawn(1, 3, 3, 4, seed=seed) - 2, drawn(1, 3, 3, 4, seed=10 + seed)
        network = crf_of(normalise=normalise, steps=6, appearance_weight=1.2, smoothness_weight=0.8)
        values = divergence(network, logits, images)
        assert (np.diff(values) < 1e-12).all() and values[0] - values[-1] > 0.05


def test_beyond_the_bound_two_pixels_take_each_others_label_for_ever():
    logits = [[0.5, -0.5], [0, 0]]
    for steps, first in ((100, 0), (101, 1)):
        q = two_pixels(logits, weight=20, steps=steps)
        assert q[first, 0] > 0.99 and q[1 - first, 1] > 0.99
    # Normalised, the kernel is 1/2 divided by 3/2.
    q = two_pixels(logits, weight=20, steps=101, normalise=True)
    assert q[1, 0] > 0.99 and q[0, 1] > 0.99
    # If the weight times the kernel of 1/2 is below 2, they settle.
    torch.testing.assert_close(
        two_pixels(logits, weight=3, steps=400), two_pixels(logits, weight=3, steps=401), **DOUBLE
    )
    network = DenseCRF(2, steps=5, appearance_weight=20, smoothness_weight=0, normalise=False, colour_std=1).double()
    values = divergence(network, torch.tensor(logits).double()[None, :, None], torch.zeros(1, 3, 1, 2).double())
    assert np.diff(values).max() > 1


# Learning


@pytest.mark.parametrize("normalise", [True, False])
def test_gradients(normalise):
    network = crf_of(
        2, learn_compatibility=True, normalise=normalise, steps=3, appearance_weight=0.7, smoothness_weight=0.4
    )
    logits, images = logits_and_images(3, 2, classes=2)
    names, values = zip(*network.named_parameters(), strict=True)
    assert set(names) == {"appearance_weight", "smoothness_weight", "compatibility"}

    def refined(logits, *parameters):
        return functional_call(network, dict(zip(names, parameters, strict=True)), (logits, images))

    given = [part.detach().clone().requires_grad_() for part in (logits, *values)]
    assert torch.autograd.gradcheck(refined, given)
    assert torch.autograd.gradgradcheck(refined, given)


@pytest.mark.slow
def test_it_learns_to_help():
    """From weights of 0, where it changes nothing, on three discs; a fourth is then labelled better than by its logits."""
    network = DenseCRF(2, steps=3, appearance_weight=0, smoothness_weight=0, position_std=8, learn_compatibility=True)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.3)
    images, truth, logits = (
        torch.cat(parts) for parts in zip(*(disc(18, 24, wrong=0.3, seed=seed) for seed in range(3)), strict=True)
    )
    losses = []
    for _ in range(30):
        loss = cross_entropy(network(logits, images), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(cross_entropy(logits, truth).item())
    assert losses[-1] < losses[0] / 10
    assert network.appearance_weight > 1
    images, truth, logits = disc(18, 24, wrong=0.3, seed=9)
    assert errors(logits, truth) > 0.2
    assert errors(network(logits, images), truth) < 0.02


def test_what_it_keeps():
    assert set(DenseCRF(4).state_dict()) == {"appearance_weight", "smoothness_weight"}
    learnt = DenseCRF(4, learn_compatibility=True)
    assert learnt.state_dict()["compatibility"].shape == (4, 4)
    torch.testing.assert_close(learnt.compatibility.detach(), DenseCRF(4).compatibility, **EXACT)
    assert not images_gradient(learnt)


def images_gradient(network):
    logits, images = (part.float().requires_grad_() for part in logits_and_images(3, 4, classes=4))
    network(logits, images).square().sum().backward()
    assert logits.grad.any()
    return images.grad is not None


# Probabilities, and what is refused


def test_logits_of_probabilities():
    probabilities = torch.tensor([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0]]).double()
    torch.testing.assert_close(logits_of(probabilities).softmax(1), probabilities, **DOUBLE)
    assert logits_of(probabilities.half()).isfinite().all()
    with pytest.raises(ValueError, match=r"probabilities must be floating, but are torch.int64; .*`\.float\(\)`"):
        logits_of(torch.tensor([1]))
    with pytest.raises(ValueError, match="probabilities must be a tensor, but is list"):
        logits_of([0.5])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"steps": -1}, "steps must be an integer of 0 or more, but is -1"),
        ({"steps": 2.5}, "steps must be an integer"),
        ({"position_std": 0}, "position_std must be above 0, but is 0"),
        ({"colour_std": -1}, "colour_std must be a number from 0 to inf, but is -1"),
        ({"smoothness_std": "2"}, "smoothness_std must be a number from 0"),
        ({"appearance_weight": float("nan")}, "appearance_weight must be a number from -inf to inf, but is nan"),
        ({"smoothness_weight": None}, "smoothness_weight must be a number"),
        ({"normalise": "symmetric"}, "normalise must be True or False, but is 'symmetric'"),
        ({"learn_compatibility": 1}, "learn_compatibility must be True or False, but is 1"),
    ],
)
def test_it_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        DenseCRF(**({"num_classes": 3} | settings))


@pytest.mark.parametrize(
    ("logits", "images", "message"),
    [
        (torch.zeros(3, 4, 5), torch.zeros(1, 3, 4, 5), r"logits must be floating \(B, C, H, W\), .* \(3, 4, 5\); .*`\[None\]`"),
        (torch.zeros(1, 3, 4, 5), torch.zeros(1, 3, 4, 5).byte(), "images must be floating .* torch.uint8 .* divide bytes"),
        (torch.zeros(1, 2, 4, 5), torch.zeros(1, 3, 4, 5), "made for 3 classes, but the logits have 2"),
        (torch.zeros(1, 3, 2, 3), torch.zeros(1, 3, 4, 5), r"\(1, 3, 2, 3\) and images \(1, 3, 4, 5\); resize the logits"),
        (torch.zeros(2, 3, 4, 5), torch.zeros(1, 3, 4, 5), "Each pixel of the images needs logits"),
        (np.zeros((1, 3, 4, 5)), torch.zeros(1, 3, 4, 5), "logits must be a tensor, but is ndarray"),
    ],
    ids=range(6),
)  # fmt: skip
def test_it_refuses_maps(logits, images, message):
    with pytest.raises(ValueError, match=message):
        DenseCRF(3)(logits, images)


def test_numbers_of_numpy():
    network = DenseCRF(np.uint8(3), steps=np.int64(2), position_std=np.float32(5), appearance_weight=np.float64(2))
    logits, images = logits_and_images(4, 5)
    wanted = DenseCRF(3, steps=2, position_std=5, appearance_weight=2)(logits, images)
    torch.testing.assert_close(network(logits, images), wanted, **EXACT)


@pytest.mark.gpu
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_on_a_gpu(settings):
    network = crf_of(**settings)
    logits, images = logits_and_images(33, 41)
    wanted = network(logits, images).detach()
    found = network.cuda()(logits.cuda(), images.cuda()).detach().cpu()
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)
