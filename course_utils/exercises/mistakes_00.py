"""What people get wrong in lesson 00, tasks and data: each function makes one mistake, its docstring says which."""

import torch
from torch import Tensor


def instance_times_thousand(labels: Tensor, instances: Tensor) -> Tensor:
    """You swapped the two: the class is multiplied by 1000, the instance is added."""
    return torch.where(labels == 255, 255_000, labels + 1000 * instances)


def minus_one_on_void(labels: Tensor, instances: Tensor) -> Tensor:
    """Void is to be 255000, as the formula gives it for class 255; you made it -1."""
    return torch.where(labels == 255, -1, labels * 1000 + instances)


def objects_are_void(labels: Tensor, instances: Tensor) -> Tensor:
    """You made whole objects void. Void pixels are those whose *label* is 255."""
    return torch.where((labels == 255) | (instances > 0), 255_000, labels * 1000)


def class_plus_instance(labels: Tensor, instances: Tensor) -> Tensor:
    """You add class and instance, and the sum does not tell them apart: class 5 with instance 2 and class 6 with
    instance 1 are both 7."""
    return torch.where(labels == 255, 255_000, labels + instances)


def hundred(labels: Tensor, instances: Tensor) -> Tensor:
    """With a factor of 100 the hundredth instance of a class runs into the next class; the convention is 1000."""
    return torch.where(labels == 255, 255_000, labels * 100 + instances)


def bare_stuff(labels: Tensor, instances: Tensor) -> Tensor:
    """You multiply by 1000 only where there is an instance: stuff needs 1000 · class too, so that `ids // 1000` is the
    class everywhere. (Cityscapes' own files do leave stuff bare.)"""
    return torch.where(labels == 255, 255_000, torch.where(instances > 0, labels * 1000 + instances, labels))


def void_keeps_instance(labels: Tensor, instances: Tensor) -> Tensor:
    """Void pixels kept an instance: the border of an object is labelled void here, but still carries its id. Set
    all void pixels to 255000."""
    return labels * 1000 + instances


def void_as_zero(labels: Tensor, instances: Tensor) -> Tensor:
    """You set void to 0, which is also the id of class 0 without an instance: nobody can tell the two apart later."""
    return torch.where(labels == 255, 0, labels * 1000 + instances)


def void_as_label(labels: Tensor, instances: Tensor) -> Tensor:
    """You left void at 255, which is the id of class 0, instance 255; void becomes 255000, as the formula has it."""
    return torch.where(labels == 255, 255, labels * 1000 + instances)


def _unknown(picture: Tensor, palette: Tensor) -> Tensor:
    """Where the colour of a pixel is not in the palette: (H, W) bool."""
    return ~(picture[:, :, None] == palette).all(dim=-1).any(dim=-1)


def given_decode_colours(picture: Tensor, palette: Tensor) -> Tensor:
    """This is still the version given. Which label does it give to a pixel whose colour is not in the palette?"""
    labels = torch.zeros(picture.shape[:2], dtype=torch.int64)
    for label, colour in enumerate(palette):
        labels[(picture == colour).all(dim=-1)] = label
    return labels


def only_the_void_colour_known(picture: Tensor, palette: Tensor) -> Tensor:
    """You turn one colour into void, the one that you saw here. Any colour that is not in the palette is void: other files
    have others."""
    labels = given_decode_colours(picture, palette)
    return torch.where((picture == torch.tensor([224, 224, 192])).all(dim=-1), 255, labels)


def erased_by_the_next_class(picture: Tensor, palette: Tensor) -> Tensor:
    """Each round of your loop sets all other pixels to 255 again, so that only the last class is left."""
    labels = torch.full(picture.shape[:2], 255)
    for label, colour in enumerate(palette):
        labels = torch.where((picture == colour).all(dim=-1), label, 255)
    return labels


def labels_from_one(picture: Tensor, palette: Tensor) -> Tensor:
    """Your labels begin at 1; the first row of the palette is class 0."""
    labels = given_decode_colours(picture, palette)
    return torch.where(_unknown(picture, palette), 255, labels + 1)


def void_is_the_next_class(picture: Tensor, palette: Tensor) -> Tensor:
    """You gave void a number of its own, K. Here it is 255, which loss and scores skip."""
    labels = given_decode_colours(picture, palette)
    return torch.where(_unknown(picture, palette), len(palette), labels)


def starts_with_ones(picture: Tensor, palette: Tensor) -> Tensor:
    """Unknown colours now become class 1 instead of class 0: the same bug. Which label means that nothing is known?"""
    labels = given_decode_colours(picture, palette)
    return torch.where(_unknown(picture, palette), 1, labels)


def minus_one(picture: Tensor, palette: Tensor) -> Tensor:
    """Void is 255 in this course, as in the files of most data sets; you made it -1."""
    labels = given_decode_colours(picture, palette)
    return torch.where(_unknown(picture, palette), -1, labels)


def any_channel(picture: Tensor, palette: Tensor) -> Tensor:
    """You accept a pixel that has one of the three channels right; all three must agree."""
    labels = torch.full(picture.shape[:2], 255)
    for label, colour in enumerate(palette):
        labels[(picture == colour).any(dim=-1)] = label
    return labels


def nearest_colour(picture: Tensor, palette: Tensor) -> Tensor:
    """You take the nearest colour of the palette, so that void becomes some class too; only equal colours count."""
    distance = (picture[:, :, None].double() - palette.double()).square().sum(-1)
    return distance.argmin(-1)


def zero_means_void(picture: Tensor, palette: Tensor) -> Tensor:
    """You turned all of class 0 into void as well: begin with 255 everywhere, so that 0 is only where its colour is."""
    labels = given_decode_colours(picture, palette)
    return torch.where(labels == 0, 255, labels)
