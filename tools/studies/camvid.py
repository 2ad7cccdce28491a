"""CamVid with 300 CPU seconds: the small U-Net, on its own encoder, and on one that begins at random or pretrained (lesson 10).

It needs the frames: `COURSE_DATA` names the folder that has them, or `python -m course_utils.datasets camvid` fetches them.
"""

from functools import partial

from study import run_study

from course_utils.recipes.camvid import NETWORKS, STEPS, network_on_camvid

CALLED = {
    "small_unet": "small U-Net",
    "scratch": "small U-Net on small_resnet, scratch",
    "pretrained": "small U-Net on small_resnet, pretrained",
}

VARIANTS = {
    f"{called}, {STEPS} steps": partial(network_on_camvid, make=NETWORKS[name], steps=STEPS)
    for name, called in CALLED.items()
}

if __name__ == "__main__":
    run_study("camvid", VARIANTS)
