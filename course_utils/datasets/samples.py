"""One sample of any data set of the course: its fields, its boxes and masks, its change of size."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from course_utils.ops.boxes import masks_to_boxes
from course_utils.ops.checks import int_pair, is_integer
from course_utils.ops.masks import ids_to_masks

VOID = 255


class Sample(NamedTuple):
    """An image and its truth.

    Shapes: `image` (3, H, W) float32 in [0, 1]; `labels` (H, W) int64, class ids and 255 for void; `instances` (H, W) int64,
    0 where there is no instance, 1, 2, … on the objects; -1 everywhere where the data set has no instance truth.
    """

    image: Tensor
    labels: Tensor
    instances: Tensor


class DataSet(Protocol):
    """What every data set of the course is: a map-style PyTorch data set that says what its labels mean.

    `classes`: a name for each label; `things`: the labels whose objects have instance ids; `colours`: RGB, 0 to 255, for each
    label; `names`: one for each sample.
    """

    classes: tuple[str, ...]
    num_classes: int
    things: tuple[int, ...]
    colours: tuple[tuple[int, int, int], ...]
    names: Sequence[str]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def boxes_and_masks(sample: Sample) -> tuple[Tensor, Tensor, Tensor]:
    """The instances of a sample as boxes, masks and class labels, in the order of their ids.

    Shapes: boxes (N, 4) float32 as (x1, y1, x2, y2) in continuous pixel coordinates, so that one pixel has a box of area 1;
    masks (N, H, W) bool; class labels (N,) int64, the most frequent label under the mask that is not void (void where
    there is no other). Without instances: (0, 4), (0, H, W), (0,).

    Raises: ValueError where the sample has no instance truth.
    """
    instances = sample.instances
    if bool((instances < 0).any()):
        raise ValueError(
            "boxes_and_masks needs instance ids of 0 and above, but this sample has -1: its data set has no instance truth. "
            "Take a set that has one ('scenes', 'cells', 'puppets', 'nuclei')."
        )
    require_one_size(sample)
    if bool(((sample.labels < 0) | (sample.labels > VOID)).any()):
        raise ValueError(
            f"labels should be class ids below {VOID} and {VOID} for void, but go from {int(sample.labels.min())} to "
            f"{int(sample.labels.max())}; map them to these."
        )
    ids, masks = ids_to_masks(instances)
    boxes = masks_to_boxes(masks)
    # How often each label occurs under each mask: (N, 256). Void counts where there is nothing else.
    objects = instances > 0
    pairs = torch.searchsorted(ids, instances[objects]) * 256 + sample.labels[objects]
    counts = torch.bincount(pairs, minlength=256 * len(ids)).reshape(len(ids), 256)
    most, classes = counts[:, :VOID].max(1)
    return boxes, masks, torch.where(most > 0, classes, VOID)


def resize_and_crop(sample: Sample, size: tuple[int, int]) -> Sample:
    """Scale a sample until it covers `size` = (H, W), then cut out the centre.

    The image is resized bilinearly with antialiasing, labels and instances take the nearest pixel of the same grid: a label
    that is averaged would be the label of a class that is not there.

    Raises: ValueError where `size` is not two positive whole numbers.
    """
    size = checked_size(size)
    require_one_size(sample)
    height, width = sample.labels.shape
    if (height, width) == size:
        return sample
    scale = max(size[0] / height, size[1] / width)
    covering = (max(size[0], round(height * scale)), max(size[1], round(width * scale)))
    image = interpolate(sample.image[None], covering, mode="bilinear", align_corners=False, antialias=True)[0]
    # Ids above 2^24 would not survive float32, so that the nearest pixel is looked up instead of interpolated.
    rows = _nearest(height, covering[0], sample.labels.device)
    columns = _nearest(width, covering[1], sample.labels.device)
    labels, instances = sample.labels[rows][:, columns], sample.instances[rows][:, columns]
    top, left = (covering[0] - size[0]) // 2, (covering[1] - size[1]) // 2
    window = (..., slice(top, top + size[0]), slice(left, left + size[1]))
    return Sample(image[window].clamp(0, 1).contiguous(), labels[window].contiguous(), instances[window].contiguous())


def require_sample(sample: object, giver: str) -> Sample:
    """What a data set or a transform gave, if it is a sample.

    Raises: ValueError that names the giver.
    """
    if not isinstance(sample, Sample):
        raise ValueError(f"{giver} must give a Sample(image, labels, instances), but gave {type(sample).__name__}.")
    return sample


def require_data_set(data: object, *attributes: str) -> None:
    """Refuse an object that is not a map-style data set with these attributes.

    Raises: ValueError that names what is missing.
    """
    missing = [name for name in ("__len__", "__getitem__", *attributes) if not hasattr(data, name)]
    if missing:
        raise ValueError(
            f"A data set of the course is needed, but this {type(data).__name__} has no {', '.join(missing)}; give it that, as "
            "the data sets of `course_utils.datasets` have it."
        )


def require_one_size(sample: Sample) -> None:
    """Refuse a sample that is not a floating image (3, H, W) with labels and instances (H, W) of the same size."""
    image, labels, instances = sample
    shapes = tuple(image.shape), tuple(labels.shape), tuple(instances.shape)
    if len(shapes[1]) != 2 or shapes[1] != shapes[2] or shapes[0] != (3, *shapes[1]) or 0 in shapes[1]:
        raise ValueError(
            f"A sample has an image (3, H, W), labels (H, W) and instances (H, W), but these have the shapes {shapes}."
        )
    if not image.is_floating_point():
        raise ValueError(f"A sample's image is floating in [0, 1], but this is {image.dtype}; divide it by 255.")


def checked_size(size: tuple[int, int]) -> tuple[int, int]:
    """A size (H, W) as two numbers of Python.

    Raises: ValueError if it is not two positive whole numbers.
    """
    if not isinstance(size, tuple | list) or len(size) != 2 or not all(is_integer(n) and n > 0 for n in size):
        raise ValueError(
            f"size should be (height, width), two positive whole numbers such as (96, 128), but is {size!r}."
        )
    return int_pair(size, "size")


def _nearest(n_in: int, n_out: int, device: torch.device) -> Tensor:
    """Index of the input pixel that contains the centre of each output pixel, exact in integers: (n_out,)."""
    return (2 * torch.arange(n_out, device=device) + 1) * n_in // (2 * n_out)
