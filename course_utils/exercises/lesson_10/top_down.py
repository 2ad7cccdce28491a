"""The top-down path of a feature pyramid."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.models.fpn import FPN


def top_down(laterals: list) -> list:
    """The top-down path of a feature pyramid. The laterals, maps of equally many channels, come finest first. The coarsest one
    stays as it is. To each finer one the *result* of the next coarser level is added, enlarged to its size by nearest neighbour:
    of H rows, row i reads row ⌊i · h / H⌋ of the h coarser ones. Give the results of all levels, finest first."""
    *finer, x = laterals
    results = [x]
    for lateral in reversed(finer):
        x = lateral + F.interpolate(x, size=lateral.shape[2:], mode="nearest")
        results.append(x)
    return results[::-1]


class _Given(nn.Module):
    """A backbone whose maps are the laterals, whatever it is shown."""

    def __init__(self, laterals: list) -> None:
        super().__init__()
        self.laterals = laterals
        self.channels = tuple(lateral.shape[1] for lateral in laterals)
        self.strides = tuple(4 * 2**level for level in range(len(laterals)))

    def forward(self, images: Tensor) -> list[Tensor]:
        return self.laterals


def _by_the_network(laterals: list) -> list:
    """`FPN` whose convolutions change nothing."""
    network = FPN(_Given(laterals), laterals[0].shape[1]).to(laterals[0]).requires_grad_(False)
    for layer in (*network.laterals, *network.outputs):
        nn.init.dirac_(layer.weight)
    return network(laterals[0])


def _numbered(first: float, *shape: int) -> Tensor:
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 11) % count * 0.75 + first).reshape(shape).double()


def _draw_laterals(generator: torch.Generator) -> tuple[list[Tensor]]:
    height, width = torch.randint(7, 12, (2,), generator=generator).tolist()
    sizes = [(height, width + 3)]
    for round_up in (0, 1):
        sizes.append(tuple((side + round_up) // 2 for side in sizes[-1]))
    return ([torch.randint(-39, 40, (2, 3, *size), generator=generator).double() / 4 for size in sizes],)


def laterals_above(laterals: list) -> list:
    """To each level you add the *lateral* of the next coarser one. Add its result: otherwise what the coarsest level knows
    comes down one step only."""
    pairs = zip(laterals, laterals[1:], strict=False)
    enlarged = [fine + F.interpolate(coarse, size=fine.shape[2:], mode="nearest") for fine, coarse in pairs]
    return [*enlarged, laterals[-1]]


def each_at_once(laterals: list) -> list:
    """You enlarge every coarser lateral to the size of a finer one at one go. With odd sides that reads other pixels than going
    down level by level, and it takes more additions: add the result of the next coarser level alone."""
    return [
        sum(F.interpolate(coarse, size=fine.shape[2:], mode="nearest") for coarse in laterals[level:])
        for level, fine in enumerate(laterals)
    ]


SLIPS = read_slips("""
from_the_finest_down
    You begin with the finest lateral and make it smaller on the way. It is to go the other way: from the coarsest level,
    enlarged, to the finest.
    - *finer, x = laterals
    + x, *finer = laterals
    - reversed(finer)
    + finer
    - results[::-1]
    + results

bilinear
    You enlarge by bilinear interpolation. The paper takes the nearest neighbour, as the question does.
    - mode="nearest"
    + mode="bilinear"

bilinear_with_corners
    You enlarge by bilinear interpolation, with the corners aligned. The question asks for the nearest neighbour.
    - mode="nearest"
    + mode="bilinear", align_corners=True

nearest_exact
    "nearest-exact" looks for the pixel nearest to each *centre*. If a side does not double exactly, that is another pixel than
    the formula's ⌊i · h / H⌋, which the mode "nearest" has.
    - mode="nearest"
    + mode="nearest-exact"

twice_as_large
    You enlarge by the factor 2. Sides may be odd: a map of 5 rows stands beside one of 2 or 3. Enlarge to the lateral's size.
    - size=lateral.shape[2:]
    + scale_factor=2

