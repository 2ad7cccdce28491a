"""What people get wrong in lesson 06 about adding scores: each function makes one mistake, its docstring says which."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.ops.convmatrix import bilinear_kernel


def _enlarged(coarse: Tensor, fine: Tensor) -> Tensor:
    return F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)


def doubled_and_cropped(coarse: Tensor, fine: Tensor) -> Tensor:
    """This is FCN's own way: it doubles and crops what is too much. Here the size is asked for: of 5 rows a pooling makes 3, and
    these 3 cover all of the 5, so that they are interpolated to 5, not to 6. Ask for the size, not for a factor."""
    doubled = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return doubled[..., : fine.shape[-2], : fine.shape[-1]] + fine


def padded_to_the_doubled(coarse: Tensor, fine: Tensor) -> Tensor:
    """You double the coarse scores, and pad the fine ones with zeros up to that size. The fine map has the right size; the
    coarse one is to be brought to it, which need not be a factor of 2."""
    doubled = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    rows, columns = (big - small for big, small in zip(doubled.shape[-2:], fine.shape[-2:], strict=True))
    return doubled + F.pad(fine, (0, columns, 0, rows))


def fine_brought_to_the_doubled(coarse: Tensor, fine: Tensor) -> Tensor:
    """You double the coarse scores, and stretch the fine ones to that size. The fine map has the right size; the coarse one is
    to be brought to it, which need not be a factor of 2."""
    doubled = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return doubled + _enlarged(fine, doubled)


def nearest(coarse: Tensor, fine: Tensor) -> Tensor:
    """You copy each coarse score to its nearest pixels, so that the sum has steps. `F.interpolate` does so unless you name
    another `mode`: it should be bilinear."""
    return F.interpolate(coarse, size=fine.shape[-2:]) + fine


def corners_aligned(coarse: Tensor, fine: Tensor) -> Tensor:
    """You aligned the corners (`align_corners=True`): the centres of the corner pixels are put on one another. On odd sizes that
    would be exact for padded convolutions of stride 2, which read columns 0, 2, 4 of 5. After poolings, and on even sizes, it
    shifts all that lies between. The course takes pixels as areas: False."""
    return F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=True) + fine


def bicubic(coarse: Tensor, fine: Tensor) -> Tensor:
    """Your interpolation is bicubic, which overshoots at edges: it invents scores higher than any there are. FCN interpolates
    bilinearly."""
    return F.interpolate(coarse, size=fine.shape[-2:], mode="bicubic", align_corners=False) + fine


def by_transposed_convolution(coarse: Tensor, fine: Tensor) -> Tensor:
    """This is the transposed convolution of lesson 04, cropped, as in FCN's code. Inside it is close, but beyond the border it
    sees zeros, so that scores fade there. `F.interpolate` continues the last pixel."""
    classes = coarse.shape[1]
    kernel = bilinear_kernel(2, dtype=coarse.dtype).expand(classes, 1, -1, -1)
    doubled = F.conv_transpose2d(coarse, kernel, stride=2, padding=1, groups=classes)
    return doubled[..., : fine.shape[-2], : fine.shape[-1]] + fine


def concatenated(coarse: Tensor, fine: Tensor) -> Tensor:
    """You put the two side by side, as U-Net does: 2K channels. FCN adds scores: class k of the one to class k of the other, so
    that K channels stay."""
    return torch.cat([_enlarged(coarse, fine), fine], dim=1)


def mean(coarse: Tensor, fine: Tensor) -> Tensor:
    """This is the mean of the two. FCN adds them: the fine scores correct the coarse ones, and how strongly they do is learned
    in their own weights."""
    return (_enlarged(coarse, fine) + fine) / 2


def fine_made_smaller(coarse: Tensor, fine: Tensor) -> Tensor:
    """You bring the fine scores to the coarse size, and lose just what they have and the coarse ones lack: the details. It is
    the coarse ones that change size."""
    return coarse + _enlarged(fine, coarse)


def fine_made_smaller_and_back(coarse: Tensor, fine: Tensor) -> Tensor:
    """The size is right, but you added at the coarse size: by then the details of the fine scores are lost, and no interpolation
    brings them back. It is the coarse ones that change size before the sum."""
    return _enlarged(coarse + _enlarged(fine, coarse), fine)


def coarse_only(coarse: Tensor, fine: Tensor) -> Tensor:
    """The coarse scores are enlarged rightly, but the fine ones are used for their size only. They are to be added."""
    return _enlarged(coarse, fine)


def as_probabilities(coarse: Tensor, fine: Tensor) -> Tensor:
    """You add probabilities. Scores are added before any softmax: they may be negative, so that the fine map can also take
    something away from a class."""
    return _enlarged(coarse, fine).softmax(dim=1) + fine.softmax(dim=1)


def multiplied(coarse: Tensor, fine: Tensor) -> Tensor:
    """You multiply. The two scores are added: where the fine map has no opinion its score is 0, and the coarse score has to stay
    as it is."""
    return _enlarged(coarse, fine) * fine


def doubled(coarse: Tensor, fine: Tensor) -> Tensor:
    """You double the coarse scores, which is not always the size of the fine ones: of 5 rows, pooling makes 3, and doubled
    these are 6. Ask `F.interpolate` for the `size` that `fine` has, not for a factor."""
    return F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False) + fine


def sides_exchanged(coarse: Tensor, fine: Tensor) -> Tensor:
    """You have the size of `fine` the other way round, or its rows for both. It is (rows, columns), in the order in which they
    stand at the end of its shape."""
    return F.interpolate(coarse, size=fine.shape[:-3:-1], mode="bilinear", align_corners=False) + fine


def batch_and_channels(coarse: Tensor, fine: Tensor) -> Tensor:
    """The first two numbers of a shape are images and channels. Rows and columns are the last two."""
    return F.interpolate(coarse, size=fine.shape[:2], mode="bilinear", align_corners=False) + fine


def columns_for_both(coarse: Tensor, fine: Tensor) -> Tensor:
    """One number as `size` makes a square map. Rows and columns differ here: give both, the last two numbers of the shape."""
    return F.interpolate(coarse, size=fine.shape[-1], mode="bilinear", align_corners=False) + fine


def added_as_they_are(coarse: Tensor, fine: Tensor) -> Tensor:
    """You add the coarse scores as they are. They have about half as many rows and columns: `F.interpolate` enlarges them."""
    return coarse + fine


def mean_of_the_map(coarse: Tensor, fine: Tensor) -> Tensor:
    """You add one number for each class, the mean of its coarse map: where the coarse network saw it is lost. Enlarge the map by
    interpolation."""
    return coarse.mean(dim=(2, 3), keepdim=True) + fine


def fine_subtracted(coarse: Tensor, fine: Tensor) -> Tensor:
    """You subtract the fine scores. They are added: what they learn is which sign their own weights need."""
    return _enlarged(coarse, fine) - fine


def coarse_subtracted(coarse: Tensor, fine: Tensor) -> Tensor:
    """You subtract the coarse scores. They are added: the fine ones learn only what is to be corrected."""
    return fine - _enlarged(coarse, fine)


def larger_of_the_two(coarse: Tensor, fine: Tensor) -> Tensor:
    """You take the larger of the two scores. They are added: a fine score that is negative has to be able to take something
    away from the coarse one."""
    return _enlarged(coarse, fine).maximum(fine)


def relu_of_the_sum(coarse: Tensor, fine: Tensor) -> Tensor:
    """The sum is right, but a ReLU follows. Scores are no features: a negative one speaks against its class, and the next step
    goes on with it."""
    return (_enlarged(coarse, fine) + fine).relu()


def softmax_of_the_sum(coarse: Tensor, fine: Tensor) -> Tensor:
    """The sum is right, but you give its softmax. This is one step of several: scores go on to the next, and the loss takes
    the softmax at the end."""
    return (_enlarged(coarse, fine) + fine).softmax(dim=1)


def probabilities_enlarged(coarse: Tensor, fine: Tensor) -> Tensor:
    """You take the softmax of both before you add. Scores are added before any softmax: they may be negative, so that the fine
    map can also take something away from a class."""
    return _enlarged(coarse.softmax(dim=1), fine) + fine.softmax(dim=1)


def labels(coarse: Tensor, fine: Tensor) -> Tensor:
    """The sum is right, but you give the class of the largest score. This is one step of several, and the next one goes on
    with the scores."""
    return (_enlarged(coarse, fine) + fine).argmax(dim=1)


FUSE = [
    doubled_and_cropped,
    padded_to_the_doubled,
    fine_brought_to_the_doubled,
    nearest,
    corners_aligned,
    bicubic,
    by_transposed_convolution,
    concatenated,
    mean,
    fine_made_smaller,
    fine_made_smaller_and_back,
    coarse_only,
    as_probabilities,
    multiplied,
    doubled,
    sides_exchanged,
    batch_and_channels,
    columns_for_both,
    added_as_they_are,
    mean_of_the_map,
    fine_subtracted,
    coarse_subtracted,
    larger_of_the_two,
    relu_of_the_sum,
    softmax_of_the_sum,
    probabilities_enlarged,
    labels,
]
