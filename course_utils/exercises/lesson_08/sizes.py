"""Which sizes the published U-Net takes, and what it gives back."""

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def output_side(side: int, poolings: int) -> int | None:
    """The side that a U-Net without padding gives for an image of this side: two 3 × 3 convolutions at each level, down and up,
    and 2 × 2 poolings between. None where a pooling meets an odd map, or where no pixel is left."""
    for _ in range(poolings):
        convolved = side - 4
        if convolved % 2 == 1:
            return None
        side = convolved // 2
    answer = side - 4
    for _ in range(poolings):
        answer = 2 * answer - 4
    return answer if answer > 0 else None


SLIPS = read_slips("""
one_convolution_a_level
    Each level has two convolutions, and each takes a pixel off every side: 4 in all, not 2.
    - convolved = side - 4
    + convolved = side - 2
    - answer = side - 4
    + answer = side - 2
    - 2 * answer - 4
    + 2 * answer - 2

always_four_poolings
    Your answer does not depend on `poolings`, as if there were always four. With two, 44 pixels go in and 4 come out.
    - for _ in range(poolings):
    -     convolved = side - 4
    + for _ in range(4):
    +     convolved = side - 4
    - for _ in range(poolings):
    -     answer = 2 * answer - 4
    + for _ in range(4):
    +     answer = 2 * answer - 4

bottom_forgotten
    The lowest level has two convolutions as well, before the way up begins.
    - answer = side - 4
    + answer = side

rounded_down
    You let a pooling drop the odd row. Such a map no longer fits its skip: here the answer is None.
    - if convolved % 2 == 1:
    -     return None
    + pass

tested_after_halving
    You halve first and test then. It is the map that is pooled which has to be even.
    - if convolved % 2 == 1:
    + if convolved // 2 % 2 == 1:

only_the_image_must_be_even
    You check only that the side of the image is even. Every pooling needs an even map: 190 becomes 186, 93, and there it ends.
    - for _ in range(poolings):
    -     convolved = side - 4
    -     if convolved % 2 == 1:
    -         return None
    + if side % 2 == 1:
    +     return None
    + for _ in range(poolings):
    +     convolved = side - 4

bottom_must_be_even
    No pooling follows at the lowest level: there an odd map is right.
    - answer = side - 4
    + answer = side - 4
    + if answer % 2 == 1:
    +     return None

down_only
    This is the side at the bottom. On the way up every level doubles it and takes off 4.
    - 2 * answer - 4
    + answer

not_convolved_on_the_way_up
    On the way up you double, and do not convolve: the two convolutions of each level take 4 off.
    - 2 * answer - 4
    + 2 * answer

convolved_before_it_is_enlarged
    On the way up the map is enlarged first, and convolved then: 2 · side - 4, not 2 · (side - 4).
    - 2 * answer - 4
    + 2 * (answer - 4)

zero_is_an_answer
    A map of side 0 has no pixel: then the answer is None as well.
    - answer > 0
    + answer >= 0

minus_one_for_none
    Where nothing is left the answer is None, not -1.
    - else None
    + else -1

nothing_left_on_the_way_up
    You ask at the bottom whether something is left. The way up takes pixels off as well: 172 with four poolings has 3 pixels
    at the bottom, and none at the end.
    - answer = side - 4
    + answer = side - 4
    + if answer <= 0:
    +     return None
    - answer if answer > 0 else None
    + answer

nothing_left_not_noticed
    An image can be so small that nothing is left of it: then the answer is None, not 0 or a number below it.
    - answer if answer > 0 else None
    + answer
""")


def always_184(side: int, poolings: int) -> int | None:
    """You take off 184 whatever the network. That is what four poolings lose, with a side that suits: which sides do, and what do
    two poolings lose?"""
    return side - 184


def of_a_padded_network(side: int, poolings: int) -> int | None:
    """That is a padded U-Net: the side comes back unchanged. Here every convolution takes a pixel off each edge."""
    return None if side % 2**poolings else side


output_side = Exercise(
    "output_side",
    output_side,
    [
        (12, 0),
        (20, 1),
        (21, 1),
        (22, 1),
        (46, 2),
        (44, 2),
        (572, 4),
        (570, 4),
        (188, 4),
        (172, 4),
        (14, 1),
        (12, 1),
        (100, 3),
        (4, 0),
    ],
    [*SLIPS, always_184, of_a_padded_network],
    [
        "Follow 572 through the drawing above: what happens to the side at each level, and in which order?",
        "Down: take off 4, see that it is even, halve. At the bottom: take off 4. Up: double, take off 4.",
        "Two loops over `range(poolings)`, and `side -= 4` between them. `return None` inside the first leaves the function.",
    ],
    common_errors={
        "unsupported operand": "Does your function set the side to None and go on computing with it? Return None at once."
    },
    difficulty=2,
    minutes=8,
)
