"""What people get wrong in lesson 02 when they join strips: each docstring says what."""

from collections.abc import Callable

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


def given_predict_in_strips(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """This is still the version given. A strip's outermost columns have seen zeros where the image goes on: does averaging
    them with good ones make them good?"""
    total, count = 0, 0
    for x in range(0, image.shape[-1], width):
        left = max(x - margin, 0)
        strip = network(image[..., left : x + width + margin])
        place = (left, image.shape[-1] - left - strip.shape[-1])
        total = total + F.pad(strip, place)
        count = count + F.pad(torch.ones_like(strip), place)
    return total / count


def _in_strips(network: nn.Module, image: Tensor, width: int, before: int, after: int) -> Tensor:
    """Strips with `before` columns more on the left and `after` on the right, which are cut off again."""
    columns = []
    for x in range(0, image.shape[-1], width):
        left = max(x - before, 0)
        columns.append(network(image[..., left : x + width + after])[..., x - left : x - left + width])
    return torch.cat(columns, dim=-1)


def no_margin(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Your strips have no margin: at every cut the network sees zeros where the image goes on. Nothing is averaged any
    more, but the seams are there."""
    return _in_strips(network, image, width, 0, 0)


def margin_on_the_left(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Your strips have their margin on the left only: the last columns of each still see zeros behind the cut."""
    return _in_strips(network, image, width, margin, 0)


def margin_on_the_right(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Your strips have their margin on the right only: the first columns of each still see zeros before the cut."""
    return _in_strips(network, image, width, 0, margin)


def half_the_margin(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Your margin is half as wide as it has to be. `margin` is the radius of the receptive field already: so many columns
    are spoilt on *either* side of a strip."""
    return _in_strips(network, image, width, margin // 2, margin // 2)


def _joined(
    network: nn.Module, image: Tensor, width: int, margin: int, kept: Callable[[Tensor, int], Tensor]
) -> Tensor:
    """Strips with their margins, of each `kept(strip, columns of margin on its left)`."""
    columns = []
    for x in range(0, image.shape[-1], width):
        left = max(x - margin, 0)
        columns.append(kept(network(image[..., left : x + width + margin]), x - left))
    return torch.cat(columns, dim=-1)


def first_strip_cut_like_the_others(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You cut `margin` columns off the left of every strip. The first strip has none to give: nothing is to the left of the
    image, so its first columns are good and must stay."""
    return _joined(network, image, width, margin, lambda strip, _: strip[..., margin : margin + width])


def borders_cut_too(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You cut `margin` columns off both sides of every strip. At a cut this is right; but the first strip begins and the last
    one ends at the border of the image, where there is no margin: these columns are good and now missing."""
    return _joined(network, image, width, margin, lambda strip, _: strip[..., margin:-margin])


def right_border_cut(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You cut `margin` columns off the right of every strip. The last strips end at the border of the image, with a smaller
    margin or none: how many columns of each strip are to stay?"""
    return _joined(network, image, width, margin, lambda strip, before: strip[..., before:-margin])


def margins_left_in(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You join the strips with their margins: the columns around each cut are there twice, and the result is too wide. Each
    strip answers for `width` columns only."""
    return _joined(network, image, width, margin, lambda strip, _: strip)


def right_margins_left_in(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You cut the margin off the left of each strip, but not off its right: the result is too wide. Each strip answers for
    `width` columns only."""
    return _joined(network, image, width, margin, lambda strip, before: strip[..., before:])


def left_margins_left_in(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You keep the first `width` columns of each strip. From the second strip on, the first ones are margin: they belong to
    the strip before."""
    return _joined(network, image, width, margin, lambda strip, _: strip[..., :width])


def last_strip_missing(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Your last strip is missing where `width` does not divide the image: its last columns make a strip too, though a narrower
    one."""
    whole = image.shape[-1] // width * width
    return _in_strips(network, image, width, margin, margin)[..., :whole]


def last_strip_wins(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Where strips overlap, you keep the later one. Its first columns are the spoilt ones: the good values were there, and
    have been overwritten."""
    result = network(image[..., : width + margin])
    for x in range(width, image.shape[-1], width):
        left = max(x - margin, 0)
        result = torch.cat([result[..., :left], network(image[..., left : x + width + margin])], dim=-1)
    return result


def image_padded_first(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You pad the image with zeros, so that every strip has its margin. The network pads the *input of each layer*: what its
    first layer makes of your zeros is not zero. At the border of the image there is to be no margin."""
    padded = F.pad(image, (margin, margin))
    strips = [network(padded[..., x : x + width + 2 * margin]) for x in range(0, image.shape[-1], width)]
    columns = torch.cat([strip[..., margin : margin + width] for strip in strips], dim=-1)
    return columns[..., : image.shape[-1]]


def reflected_first(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You continue the image by its reflection, so that every strip has its margin. For the whole image the network sees zeros
    at the border, not a reflection: there, a strip has to end where the image ends."""
    padded = F.pad(image, (margin, margin, 0, 0), mode="reflect")
    strips = [network(padded[..., x : x + width + 2 * margin]) for x in range(0, image.shape[-1], width)]
    return torch.cat([strip[..., margin : margin + width] for strip in strips], dim=-1)[..., : image.shape[-1]]


def _weighted(
    network: nn.Module, image: Tensor, width: int, margin: int, weights: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """The sum of the strips times `weights(strip)`, and the sum of the weights."""
    total, count = 0, 0
    for x in range(0, image.shape[-1], width):
        left = max(x - margin, 0)
        strip = network(image[..., left : x + width + margin])
        place = (left, image.shape[-1] - left - strip.shape[-1])
        total = total + F.pad(strip * weights(strip), place)
        count = count + F.pad(weights(strip), place)
    return total, count


def _margins_without_weight(strip: Tensor, margin: int) -> Tensor:
    weights = torch.zeros_like(strip)
    weights[..., margin : strip.shape[-1] - margin] = 1
    return weights


def borders_without_weight(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You give the margins of each strip no weight: a good thought. But at the border of the image nobody else answers for
    these columns, and 0 / 0 is NaN. A strip has a margin only where the image goes on."""
    total, count = _weighted(network, image, width, margin, lambda strip: _margins_without_weight(strip, margin))
    return total / count


def borders_are_zero(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Your first and last columns are 0: at the border of the image no strip answers for them, as you took each strip's
    outermost columns for margins. A strip has a margin only where the image goes on."""
    total, count = _weighted(network, image, width, margin, lambda strip: _margins_without_weight(strip, margin))
    return total / count.clamp(min=1)


def weighted_average(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You give a strip's outermost columns a small weight. They have seen zeros where the image goes on and are wrong; with a
    small weight they do less harm, but some: the seam is faded, not gone."""

    def hann(strip: Tensor) -> Tensor:
        return torch.hann_window(strip.shape[-1] + 2, device=strip.device)[1:-1].expand_as(strip)

    total, count = _weighted(network, image, width, margin, hann)
    return total / count


PREDICT_IN_STRIPS = [
    no_margin,
    margin_on_the_left,
    margin_on_the_right,
    half_the_margin,
    borders_cut_too,
    right_border_cut,
    first_strip_cut_like_the_others,
    margins_left_in,
    right_margins_left_in,
    left_margins_left_in,
    last_strip_missing,
    last_strip_wins,
    image_padded_first,
    reflected_first,
    borders_without_weight,
    borders_are_zero,
    weighted_average,
]
