"""What people get wrong in lesson 06 about FCN's head: each class makes one mistake, its docstring says which."""

import torch.nn.functional as F
from torch import Tensor, nn

Size = tuple[int, int]


class _Head(nn.Module):
    def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.scores = nn.ModuleList(nn.Conv2d(width, num_classes, kernel_size=1) for width in channels)

    def scored(self, maps: list[Tensor]) -> list[Tensor]:
        return [score(features) for score, features in zip(self.scores, maps, strict=True)]


def _resized(logits: Tensor, size: Size) -> Tensor:
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


def _sum(fine: Tensor, *coarser: Tensor) -> Tensor:
    """From coarse to fine, in steps."""
    if not coarser:
        return fine
    return fine + _resized(_sum(*coarser), fine.shape[-2:])


class not_enlarged_at_the_end(_Head):
    """The three scores are added rightly, but the result has the size of the finest map: an eighth of the image's. One
    interpolation is missing at the end, to `size`."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        return _sum(*self.scored(maps))


class eight_times_as_large(_Head):
    """At the end you enlarge eight times. The finest map's size was rounded up, so that this gives more pixels than the image
    has: interpolate to `size`, and not by a factor."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        logits = _sum(*self.scored(maps))
        return F.interpolate(logits, scale_factor=8, mode="bilinear", align_corners=False)


class eight_times_and_cropped(_Head):
    """At the end you enlarge eight times and cut off what is too much, as FCN itself does. Here `size` is asked for: the
    finest map covers the whole image, though its size was rounded up, so that it is to be spread over all of it."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        logits = _sum(*self.scored(maps))
        enlarged = F.interpolate(logits, scale_factor=8, mode="bilinear", align_corners=False)
        return enlarged[..., : size[0], : size[1]]


class no_skips(_Head):
    """This is FCN-32s: the scores of the coarsest map alone, enlarged. The other two maps are scored for nothing: they are to be
    added on the way."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        return _resized(self.scored(maps)[2], size)


class one_skip(_Head):
    """This is FCN-16s: the finest map is not added yet. Once more: enlarge the sum to the finest map's size, and add its
    scores."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        return _resized(_sum(*self.scored(maps)[1:]), size)


class middle_left_out(_Head):
    """The map at stride 16 is missing: you add the finest scores to the coarsest ones at once. In between stands a sum with
    the middle ones."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        fine, _, coarse = self.scored(maps)
        return _resized(_sum(fine, coarse), size)


class finest_only(_Head):
    """Only the finest map's scores are left at the end. Does each step replace the logits, where it should add to them?"""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        return _resized(self.scored(maps)[0], size)


class each_to_the_image(_Head):
    """You enlarge each map's scores to the image's size and add there. It is close, but not FCN: there a sum goes on to the
    next finer map, and interpolating in steps is smoother than at once."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        return sum(_resized(logits, size) for logits in self.scored(maps))


class all_to_the_finest(_Head):
    """You bring both coarser maps to the finest one's size at once and add there. In FCN the coarsest scores are added to the
    middle ones first, and this sum goes on: interpolating in two steps is smoother than in one."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        fine, *coarser = self.scored(maps)
        return _resized(fine + sum(_resized(logits, fine.shape[-2:]) for logits in coarser), size)


class added_at_the_coarsest(_Head):
    """You bring the scores of the finer maps to the coarsest one's size, and add there: the details, for which they were asked,
    are lost. It is always the coarser one that is enlarged."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        *finer, coarse = self.scored(maps)
        return _resized(coarse + sum(_resized(logits, coarse.shape[-2:]) for logits in finer), size)


class from_fine_to_coarse(_Head):
    """You begin with the finest map, shrink its scores to the next one's size, add, and so on: the details, for which the fine
    map was asked, are lost. Begin with the coarsest, and enlarge."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        return _resized(_sum(*reversed(self.scored(maps))), size)


