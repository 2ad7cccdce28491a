"""Keypoints with one network (12): the right cell of a map by softmax or by sigmoids, and x and y as two numbers."""

from functools import partial

from study import run_study

from course_utils.recipes.keypoints import (
    distance_loss,
    keypoints_on_puppets,
    read_numbers,
    sigmoid_loss,
    softmax_loss,
    started_low,
    two_numbers,
)

VARIANTS = {
    "softmax": partial(keypoints_on_puppets, loss=softmax_loss),
    "sigmoid": partial(keypoints_on_puppets, loss=sigmoid_loss),
    "sigmoid, started at 1/784": partial(keypoints_on_puppets, loss=sigmoid_loss, make=started_low),
    "sigmoid, summed": partial(keypoints_on_puppets, loss=partial(sigmoid_loss, summed=True)),
    "two numbers": partial(keypoints_on_puppets, loss=distance_loss, make=two_numbers, read=read_numbers),
}
LONG = ("softmax", "sigmoid, started at 1/784", "two numbers")
VARIANTS |= {f"{name}, 1200 steps": partial(VARIANTS[name], steps=1200) for name in LONG}

if __name__ == "__main__":
    run_study("keypoints", VARIANTS)
