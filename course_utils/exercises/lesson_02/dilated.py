"""Dilations in the place of strides."""

import torch

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def dilations(strides: list[int]) -> list[int]:
    """Say which dilation each layer needs, once all strides are 1, so that the network gives its numbers at every pixel.

    strides: those that the layers had, pooling included, the layer next to the image first; result: one for each layer.
    """
    result, product = [], 1
    for stride in strides:
        result.append(product)
        product *= stride
    return result


def _draw_strides(generator: torch.Generator) -> tuple[list[int]]:
    return (torch.randint(1, 5, (5,), generator=generator).tolist(),)


SLIPS = read_slips("""
own_stride_included
    You counted the layer's own stride. It thins out what comes *after* the layer; the layer's own input is as dense
    as the layers before it left it.
    - result.append(product)
    - product *= stride
    + product *= stride
    + result.append(product)

sum_of_strides
    You add the strides. Every second of every third is every sixth: they multiply.
    - [], 1
    + [], 0
    - result.append(product)
    + result.append(product or 1)
    - product *= stride
    + product += stride

strides_added_to_one
    You add the strides, to the 1 of the first layer. Every second of every third is every sixth: they multiply.
    - product *= stride
    + product += stride

skipped_pixels_added
    You add up what each stride skips. After a stride of 2 a step is 2 pixels long, and the next stride counts in
    such steps: they multiply.
    - product *= stride
    + product += stride - 1

layer_before_only
    You take the stride of the one layer before. The strides of all layers before it have gone, and all are to be
    made good.
    - product *= stride
    + product = stride

strides_as_dilations
    You turned each layer's stride into its own dilation. The layer itself still looks at neighbours; it is the
    layers after it whose inputs have moved apart.
    - result.append(product)
    + result.append(stride)

product_of_all
    You gave all layers the stride of the whole network. A layer's inputs have moved apart by the strides before it
    only: the first layer sees the image as ever.
    - return result
    + return [product] * len(strides)

strides_after
    You multiplied the strides that come after the layer. Its inputs come from the layers before it.
    - in strides
    + in reversed(strides)
    - return result
    + return result[::-1]

no_dilation
    Without dilation each layer looks at direct neighbours, which were its neighbours at stride 1 only: taking the
    strides away has moved them apart.
    - product *= stride
    +

undilated_is_zero
    Your first layer has the dilation 0: all its weights would fall on one pixel. Neighbours are at distance 1, and
    1 is what PyTorch calls no dilation.
    - return result
    + return [0, *result[1:]]

product_from_zero
    Your product begins at 0, and a product that is 0 stays so. It begins at 1, as the dilation of the first layer is.
    - [], 1
    + [], 0

holes
    You count the holes between two inputs. A dilation is the distance from one to the next: one more.
    - result.append(product)
    + result.append(product - 1)

one_too_many
    You give one dilation more than there are layers. Your last one is that of a layer behind the end: no layer
    looks at what the last one leaves.
    - return result
    + return [*result, product]

doubled_at_each_stride
    You double the dilation at each layer that skipped. This is right where all strides are 1 or 2, as in the
    lesson's network; a stride of 3 moves neighbours 3 times as far apart.
    - product *= stride
    + product *= 2 if stride > 1 else 1

largest_so_far
    You take the largest stride so far. Every second of every third is every sixth: all strides before a layer
    count, and they multiply.
    - product *= stride
    + product = max(product, stride)

powers_of_two
    You double the dilation at each layer, as some networks do on purpose. Here the dilation makes good what the
    strides did: after a layer with stride 1 nothing has moved apart.
    - product *= stride
    + product *= 2
""")


dilations = Exercise(
    "dilations",
    dilations,
    [([4],), ([3, 1],), ([2, 3, 1, 4],), ([1, 2, 2, 2, 3],)],
    SLIPS,
    [
        "Two layers, the first with stride 2. The second one's neighbours were 2 pixels apart. Where are they at stride 1?",
        "The first layer looks at the image, of which nothing has changed: its dilation is 1.",
        "Go through the strides with a product that begins at 1: first it is the layer's dilation, then multiply its stride in.",
    ],
    draw=_draw_strides,
    difficulty=2,
    minutes=6,
)
