"""The Jaccard loss of one mask."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.losses import region


def jaccard_loss(p: Tensor, g: Tensor) -> Tensor:
    """1 - intersection / union of one mask, in its soft form: probabilities p (H, W) in (0, 1), truth g (H, W) of 0
    and 1, not all 0 → one number."""
    intersection = (p * g).sum()
    union = p.sum() + g.sum() - intersection
    return 1 - intersection / union


def _draw_binary(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Probabilities and truth of 3 x 5 pixels."""
    p = torch.rand(3, 5, generator=generator, dtype=torch.float64) * 0.98 + 0.01
    return p, (torch.rand(3, 5, generator=generator) < 0.4).double()


SLIPS = read_slips("""
intersection_not_taken_off
    Even a perfect prediction has the loss 0.5 in yours. Σ p + Σ g counts the pixels that both have twice: take the
    intersection off once, and it is the union. (A common mistake is the formula without it.)
    - g.sum() - intersection
    + g.sum()

taken_off_twice
    You take the intersection off twice, and are left with the pixels of one mask *only*. Σ p + Σ g has the common
    pixels twice: they should be there once.
    - g.sum() - intersection
    + g.sum() - 2 * intersection

intersection_added
    You add the intersection below. Σ p + Σ g has the common pixels twice already: one of the two has to go.
    - g.sum() - intersection
    + g.sum() + intersection

dice_of_binary
    This is the Dice loss: twice the intersection over both sizes. Jaccard has the intersection once, over the
    union.
    - g.sum() - intersection
    + g.sum()
    - 1 - intersection
    + 1 - 2 * intersection

twice_over_the_union
    You mix Dice with Jaccard: over the union stands the intersection once. Yours is -1 for a perfect prediction.
    - 1 - intersection
    + 1 - 2 * intersection

precision_only
    You divide by Σ p, which gives a soft precision: a network that marks one sure pixel, and misses the rest, has a
    loss near 0. Below stands the union, which has the missed pixels too.
    - intersection / union
    + intersection / p.sum()

recall_only
    You divide by Σ g, which gives a soft recall: a network that says "foreground" everywhere has the loss 0. Below
    stands the union, which has the false alarms too.
    - intersection / union
    + intersection / g.sum()

thresholded
    You cut the probabilities at 0.5 first. That is the score, and as a loss it has no gradient: p is to go in as it
    is.
    - intersection = (p * g).sum()
    + p = (p > 0.5).to(p.dtype)
    + intersection = (p * g).sum()

logical
    For `logical_and` and `logical_or` every probability above 0 is true, so that what the network says plays no
    part. The soft form of "and" is the product.
    - (p * g).sum()
    + (p * g > 0).sum()
    - p.sum() + g.sum() - intersection
    + (p + g > 0).sum()

sigmoid_of_probabilities
    You take the sigmoid of p, which is a probability already: the result is never below 0.5.
    - intersection = (p * g).sum()
    + p = p.sigmoid()
    + intersection = (p * g).sum()

ratio_for_each_row
    You sum along one axis only, and average the ratios of the rows. A mask is one region: sum over all its pixels.
    - (p * g).sum()
    + (p * g).sum(-1)
    - p.sum() + g.sum()
    + p.sum(-1) + g.sum(-1)
    - intersection / union
    + (intersection / union).mean()

ratio_for_each_column
    You sum along one axis only, and average the ratios of the columns. A mask is one region: sum over all its
    pixels.
    - (p * g).sum()
    + (p * g).sum(0)
    - p.sum() + g.sum()
    + p.sum(0) + g.sum(0)
    - intersection / union
    + (intersection / union).mean()

mean_with_the_background
    You average with the background's IoU. Here it is one mask, and its own region only.
    - return 1 - intersection / union
    + of_background = ((1 - p) * (1 - g)).sum() / (1 - p * g).sum()
    + return 1 - (intersection / union + of_background) / 2

iou_itself
    This is IoU, which grows as the prediction gets better; a loss has to fall. It is 1 minus it.
    - 1 - intersection / union
    + intersection / union

minus_iou
    This is -IoU: its gradient is right, but a loss should be 0 where nothing is wrong. It is 1 minus IoU.
    - 1 - intersection / union
    + -intersection / union

minus_logarithm
    You take -log IoU: another loss, with the same best prediction. It is 1 minus IoU here.
    - 1 - intersection / union
    + -(intersection / union).log()

squares_below
    You square p in the denominator: another loss. The soft union is Σ p + Σ g - Σ p g.
    - p.sum()
    + (p * p).sum()

smoothed_by_one
    You add 1 to intersection and union. That is one pixel: in a small map it changes much. Here there always is a
    union, and nothing has to be added.
    - intersection / union
    + (intersection + 1) / (union + 1)

over_all_pixels
    Below stands the number of all pixels in yours, so that a background rightly left empty makes the loss larger.
    (`logical_or` gives that, as every probability above 0 counts as true; so does dividing at each pixel and
    averaging.) It is one ratio: the sum of intersections over the sum of unions, both of probabilities.
    - intersection / union
    + intersection / p.numel()

brackets_missing
    `/` binds before `+` and `-`: the whole union has to stand in brackets.
    - intersection / union
    + intersection / p.sum() + g.sum() - intersection
""")


jaccard_loss = Exercise(
    "jaccard_loss",
    jaccard_loss,
    [
        (
            torch.tensor([[0.8, 0.6, 0.3, 0.1]], dtype=torch.float64),
            torch.tensor([[1.0, 1.0, 0.0, 0.0]], dtype=torch.float64),
        ),
        (
            torch.tensor([[0.9, 0.2], [0.4, 0.7], [0.15, 0.55]], dtype=torch.float64),
            torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64),
        ),
    ],
    SLIPS,
    [
        "For masks of 0 and 1, Σ p g counts the pixels of both. How do you count those of either, from Σ p, Σ g and "
        "Σ p g?",
        "Σ p + Σ g counts the common pixels twice: take the intersection off once. All sums run over all pixels.",
    ],
    reference=lambda p, g: region.jaccard_loss(p.logit()[None, None], g.long()[None, None], multilabel=True),
    common_errors={
        "ogical": "`&` and `|` are for truth values. For probabilities, the product takes the place of 'and'.",
        "bitwise": "`&` and `|` are for truth values. For probabilities, the product takes the place of 'and'.",
    },
    draw=_draw_binary,
    differentiable=("p",),
    unaffected={
        "probabilities and truth lie between 0 and 1": [
            "absolute arguments",
            "nothing below 0 arguments",
            "nothing above 1 arguments",
        ],
        "a Jaccard loss lies between 0 and 1": ["absolute result", "nothing below 0 result", "nothing above 1 result"],
    },
    difficulty=1,
    minutes=5,
)
