"""Numbers may come from NumPy, and give what Python's give; anything but a number or a tensor is refused by a sentence."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import public_calls
import pytest
import torch
from public_calls import CALLS, Call
from test_any_state import assert_same
from torch import Tensor, nn

from course_utils.datasets.cells import Cells
from course_utils.datasets.coco_polygons import polygons_to_mask
from course_utils.datasets.patterns import draw_patterns
from course_utils.datasets.puppets import Puppets
from course_utils.datasets.samples import resize_and_crop
from course_utils.datasets.scenes import Scenes
from course_utils.datasets.transforms import elastic, scale_and_crop
from course_utils.datasets.windows import draw_windows
from course_utils.models.backbones.resnet import resnet18
from course_utils.models.deconvnet import DeconvNet
from course_utils.models.fcn import FCN, fcn_vgg16
from course_utils.models.segnet import SegNet
from course_utils.sliding.fields import receptive_field
from course_utils.sliding.windows import to_dense

# Functions within the package, called with what has been checked before.
UNCHECKED = (
    "bands.two_sided_product",
    "counts.count_indices",
    "labels.label_range",
    "masking.one_hot",
    "layers.resize",
    "row_sums.sum_rows",
    "anchors.Anchors",
    "region_targets.mask_targets",
    "region_targets.keypoint_targets",
    "region_targets.keypoint_loss",
    "region_targets.read_keypoints",
)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def with_numbers(call: Call, change: Callable[[Any], Any]) -> Call:
    """The call with each of its numbers, also those in pairs and tuples, changed."""

    def changed(value: Any) -> Any:
        if isinstance(value, tuple) and all(map(is_real, value)):
            return tuple(map(change, value))
        return change(value) if is_real(value) else value

    arguments = tuple(map(changed, call.arguments))
    return call._replace(arguments=arguments, named={name: changed(value) for name, value in call.named.items()})


def numbers(call: Call) -> dict[str | int, Any]:
    """The numbers and pairs of numbers among a call's arguments, by place or name."""
    given = dict(enumerate(call.arguments)) | call.named
    return {
        key: value
        for key, value in given.items()
        if is_real(value) or (isinstance(value, tuple) and value and all(map(is_real, value)))
    }


def replaced(call: Call, key: str | int, value: Any) -> Call:
    if isinstance(key, str):
        return call._replace(named=call.named | {key: value})
    return call._replace(arguments=(*call.arguments[:key], value, *call.arguments[key + 1 :]))


WITH_NUMBERS = [name for name, call in CALLS.items() if numbers(call) and name not in UNCHECKED]
KINDS: dict[str, Callable[[Any], Any]] = {
    "uint8": lambda value: np.uint8(value) if is_whole(value) and value < 256 else value,
    "int64": lambda value: np.int64(value) if is_whole(value) else value,
    "float32": lambda value: value if is_whole(value) else np.float32(value),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WITH_NUMBERS)
def test_numbers_of_numpy_give_what_those_of_python_give(name: str, kind: str) -> None:
    call = CALLS[name]
    given = with_numbers(call, KINDS[kind])
    assert_same(given.function(*given.arguments, **given.named), call.function(*call.arguments, **call.named))


NO_NUMBERS = {"text": "3", "True": True, "NumPy's True": np.True_, "NaN": float("nan"), "a list": [3], "complex": 1j}
TUPLES = (
    ("memory.decoder_memory", 1),
    ("contract.last_map_at", 0),
    ("yolact_parts.grid_anchors", 3),
    ("panoptic.is_thing", 1),
    *((name, "things") for name, call in CALLS.items() if "things" in call.named),
)  # any number of numbers


def not_refused(call: Call, key: str | int, odd_values: dict[str, Any], sentence: str) -> dict[str, str]:
    """Of the values, those that a function takes, or refuses otherwise than by a ValueError with this sentence."""
    found = {}
    for name, odd in odd_values.items():
        given = replaced(call, key, odd)
        try:
            found[name] = f"gave {given.function(*given.arguments, **given.named)}"
        except ValueError as error:
            if not re.search(sentence, str(error)):
                found[name] = f"said {error}"
        except Exception as error:
            found[name] = f"raised {error!r}"
    return found


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name in WITH_NUMBERS for key in numbers(CALLS[name]) if (name, key) not in TUPLES]
)
def test_what_is_no_number_is_refused_by_a_sentence(name: str, key: str | int) -> None:
    assert not_refused(CALLS[name], key, NO_NUMBERS, "must|needs|should|takes") == {}


# PyTorch calls these with what the layer before has given.
LAYERS = ("dense.", "windows.", "csr.", "masking.require_class_vector")
WITH_TENSORS = [
    (name, key)
    for name, call in CALLS.items()
    for key, value in {**dict(enumerate(call.arguments)), **call.named}.items()
    if isinstance(value, Tensor) and name not in UNCHECKED and not name.startswith(LAYERS)
]
NO_TENSORS = {"text": "image", "NumPy": np.ones((2, 3)), "list": [[1, 0]]}


