"""YOLACT: its parts by hand, sizes and parameters, detections from given outputs, degenerate images, and that it learns."""

import math

import numpy as np
import pytest
import torch
from map_cases import BACKBONES, small
from torch import nn
from unet_cases import count
from yolact_cases import TINY, rectangles, tiny, tiny_network

from course_utils.metrics.instance import AveragePrecision
from course_utils.metrics.overlaps import mask_iou
from course_utils.models.backbones.resnet import resnet50, resnet101
from course_utils.models.backbones.small import small_resnet
from course_utils.models.detection.yolact import YOLACT
from course_utils.models.detection.yolact_parts import (
    BOX_WEIGHTS,
    Outputs,
    PredictionHead,
    ProtoNet,
    assemble_masks,
    grid_anchors,
    touched,
)
from course_utils.ops.boxes import encode

# --- Parts


def test_anchors_by_hand():
    found = grid_anchors((1, 2), (10, 40), 6, (1, 0.25, 4), like=torch.zeros(1))
    wanted = [[7, 2, 13, 8], [8.5, -1, 11.5, 11], [4, 3.5, 16, 6.5]]  # 6 × 6, 3 × 12 and 12 × 3 around (10, 5)
    torch.testing.assert_close(
        found, torch.tensor([*wanted, *[[x1 + 20, y1, x2 + 20, y2] for x1, y1, x2, y2 in wanted]])
    )


def test_anchors_come_row_by_row_and_have_one_area():
    found = grid_anchors((3, 4), (24, 32), 10, (1, 0.5), like=torch.zeros(1, dtype=torch.float64))
    centres = (found[:, :2] + found[:, 2:]) / 2
    assert centres[::2].tolist() == [[x, y] for y in (4, 12, 20) for x in (4, 12, 20, 28)]
    torch.testing.assert_close((found[:, 2:] - found[:, :2]).prod(1), torch.full((24,), 100.0).double())


def test_anchors_lie_where_the_heads_values_do():
    """Value a of output (y, x) is that of anchor a of cell (y, x)."""
    head = PredictionHead(1, 1, 1, anchors=2, levels=2, batch_norm=False).double()
    maps = [torch.arange(6.0).double().reshape(1, 1, 2, 3), torch.full((1, 1, 1, 2), 9.0).double()]
    head.shared = nn.Identity()
    nn.init.zeros_(head.offsets.weight)
    head.offsets.weight.data[:, 0, 1, 1] = torch.arange(8)  # output c is c times its cell
    nn.init.zeros_(head.offsets.bias)
    _, offsets, _ = head(maps)
    cells = [0, 1, 2, 3, 4, 5, 9, 9]
    wanted = [[c * cell for c in range(4 * a, 4 * a + 4)] for cell in cells for a in range(2)]
    assert offsets.tolist() == [wanted]


def test_pixels_that_a_box_touches():
    boxes = torch.tensor([[1.0, 0, 3, 1], [0.9, 0.5, 3.1, 0.6], [3.99, 1.0, 9, 9], [2, 1, 2, 2], [-5, -5, 0, 9]])
    found = touched(boxes, (2, 4))
    assert found.int().tolist() == [
        [[0, 1, 1, 0], [0, 0, 0, 0]],
        [[1, 1, 1, 1], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [0, 0, 0, 1]],
        [[0, 0, 0, 0], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [0, 0, 0, 0]],
    ]


def test_masks_by_hand():
    """The left half, the upper half; one minus the other is above 0 at the lower left only."""
    left, upper = torch.zeros(2, 4, 4)
    left[:, :2], upper[:2] = 1, 1
    coefficients = torch.tensor([[1.0, -1], [1, -1], [0.5, 0.5], [-1, -1]])
    boxes = torch.tensor([[0.0, 0, 4, 4], [1, 0, 4, 3], [0, 0, 4, 4], [0, 0, 4, 4]])
    found = assemble_masks(torch.stack([left, upper]), coefficients, boxes, (4, 4))
    assert found.int().tolist() == [
        [[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]],
        [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]],
        [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]],
        [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    ]


def test_masks_have_the_images_size():
    """Logits -1 and 1 at centres 1 and 3 pixels from the left: 0 lies between them, at 2."""
    prototypes = torch.tensor([[[-1.0, 1]]])
    found = assemble_masks(prototypes, torch.ones(1, 1), torch.tensor([[0.0, 0, 4, 3]]), (3, 4))
    assert found.int().tolist() == [[[0, 0, 1, 1]] * 3]
    assert assemble_masks(prototypes, torch.ones(0, 1), torch.zeros(0, 4), (3, 4)).shape == (0, 3, 4)


