"""One step of mean-field inference in a dense CRF."""

from functools import partial

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.exercises.task import with_variants


def mean_field_step(logits: Tensor, kernel: Tensor, probabilities: Tensor) -> Tensor:
    """One step of a dense CRF's mean field for K classes and N pixels: logits (K, N); kernel (N, N), what it costs two pixels
    to be of different classes, symmetric, 0 on its diagonal; probabilities Q (K, N). The new Q (K, N), of all pixels at once,
    is the softmax over the classes k of logits[k, i] - Σ_j kernel[i, j] · Σ_(l ≠ k) Q[l, j]."""
    messages = probabilities @ kernel  # (K, N): how much of each class there is around a pixel
    others = messages.sum(0) - messages  # (K, N): and how much of all other classes
    return (logits - others).softmax(0)


def _draw_pixels(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    pixels = 5
    weights = torch.rand(pixels, pixels, generator=generator, dtype=torch.float64).triu(1)
    logits, before = 3 * torch.randn(2, 3, pixels, generator=generator, dtype=torch.float64)
    return logits, weights + weights.T, before.softmax(0)


def _five_steps(logits: Tensor, kernel: Tensor, probabilities: Tensor, steps: int = 5) -> Tensor:
    for _ in range(steps):
        probabilities = (logits + probabilities @ kernel).softmax(0)
    return probabilities


@with_variants(*(partial(_five_steps, steps=steps) for steps in (2, 3, 10)))
def several_steps(logits: Tensor, kernel: Tensor, probabilities: Tensor) -> Tensor:
    """You go on for several steps. One is asked for: the lesson calls it as often as it needs."""
    return _five_steps(logits, kernel, probabilities)


@with_variants(lambda logits, kernel, q: (logits + q @ kernel.tril()).softmax(0))
def each_pair_once(logits: Tensor, kernel: Tensor, probabilities: Tensor) -> Tensor:
    """You take one half of the kernel, as if i < j. An energy counts each pair once, but a pixel hears from all others, those
    before it and those after it."""
    return (logits + probabilities @ kernel.triu()).softmax(0)


@with_variants(lambda logits, kernel, q: (logits - (1 - q) @ (1 - kernel)).softmax(0))
def kernel_from_1(logits: Tensor, kernel: Tensor, probabilities: Tensor) -> Tensor:
    """You take the kernel from 1. It is the cost as it stands; what is 1 less something is the probability of the other
    classes."""
    return (logits - probabilities @ (1 - kernel)).softmax(0)


def one_after_another(logits: Tensor, kernel: Tensor, probabilities: Tensor) -> Tensor:
    """You change one pixel after another, so that each already meets the new Q of those before it. In a parallel step all of
    them read the Q that was given."""
    new = probabilities.clone()
    for pixel in range(logits.shape[1]):
        new[:, pixel] = (logits[:, pixel] + new @ kernel[:, pixel]).softmax(0)
    return new


SLIPS = read_slips("""
softmax_over_pixels
    You take the softmax over the pixels. The classes of one pixel are to add up to 1: axis 0.
    - softmax(0)
    + softmax(1)

neighbours_repel
    The sign is turned: a pixel now avoids the classes of its neighbours. The probability that the *other* classes have
    around it is to speak against a class.
    - logits - others
    + logits + others

unary_for_the_messages
    Your neighbours send the softmax of their logits. They are to send `probabilities`, which a second step needs: they change
    from step to step, the logits do not.
    - probabilities @ kernel
    + logits.softmax(0) @ kernel

logits_forgotten
    The logits are missing: after a few steps nobody would remember what the network had seen.
    - logits - others
    + -others

logits_replaced
    You begin from the logarithm of Q. Each step begins from the logits again; otherwise the neighbours would be counted once
    more at every step.
    - logits - others
    + probabilities.log() - others

begins_from_q
    You begin from `probabilities`. They are what the neighbours send; each step begins from the logits.
    - logits - others
    + probabilities - others

logits_made_probabilities
    You begin from the softmax of the logits. Begin from the logits themselves: the softmax is taken once, at the end.
    - logits - others
    + logits.softmax(0) - others

half_of_it
    You take half of the sum. An energy counts each pair once, but a pixel hears from all others: i hears from j, and j from i.
    - logits - others
    + logits - others / 2

twice_the_sum
    You take the sum twice. Each neighbour j stands in it once.
    - logits - others
    + logits - 2 * others

own_probabilities
    You multiply a pixel's own probabilities by the sum of its weights. It is its neighbours that speak: the sum over j has
    their Q, each with its own weight.
    - probabilities @ kernel
    + probabilities * kernel.sum(0)

same_for_all_classes
    You take the same off all classes, and the softmax does not notice that: nothing changes. From class k only what the
    classes l ≠ k have is taken off.
    - messages.sum(0) - messages
    + messages.sum(0)

normalised
    You divide by the sum of a pixel's weights, as some programs do. In the formula here there is no such division, and a pixel
    without neighbours would divide by 0.
    - probabilities @ kernel
    + probabilities @ kernel / kernel.sum(0)

itself_taken_off
    You take a pixel's own Q off its messages. The diagonal of the kernel is 0: it does not send anything to itself.
    - probabilities @ kernel
    + probabilities @ kernel - probabilities

itself_added
    A pixel's own Q stands in your sum, be it added or by a diagonal of the kernel that is not 0. Only the others speak: the
    diagonal is 0, and is to stay so.
    - probabilities @ kernel
    + probabilities @ kernel + probabilities

winner_only
    Your neighbours vote for their likeliest class alone. A message is the weighted sum of all their probabilities.
    - probabilities @ kernel
    + (probabilities == probabilities.amax(0)).to(probabilities.dtype) @ kernel

softmax_missing
    These are scores, not probabilities: the softmax over the classes is missing.
    - (logits - others).softmax(0)
    + logits - others

not_divided
    Your exponentials are not divided by their sum over the classes, so that a pixel's probabilities do not add up to 1.
    - (logits - others).softmax(0)
    + (logits - others).exp()

log_of_it
    You give the logarithm of the new Q. The next step needs Q itself.
    - softmax(0)
    + log_softmax(0)
""")


def _pixels(logits: list[list[float]], kernel: list[list[float]], eighths: list[list[int]]) -> tuple[Tensor, ...]:
    return torch.tensor(logits).double(), torch.tensor(kernel).double(), torch.tensor(eighths).double() / 8


mean_field_step = Exercise(
    "mean_field_step",
    mean_field_step,
    [
        _pixels([[1.5, -0.5], [0.25, 2.0]], [[0, 0.75], [0.75, 0]], [[3, 1], [5, 7]]),
        _pixels([[0.5], [-1.25], [2.25], [1.0], [-3.0], [0.75]], [[0]], [[1], [2], [0], [3], [2], [0]]),
        _pixels(
            [[0.25, 3.5, -1.0, 0.5], [1.75, -2.25, 0.0, -0.75], [-0.5, 2.5, 1.25, 4.0]],
            [[0, 1.25, 0, 0.5], [1.25, 0, 0, 2.0], [0, 0, 0, 0], [0.5, 2.0, 0, 0]],
            [[1, 5, 2, 8], [4, 2, 3, 0], [3, 1, 3, 0]],
        ),
        _pixels(
            [[11.5, -20.0, 3.25], [-8.75, 1.5, 6.0], [14.0, -4.25, 9.5], [2.75, -17.0, 5.25]],
            [[0, 6.5, 12.25], [6.5, 0, 3.75], [12.25, 3.75, 0]],
            [[4, 0, 1], [1, 6, 2], [0, 1, 3], [3, 1, 2]],
        ),
    ],
    [*SLIPS, several_steps, each_pair_once, kernel_from_1, one_after_another],
    [
        "Take pixel i and class k. How likely are the other classes at a neighbour j, and what does the kernel make of that?",
        "`probabilities @ kernel` sums over all j, for each class and each pixel at once. From the sum of that over all classes "
        "take off the class's own share: what is left belongs to the others.",
        "Take that off `logits`; `.softmax(0)` goes over the classes. (Only a class's own share depends on the class, so that "
        "`logits + probabilities @ kernel` has the same softmax.)",
    ],
    draw=_draw_pixels,
    common_errors={
        "shapes cannot be multiplied": "The sum over j goes along the last axis of Q (K, N): Q stands on the left of the kernel.",
        "must match the size": "Which axis is which? Classes K are the rows of logits and Q, pixels N their columns.",
    },
    unaffected={
        "a probability is from 0 to 1": ["absolute result", "nothing below 0 result", "nothing above 1 result"],
        "the lesson refines a segmentation by it, and learns nothing through it": ["detached"],
    },
    difficulty=2,
    minutes=10,
)
