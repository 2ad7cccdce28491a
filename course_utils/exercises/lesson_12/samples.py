"""Who takes part in the mask loss of a step."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_12 import mask_losses
from course_utils.exercises.slips import read_slips

mask_loss = mask_losses.mask_loss._solution  # in the notebook, the student's own


def sampled_mask_loss(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """The mask loss of all N regions that were sampled for a step of training. Logits (N, K, h, w), labels (N,) and targets
    (N, h, w) as in `mask_loss`, but a region without an object has the label -1, and a target that means nothing. The box
    head learns from all regions. The mask head learns from objects only: a region without one changes nothing. If no region
    has an object, give a 0 that depends on the logits."""
    positive = labels >= 0
    return mask_loss(logits[positive], labels[positive], targets[positive])


def given_sampled_mask_loss(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """This is still the version given. Put in one region with an object and one without: which map of the latter is trained, to
    be what, and by how many cells is the sum divided?"""
    background = labels < 0
    targets = targets.masked_fill(background[:, None, None], 0)  # no object covers any of its cells
    return mask_loss(logits, labels.clamp(min=0), targets)  # -1 is not the number of a map


def _numbered(first: float, step: float, *shape: int) -> Tensor:
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 11) % count * step + first).reshape(shape).double()


def _targets(*values: float) -> Tensor:
    """For each value a region of 2 x 2 cells that all have it."""
    return torch.tensor(values).double()[:, None, None].expand(-1, 2, 2).clone()


def _draw_regions(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    logits = torch.randn(5, 3, 2, 3, generator=generator).double() * 3
    labels = torch.cat([torch.tensor([-1]), torch.randint(-1, 3, (3,), generator=generator), torch.tensor([2])])
    return logits, labels, torch.randint(0, 5, (5, 2, 3), generator=generator).double() / 4


SLIPS = read_slips("""
background_in_the_mean
    The sum is right: it has the regions with an object alone. But you divide by the cells of all regions, so that the more
    background is sampled, the less the mask head learns.
    - return mask_loss(logits[positive], labels[positive], targets[positive])
    + share = positive.sum() / max(len(labels), 1)
    + return mask_loss(logits[positive], labels[positive], targets[positive]) * share

last_map_drawn
    -1 counts from the end: regions without an object train the map of the last class, to be a target that means nothing.
    - labels >= 0
    + labels >= -1

last_map_emptied
    -1 counts from the end: regions without an object empty the map of the last class. They are to change nothing.
    - return mask_loss(logits[positive], labels[positive], targets[positive])
    + return mask_loss(logits, labels, targets * positive[:, None, None])

first_map_drawn
    Regions without an object train the map of class 0 with you, to be a target that means nothing. They are to change nothing.
    - return mask_loss(logits[positive], labels[positive], targets[positive])
    + return mask_loss(logits, labels.clamp(min=0), targets)

class_0_left_out
    You leave out class 0. It is a class like the others: background has the label -1.
    - labels >= 0
    + labels > 0

set_to_zero
    You set the logits of regions without an object to 0. A logit of 0 is a probability of one half, which costs ln 2 in each
    cell; and the cells count in the mean. Leave these regions out altogether.
    - return mask_loss(logits[positive], labels[positive], targets[positive])
    + positive = positive[:, None, None]
    + return mask_loss(logits * positive[:, None], labels.clamp(min=0), targets * positive)

background_alone
    You have kept the regions *without* an object. It is those with one that have a mask to learn.
    - positive = labels >= 0
    + positive = labels < 0
""")


sampled_mask_loss = Exercise(
    "sampled_mask_loss",
    sampled_mask_loss,
    [
        (_numbered(-1.5, 1, 2, 2, 1, 2), torch.tensor([-1, 1]), _numbered(0, 0.25, 2, 1, 2)),
        (
            torch.zeros(0, 2, 3, 2, dtype=torch.float64),
            torch.zeros(0, dtype=torch.int64),
            torch.zeros(0, 3, 2).double(),
        ),
        (_numbered(-2.75, 0.5, 2, 1, 2, 3), torch.tensor([-1, -1]), _numbered(0.125, 1 / 16, 2, 2, 3)),
        (_numbered(-3.25, 0.25, 3, 2, 2, 3), torch.tensor([0, 1, 0]), _numbered(0, 1 / 17, 3, 2, 3)),
        (_numbered(-8.5, 0.25, 5, 3, 3, 2), torch.tensor([2, -1, 0, 1, -1]), _numbered(0, 1 / 29, 5, 3, 2)),
        (_numbered(-5.25, 0.5, 3, 2, 2, 2), torch.tensor([1, 0, -1]), _targets(0, 0.25, 0.75)),
    ],
    SLIPS,
    [
        "What does a region of sky have to say about how the masks of cars look? What does the version given teach the map of "
        "class 0 with it?",
        "`labels >= 0` says which regions have an object. An index of truth values picks them: `logits[labels >= 0]`.",
    ],
    given=given_sampled_mask_loss,
    common_errors={
        "non-empty": "There may be no region with an object: then there is nothing to stack.",
        "out of bounds": "Picks the index of all three, logits, labels and targets, the same regions?",
        "must match the size of tensor": "Logits, labels and targets need the same regions, all three of them.",
        "Target size": "Logits and targets need the same regions.",
        "shape mismatch": "Logits, labels and targets need the same regions, all three of them.",
        "ZeroDivisionError": "There may be no region with an object: what do you divide by then?",
    },
    draw=_draw_regions,
    differentiable=["logits"],
    unaffected={"cross-entropy is never negative": ["absolute result", "nothing below 0 result"]},
    difficulty=2,
    minutes=6,
)
