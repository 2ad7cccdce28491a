"""Logits and label maps on which the losses are tried, and what to say of mistakes and errors that all of them know.

float64, and images that differ in how much of them is void. Smallest first: what differs on the first is what a student reads.
"""

import torch
from torch import Tensor

from course_utils.datasets.samples import VOID
from course_utils.exercises.slips import read_slips


def spread(*shape: int, prime: int) -> Tensor:
    """Numbers from -2.5 to 2.5, all different as long as there are fewer than `prime` of them."""
    count = torch.Size(shape).numel()
    return (torch.arange(count, dtype=torch.float64) * 29 % prime).reshape(shape) * 5 / prime - 2.5


SMALL = (torch.tensor([[[[2.0, -1.0, 0.5]], [[1.0, 1.5, -2.0]]]], dtype=torch.float64), torch.tensor([[[0, 1, VOID]]]))
MIDDLE = (
    spread(2, 3, 2, 4, prime=53),
    torch.tensor([[[0, 1, 1, 2], [2, 0, VOID, 1]], [[VOID, 0, 0, VOID], [VOID, 2, 0, 1]]]),
)
# Differences of hundreds between logits: in float64 too the softmax of the true class is rounded to 0, and once to 1.
FAR_APART = (
    torch.tensor([[[[800.0, -3, 2, 0, 1, 950]], [[0.0, 0.5, -1, 30, -2, -100]]]], dtype=torch.float64),
    torch.tensor([[[1, 0, 1, 1, 0, 0]]]),
)
ALL_VOID = (spread(1, 2, 2, 3, prime=13) + 0.5, torch.full((1, 2, 3), VOID))


SOFTMAX_AXES = read_slips("""
softmax_over_columns
    Your probabilities add up to 1 along a row of the picture (the last axis). They have to add up to 1 over the
    classes at each pixel; logits are (B, K, H, W): which axis is that?
    - log_softmax(dim=1)
    + log_softmax(dim=-1)

softmax_over_rows
    Your probabilities add up to 1 along a column of the picture (the axis of height). They have to add up to 1 over
    the classes at each pixel; logits are (B, K, H, W): which axis is that?
    - log_softmax(dim=1)
    + log_softmax(dim=2)

softmax_over_the_batch
    Your probabilities add up to 1 over the images of the batch (axis 0). They have to add up to 1 over the classes
    at each pixel; logits are (B, K, H, W): which axis is that?
    - log_softmax(dim=1)
    + log_softmax(dim=0)
""")


def draw_labels(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Logits and labels of four classes, of which one is nowhere."""
    logits = 2 * torch.randn(2, 4, 3, 5, generator=generator, dtype=torch.float64)
    absent = int(torch.randint(0, 4, (), generator=generator))
    target = torch.randint(0, 3, (2, 3, 5), generator=generator)
    target = target + (target >= absent)
    return logits, target.where(torch.rand(2, 3, 5, generator=generator) > 0.25, VOID)


_GATHERED = (
    "`gather` reads values (B, K, H, W) at an index (B, 1, H, W): give the target its axis with `target[:, None]`, "
    "take it off again with `[:, 0]`."
)
_NO_CLASS_255 = (
    "Void (255) is no class and cannot be looked up. Put some class there first, `target.where(valid, 0)`, and leave "
    "those pixels out afterwards. (If you have done that: is `valid` turned round?)"
)
_CLASSES_OF_255 = (
    "`F.one_hot` has made 256 classes, since void is 255. Put some class there first, `target.where(valid, 0)`, say how many "
    "classes there are, `logits.shape[1]`, and leave void out afterwards."
)
_CLASSES_FIRST = (
    "`F.cross_entropy` takes logits (B, K, H, W) and a target (B, H, W), as they are given: classes in axis 1."
)
_AXIS_OF_CLASSES = (
    "The target's numbers are classes, and the classes are axis 1 of (B, K, H, W): look them up along that axis, with "
    "`gather(1, ...)`."
)
ERRORS = {
    "Target 255 is out of bounds": (
        "Void (255) is no class. `F.cross_entropy` and `F.nll_loss` leave out the pixels that `ignore_index` names: "
        "`ignore_index=255`."
    ),
    "argument 'weight'": "The third argument of `F.cross_entropy` and `F.nll_loss` is `weight`. Say which: `ignore_index=255`.",
    "Expected target size": _CLASSES_FIRST,
    "size mismatch (got input": _CLASSES_FIRST,
    "indexing tensors could not be broadcast": _GATHERED,
    "255 is out of bounds": _NO_CLASS_255,
    "out of bounds for dimension 0": _AXIS_OF_CLASSES,
    "out of bounds for dimension 2": _AXIS_OF_CLASSES,
    "argument 'dim' (position 1)": "`gather` takes the axis first, then the index: `values.gather(1, index)`.",
    'positional arguments: "dim"': "Along which axis are probabilities to add up to 1? Logits are (B, K, H, W): `dim=1`.",
    "Class values must be smaller": _NO_CLASS_255,
    "same number of dimensions": _GATHERED,
    "tensor b (256)": _CLASSES_OF_255,
    "tensor a (256)": _CLASSES_OF_255,
    "must match the size of tensor": (
        "Two shapes do not fit. `F.one_hot` puts the classes last, (B, H, W, K); `.movedim(-1, 1)` makes it (B, K, H, W). "
        "(And it finds only the classes that are there: say how many there are, `logits.shape[1]`.) A map (B, H, W) gets an "
        "axis for the classes with `[:, None]`."
    ),
    "shape of the mask": "A mask (B, H, W) indexes maps (B, H, W): take the true class of each pixel first.",
}