class by_nearest(_Head):
    """You enlarge by copying, as `F.interpolate` does unless you name another `mode`: the logits have steps. They are to be
    interpolated bilinearly, at the skips and at the end."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        fine, middle, coarse = self.scored(maps)
        logits = middle + F.interpolate(coarse, size=middle.shape[-2:])
        logits = fine + F.interpolate(logits, size=fine.shape[-2:])
        return F.interpolate(logits, size=size)


class nearest_at_the_end(_Head):
    """The skips are right, but the last step copies, as `F.interpolate` does unless you name another `mode`: blocks of eight
    pixels. It is bilinear as well."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        return F.interpolate(_sum(*self.scored(maps)), size=size)


class nearest_at_the_skips(_Head):
    """The last step is bilinear, but at the skips you copy, as `F.interpolate` does unless you name another `mode`. All three
    steps are bilinear."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        fine, middle, coarse = self.scored(maps)
        logits = middle + F.interpolate(coarse, size=middle.shape[-2:])
        return _resized(fine + F.interpolate(logits, size=fine.shape[-2:]), size)


class middle_not_added(_Head):
    """The coarsest scores pass the middle map's size, but its scores are not added there. There are two skips: add at each size
    that you come by."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        fine, middle, coarse = self.scored(maps)
        return _resized(fine + _resized(_resized(coarse, middle.shape[-2:]), fine.shape[-2:]), size)


class sides_exchanged(_Head):
    """Your logits have rows and columns the other way round. `size` is (rows, columns), as everywhere in PyTorch, and goes into
    the last interpolation as it is."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        return _resized(_sum(*self.scored(maps)), size[::-1])


class corners_aligned(_Head):
    """You aligned the corners (`align_corners=True`): the centres of the corner pixels are put on one another. On odd sizes that
    would be exact for padded convolutions of stride 2, which read columns 0, 2, 4 of 5. After poolings, and on even sizes, it
    shifts all that lies between. The course takes pixels as areas: False, in all three steps."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        logits, *finer = reversed(self.scored(maps))
        for skip in finer:
            logits = skip + F.interpolate(logits, size=skip.shape[-2:], mode="bilinear", align_corners=True)
        return F.interpolate(logits, size=size, mode="bilinear", align_corners=True)


class corners_aligned_at_the_end(_Head):
    """The skips are right, but in the last step you aligned the corners (`align_corners=True`), which shifts what is between
    them. Pixels are areas here, in all three steps: False."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        return F.interpolate(_sum(*self.scored(maps)), size=size, mode="bilinear", align_corners=True)


class averaged(_Head):
    """You take means, where FCN adds. How much each map has to say is learned in the weights of its own scores."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        fine, middle, coarse = self.scored(maps)
        logits = (middle + _resized(coarse, middle.shape[-2:])) / 2
        return _resized((fine + _resized(logits, fine.shape[-2:])) / 2, size)


class relu_on_the_scores(_Head):
    """A ReLU follows your scores. They are no features: a negative score is how a map speaks against a class."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        return _resized(_sum(*(F.relu(logits) for logits in self.scored(maps))), size)


class probabilities(_Head):
    """The logits are right, but you give their softmax. The loss takes it itself, and a second one would flatten its gradient:
    give the logits."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        return _resized(_sum(*self.scored(maps)), size).softmax(dim=1)


class labels(_Head):
    """The logits are right, but you give the largest one's class. A network gives its logits, from which a loss can have a
    gradient; the argmax is taken by who wants labels."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        return _resized(_sum(*self.scored(maps)), size).argmax(dim=1)


NETWORKS = [
    not_enlarged_at_the_end,
    eight_times_as_large,
    eight_times_and_cropped,
    no_skips,
    one_skip,
    middle_left_out,
    finest_only,
    each_to_the_image,
    all_to_the_finest,
    added_at_the_coarsest,
    from_fine_to_coarse,
    by_nearest,
    nearest_at_the_end,
    nearest_at_the_skips,
    middle_not_added,
    sides_exchanged,
    corners_aligned,
    corners_aligned_at_the_end,
    averaged,
    relu_on_the_scores,
    probabilities,
    labels,
]
