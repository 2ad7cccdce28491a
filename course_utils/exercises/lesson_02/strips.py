"""An image that is too large for one run, in strips."""

import torch
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_02.networks import Drawn, ReadsDigits, channel, drawn_image
from course_utils.exercises.slips import read_slips


def predict_in_strips(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Run a network on strips of at most width + 2 * margin columns, so that the result is that for the whole image.

    network: (B, C, H, W) -> (B, K, H, W), pads with zeros; each output sees `margin` columns to its left and right.
    """
    columns = []
    for x in range(0, image.shape[-1], width):
        left = max(x - margin, 0)
        strip = network(image[..., left : x + width + margin])
        columns.append(strip[..., x - left : x - left + width])
    return torch.cat(columns, dim=-1)


def _draw_padded(generator: torch.Generator) -> tuple[nn.Module, Tensor, int, int]:
    network = Drawn(generator, nn.Conv2d(3, 4, 5, padding=2), nn.Tanh(), nn.Conv2d(4, 2, 3, padding=1))
    return network, drawn_image(generator, 2, 3, 4, 16), 5, 3


def given_predict_in_strips(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """This is still the version given. A strip's outermost columns have seen zeros where the image goes on: does averaging
    them with good ones make them good?"""
    total, count = 0, 0
    for x in range(0, image.shape[-1], width):
        left = max(x - margin, 0)
        strip = network(image[..., left : x + width + margin])
        place = (left, image.shape[-1] - left - strip.shape[-1])
        total = total + nn.functional.pad(strip, place)
        count = count + nn.functional.pad(torch.ones_like(strip), place)
    return total / count


def weighted_average(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You give a strip's outermost columns a small weight. They have seen zeros where the image goes on and are wrong; with a
    small weight they do less harm, but some: the seam is faded, not gone."""
    total, count = 0, 0
    for x in range(0, image.shape[-1], width):
        left = max(x - margin, 0)
        strip = network(image[..., left : x + width + margin])
        weights = torch.hann_window(strip.shape[-1] + 2, device=strip.device)[1:-1].expand_as(strip)
        place = (left, image.shape[-1] - left - strip.shape[-1])
        total = total + nn.functional.pad(strip * weights, place)
        count = count + nn.functional.pad(weights, place)
    return total / count


SLIPS = read_slips("""
no_margin
    Your strips have no margin: at every cut the network sees zeros where the image goes on. Nothing is averaged any
    more, but the seams are there.
    - max(x - margin, 0)
    + x
    - x + width + margin
    + x + width

margin_on_the_left
    Your strips have their margin on the left only: the last columns of each still see zeros behind the cut.
    - x + width + margin
    + x + width

margin_on_the_right
    Your strips have their margin on the right only: the first columns of each still see zeros before the cut.
    - max(x - margin, 0)
    + x

half_the_margin
    Your margin is half as wide as it has to be. `margin` is the radius of the receptive field already: so many
    columns are spoilt on *either* side of a strip.
    - x - margin
    + x - margin // 2
    - x + width + margin
    + x + width + margin // 2

borders_cut_too
    You cut `margin` columns off both sides of every strip. At a cut this is right; but the first strip begins and
    the last one ends at the border of the image, where there is no margin: these columns are good and now missing.
    - x - left : x - left + width
    + margin:-margin

right_border_cut
    You cut `margin` columns off the right of every strip. The last strips end at the border of the image, with a
    smaller margin or none: how many columns of each strip are to stay?
    - x - left + width
    + -margin

first_strip_cut_like_the_others
    You cut `margin` columns off the left of every strip. The first strip has none to give: nothing is to the left
    of the image, so its first columns are good and must stay.
    - x - left : x - left + width
    + margin : margin + width

second_strip_cut_like_the_others
    You cut `margin` columns off the left of every strip but the first. Where strips are narrower than the margin, the
    second one has fewer there: how many columns are between `left` and x?
    - columns.append(strip[..., x - left : x - left + width])
    + begin = margin if x > 0 else 0
    + columns.append(strip[..., begin : begin + width])

strips_next_to_the_border_cut_like_the_others
    You cut `margin` columns off both sides of every strip, but not off the first one's left and the last one's right.
    Where a strip is narrower than the margin, the one next to it reaches the border, too, and has a smaller margin
    there: how many columns of each strip are to stay?
    - x - left : x - left + width
    + margin if x > 0 else 0 : -margin if x + width < image.shape[-1] else None

columns_of_the_image
    You keep the columns x to x + width of the strip. These are the places in the image; the strip begins at its column
    `left`.
    - x - left : x - left + width
    + x : x + width

margins_left_in
    You join the strips with their margins: the columns around each cut are there twice, and the result is too wide.
    Each strip answers for `width` columns only.
    - strip[..., x - left : x - left + width]
    + strip

right_margins_left_in
    You cut the margin off the left of each strip, but not off its right: the result is too wide. Each strip answers
    for `width` columns only.
    - x - left + width
    +

left_margins_left_in
    You keep the first `width` columns of each strip. From the second strip on, the first ones are margin: they
    belong to the strip before.
    - x - left : x - left + width
    + :width

last_strip_missing
    Your last strip is missing where `width` does not divide the image: its last columns make a strip too, though a
    narrower one.
    - range(0, image.shape[-1], width)
    + range(0, image.shape[-1] - width + 1, width)

last_strip_wins
    Where strips overlap, you keep the later one. Its first columns are the spoilt ones: the good values were there,
    and have been overwritten.
    - columns.append(strip[..., x - left : x - left + width])
    + columns = [torch.cat(columns, dim=-1)[..., :left], strip] if columns else [strip]

image_padded_first
    You pad the image with zeros, so that every strip has its margin. The network pads the *input of each layer*:
    what its first layer makes of your zeros is not zero. At the border of the image there is to be no margin.
    - columns = []
    + columns, image = [], nn.functional.pad(image, (margin, margin))
    - range(0, image.shape[-1], width)
    + range(margin, image.shape[-1] - margin, width)
    - return torch.cat(columns, dim=-1)
    + return torch.cat(columns, dim=-1)[..., : image.shape[-1] - 2 * margin]

padded_to_whole_strips
    You pad the image with zeros to a whole number of strips. The network pads the *input of each layer*: what its first
    layer makes of your zeros is not zero. Let the last strip be narrower.
    - columns = []
    + columns, end = [], image.shape[-1]
    + image = nn.functional.pad(image, (0, -end % width))
    - return torch.cat(columns, dim=-1)
    + return torch.cat(columns, dim=-1)[..., :end]

reflected_first
    You continue the image by its reflection, so that every strip has its margin. For the whole image the network
    sees zeros at the border, not a reflection: there, a strip has to end where the image ends.
    - columns = []
    + columns, image = [], nn.functional.pad(image, (margin, margin, 0, 0), mode="reflect")
    - range(0, image.shape[-1], width)
    + range(margin, image.shape[-1] - margin, width)
    - return torch.cat(columns, dim=-1)
    + return torch.cat(columns, dim=-1)[..., : image.shape[-1] - 2 * margin]

borders_without_weight
    You give the margins of each strip no weight: a good thought. But at the border of the image nobody else answers
    for these columns, and 0 / 0 is NaN. A strip has a margin only where the image goes on.
    - return torch.cat(columns, dim=-1)
    + result = torch.cat(columns, dim=-1)
    + result[..., :margin], result[..., -margin:] = torch.nan, torch.nan
    + return result

narrow_strips_without_weight
    You give `margin` columns on either side of a strip no weight, but not where the image begins and ends: nearly right.
    Where a strip is narrower than the margin, the one next to it reaches the border, too, and has fewer columns to lose;
    nobody else answers for them, and 0 / 0 is NaN.
    - columns.append(strip[..., x - left : x - left + width])
    + if x > 0:
    +     strip[..., :margin] = torch.nan
    + if x + width < image.shape[-1]:
    +     strip[..., -margin:] = torch.nan
    + columns.append(strip[..., x - left : x - left + width])

borders_are_zero
    Your first and last columns are 0: at the border of the image no strip answers for them, as you took each
    strip's outermost columns for margins. A strip has a margin only where the image goes on.
    - return torch.cat(columns, dim=-1)
    + result = torch.cat(columns, dim=-1)
    + result[..., :margin], result[..., -margin:] = 0, 0
    + return result
""")


predict_in_strips = Exercise(
    "predict_in_strips",
    predict_in_strips,
    [
        (
            ReadsDigits((1, 3), padding=(0, 1), widest=6),
            channel([1, 2, 3, 4, 5, 6, 7], [8, 9, 4, 6, 2, 7, 3])[None],
            3,
            1,
        ),
        (
            # The last strip is narrower than the margin.
            ReadsDigits((1, 5), padding=(0, 2), widest=8),
            channel([7, 3, 1, 9, 4, 2, 8, 6, 5])[None],
            4,
            2,
        ),
        (
            # All strips are.
            ReadsDigits((1, 5), padding=(0, 2), widest=5),
            channel([2.5, -0.75, 4.25, 1.5, -3.25, 6.75], [-5.5, 3.75, 8, -1.25, 7.5, 0.25])[None],
            1,
            2,
        ),
    ],
    [*SLIPS, weighted_average],
    [
        "Look at the two columns on either side of a cut: which strip saw all their neighbours?",
        "Which columns of a strip are right? Nothing is wrong at the border of the image: there, a strip has no margin.",
        "Keep `width` columns of each strip, from x - left on, and join them with `torch.cat(..., dim=-1)`.",
    ],
    common_errors={
        "do not fit into memory": "The exercise is about images that are too large for one run: a strip has at most "
        "width + 2 * margin columns. A margin that is wider than what the network sees is not needed.",
        "Calculated padded input size": "A strip is empty or too narrow: a negative start counts from the end of the image.",
        "must match the existing size": "The result has the network's K channels, not the image's C: join the strips instead.",
        "Sizes of tensors must match": "Strips are joined along the columns, the last axis: `dim=-1`. The last may be narrower.",
        "stack expects each tensor": "`torch.stack` makes a new axis; strips are joined along the columns, by `torch.cat` with "
        "`dim=-1`. The last may be narrower.",
        "supported for 4D input": "To reflect columns only, PyTorch wants to know about rows, too. But is a reflection what the "
        "network sees at the border of the whole image?",
    },
    draw=_draw_padded,
    unaffected={"it is for predictions, which no gradient goes through": ["detached"]},
    given=given_predict_in_strips,
    difficulty=2,
    minutes=8,
)
