"""A summary that multiplies what it should add: 27 terabytes."""

from math import prod

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def activation_megabytes(outputs: list) -> float:
    """The megabytes (2^20 bytes) of the maps that the layers of a network give, 4 bytes a number. A layer that gives several
    maps stands in the list with a list of their shapes."""
    numbers = 0
    for output in outputs:
        shapes = output if isinstance(output, list) else [output]
        numbers += sum(prod(shape) for shape in shapes)
    return 4 * numbers / 2**20


def given_activation_megabytes(outputs: list) -> float:
    """This is still the version given: where a layer gives two maps, their sizes are multiplied. Two maps have as many numbers
    as the one and the other together."""
    numbers = 0
    for output in outputs:
        shapes = output if isinstance(output, list) else [output]
        numbers += prod(prod(shape) for shape in shapes)
    return 4 * numbers / 2**20


SLIPS = read_slips("""
first_map_only
    Of a layer that gives several maps you count the first. The others take memory as well: a skip is one of them.
    - sum(prod(shape) for shape in shapes)
    + prod(shapes[0])

last_map_only
    Of a layer that gives several maps you count the last. The others take memory as well: a skip is one of them.
    - sum(prod(shape) for shape in shapes)
    + prod(shapes[-1])

sides_added
    Within one map the sides are multiplied: 64 channels of 8 × 8 are 4096 numbers, not 80.
    - prod(shape)
    + sum(shape)

bytes_forgotten
    These are millions of numbers. Each takes 4 bytes.
    - 4 * numbers
    + numbers

in_millions
    A megabyte is 2^20 bytes here, as the summary has it, and not 10^6.
    - 2**20
    + 10**6

eight_bytes
    You count 8 bytes a number, as float64 has them. These maps are float32: 4 bytes.
    - 4 * numbers
    + 8 * numbers

equal_shapes_once
    You count layers whose shapes are equal only once. Each of them makes a map of its own.
    - for output in outputs:
    + for output in {str(shape): shape for shape in outputs}.values():

the_other_one_repaired
    You have exchanged the wrong one of the two. Within a map, the sides are multiplied; maps are added to each other.
    - sum(prod(shape) for shape in shapes)
    + prod(sum(shape) for shape in shapes)

in_gigabytes
    2^30 bytes are a gigabyte. A megabyte is 2^20.
    - 2**20
    + 2**30

in_kilobytes
    2^10 bytes are a kilobyte. A megabyte is 2^20.
    - 2**20
    + 2**10

last_layer_only
    You keep the last layer alone: add to `numbers` in every round, `+=`.
    - numbers +=
    + numbers =
""")


activation_megabytes = Exercise(
    "activation_megabytes",
    activation_megabytes,
    [
        ([(64, 8, 8)],),
        ([[(2, 4, 4), (2, 2, 2)]],),
        ([(3, 32, 48), [(16, 32, 48), (16, 16, 24)], (8, 5, 7)],),
        ([[(64, 128, 128), (4, 3, 2), (3, 8, 9)], (2, 6, 5)],),
        ([[(3, 4, 5), (3, 4, 5)], (2, 7, 5), (3, 4, 5), (2, 7, 5)],),
    ],
    SLIPS,
    [
        "The encoder's blocks give two maps each: one for the pooling, one for the skip. What becomes of them in this code?",
        "The outer `prod` runs over maps, the inner one over the sides of a map. Which of the two should it be?",
        "Maps are added: `sum(prod(shape) for shape in shapes)`.",
    ],
    given=given_activation_megabytes,
    unaffected={"a size is never negative": ["absolute result", "nothing below 0 result"]},
    difficulty=1,
    minutes=4,
)
