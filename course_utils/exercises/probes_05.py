"""The arguments on which the exercises of lesson 05 are tried: float64, and images that differ in how much of them is void.

Smallest first: what differs on the first of them is what a student reads.
"""

import torch
from torch import Tensor

from course_utils.datasets.samples import VOID


def _spread(*shape: int, prime: int) -> Tensor:
    """Numbers from -2.5 to 2.5, all different as long as there are fewer than `prime` of them."""
    count = torch.Size(shape).numel()
    return (torch.arange(count, dtype=torch.float64) * 29 % prime).reshape(shape) * 5 / prime - 2.5


_SMALL = (torch.tensor([[[[2.0, -1.0, 0.5]], [[1.0, 1.5, -2.0]]]], dtype=torch.float64), torch.tensor([[[0, 1, VOID]]]))
_MIDDLE = (
    _spread(2, 3, 2, 4, prime=53),
    torch.tensor([[[0, 1, 1, 2], [2, 0, VOID, 1]], [[VOID, 0, 0, VOID], [VOID, 2, 0, 1]]]),
)
# Differences of hundreds between logits: in float64 too the softmax of the true class is rounded to 0, and once to 1.
_FAR_APART = (
    torch.tensor([[[[800.0, -3, 2, 0, 1, 950]], [[0.0, 0.5, -1, 30, -2, -100]]]], dtype=torch.float64),
    torch.tensor([[[1, 0, 1, 1, 0, 0]]]),
)

CROSS_ENTROPIES = [_SMALL, _MIDDLE, _FAR_APART]
# Logits, target, gamma.
FOCAL = [(*_SMALL, 2.0), (*_MIDDLE, 3.0), (*_MIDDLE, 0.0), (_MIDDLE[0] * 2, _MIDDLE[1], 1.5), (*_FAR_APART, 2.0)]
# Both classes are there; class 1 of the next is there too, and missed; class 2 is not there, nor is class 0 of the last;
# nothing is.
DICE = [
    (_spread(1, 2, 1, 5, prime=11), torch.tensor([[[0, 1, VOID, 0, VOID]]])),
    (
        torch.tensor([[[[2.0, 1.5, 3, -1]], [[-2.0, -2.5, -1, 0.5]], [[0.5, -0.5, 1, 1.5]]]], dtype=torch.float64),
        torch.tensor([[[0, 1, VOID, 2]]]),
    ),
    (_spread(2, 3, 2, 3, prime=37), torch.tensor([[[0, 1, 1], [0, 0, VOID]], [[VOID, 0, VOID], [0, VOID, 1]]])),
    (_spread(1, 3, 3, 5, prime=47), torch.full((1, 3, 5), VOID)),
    (_spread(2, 4, 3, 5, prime=131), torch.arange(30).reshape(2, 3, 5) * 11 % 17 % 3 + 1),
]
JACCARD = [
    (
        torch.tensor([[0.8, 0.6, 0.3, 0.1]], dtype=torch.float64),
        torch.tensor([[1.0, 1.0, 0.0, 0.0]], dtype=torch.float64),
    ),
    (
        torch.tensor([[0.9, 0.2], [0.4, 0.7], [0.15, 0.55]], dtype=torch.float64),
        torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64),
    ),
]
# A row; a mask that touches the border and is not convex; one that is far away from a corner; one with a hole.
MASKS = [
    (torch.tensor([[0, 0, 1, 1, 1, 0, 0]]).bool(),),
    (torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [0, 0, 0, 0, 0]]).bool(),),
    (
        torch.tensor(
            [
                [0, 1, 0, 0, 0, 0, 0],
                [1, 1, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0],
            ]
        ).bool(),
    ),
    (
        torch.tensor(
            [
                [0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 1, 1, 1, 1, 1, 0],
                [0, 1, 1, 1, 1, 1, 1, 1],
                [0, 1, 1, 1, 1, 0, 1, 1],
                [0, 1, 1, 1, 1, 1, 1, 1],
                [0, 0, 0, 1, 1, 1, 1, 0],
            ]
        ).bool(),
    ),
]


def draw_labels(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Logits and labels of four classes, of which one is nowhere."""
    logits = 2 * torch.randn(2, 4, 3, 5, generator=generator, dtype=torch.float64)
    absent = int(torch.randint(0, 4, (), generator=generator))
    target = torch.randint(0, 3, (2, 3, 5), generator=generator)
    target = target + (target >= absent)
    return logits, target.where(torch.rand(2, 3, 5, generator=generator) > 0.25, VOID)


def draw_focal(generator: torch.Generator) -> tuple[Tensor, Tensor, float]:
    """Logits, labels and gamma."""
    return *draw_labels(generator), float(torch.randint(1, 9, (), generator=generator)) / 2


def draw_mask(generator: torch.Generator) -> tuple[Tensor]:
    """A mask of 5 x 7 pixels, most of it inside."""
    mask = torch.rand(5, 7, generator=generator) > 0.25
    mask[0, 0], mask[-1, -1] = True, False
    return (mask,)


def draw_binary(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Probabilities and truth of 3 x 5 pixels."""
    p = torch.rand(3, 5, generator=generator, dtype=torch.float64) * 0.98 + 0.01
    return p, (torch.rand(3, 5, generator=generator) < 0.4).double()
