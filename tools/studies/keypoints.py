"""Keypoints three ways with one network: the right cell of a map by softmax or by sigmoids, and x and y as two numbers."""

from functools import partial

import torch
from study import run_study
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from course_utils.models.detection.region_targets import keypoint_targets
from course_utils.recipes.keypoints import (
    GRID,
    KeypointNetwork,
    keypoint_head,
    keypoints_on_puppets,
    sigmoid_loss,
    softmax_loss,
)


def two_numbers() -> KeypointNetwork:
    """The network with the same four convolutions, and then two linear layers to x and y of 13 keypoints."""
    head = nn.Sequential(
        *keypoint_head(32)[:-1],
        *(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(48 * 7 * 7, 128), nn.LayerNorm(128), nn.ReLU(inplace=True)),
        *(nn.Linear(128, 2 * 13), nn.Unflatten(1, (13, 2))),
    )
    return KeypointNetwork(head=head)


def distance_loss(places: Tensor, keypoints: Tensor, boxes: Tensor) -> Tensor:
    """Smooth L1 between places (N, K, 2), from 0 to 1 in their boxes, and those of the keypoints that lie in them."""
    _, inside = keypoint_targets(keypoints, boxes, GRID)
    wanted = (keypoints[..., :2] - boxes[:, None, :2]) / (boxes[:, 2:] - boxes[:, :2])[:, None]
    return smooth_l1_loss(places[inside], wanted[inside], beta=0.05)


def read_numbers(places: Tensor, boxes: Tensor) -> Tensor:
    """Places in boxes as keypoints (N, K, 3) of the image."""
    found = boxes[:, None, :2] + places * (boxes[:, 2:] - boxes[:, :2])[:, None]
    return torch.cat([found, torch.ones_like(found[..., :1])], 2)


VARIANTS = {
    "softmax": partial(keypoints_on_puppets, loss=softmax_loss),
    "sigmoid": partial(keypoints_on_puppets, loss=sigmoid_loss),
    "two numbers": partial(keypoints_on_puppets, loss=distance_loss, make=two_numbers, read=read_numbers),
}

if __name__ == "__main__":
    run_study("keypoints", VARIANTS)
