"""A truth painted in colours becomes labels; what has no colour is void."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def decode_colours(picture: Tensor, palette: Tensor) -> Tensor:
    """Turn a truth painted in colours, (H, W, 3), into labels (H, W): the row of the palette (K, 3), or 255 for void."""
    labels = torch.full(picture.shape[:2], 255)
    for label, colour in enumerate(palette):
        labels[(picture == colour).all(dim=-1)] = label
    return labels


def _draw_painted(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    palette = torch.tensor([[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]])
    painted = torch.cat([palette, torch.tensor([[224, 224, 192], [128, 64, 0]])])
    return painted[torch.randint(0, 6, (4, 5), generator=generator)], palette


def given_decode_colours(picture: Tensor, palette: Tensor) -> Tensor:
    """This is still the version given. Which label does it give to a pixel whose colour is not in the palette?"""
    labels = torch.zeros(picture.shape[:2], dtype=torch.int64)
    for label, colour in enumerate(palette):
        labels[(picture == colour).all(dim=-1)] = label
    return labels


def nearest_colour(picture: Tensor, palette: Tensor) -> Tensor:
    """You take the nearest colour of the palette, so that void becomes some class too; only equal colours count."""
    distance = (picture[:, :, None].double() - palette.double()).square().sum(-1)
    return distance.argmin(-1)


SLIPS = read_slips("""
only_the_void_colour_known
    You turn one colour into void, the one that you saw here. Any colour that is not in the palette is void: other
    files have others.
    - torch.full(picture.shape[:2], 255)
    + torch.where((picture == torch.tensor([224, 224, 192])).all(dim=-1), 255, 0)

erased_by_the_next_class
    Each round of your loop sets all other pixels to 255 again, so that only the last class is left.
    - labels[(picture == colour).all(dim=-1)] = label
    + labels = torch.where((picture == colour).all(dim=-1), label, 255)

labels_from_one
    Your labels begin at 1; the first row of the palette is class 0.
    - = label
    + = label + 1

minus_one
    Void is 255 in this course, as in the files of most data sets; you made it -1.
    - 255
    + -1

void_is_the_next_class
    You gave void a number of its own, K. Here it is 255, which loss and scores skip.
    - 255
    + len(palette)

starts_with_ones
    Unknown colours now become class 1 instead of class 0: the same bug. Which label means that nothing is known?
    - 255
    + 1

any_channel
    You accept a pixel that has one of the three channels right; all three must agree.
    - .all(dim=-1)
    + .any(dim=-1)

black_is_class_zero
    You took black for class 0. A class is the row of the palette in which its colour stands, and the first row need
    not be black.
    - enumerate(palette)
    + enumerate(torch.cat([torch.zeros_like(palette[:1]), palette[1:]]))

all_of_the_picture
    `.all()` without `dim` asks whether the whole picture has the colour, so that no pixel of it gets the label. Ask
    each pixel: `.all(dim=-1)`.
    - .all(dim=-1)
    + .all()

zero_means_void
    You turned all of class 0 into void as well: begin with 255 everywhere, so that 0 is only where its colour is.
    - return labels
    + return torch.where(labels == 0, 255, labels)
""")


decode_colours = Exercise(
    "decode_colours",
    decode_colours,
    [
        (
            torch.tensor([[[0, 0, 0], [224, 224, 192], [128, 0, 0]], [[128, 0, 0], [0, 0, 0], [224, 224, 192]]]),
            torch.tensor([[0, 0, 0], [128, 0, 0]]),
        ),
        # Black is no class here, and one colour is nearly that of a class.
        (torch.tensor([[[4, 5, 6], [0, 0, 0], [1, 2, 3], [4, 5, 7]]]), torch.tensor([[4, 5, 6], [1, 2, 3]])),
    ],
    [*SLIPS, nearest_colour],
    [
        "Which label does a pixel get whose colour is not in the palette at all?",
        "Look at the line that makes `labels`: what is in it before the loop begins?",
    ],
    draw=_draw_painted,
    common_errors={
        "mask": "Compare along the last axis of the picture, the colour channels: `.all(dim=-1)`.",
        "too many indices": "The comparison has three truth values a pixel: one colour is right where all three are, "
        "`.all(dim=-1)`.",
    },
    given=given_decode_colours,
    difficulty=2,
    minutes=8,
)