def test_prototypes_are_not_negative_and_coefficients_stay_within_one():
    torch.manual_seed(0)
    maps = [3 * torch.randn(1, 6, 3, 5), 3 * torch.randn(1, 6, 2, 3)]
    prototypes = ProtoNet(6, 4, width=5, batch_norm=False)(maps[0])
    assert prototypes.shape == (1, 4, 6, 10) and prototypes.min() == 0 and prototypes.max() > 0
    classes, offsets, coefficients = PredictionHead(6, 3, 4, anchors=2, levels=2, batch_norm=True)(maps)
    assert (classes.shape, offsets.shape, coefficients.shape) == ((1, 42, 3), (1, 42, 4), (1, 42, 4))
    assert coefficients.min() < -0.5 and coefficients.max() > 0.5 and coefficients.abs().max() <= 1


# --- The network


@pytest.mark.parametrize(("backbone", "parameters"), [(resnet50, 31_164_943), (resnet101, 50_157_071)])
def test_it_has_the_authors_number_of_parameters(backbone, parameters):
    with torch.device("meta"):
        network = YOLACT(backbone(), 80)
        assert count(network) == parameters and count(network.semantic) == 20_560
        outputs = network.eval().outputs(torch.rand(1, 3, 550, 550))
    anchors = sum(3 * n * n for n in (69, 35, 18, 9, 5))
    assert anchors == 19_248
    assert {name: tuple(part.shape) for name, part in outputs._asdict().items()} == {
        "classes": (1, anchors, 81),
        "offsets": (1, anchors, 4),
        "coefficients": (1, anchors, 32),
        "anchors": (anchors, 4),
        "prototypes": (1, 32, 138, 138),
        "semantic": (1, 80, 69, 69),
    }


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_it_stands_on_every_backbone(name, batch_norm):
    backbone = BACKBONES[name]()
    stride = backbone.strides[0]
    sides = [4.0 * value for value in sorted(set(backbone.strides))]
    torch.manual_seed(0)
    network = YOLACT(backbone, 2, **TINY | {"sides": sides}, stride=stride, batch_norm=batch_norm, score_threshold=0)
    images = torch.rand(2, 3, 41, 56)
    assert network.outputs(images).anchors.shape[0] % 3 == 0
    targets = [rectangles((2, 3, 30, 20), (10, 20, 18, 40), labels=[1, 2], size=(41, 56)), rectangles(size=(41, 56))]
    losses = network(images, targets)
    assert list(losses) == ["classes", "boxes", "masks", "semantic"]
    sum(losses.values()).backward()
    for part, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), part
    found = network.eval()(images)
    assert len(found) == 2 and len(found[0]["scores"])
    assert set(found[0]) == {"boxes", "labels", "scores", "masks", "coefficients"}


def test_head_and_prototypes_see_what_is_above_zero_in_the_pyramid():
    network = tiny_network().eval()
    images = torch.rand(1, 3, 32, 48)
    outputs, maps = network.outputs(images), [x.relu() for x in network.pyramid(images)]
    assert any((x < 0).any() for x in network.pyramid(images))
    torch.testing.assert_close(outputs.semantic, network.semantic(maps[0]))
    torch.testing.assert_close(outputs.prototypes, network.protonet(maps[0]))
    torch.testing.assert_close(outputs.coefficients, network.head(maps)[2])


def test_the_order_of_anchors_and_outputs_is_one():
    """An object's best anchor is where the network, after many steps on it alone, is sure of its class."""
    network = tiny_network()
    image, target = torch.rand(1, 3, 32, 48), rectangles((24, 8, 40, 24))
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(30):
        optimiser.zero_grad()
        network(image, [target])["classes"].backward()
        optimiser.step()
    outputs = network.outputs(image)
    sure = outputs.classes.softmax(-1)[0, :, 1].argmax()
    x1, y1, x2, y2 = outputs.anchors[sure].tolist()
    assert abs((x1 + x2) / 2 - 32) <= 8 and abs((y1 + y2) / 2 - 16) <= 8


# --- Detections


