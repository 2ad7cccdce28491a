"""The recipe of lesson 12 for keypoints: each is a map with one right cell, in a region around each figure."""

import math
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot, smooth_l1_loss

from course_utils.datasets.puppets import Puppets
from course_utils.metrics.instance import AveragePrecision
from course_utils.models.detection.fine_pyramid import FinePyramid
from course_utils.models.detection.quick_heads import Pooling, one_sample
from course_utils.models.detection.quick_mask_rcnn import small_backbone
from course_utils.models.detection.region_targets import keypoint_loss, keypoint_targets, read_keypoints
from course_utils.models.layers import conv_norm
from course_utils.training.optimisers import Muon
from course_utils.training.schedules import warm_up_cosine

TRAINING, VALIDATION = 800, 100
"""Images of puppets to learn from, and images of the split "val" to measure on."""
GRID, JITTER = 28, 0.05
"""Cells along a side of a keypoint's map; standard deviation of a corner, in sides of the box."""
STEPS = 300

KeypointLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(what the network gives for each region, keypoints (N, K, 3), boxes (N, 4)) → scalar."""
Read = Callable[[Tensor, Tensor], Tensor]
"""(what the network gives for each region, boxes (N, 4)) → keypoints (N, K, 3)."""


class Figures(NamedTuple):
    """N figures in B images: `images` (B, 3, H, W), `image` (N,) which one, `boxes` (N, 4), `keypoints` (N, K, 3), `areas`."""

    images: Tensor
    image: Tensor
    boxes: Tensor
    keypoints: Tensor
    areas: Tensor

    def of_images(self, chosen: Tensor) -> "Figures":
        """The figures of some images, which are numbered anew."""
        chosen = chosen.to(self.image.device)
        image, own = (self.image == chosen[:, None]).nonzero(as_tuple=True)
        return Figures(self.images[chosen], image, *(part[own] for part in self[2:]))

    def mirrored(self) -> "Figures":
        """All exchanged left for right; so a left hand becomes a right one, and its place in the list changes."""
        width = self.images.shape[3]
        x1, y1, x2, y2 = self.boxes.unbind(1)
        boxes = torch.stack([width - x2, y1, width - x1, y2], 1)
        x, y, seen = self.keypoints[:, list(Puppets.mirrored)].unbind(2)
        keypoints = torch.stack([torch.where(seen > 0, width - x, 0), y, seen], 2)
        return self._replace(images=self.images.flip(3), boxes=boxes, keypoints=keypoints)


@lru_cache(maxsize=4)
def puppets_in_memory(split: str, length: int) -> Figures:
    """The figures of so many images of puppets, drawn once and kept."""
    data = Puppets(split, length=length)
    drawn = [data.with_objects(n) for n in range(length)]
    counts = torch.tensor([len(objects.boxes) for _, objects in drawn])
    image = torch.arange(length).repeat_interleave(counts)
    boxes, keypoints, areas = (
        torch.cat([getattr(objects, name) for _, objects in drawn]) for name in ("boxes", "keypoints", "areas")
    )
    return Figures(torch.stack([sample.image for sample, _ in drawn]), image, boxes, keypoints, areas)


class KeypointNetwork(nn.Module):
    """A pyramid, and on its finest map the keypoint head of Mask R-CNN for regions that are given.

    Source: He et al. 2017, section 5, arXiv:1703.06870. Differs from the paper: four convolutions, not eight; 28 × 28 cells, not
    56 × 56; batch norm; no detector, so that the pyramid's coarser maps serve nobody.

    Shapes: images (B, 3, H, W) in [0, 1] and regions (N, 5), the number of the image and a box in its pixels → logits
    (N, K, 28, 28), or what another `head` makes of the features (N, 32, 14, 14) of the regions.
    """

    def __init__(self, *, pooling: Pooling = one_sample, head: nn.Module | None = None) -> None:
        super().__init__()
        self.pyramid, self.pooling = FinePyramid(small_backbone()), pooling
        self.head = keypoint_head(self.pyramid.channels[0]) if head is None else head

    def forward(self, images: Tensor, regions: Tensor) -> Tensor:
        fine = self.pyramid(images)[0]  # (B, 32, H/2, W/2)
        cells = torch.cat([regions[:, :1], regions[:, 1:] / 2], 1)
        return self.head(self.pooling(fine, cells, GRID // 2))  # (N, 32, 14, 14), then (N, K, 28, 28)


def keypoint_head(channels: int, num_keypoints: int = 13, *, width: int = 48) -> nn.Sequential:
    """Four convolutions, and a transposed one to a map of twice the size for each keypoint."""
    return nn.Sequential(
        *(conv_norm(channels, width), nn.ReLU(inplace=True)),
        *(conv_norm(width, width), nn.ReLU(inplace=True)),
        *(conv_norm(width, width), nn.ReLU(inplace=True)),
        *(conv_norm(width, width), nn.ReLU(inplace=True)),
        nn.ConvTranspose2d(width, num_keypoints, 4, stride=2, padding=1),
    )


def started_low() -> KeypointNetwork:
    """The network whose maps begin at a logit of -6.66 in every cell: a sigmoid of 1/784, as a softmax over 28 × 28 has it.

    Source of the idea: Lin et al. 2017, "Focal loss for dense object detection", section 3.3, arXiv:1708.02002.
    """
    model = KeypointNetwork()
    nn.init.constant_(model.head[-1].bias, -math.log(GRID**2 - 1))
    return model


def softmax_loss(logits: Tensor, keypoints: Tensor, boxes: Tensor) -> Tensor:
    """The cells of a map compete: cross-entropy of the one in which the keypoint lies."""
    return keypoint_loss(logits, *keypoint_targets(keypoints, boxes, logits.shape[3]))


def sigmoid_loss(logits: Tensor, keypoints: Tensor, boxes: Tensor, *, summed: bool = False) -> Tensor:
    """Each map is a mask of a single cell, and each cell decides alone: the mean of binary cross-entropy.

    `summed`: over the cells of a map, as in the cross-entropy of a softmax; the mean over keypoints remains.
    """
    cells, inside = keypoint_targets(keypoints, boxes, logits.shape[3])
    masks = one_hot(cells, logits[0, 0].numel())[inside].to(logits)  # (n, 784), those that are to be learnt
    missed = binary_cross_entropy_with_logits(logits.flatten(2)[inside], masks)
    return missed * masks.shape[1] if summed else missed


def read_largest(logits: Tensor, boxes: Tensor) -> Tensor:
    """Each keypoint where its map is largest."""
    return read_keypoints(logits, boxes)[0]


def two_numbers() -> KeypointNetwork:
    """The network with the same four convolutions, and then two linear layers to x and y of 13 keypoints in their box."""
    return KeypointNetwork(
        head=nn.Sequential(
            *keypoint_head(32)[:-1],
            *(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(48 * 7 * 7, 128), nn.LayerNorm(128), nn.ReLU(inplace=True)),
            *(nn.Linear(128, 2 * 13), nn.Unflatten(1, (13, 2))),
        )
    )


def distance_loss(places: Tensor, keypoints: Tensor, boxes: Tensor) -> Tensor:
    """Smooth L1 between places (N, K, 2), from 0 to 1 in their boxes, and those of the keypoints that lie in them."""
    _, inside = keypoint_targets(keypoints, boxes, GRID)
    wanted = (keypoints[..., :2] - boxes[:, None, :2]) / (boxes[:, 2:] - boxes[:, :2])[:, None]
    return smooth_l1_loss(places[inside], wanted[inside], beta=0.05)


def read_numbers(places: Tensor, boxes: Tensor) -> Tensor:
    """Places (N, K, 2) in boxes as keypoints (N, K, 3) of the image."""
    found = boxes[:, None, :2] + places * (boxes[:, 2:] - boxes[:, :2])[:, None]
    return torch.cat([found, torch.ones_like(found[..., :1])], 2)


def jittered(figures: Figures, generator: torch.Generator) -> Tensor:
    """For each figure a region (N, 5): its box, each corner moved by a normal number, as an RPN might propose it."""
    sides = (figures.boxes[:, 2:] - figures.boxes[:, :2]).repeat(1, 2)
    noise = torch.randn(sides.shape, generator=generator).to(sides)
    return torch.cat([figures.image[:, None].to(sides), figures.boxes + JITTER * sides * noise], 1)


def train_keypoints(
    model: nn.Module,
    figures: Figures,
    *,
    seed: int,
    steps: int,
    loss: KeypointLoss = softmax_loss,
    batch_size: int = 8,
    learning_rate: float = 1.2e-2,
) -> list[float]:
    """Train a network that is given images and regions, and give the loss of each step.

    Muon, warmed up and let down along a cosine, weight decay 0.01, the gradient clipped to 5; half of the batches mirrored.
    """
    generator = torch.Generator().manual_seed(seed)
    parameters = list(model.parameters())
    figures = Figures(*(part.to(parameters[0].device) for part in figures))
    updates = Muon(parameters, lr=learning_rate, weight_decay=0.01)
    losses = []
    model.train()
    for step in range(steps):
        batch = figures.of_images(torch.randint(len(figures.images), (batch_size,), generator=generator))
        if torch.rand((), generator=generator) < 0.5:
            batch = batch.mirrored()
        regions = jittered(batch, generator)
        missed = loss(model(batch.images, regions), batch.keypoints, regions[:, 1:])
        updates.zero_grad()
        missed.backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        for group in updates.param_groups:
            group["lr"] = learning_rate * group.get("share", 1) * warm_up_cosine(step, steps)
        updates.step()
        losses.append(missed.detach())
    model.eval()
    return torch.stack(losses).tolist()


@torch.no_grad()
def score_keypoints(model: nn.Module, figures: Figures, *, read: Read = read_largest) -> dict[str, float]:
    """How well a network finds the keypoints of figures in jittered regions, the same for every network.

    "within_2_px": the share of the seen keypoints that are found at most 2 pixels off; "mistaken": the share that is not, but
    lies as near to its mirror image, as a left hand at the place of the right one; "oks_ap" and "oks_ap50" as COCO defines them,
    every figure with the same score.
    """
    device = next(model.parameters()).device
    regions = jittered(figures, torch.Generator().manual_seed(0))
    found = read(model(figures.images.to(device), regions.to(device)).cpu(), regions[:, 1:])  # (N, K, 3)
    return distances(found, figures) | average_precision(found, figures)


def distances(found: Tensor, figures: Figures) -> dict[str, float]:
    """See `score_keypoints`."""
    true, seen = figures.keypoints[..., :2], figures.keypoints[..., 2] == 2
    near = (found[..., :2] - true).norm(dim=2) <= 2  # (N, K)
    near_mirrored = (found[..., :2] - true[:, list(Puppets.mirrored)]).norm(dim=2) <= 2
    shares = {"within_2_px": near, "mistaken": near_mirrored & ~near}
    return {name: float(share[seen].double().mean()) for name, share in shares.items()}


def average_precision(found: Tensor, figures: Figures) -> dict[str, float]:
    """See `score_keypoints`."""
    metric = AveragePrecision(2, iou_type="keypoints", sigmas=Puppets.sigmas)
    for number in range(len(figures.images)):
        own = figures.image == number
        labels = torch.ones(int(own.sum()), dtype=torch.int64)
        target = {"labels": labels, "boxes": figures.boxes[own], "area": figures.areas[own]}
        prediction = {"labels": labels, "scores": labels.float(), "keypoints": found[own]}
        metric.update([prediction], [target | {"keypoints": figures.keypoints[own]}])
    scores = metric.compute()
    return {"oks_ap": scores.ap, "oks_ap50": scores.ap50}


def keypoints_on_puppets(
    seed: int,
    *,
    loss: KeypointLoss = softmax_loss,
    read: Read = read_largest,
    make: Callable[[], nn.Module] = KeypointNetwork,
    steps: int = STEPS,
) -> dict[str, float]:
    """Train a network on 800 images of puppets; scores on 100 others, steps, and CPU seconds of the training."""
    torch.manual_seed(seed)
    model = make()
    figures = puppets_in_memory("train", TRAINING)
    start = time.process_time()
    train_keypoints(model, figures, seed=seed, steps=steps, loss=loss)
    seconds = round(time.process_time() - start)
    found = score_keypoints(model, puppets_in_memory("val", VALIDATION), read=read)
    return found | {"steps": steps, "training_cpu_seconds": seconds}
