"""What two ways of pooling give of a ramp, and what is wrong with reports of scores."""

from course_utils.exercises.questions import Answer, WrongNumbers, mistakes_by_item

POOL = ("RoIPool, moved by 0.25", "RoIPool, moved by 0.5")
ALIGN = ("RoIAlign, moved by 0.25", "RoIAlign, moved by 0.5")
CELLS = ("cells of 5 pixels",)

WRONG_POOL: WrongNumbers = {  # at either place the wrong number, where this mistake gives one that no other gives
    "mean_or_column_lost": (
        (4, None),
        "either the box has lost its last column, or you take the mean and not the maximum.",
    ),
    "rounded_up": ((6, None), "the corners are at 3.25 and 7.25 now. To which whole numbers are they nearest?"),
    "rounded_down": (
        (None, 5),
        "either a half is not rounded up, or the box has lost its last column, or you take the mean and not the maximum.",
    ),
    "whole_box": ((7, 8), "that is the maximum of the whole box. You need only the first of the two bins."),
    "first_column": ((3, 4), "that is the first column of the box alone. What is the maximum of the bin?"),
    "not_rounded": ((5.25, 5.5), "so it would be without rounding. RoIPool rounds, and takes a value that is there."),
    "align": ((3.75, None), "that is RoIAlign. RoIPool takes the maximum of whole cells."),
}
WRONG_ALIGN: WrongNumbers = {
    "half_a_cell": (
        (4.25, 4.5),
        "that is where the centre of the bin lies. But the ramp has the value i at the centre of column i, which is i + ½.",
    ),
    "rounded": ((3.5, None), "so it was before the box moved. RoIAlign rounds nothing, and so it notices."),
    "as_before": (
        (None, 3.5),
        "so it was before the box moved, and that is where the box begins now. Where is the centre of its first bin?",
    ),
    "whole_box": (
        (4.75, None),
        "that is the mean of the whole box. You need only the first of the two bins.",
    ),
    "pool_or_whole_box": (
        (None, 5),
        "that is the mean of the whole box. You need only the first of the two bins.",
    ),
    "pool": ((5, 6), "that is RoIPool. RoIAlign takes the mean of samples, and rounds nothing."),
    "left_edge": ((3.25, None), "that is where the box begins. A bin has a mean: it belongs to the bin's centre."),
    "half_off_the_edge": ((2.75, 3), "so large is the ramp where the box begins. A bin has a mean, at its centre."),
}
WRONG_CELLS: WrongNumbers = {
    "inverted": ((3.2,), "so many times does the object go into one cell. How much of a cell is it?"),
    "multiplied": ((80,), "a cell is 16 pixels wide: divide."),
    "rounded_up": ((1,), "so it is once rounding has made it one cell. How much is it really?"),
    "rounded_down": ((0,), "so it is once rounding has taken it away. How much is it really?"),
    "in_per_cent": ((31.25,), "that is per cent. Give the number of cells, 1 for a whole one."),
    "in_area": ((25 / 256,), "that is an area. The question is about the width."),
    "one_decimal": ((0.3,), "one decimal is too few. Divide 5 by 16, to two decimals."),
    "rounded_the_wrong_way": ((0.32,), "nearly. Divide 5 by 16, and round to the nearest of two decimals."),
}
POOLED = mistakes_by_item((POOL, WRONG_POOL), (ALIGN, WRONG_ALIGN), (CELLS, WRONG_CELLS))

two_poolings = Answer(
    "two_poolings",
    "Before you run the next cell: a map is a ramp, every cell of column i has the value i. A box reaches from x = 3 to x = 7, "
    "in cells, and is pooled to two bins side by side.\n\n"
    "- **RoIPool** rounds the box's corners to the nearest whole numbers, halves upwards. From 3 to 7 the box has the columns "
    "3, 4, 5, 6 and 7: the last one belongs to it as well. It cuts the box in two and rounds the bins outwards, so that a column "
    "in the middle belongs to both. A bin is the maximum: its first bin gives 5.\n"
    "- **RoIAlign** rounds nothing. A bin is the mean of bilinear samples, and the value i stands at the centre of column i. "
    "Its first bin gives 3.5.\n\n"
    "Now answer:\n\n"
    "- What does the first bin give once the box has moved to the right by 0.25?\n"
    "- And by 0.5?\n"
    "- How many cells wide is an object of 5 pixels on a map of stride 16, to two decimals?",
    dict(zip((*POOL, *ALIGN, *CELLS), (5, 6, 3.75, 4, 0.3125), strict=True)),
    POOLED,
    [
        "RoIPool: where are the two corners after rounding? From x = 3 to 7 it has the columns 3 to 7, and the first bin "
        "3, 4, 5.",
        "RoIAlign: on a ramp, a mean of regular samples is the value at their centre. Where is the centre of the first bin?",
        "The value i stands at i + ½, so the ramp is x - ½ at any x. Before the box moves, its first bin reaches from 3 to 5.",
    ],
    explanation="RoIPool gives the same for a box that has moved by a quarter of a cell, four pixels at stride 16, and a little "
    "later it jumps by a whole cell. RoIAlign's bin follows the box exactly. A mask needs that; for a class it hardly matters.",
    tolerance={CELLS[0]: 0.01},
    difficulty=1,
    minutes=5,
)

