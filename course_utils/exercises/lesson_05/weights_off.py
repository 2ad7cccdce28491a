"""Taking class weights off again."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def without_weights(logits: Tensor, weight: Tensor) -> Tensor:
    """What a network trained with class weights would have said without them: logits (B, K, H, W), weight (K,), all above 0
    → probabilities (B, K, H, W)."""
    return (logits - weight.log()[:, None, None]).softmax(dim=1)


def _draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Logits of three classes, and their weights."""
    logits = 2 * torch.randn(2, 3, 2, 4, generator=generator, dtype=torch.float64)
    return logits, 0.3 + 4 * torch.rand(3, generator=generator, dtype=torch.float64)


SLIPS = read_slips("""
logarithm_added
    You add log w, which weighs the classes once more. Training with the weight has put log w into the logit already: take it
    off.
    - logits - weight
    + logits + weight

weight_itself
    You take w off the logit. A weight multiplies the odds, and a logit is their logarithm: what it adds there is log w.
    - weight.log()[:, None, None]
    + weight[:, None, None]

logit_divided
    You divide the logits by the weights. That makes a class more or less certain, in both directions. A weight shifts the
    logit, by its logarithm.
    - logits - weight.log()[:, None, None]
    + logits / weight[:, None, None]

not_made_to_add_up
    You divide the probabilities by the weights, and leave them so: they no longer add up to 1. Divide by their sum, or shift
    the logits before the softmax.
    - (logits - weight.log()[:, None, None]).softmax(dim=1)
    + logits.softmax(dim=1) / weight[:, None, None]

shifted_after_the_softmax
    You take log w off the probabilities. It belongs to the logits, before the softmax.
    - (logits - weight.log()[:, None, None]).softmax(dim=1)
    + logits.softmax(dim=1) - weight.log()[:, None, None]

probabilities_as_logits
    You take the softmax twice: log w is taken off probabilities, which then are treated as logits.
    - (logits -
    + (logits.softmax(dim=1) -

sigmoid_of_each
    You take a sigmoid of each class. Classes that exclude one another share a softmax, and their probabilities add up to 1.
    - .softmax(dim=1)
    + .sigmoid()

still_logits
    These are the shifted logits. Probabilities are asked for: a softmax over the classes is missing.
    - (logits - weight.log()[:, None, None]).softmax(dim=1)
    + logits - weight.log()[:, None, None]

over_the_wrong_axis
    Your softmax runs over the pixels of a column. Classes are axis 1 of (B, K, H, W).
    - dim=1
    + dim=2

base_ten
    You took the logarithm to the base 10. Softmax has e as its base, and so has this shift.
    - log()
    + log10()

base_two
    You took the logarithm to the base 2. Softmax has e as its base, and so has this shift.
    - log()
    + log2()
""")


without_weights = Exercise(
    "without_weights",
    without_weights,
    [
        (
            torch.tensor([[[[0.0, 2.0]], [[1.5, -0.5]]]], dtype=torch.float64),
            torch.tensor([0.5, 4.0], dtype=torch.float64),
        ),
        (
            torch.tensor(
                [
                    [[[0.3, -1.2], [2.1, 0.7]], [[1.4, 0.2], [-0.6, 3.3]], [[-2.0, 0.9], [0.1, -0.4]]],
                    [[[1.1, -0.3], [0.6, 2.4]], [[-1.7, 0.8], [1.9, -0.9]], [[0.4, 2.6], [-3.1, 1.3]]],
                ],
                dtype=torch.float64,
            ),
            torch.tensor([0.4, 1.5, 7.0], dtype=torch.float64),
        ),
    ],
    SLIPS,
    [
        "With a weight of w on a class its odds are learnt w times too large. A logit is the logarithm of odds: what has been "
        "added to it?",
        "Take log w of each class off its logit, along axis 1, and take the softmax then.",
    ],
    differentiable=("logits",),
    draw=_draw,
    unaffected={
        "probabilities lie between 0 and 1": ["absolute result", "nothing below 0 result", "nothing above 1 result"],
    },
    difficulty=2,
    minutes=8,
)