@pytest.mark.parametrize(("name", "key"), WITH_TENSORS, ids=str)
def test_what_is_no_tensor_is_refused_by_a_sentence(name: str, key: str | int) -> None:
    assert not_refused(CALLS[name], key, NO_TENSORS, "must be a tensor|must be tensors") == {}


# --- Labels: one check, the same sentence in losses, metrics and operations

WITH_VOID = [name for name, call in CALLS.items() if "ignore_index" in call.named]


NO_LABELS = {
    "a list": [255],
    "True": True,
    "text": "255",
    "a float": 255.0,
    "NaN": float("nan"),
    "NumPy's True": np.True_,
}


@pytest.mark.parametrize("name", WITH_VOID)
def test_void_is_marked_by_an_integer(name: str) -> None:
    sentence = "ignore_index must be the integer that marks void, or None where nothing"
    assert not_refused(CALLS[name], "ignore_index", NO_LABELS, sentence) == {}


LABELS_AT = {name: 1 for name in WITH_VOID} | {"masks.boundaries": 0}


@pytest.mark.parametrize("name", [name for name in WITH_VOID if name != "weights.count_pixels"])
def test_labels_are_integers_and_the_advice_fits_what_came(name: str) -> None:
    call, place = CALLS[name], LABELS_AT[name]
    labels = call.arguments[place]
    for odd, advice in (
        (labels.double(), r"convert it with `\.long\(\)`"),
        (labels / 300, r"take the largest, `\.argmax\(1\)`, or compare them with a threshold"),
    ):
        given = replaced(call, place, odd)
        with pytest.raises(ValueError, match=f"must hold integer labels, but is torch.float(32|64); .*{advice}"):
            given.function(*given.arguments, **given.named)


# --- Networks and data sets

TINY = public_calls.TINY
PAIRS: dict[str, Callable[[Callable[[int], Any]], Any]] = {
    "FCN": lambda n: FCN(public_calls._small_backbone(), n(5), stride=n(4)),
    "fcn_vgg16": lambda n: fcn_vgg16(n(5), stride=n(8), widths=(2, 2, 2, 2, 2), hidden=n(4)),
    "DeconvNet": lambda n: DeconvNet(n(5), widths=(n(4), n(6)), depths=(n(1), n(2)), hidden=n(8), hidden_kernel=n(3)),
    "SegNet": lambda n: SegNet(n(5), widths=(n(4), n(6)), depths=(n(1), n(2))),
    "resnet18": lambda n: resnet18(output_stride=n(8)),
}


@pytest.mark.parametrize("kind", [np.uint8, np.int64])
@pytest.mark.parametrize("name", PAIRS)
def test_networks_are_the_same_for_numbers_of_numpy(name: str, kind: type) -> None:
    wanted, found = ({key: value.shape for key, value in PAIRS[name](n).state_dict().items()} for n in (int, kind))
    assert found == wanted


@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_fields_and_dense_forms_are_the_same_for_layers_made_with_numbers_of_numpy(kind: type) -> None:
    def layers(n: Callable[[int], Any]) -> nn.Sequential:
        first = nn.Conv2d(3, 2, n(3), stride=n(2), dilation=n(100))
        return nn.Sequential(first, nn.MaxPool2d(n(2), stride=n(2)), nn.Conv2d(2, 2, n(2), padding=n(0))).eval()

    assert receptive_field(layers(kind)) == receptive_field(layers(int))
    with torch.device("meta"):
        image = torch.rand(1, 3, 500, 510)
        assert to_dense(layers(kind), window=207)(image).shape == to_dense(layers(int), window=207)(image).shape


SAMPLE = Scenes("val", length=1)[0]
DRAWN: dict[str, Callable[[Callable[[int], Any]], Any]] = {
    "Scenes": lambda n: Scenes("val", (n(48), n(64)), length=n(3))[n(1)],
    "Cells": lambda n: Cells("val", (n(48), n(64)), length=n(3))[n(1)],
    "Puppets": lambda n: Puppets("val", (n(48), n(64)), length=n(3)).with_objects(n(1)),
    "polygons_to_mask": lambda n: polygons_to_mask([[n(1), n(2), n(9), n(3), n(4), n(8)]], (n(10), n(12))),
    "draw_patterns": lambda n: tuple(draw_patterns("val", n(1), seed=n(200), count=n(3), size=n(40))),
    "resize_and_crop": lambda n: resize_and_crop(SAMPLE, (n(200), n(250))),
    "scale_and_crop": lambda n: scale_and_crop(SAMPLE, torch.Generator().manual_seed(0), size=(n(200), n(250))),
    "elastic": lambda n: elastic(SAMPLE, torch.Generator().manual_seed(0), spread=n(20), points=n(3)),
    "draw_windows": lambda n: next(
        draw_windows(SAMPLE.image[None], SAMPLE.labels[None], window=n(9), steps=n(1), batch_size=n(200), seed=n(250))
    ),
}


@pytest.mark.parametrize("kind", [np.uint8, np.int64])
@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_is_the_same_for_numbers_of_numpy(name: str, kind: type) -> None:
    assert_same(DRAWN[name](kind), DRAWN[name](int))