CHOICES = (
    *("stuff is not scored", "an object counts twice", "missed objects cost nothing", "boxes instead of masks"),
    *("numbers are compared", "objects are not told apart", "nothing"),
)
STUFF, TWICE, MISSED, BOXES, NUMBERS, APART, NOTHING = CHOICES
_REPORTS = {
    "streets": "A model gives every pixel of a street a class, road and sky among them, and each car and person a number of its "
    "own. The mask AP of its segments is 0.41; that of another model is 0.39. So it describes the picture as a whole better.",
    "persons": "The test images have 120 persons. At a mask IoU of 0.5, 150 detections, sorted by score, have 131 hits. Average "
    "precision: 0.97.",
    "cells": "Instances without classes. Predicted and true cells are paired one to one, as well as can be. The mean mask IoU of "
    "the 80 pairs is 0.91, in images of 200 true cells. So the images are segmented nearly perfectly.",
    "needles": "Needles, two pixels wide, lie in all directions. A detection is a hit if the smallest rectangle around it and "
    "that around a true needle that is still free have an IoU of at least 0.5. Mask AP50: 0.88.",
    "grains": "Instances without classes. Predicted grain 1 is compared with true grain 1, 2 with 2, and so on. The mean mask "
    "IoU over all true grains is 0.06. So the network has learnt nothing.",
    "nuclei": "Each pixel is called nucleus or background. The mean IoU of the two classes is 0.96. So the nuclei can be "
    "counted.",
    "cars": "The detections of all images are sorted by score. One after the other takes the free car of its image that it "
    "overlaps best, if their mask IoU reaches the threshold. Precision is taken at 101 recalls, 0 where a recall is not reached. "
    "The mean over ten thresholds is 0.37.",
}
_WRONG_WITH = {
    "streets": STUFF,
    "persons": TWICE,
    "cells": MISSED,
    "needles": BOXES,
    "grains": NUMBERS,
    "nuclei": APART,
    "cars": NOTHING,
}
_SAYS_NO = {  # why a choice is wrong for any report but its own
    STUFF: "nothing but objects is asked for here; there is no road and no sky.",
    TWICE: "no object can be hit twice by this rule.",
    MISSED: "by this rule an object that is missed makes the score smaller.",
    BOXES: "by this rule masks, or pixels, are compared.",
    NUMBERS: "by this rule a number only tells one object from another; it is not compared with one.",
    APART: "each object has a mask of its own here.",
}
_TOLD = {  # of single reports
    ("streets", NOTHING): "which pixels of the street have no object, and who scores them?",
    ("streets", TWICE): "mask AP counts each object once. What does it not count at all?",
    ("persons", NOTHING): "compare the number of hits with the number of persons.",
    ("persons", MISSED): "they would lower the recall. Compare the number of hits with the number of persons.",
    ("cells", NOTHING): "how many cells have no pair, and where are they in this mean?",
    ("cells", TWICE): "the pairs are one to one. How many cells have none?",
    ("needles", NOTHING): "two crossing needles have nearly the same rectangle around them. And the same masks?",
    ("grains", NOTHING): "who says that grain 1 of the prediction is grain 1 of the truth?",
    ("nuclei", TWICE): "there is no object in this map that could count twice. Why not?",
    ("nuclei", NOTHING): "where two nuclei touch, what does this map say?",
    ("nuclei", STUFF): "the background is scored here, it is one of the two classes. What is not in the map at all?",
    ("nuclei", MISSED): "a missed nucleus lowers the IoU a little, pixel by pixel. What is not in the map at all?",
    ("nuclei", NUMBERS): "there are no numbers to be compared. That is closer to the matter than it may seem.",
    ("cars", TWICE): "each takes a *free* car: one that is taken is not free any more.",
}
_MISTAKEN = [
    (f"{choice} of {report}".replace(" ", "_"), (report, choice), _TOLD.get((report, choice)) or _SAYS_NO[choice])
    for report, right in _WRONG_WITH.items()
    for choice in CHOICES
    if choice != right
]

faulty_reports = Answer(
    "faulty_reports",
    "Seven reports, made up for this exercise. Say of each what is wrong with it, in one of these ways: "
    + ", ".join(f"`{choice!r}`" for choice in CHOICES)
    + ".\n\n"
    + "\n\n".join(f"**{name}:** {text}" for name, text in _REPORTS.items()),
    _WRONG_WITH,
    _MISTAKEN,
    [
        "What is the report's conclusion about, and what does its number measure? What could be bad without the number noticing?",
        "Begin with the reports in which two numbers do not fit each other.",
    ],
    explanation="Instances with scores have mask AP, class-free instances the best permutation, semantic maps mean IoU. A "
    "panoptic map, objects and stuff together, has a score of its own, panoptic quality: lesson 13.",
    options=CHOICES,
    difficulty=1,
    minutes=6,
)