def given_outputs(network: YOLACT, objects: list[tuple[int, tuple[float, ...], int, float]]) -> Outputs:
    """Outputs of background but at some anchors: (anchor, box, label, logit) each. The prototypes are 1 everywhere."""
    network.eval()
    with torch.no_grad():
        outputs = network.outputs(torch.zeros(1, 3, 32, 48))
    classes = torch.zeros_like(outputs.classes)
    classes[..., 0] = 10
    offsets = torch.zeros_like(outputs.offsets)
    for anchor, box, label, logit in objects:
        classes[0, anchor, label] = logit
        offsets[0, anchor] = encode(torch.tensor(box), outputs.anchors[anchor], weights=BOX_WEIGHTS)
    return outputs._replace(
        classes=classes,
        offsets=offsets,
        coefficients=torch.ones_like(outputs.coefficients),
        prototypes=torch.ones_like(outputs.prototypes),
    )


OBJECTS = [
    (3, (2.0, 3, 12, 13), 1, 14.0),
    (5, (2.0, 3, 12, 12), 1, 13.0),  # the same again, and dropped
    (9, (2.0, 3, 12, 13), 2, 12.0),  # as of another class, it stays
    (20, (20.0, 10, 60, 30), 2, 15.0),  # beyond the image
    (30, (30.0, 2, 34, 6), 1, 6.0),  # unlikely
]


def test_detections_by_hand():
    network = tiny_network()
    (found,) = network.detections(given_outputs(network, OBJECTS), (32, 48))
    wanted = torch.tensor([[20.0, 10, 48, 30], [2, 3, 12, 13], [2, 3, 12, 13]])
    torch.testing.assert_close(found["boxes"], wanted)
    assert found["labels"].tolist() == [2, 1, 2] and found["labels"].dtype == torch.int64
    scores = [1 / (1 + math.exp(10 - logit) + math.exp(-logit)) for logit in (15, 14, 12)]
    assert found["scores"].tolist() == pytest.approx(scores, abs=1e-4)
    assert found["masks"].dtype == torch.bool and found["masks"].shape == (3, 32, 48)
    assert torch.equal(found["masks"], touched(wanted, (32, 48)))  # prototypes of 1: the box itself
    assert found["coefficients"].shape == (3, 4)


def test_fewer_detections_candidates_and_lower_scores():
    network = tiny_network()
    outputs = given_outputs(network, OBJECTS)
    for name, value, wanted in (
        ("max_detections", 2, 2),
        ("candidates", 1, 2),
        ("score_threshold", 0.99, 1),
        ("score_threshold", 0.01, 4),
        ("nms_threshold", 0.95, 4),
    ):
        changed = tiny_network(**{name: value})
        assert len(changed.detections(outputs, (32, 48))[0]["boxes"]) == wanted, (name, value)


def test_detections_are_what_average_precision_takes():
    network = tiny_network()
    found = network.detections(given_outputs(network, OBJECTS[:1] + OBJECTS[3:]), (32, 48))
    metric = AveragePrecision(3)
    metric.update(found, [rectangles((2, 3, 12, 13), (20, 10, 48, 30), labels=[1, 2])])
    assert metric.compute().ap == pytest.approx(1)


def test_an_image_without_detections():
    network = tiny_network()
    (found,) = network.detections(given_outputs(network, []), (32, 48))
    assert [len(value) for value in found.values()] == [0] * 5 and found["masks"].shape == (0, 32, 48)


@pytest.mark.parametrize("size", [(1, 1), (3, 70), (9, 5)])
def test_tiny_images(size):
    network = tiny_network(batch_norm=False)
    images = torch.rand(2, 3, *size)
    targets = [rectangles((0, 0, 1, 1), size=size), rectangles((0, 0, size[1], size[0]), labels=[2], size=size)]
    losses = network.pyramid.backbone.eval() and network(images, targets)
    assert all(loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters() if parameter.grad is not None)
    assert network.eval()(images)[0]["masks"].shape[1:] == size


def test_in_16_bits_anchors_and_losses_have_32():
    network = tiny_network().to(torch.bfloat16)
    images = torch.rand(2, 3, 32, 48).to(torch.bfloat16)
    outputs = network.outputs(images)
    assert {part.dtype for part in outputs} == {torch.float32}
    losses = network(images, [rectangles((2, 3, 30, 20)), rectangles()])
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())
    assert network.eval()(images)[0]["boxes"].dtype == torch.float32


