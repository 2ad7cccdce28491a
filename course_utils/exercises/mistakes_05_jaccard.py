"""What people get wrong in lesson 05 about the Jaccard loss: each function makes one mistake, its docstring says which."""

from torch import Tensor


def intersection_not_taken_off(p: Tensor, g: Tensor) -> Tensor:
    """Even a perfect prediction has the loss 0.5 in yours. Σ p + Σ g counts the pixels that both have twice: take the
    intersection off once, and it is the union. (The formula without it has been taught.)"""
    return 1 - (p * g).sum() / (p.sum() + g.sum())


def dice_of_binary(p: Tensor, g: Tensor) -> Tensor:
    """This is the Dice loss: twice the intersection over both sizes. Jaccard has the intersection once, over the
    union."""
    return 1 - 2 * (p * g).sum() / (p.sum() + g.sum())


def twice_over_the_union(p: Tensor, g: Tensor) -> Tensor:
    """You mix Dice with Jaccard: over the union stands the intersection once. Yours is -1 for a perfect prediction."""
    return 1 - 2 * (p * g).sum() / (p + g - p * g).sum()


def thresholded(p: Tensor, g: Tensor) -> Tensor:
    """You cut the probabilities at 0.5 first. That is the score, and as a loss it has no gradient: p is to go in as it
    is."""
    hard = (p > 0.5).to(p.dtype)
    return 1 - (hard * g).sum() / (hard + g - hard * g).sum()


def ratio_for_each_row(p: Tensor, g: Tensor) -> Tensor:
    """You sum along one axis only, and average the ratios of the rows. A mask is one region: sum over all its
    pixels."""
    return 1 - ((p * g).sum(-1) / (p + g - p * g).sum(-1)).mean()


def ratio_for_each_column(p: Tensor, g: Tensor) -> Tensor:
    """You sum along one axis only, and average the ratios of the columns. A mask is one region: sum over all its
    pixels."""
    return 1 - ((p * g).sum(0) / (p + g - p * g).sum(0)).mean()


def minus_iou(p: Tensor, g: Tensor) -> Tensor:
    """This is -IoU: its gradient is right, but a loss should be 0 where nothing is wrong. It is 1 minus IoU."""
    return -(p * g).sum() / (p + g - p * g).sum()


def iou_itself(p: Tensor, g: Tensor) -> Tensor:
    """This is IoU, which grows as the prediction gets better; a loss has to fall. It is 1 minus it."""
    return (p * g).sum() / (p + g - p * g).sum()


def squares_below(p: Tensor, g: Tensor) -> Tensor:
    """You square p in the denominator: another loss. The soft union is Σ p + Σ g - Σ p g."""
    return 1 - (p * g).sum() / (p * p + g - p * g).sum()


def smoothed_by_one(p: Tensor, g: Tensor) -> Tensor:
    """You add 1 to intersection and union. That is one pixel: in a small map it changes much. Here there always is a
    union, and nothing has to be added."""
    return 1 - ((p * g).sum() + 1) / ((p + g - p * g).sum() + 1)


def over_all_pixels(p: Tensor, g: Tensor) -> Tensor:
    """Below stands the number of all pixels in yours, so that a background rightly left empty makes the loss larger.
    (`logical_or` gives that, as every probability above 0 counts as true; so does dividing at each pixel and averaging.) It
    is one ratio: the sum of intersections over the sum of unions, both of probabilities."""
    return 1 - (p * g).mean()


def brackets_missing(p: Tensor, g: Tensor) -> Tensor:
    """`/` binds before `+` and `-`: the whole union has to stand in brackets."""
    intersection = (p * g).sum()
    return 1 - intersection / p.sum() + g.sum() - intersection


def precision_only(p: Tensor, g: Tensor) -> Tensor:
    """You divide by Σ p, which gives a soft precision: a network that marks one sure pixel, and misses the rest, has a loss
    near 0. Below stands the union, which has the missed pixels too."""
    return 1 - (p * g).sum() / p.sum()


def recall_only(p: Tensor, g: Tensor) -> Tensor:
    """You divide by Σ g, which gives a soft recall: a network that says "foreground" everywhere has the loss 0. Below stands
    the union, which has the false alarms too."""
    return 1 - (p * g).sum() / g.sum()


def taken_off_twice(p: Tensor, g: Tensor) -> Tensor:
    """You take the intersection off twice, and are left with the pixels of one mask *only*. Σ p + Σ g has the common pixels
    twice: they should be there once."""
    return 1 - (p * g).sum() / (p.sum() + g.sum() - 2 * (p * g).sum())


def intersection_added(p: Tensor, g: Tensor) -> Tensor:
    """You add the intersection below. Σ p + Σ g has the common pixels twice already: one of the two has to go."""
    return 1 - (p * g).sum() / (p.sum() + g.sum() + (p * g).sum())


def sigmoid_of_probabilities(p: Tensor, g: Tensor) -> Tensor:
    """You take the sigmoid of p, which is a probability already: the result is never below 0.5."""
    return _loss(p.sigmoid(), g)


def mean_with_the_background(p: Tensor, g: Tensor) -> Tensor:
    """You average with the background's IoU. Here it is one mask, and its own region only."""
    return (_loss(p, g) + _loss(1 - p, 1 - g)) / 2


def minus_logarithm(p: Tensor, g: Tensor) -> Tensor:
    """You take -log IoU: another loss, with the same best prediction. It is 1 minus IoU here."""
    return -(1 - _loss(p, g)).log()


def _loss(p: Tensor, g: Tensor) -> Tensor:
    """The Jaccard loss as it should be, for the mistakes made of it."""
    return 1 - (p * g).sum() / (p + g - p * g).sum()


JACCARD = [
    intersection_not_taken_off,
    taken_off_twice,
    intersection_added,
    dice_of_binary,
    twice_over_the_union,
    precision_only,
    recall_only,
    thresholded,
    sigmoid_of_probabilities,
    ratio_for_each_row,
    ratio_for_each_column,
    mean_with_the_background,
    iou_itself,
    minus_iou,
    minus_logarithm,
    squares_below,
    smoothed_by_one,
    over_all_pixels,
    brackets_missing,
]
