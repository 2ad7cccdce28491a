"""The lessons of the course in their order: where each stands, what it is called, how long it takes."""

from typing import NamedTuple


class Lesson(NamedTuple):
    """One lesson: the notebook's name without `.ipynb`, the title, and the minutes with its exercises."""

    stem: str
    title: str
    minutes: int


LESSONS: dict[int, Lesson] = {
    0: Lesson("00_tasks_and_data", "Tasks, data, and how this course works", 95),
    1: Lesson("01_metrics", "Metrics", 120),
    2: Lesson("02_sliding_window", "The sliding window, and how to get rid of it", 120),
    3: Lesson("03_interpolation", "Between the pixels: upsampling and interpolation", 120),
    4: Lesson("04_transposed_convolution", "Transposed convolution as a matrix", 135),
    5: Lesson("05_losses", "Losses: what a network is paid for", 125),
    6: Lesson("06_fcn", "Fully convolutional networks, and what skips are for", 115),
    7: Lesson("07_unpooling_decoders", "Going up as carefully as down: DeconvNet and SegNet", 90),
    8: Lesson("08_unet", "U-Net: what was seen on the way down, laid beside what comes up", 115),
    9: Lesson("09_deeplab", "DeepLab: seeing far without giving up the grid", 130),
    10: Lesson("10_backbones", "Backbones: choose one, and know what it changes", 150),
    11: Lesson("11_boxes_to_masks", "From boxes to masks: one object at a time", 135),
    12: Lesson("12_mask_rcnn", "Mask R-CNN: all parts, trained together", 135),
}
