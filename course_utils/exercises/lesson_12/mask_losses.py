"""The loss of a mask head: one map of one class for each region."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.exercises.task import with_variants
from course_utils.models.detection import region_targets


def mask_loss(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """The mask loss of Mask R-CNN. Logits (N, K, h, w): for each of N regions, a map for each of K classes. Labels (N,),
    whole numbers from 0 to K - 1: the true class of each region. Targets (N, h, w): how much of each cell is object, from 0
    to 1. Only the map of the true class counts. Each of its cells is a yes-or-no question of its own, with its binary cross-
    entropy. Give the mean over all cells of all regions, and without regions (N = 0) a 0 that depends on the logits. Logits
    may be large: the loss stays finite."""
    own = logits[torch.arange(len(labels)), labels]  # (N, h, w)
    total = F.binary_cross_entropy_with_logits(own, targets, reduction="sum")
    return total / max(own.numel(), 1)


def _double(values: list) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _numbered(first: float, step: float, *shape: int) -> Tensor:
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 11) % count * step + first).reshape(shape).double()


def _draw_regions(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    logits = torch.randn(4, 3, 2, 3, generator=generator).double() * 3
    targets = torch.randint(0, 5, (4, 2, 3), generator=generator).double() / 4
    return logits, torch.randint(3, (4,), generator=generator), targets


def _written_out(own: Tensor, targets: Tensor) -> Tensor:
    return -(targets * own.log() + (1 - targets) * (1 - own).log()).sum() / max(own.numel(), 1)


@with_variants(
    lambda logits, *others: _of_own_maps(logits.sigmoid(), *others, F.binary_cross_entropy),
    lambda logits, *others: _of_own_maps(
        logits.sigmoid(), *others, lambda own, true: _written_out(own, true) if len(own) else 0 / own.sum()
    ),
    lambda logits, *others: _of_own_maps(
        logits.sigmoid(),
        *others,
        lambda own, true: F.binary_cross_entropy(own, true, reduction="sum") / max(own.numel(), 1),
    ),
)
def logarithm_of_a_sigmoid(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """You take the sigmoid first and its logarithm afterwards. For large logits the sigmoid is exactly 0 or 1, and the logarithm
    of 0 is no number to learn from: a function that takes logits does both at once."""
    return _of_own_maps(logits.sigmoid(), labels, targets, _written_out)


def _of_own_maps(maps: Tensor, labels: Tensor, targets: Tensor, loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    return loss(region_targets.own_maps(maps, labels), targets)


@with_variants(
    lambda logits, *others: _of_own_maps(logits.softmax(1), *others, _written_out),
    lambda logits, *others: _of_own_maps(
        logits.softmax(1), *others, lambda own, true: (own - true).square().sum() / max(own.numel(), 1)
    ),
)
def cross_entropy_of_classes(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """You let the classes compete for each cell, by a softmax. The map of the true class answers alone: each of its cells is a
    yes or a no, whatever the other maps say."""
    own = region_targets.own_maps(logits.log_softmax(1), labels)
    return -(targets * own).sum() / max(own.numel(), 1)


SLIPS = read_slips("""
all_maps
    You compare every map with the region's mask. Only the map of the true class is to draw it, the others are left alone.
    - logits[torch.arange(len(labels)), labels]
    + logits
    - own, targets
    + own, targets[:, None].expand_as(own)

others_empty
    You want the maps of the other classes to be empty. They are left alone: which class it is, the box head decides.
    - logits[torch.arange(len(labels)), labels]
    + logits
    - own, targets
    + own, targets[:, None] * F.one_hot(labels, logits.shape[1])[:, :, None, None]

sum
    That is the sum. It would grow with the number of cells and of regions: asked for is the mean.
    - return total / max(own.numel(), 1)
    + return total

sum_of_the_cells
    You divide by the number of regions alone, so that the loss grows with the number of cells. The mean is over all cells.
    - max(own.numel(), 1)
    + max(len(own), 1)

sum_of_the_regions
    You divide by the number of cells in *one* map, so that the loss grows with the number of regions. Theirs is a mean as well.
    - max(own.numel(), 1)
    + own.shape[1:].numel()

mean_over_all_maps
    You divide by the number of cells in all K maps. Only one map of each region counts, in the mean as well.
    - max(own.numel(), 1)
    + max(logits.numel(), 1)