coarsest_first
    The right maps, but the coarsest comes first. The finest is to come first, as among the laterals.
    - results[::-1]
    + results

concatenated
    You lay the two beside each other, as a U-Net does, so that the channels grow from level to level. A feature pyramid adds
    them.
    - lateral + F.interpolate(x, size=lateral.shape[2:], mode="nearest")
    + torch.cat([lateral, F.interpolate(x, size=lateral.shape[2:], mode="nearest")], dim=1)

coarsest_doubled
    Your coarsest level has its own lateral added to it once more. Nothing is coarser than it: it stays as it is.
    - *finer, x = laterals
    + finer, x = laterals, laterals[-1]
    - results = [x]
    + results = []

mean_of_both
    You take the mean of the two. They are added: a 3 × 3 convolution follows each result, and would learn any factor.
    - lateral + F.interpolate(x, size=lateral.shape[2:], mode="nearest")
    + (lateral + F.interpolate(x, size=lateral.shape[2:], mode="nearest")) / 2

lateral_forgotten
    Only the coarsest level is left, enlarged: the lateral of each finer level has to be added, or nothing fine is in it.
    - lateral + F.interpolate(x, size=lateral.shape[2:], mode="nearest")
    + F.interpolate(x, size=lateral.shape[2:], mode="nearest")

coarsest_left_out
    The coarsest level is missing from your results. It is one of them, as it is.
    - results = [x]
    + results = []

finest_alone
    That is the finest result alone. A pyramid has one for each level.
    - return results[::-1]
    + return results[-1:]

finer_made_smaller
    You make each finer lateral smaller, to the size of the coarser one. Then all results are coarse: enlarge the coarser one.
    - lateral + F.interpolate(x, size=lateral.shape[2:], mode="nearest")
    + F.interpolate(lateral, size=x.shape[2:], mode="nearest") + x

relu
    You take a ReLU of each sum. In a feature pyramid there is none between the levels.
    - lateral + F.interpolate(x, size=lateral.shape[2:], mode="nearest")
    + (lateral + F.interpolate(x, size=lateral.shape[2:], mode="nearest")).relu()
""")

top_down = Exercise(
    "top_down",
    top_down,
    [
        ([_numbered(-1.25, 1, 1, 2, 3), _numbered(7.5, 1, 1, 1, 2)],),
        ([_numbered(-4.5, 2, 2, 2, 3)],),
        ([_numbered(-30.25, 2, 1, 5, 7), _numbered(-5.5, 2, 1, 3, 4), _numbered(-1.75, 2, 1, 2, 2)],),
        ([_numbered(-41.5, 1, 2, 7, 11), _numbered(-9.25, 1, 2, 3, 5), _numbered(-0.5, 1, 2, 1, 2)],),
        ([_numbered(-63.75, 1, 1, 16, 12), *(_numbered(-n - 0.5, 1, 1, 2 * n, n + n // 2) for n in (4, 2, 1))],),
    ],
    [*SLIPS, laterals_above, each_at_once],
    [
        "The last lateral is the coarsest, and already a result. What has to be added to the lateral before it?",
        '`F.interpolate(x, size=lateral.shape[2:], mode="nearest")` enlarges x to the size of a lateral, whatever the sides are.',
        "Go through the other laterals from the coarsest to the finest. x is always the last result; collect each x, and turn "
        "the list round at the end.",
    ],
    reference=_by_the_network,
    draw=_draw_laterals,
    common_errors={
        "must match the size of tensor": "Enlarge to the size of the lateral, height first: `lateral.shape[2:]`. "
        "Sides may be odd, and twice 3 is not 5.",
        "Sizes of tensors must match": "The maps are added, not laid beside each other, and the coarser one is enlarged first.",
        "Input and output must have the same number of spatial": "`size` is height and width alone: `lateral.shape[2:]`.",
        "spatial dimensions": "`size` is height and width alone: `lateral.shape[2:]`.",
    },
    library=("FPN", "FeaturePyramidNetwork"),
    differentiable=True,
    difficulty=2,
    minutes=8,
)
