"""Image and label files of the real data sets: read, checked, and put in order, with errors that name the file and the fix."""

import codecs
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

REPAIR = "Put the original file there, or delete the data set's folder and run 'python -m course_utils.datasets NAME'."


ORIENTATION = 0x0112  # EXIF's number of the tag that says how a camera was held


def read_image(path: Path, *, size: tuple[int, int] | None = None) -> Tensor:
    """An image file of 8 bits a channel as (3, H, W) float32 in [0, 1]; grey is repeated, an alpha channel dropped.

    It is turned as its EXIF orientation says, unless its labels, of `size` = (H, W), fit it only as it is stored: many tools
    that draw labels know nothing of EXIF.

    Raises: ValueError where the file is missing, damaged, or of another depth.
    """
    picture = decode(path)
    upright = _upright(picture)
    if size is None or (upright.height, upright.width) == size or (picture.height, picture.width) != size:
        picture = upright
    if picture.mode.startswith(("I", "F")):
        raise ValueError(f"{path} should have 8 bits a channel, but is of mode {picture.mode!r}. {REPAIR}")
    pixels = torch.from_numpy(np.array(picture.convert("RGB")))
    return pixels.permute(2, 0, 1).to(torch.float32).div(255).contiguous()


def read_ids(path: Path) -> Tensor:
    """The numbers that a label file stores, (H, W) uint8: the grey values, or a palette file's indices rather than its colours.

    Raises: ValueError where the file is missing, damaged, or holds colours.
    """
    picture = decode(path)
    if picture.mode == "1":
        picture = picture.convert("L")
    if picture.mode not in ("L", "P"):
        raise ValueError(
            f"{path} should hold one class id per pixel (a grey or palette image), but is of mode {picture.mode!r}: "
            f"perhaps a coloured picture of the labels. {REPAIR}"
        )
    return torch.from_numpy(np.array(picture))


def read_labels(path: Path, classes: Mapping[int, int]) -> Tensor:
    """A label file translated by `classes`, file value -> class id, to (H, W) int64.

    Raises: ValueError where the file holds a value that `classes` does not list, or cannot be read.
    """
    stored = read_ids(path).long()
    table = torch.full((256,), -1, dtype=torch.int64, device="cpu")
    for value, class_id in classes.items():
        table[value] = class_id
    labels = table[stored]
    if bool((labels < 0).any()):
        row, column = (labels < 0).nonzero()[0].tolist()
        raise ValueError(
            f"{path} holds the value {int(stored[row, column])} at row {row}, column {column}; "
            f"this data set has only {_ranges(classes)}. {REPAIR}"
        )
    return labels


def read_pair(image_path: Path, label_path: Path, classes: Mapping[int, int]) -> tuple[Tensor, Tensor]:
    """An image and its labels, of one size: (3, H, W) float32 and (H, W) int64.

    Raises: ValueError where a file cannot be read, has a foreign value, or the sizes differ.
    """
    labels = read_labels(label_path, classes)
    image = read_image(image_path, size=tuple(labels.shape))
    require_same_size(image, labels, image_path, label_path)
    return image, labels


def read_lines(path: Path, repair: str = REPAIR) -> list[str]:
    """The lines of a text file in UTF-8, with or without a mark, or in UTF-16 with one, as editors on Windows write them.

    Raises: ValueError where the file cannot be read or is no such text; `repair` is the sentence that says what to do.
    """
    content = read_content(path, repair)
    with_mark = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if with_mark else "utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} should be a text in UTF-8, but is not ({error}). {repair}") from error


def read_content(path: Path, repair: str = REPAIR) -> bytes:
    """The bytes of a file.

    Raises: ValueError where it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}). {repair}") from error


def require_same_size(image: Tensor, labels: Tensor, image_path: Path, label_path: Path) -> None:
    """Refuse labels of another height or width than their image."""
    if image.shape[-2:] != labels.shape[-2:]:
        (height, width), (rows, columns) = image.shape[-2:], labels.shape[-2:]
        raise ValueError(f"{label_path} is {rows}×{columns}, but its image {image_path} is {height}×{width}. {REPAIR}")


def require_files(paths: Iterable[Path]) -> None:
    """Refuse a data set with a hole at once, not in the middle of an epoch."""
    for path in paths:
        if not os.path.isfile(path):
            raise ValueError(f"{path} is missing. {REPAIR}")


def require_some(found: Sequence[object], folder: Path, expected: str) -> None:
    """Refuse an empty data set: a loop over nothing would end without a word."""
    if len(found) == 0:
        raise ValueError(f"{folder} is empty or missing: expected {expected}. {REPAIR}")


def require_split(name: str, split: str, splits: Sequence[str]) -> None:
    """Refuse a split that the data set does not have."""
    if split not in splits:
        raise ValueError(f"{name} has no split {split!r}; choose one of {', '.join(map(repr, splits))}.")


def natural_order(names: Iterable[str]) -> list[str]:
    """Names sorted with the numbers in them as numbers: 2 before 10."""

    def key(name: str) -> tuple[list[str | int], str]:
        parts = re.split(r"([0-9]+)", name)
        return [int(part) if part.isdecimal() else part for part in parts], name

    return sorted(names, key=key)


def last_fifth(names: Sequence[str], split: str) -> tuple[str, ...]:
    """The names of a set without a split of its own: the last fifth, rounded up, is 'val', what comes before is 'train'."""
    start = len(names) - -(-len(names) // 5)
    return tuple(names[start:] if split == "val" else names[:start])


def decode(path: Path) -> Image.Image:
    """An image file as it is stored. Raises: ValueError where it is missing or damaged."""
    try:
        with Image.open(path) as picture:
            picture.load()
    except FileNotFoundError:
        raise ValueError(f"{path} is missing. {REPAIR}") from None
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path} is too large to be a picture of a data set ({error}) {REPAIR}") from error
    except Exception as error:  # decoders raise all kinds on bytes that they do not expect
        if isinstance(error, OSError) and error.errno is not None:
            raise ValueError(f"{path} cannot be read ({error.strerror}). {REPAIR}") from error
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} cannot be read: it is damaged or cut short ({reason}). {REPAIR}") from error
    return picture


def _upright(picture: Image.Image) -> Image.Image:
    """The picture turned as its EXIF orientation says; as it is where it says nothing that can be read."""
    try:
        turned = picture.getexif().get(ORIENTATION, 1) != 1
        return ImageOps.exif_transpose(picture) if turned else picture
    except Exception:  # the same decoders, on a block that matters less than the picture
        return picture


def _ranges(values: Iterable[int]) -> str:
    """Numbers in words: '0 … 11', or '0, 255'."""
    numbers = sorted(values)
    whole = len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1))
    return f"{numbers[0]} … {numbers[-1]}" if whole else ", ".join(map(str, numbers))