softmax
    You let the classes compete for each cell, by a softmax. The map of a class is to answer alone, with a sigmoid, whatever the
    others say.
    - logits[torch.arange
    + logits.softmax(1)[torch.arange
    - F.binary_cross_entropy_with_logits
    + F.binary_cross_entropy

largest_of_the_classes
    You take the class with the largest logit. It is the *true* class whose map is trained, also where another is surer.
    - logits[torch.arange(len(labels)), labels]
    + logits.amax(1)

background_counted
    You take the map before the right one, as if 0 were the background. There is no map for the background: label 0 is map 0.
    - labels]
    + labels - 1]

first_map
    You take the map of class 0 in every region. Each region has a class of its own: `labels`.
    - labels]
    + 0]

sigmoid_twice
    You take the sigmoid of what `binary_cross_entropy_with_logits` takes the sigmoid of, too. It wants the logits.
    - total = F.binary_cross_entropy_with_logits(own,
    + total = F.binary_cross_entropy_with_logits(own.sigmoid(),

targets_cut
    You cut the targets off to 0 and 1. A cell on an outline is half an object: its target stays a fraction.
    - own, targets
    + own, targets.round()

object_alone
    You count the cells of the object only. A mask that says yes everywhere would then be perfect: where the object is not, a no
    is to be learnt.
    - F.binary_cross_entropy_with_logits(own, targets, reduction="sum")
    + (targets * F.softplus(-own)).sum()

mean_of_the_mean
    You divide twice: without `reduction="sum"` the loss is a mean already.
    - , reduction="sum")
    + )

logits_for_targets
    You give the targets first. `binary_cross_entropy_with_logits` takes the logits, and then what they are to become.
    - own, targets
    + targets, own

no_regions_forgotten
    Without regions your loss is not a number: a mean of nothing divides 0 by 0. It is 0 then.
    - , reduction="sum")
    + )
    - return total / max(own.numel(), 1)
    + return total
""")


mask_loss = Exercise(
    "mask_loss",
    mask_loss,
    [
        (_double([[[[2]], [[-1]]]]), torch.tensor([1]), _double([[[0.25]]])),
        (_double([[[[0, 2]], [[-1, 3]]]]), torch.tensor([1]), _double([[[0, 1]]])),
        (
            torch.zeros(0, 2, 3, 2, dtype=torch.float64),
            torch.zeros(0, dtype=torch.int64),
            torch.zeros(0, 3, 2).double(),
        ),
        (_numbered(-2.625, 0.25, 2, 1, 3, 4), torch.tensor([0, 0]), _numbered(0, 1 / 23, 2, 3, 4)),
        (_numbered(-6.375, 0.25, 3, 3, 2, 3), torch.tensor([2, 0, 1]), _numbered(0, 1 / 17, 3, 2, 3)),
        (
            _double(
                [
                    [[[1000, -55], [-900, 3.5]], [[-70, 2.5], [45, -0.5]]],
                    [[[800, 60], [0.75, -1.25]], [[0.5, 1.5], [2, -4]]],
                ]
            ),
            torch.tensor([0, 1]),
            _double([[[0.25, 1], [0, 0.75]], [[1, 0], [0.5, 0.125]]]),
        ),
    ],
    [*SLIPS, logarithm_of_a_sigmoid, cross_entropy_of_classes],
    [
        "First the maps: `logits[n, labels[n]]` is that of region n. With `torch.arange(N)` as n you get all of them at once.",
        "`F.binary_cross_entropy_with_logits` takes logits, and targets of the same shape. By default it gives the mean; what is "
        "that without regions?",
        '`reduction="sum"` gives 0 without regions. Divide by the number of cells, or by 1 if there are none.',
    ],
    reference=region_targets.mask_loss,
    common_errors={
        "Target size": "Logits and targets need one shape, (N, h, w). `logits[:, labels]` takes the maps of *all* labels from "
        "each region: give the numbers of the regions as well.",
        "all elements of input should be between 0 and 1": "`binary_cross_entropy` takes probabilities, and these are logits.",
        "out of bounds": "The first index of the logits is the region, the second the map: `logits[torch.arange(N), labels]`. "
        "Labels begin at 0, and each is the number of its map.",
        "must match the size of tensor": "Logits and targets need one shape, (N, h, w): take one map from each region.",
        "ZeroDivisionError": "There may be no regions: what do you divide by then?",
        "Index tensor": "`gather` needs an index of the shape that it is to give: (N, 1, h, w) for one map of each region.",
    },
    draw=_draw_regions,
    library=("mask_loss", "average_mask_loss", "maskrcnn_loss"),
    differentiable=["logits"],
    unaffected={"cross-entropy is never negative": ["absolute result", "nothing below 0 result"]},
    difficulty=2,
    minutes=8,
)