def test_numbers_of_numpy_make_the_same_network():
    number = np.uint8
    found = YOLACT(
        small(), number(2), **TINY | {"channels": number(6), "prototypes": number(4)}, prototype_channels=number(5)
    )
    wanted = tiny(small(), prototype_channels=5)
    assert {name: value.shape for name, value in found.state_dict().items()} == {
        name: value.shape for name, value in wanted.state_dict().items()
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: YOLACT(small(), 0), "num_classes must be an integer of 1 or more, but is 0"),
        (
            lambda: tiny(small(), sides=(8, 16)),
            r"whose strides are \(8, 16, 32\), but is \(8.0, 16.0\)",
        ),
        (lambda: tiny(small(), sides=8), "sides must be a tuple of numbers above 0, but is 8"),
        (lambda: tiny(small(), ratios=(1, -1)), r"ratios must be a tuple of numbers above 0, but is \(1, -1\)"),
        (lambda: tiny(small(), batch_norm="no"), "batch_norm must be True or False"),
        (lambda: tiny(small(), score_threshold=5), "score_threshold must be a number from 0 to 1"),
        (lambda: tiny(small(), prototype_channels=0), "prototype_channels must be an integer of 1 or more"),
        (lambda: tiny(small(), candidates=0), "candidates must be an integer of 1 or more"),
        (lambda: tiny_network()(torch.rand(1, 3, 32, 32)), "In training, YOLACT needs targets; call"),
        (lambda: grid_anchors((1, 1), (8, 8), 0, (1,), like=torch.zeros(1)), "side must be above 0"),
        (
            lambda: assemble_masks(torch.zeros(1, 2, 3, 3), torch.zeros(1, 2), torch.zeros(1, 4), (3, 3)),
            "take one image of the",
        ),
        (
            lambda: assemble_masks(torch.zeros(2, 3, 3), torch.zeros(1, 3), torch.zeros(1, 4), (3, 3)),
            r"\(2, 3, 3\), \(1, 3\)",
        ),
    ],
)
def test_they_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- It learns


def trained_on_two_ellipses(device: str) -> torch.Tensor:
    """The IoU of the two masks that a network is sure of with the two it was shown again and again.

    An ellipse fills 0.79 of its box: a network that knows boxes only stays below that.
    """
    torch.manual_seed(0)
    network = YOLACT(
        small_resnet(widths=(8, 12, 16, 24)), 2, channels=16, prototypes=8, stride=4, extra="none",
        sides=(12, 24, 36), batch_norm=True, score_threshold=0.3,
    ).to(device)  # fmt: skip
    target = rectangles((4, 6, 22, 26), (28, 8, 44, 20), labels=[1, 2])
    y, x = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(48) + 0.5, indexing="ij")
    for mask, (x1, y1, x2, y2) in zip(target["masks"], target["boxes"], strict=True):
        mask &= ((2 * x - x1 - x2) / (x2 - x1)) ** 2 + ((2 * y - y1 - y2) / (y2 - y1)) ** 2 <= 1
    target = {name: value.to(device) for name, value in target.items()}
    image = torch.full((1, 3, 32, 48), 0.3, device=device)
    image[0, 0, target["masks"][0]], image[0, 2, target["masks"][1]] = 0.9, 0.8
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2)
    for step in range(100):
        optimiser.param_groups[0]["lr"] = 1e-2 * (1 - step / 100)
        optimiser.zero_grad()
        sum(network(image, [target]).values()).backward()
        optimiser.step()
    with torch.no_grad():
        (found,) = network.eval()(image)
    assert sorted(found["labels"].tolist()) == [1, 2]
    order = found["labels"].argsort()
    return mask_iou(found["masks"][order].cpu(), target["masks"].cpu()).diagonal()


@pytest.mark.slow
def test_it_learns_two_ellipses():
    assert trained_on_two_ellipses("cpu").min() > 0.85


@pytest.mark.gpu
def test_it_learns_on_a_gpu():
    assert trained_on_two_ellipses("cuda").min() > 0.85


@pytest.mark.gpu
def test_it_is_the_same_on_a_gpu():
    network = tiny_network().double().eval()
    images = torch.rand(2, 3, 65, 97, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted, found = network.outputs(images), network.cuda().outputs(images.cuda())
    for have, want in zip(found, wanted, strict=True):
        torch.testing.assert_close(have.cpu(), want, rtol=0, atol=1e-9)
