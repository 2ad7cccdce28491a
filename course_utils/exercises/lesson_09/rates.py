"""The rates of ASPP on grids of other strides: doubled or halved?"""

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.exercises.task import with_variants


def rates_for(output_stride: int) -> list[int]:
    """The rates of ASPP's three atrous convolutions for any output stride that divides 96. At 16 they are 6, 12 and 18; at each
    other stride the kernels are to span as large a part of the image."""
    return [rate * 16 // output_stride for rate in (6, 12, 18)]


def given_rates_for(output_stride: int) -> list[int]:
    """This is still the version given. How many pixels of the image lie between two taps of rate 6 at output stride 16? And
    with the rate that this version gives, at output stride 8?"""
    return [rate * output_stride // 16 for rate in (6, 12, 18)]


def _halved_or_doubled(output_stride: int) -> list[int]:
    rates, stride = [6, 12, 18], 16
    while stride > output_stride:
        rates, stride = [2 * rate for rate in rates], stride // 2
    while stride < output_stride:
        rates, stride = [rate // 2 for rate in rates], 2 * stride
    return rates


def _in_a_table(output_stride: int) -> list[int]:
    return [rate * 16 // (output_stride if output_stride in (4, 8, 16, 32) else 16) for rate in (6, 12, 18)]


@with_variants(_in_a_table)
def usual_strides_only(output_stride: int) -> list[int]:
    """At output strides of 4, 8, 16 and 32 you are right, at others not: 1, 2 and 48 divide 96 as well. One rule does for all."""
    return _halved_or_doubled(output_stride)


SLIPS = read_slips("""
always_the_same
    Your rates do not depend on the output stride. On a grid that is twice as fine, 6 places are half as many pixels of the
    image.
    - rate * 16 // output_stride
    + rate

belong_to_8
    You take 6, 12 and 18 for the rates at output stride 8, as some drawings have it. In the paper they belong to 16.
    - 16
    + 8

always_those_of_8
    You give the rates of output stride 8 for all. A library does so, and it is right for its backbones of that stride only.
    - rate * 16 // output_stride
    + 2 * rate

finer_grids_only
    The finer grids are right; on the coarser one, of stride 32, the rates change as well, the other way.
    - output_stride for
    + min(output_stride, 16) for

doubled_at_8_only
    At 8 and 16 you are right. The rule goes on: a grid of stride 4 is finer again, and one of 32 is coarser.
    - rate * 16 // output_stride
    + rate * (2 if output_stride == 8 else 1)

divided_first
    You divide first, with `//`: 6 // 8 is 0, and everything after it is 0, too. Multiply first.
    - rate * 16 // output_stride
    + rate // output_stride * 16

rate_of_nothing
    At output stride 32 all your rates are 0, since 16 // 32 is 0. Multiply by the rate first.
    - rate * 16 // output_stride
    + 16 // output_stride * rate

by_area
    You divide by the *square* of the stride. A rate is a distance along one axis: with half the stride it doubles.
    - rate * 16 // output_stride
    + rate * 256 // output_stride**2

in_pixels_of_the_image
    These are distances in pixels of the image. A rate counts places of the grid, which are `output_stride` pixels apart.
    - // output_stride
    +

whole_kernels
    You keep the side of the whole kernel, 2 · rate + 1 places, and its centre is counted with it. A rate is the distance from
    one tap to the next: that is what spans as many pixels as before.
    - rate * 16 // output_stride
    + ((2 * rate + 1) * 16 // output_stride - 1) // 2

added
    You add the difference of the strides. On a grid that is twice as fine, each distance has twice as many places: multiply.
    - rate * 16 // output_stride
    + rate + 16 - output_stride

one_rate_only
    That is one rate. ASPP has three atrous convolutions, each with a rate of its own.
    - (6, 12, 18)
    + (6,)
""")

rates_for = Exercise(
    "rates_for",
    rates_for,
    [(8,), (16,), (32,), (4,), (2,), (1,), (48,)],
    [*SLIPS, usual_strides_only],
    [
        "At output stride 16, rate 6 spans 6 · 16 pixels of the image from tap to tap. How many places is that at stride 8?",
        "rate · stride is to stay the same: if one is halved, the other doubles.",
        "Multiply by 16, then divide by the output stride: the version given does it the other way round.",
    ],
    given=given_rates_for,
    common_errors={
        "KeyError": "Your table ends somewhere. Any output stride that divides 96 may be asked for: one rule does for all.",
        "output_stride must be": "`aspp_rates` is the course's own, for four strides only. Write the rule yourself.",
    },
    difficulty=1,
    minutes=4,
)
