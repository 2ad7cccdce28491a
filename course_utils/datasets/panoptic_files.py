"""Panoptic maps as files: PNG pictures of ids, and COCO's JSON beside them."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_utils.datasets.files import decode, read_content
from course_utils.ops.panoptic_codes import from_coco, to_coco
from course_utils.whole_files import write_text_whole, write_whole


def write_numbers(path: Path, numbers: Tensor) -> None:
    """Write what `ops.panoptic_codes` makes of a map as a PNG: colours, or one number of 16 bits a pixel.

    Shapes: uint8 (H, W, 3), or whole numbers (H, W) from 0 to 65535.

    Raises: ValueError for anything else; OSError where it cannot be written.
    """
    if numbers.dtype == torch.uint8 and numbers.ndim == 3 and numbers.shape[-1] == 3:
        picture = Image.fromarray(numbers.cpu().numpy())
    elif numbers.ndim == 2 and not numbers.is_floating_point() and numbers.numel() and 0 <= int(numbers.min()):
        if int(numbers.max()) >= 2**16:
            raise ValueError(f"A PNG holds 16 bits, up to 65535, but the largest number is {int(numbers.max())}.")
        picture = Image.fromarray(numbers.cpu().numpy().astype(np.uint16))
    else:
        raise ValueError(
            "write_numbers takes uint8 (H, W, 3), or whole numbers (H, W) from 0 to 65535, but got "
            f"{numbers.dtype} {tuple(numbers.shape)}."
        )
    write_whole(path, lambda partial: picture.save(partial, format="PNG"))


def read_numbers(path: Path) -> Tensor:
    """What such a PNG holds: uint8 (H, W, 3) of a coloured one, int32 (H, W) of a grey one of 8 or 16 bits.

    Raises: ValueError where the file is missing, damaged, or neither.
    """
    picture = decode(path)
    if picture.mode == "RGB":
        return torch.from_numpy(np.array(picture))
    if picture.mode in ("L", "I", "I;16"):
        return torch.from_numpy(np.array(picture).astype(np.int32))
    raise ValueError(
        f"{path} should hold ids, as RGB or as grey of 8 or 16 bits, but is of mode {picture.mode!r}: whatever drew it with a "
        "palette or with transparency has changed the numbers."
    )


def write_coco_panoptic(
    path: Path, maps: Mapping[str, Tensor], *, classes: Sequence[str], things: Collection[int]
) -> None:
    """Write maps in COCO's panoptic format: a JSON file, and beside it a folder of its name with a PNG for each image.

    `maps`: panoptic maps (H, W, 2) by the image's name, without a file's ending. Categories are numbered as the classes are.

    Source: https://cocodataset.org/#format-data, section 4.

    Raises: ValueError for maps of another shape or type, and classes without a name; OSError where it cannot be written.
    """
    coded = {name: to_coco(panoptic) for name, panoptic in maps.items()}
    for name, (_, segments) in coded.items():
        if bad := [segment["category_id"] for segment in segments if segment["category_id"] >= len(classes)]:
            raise ValueError(f"The map of {name!r} has the class {bad[0]}, but there are names for {len(classes)}.")
    path.with_suffix("").mkdir(parents=True, exist_ok=True)
    for name, (picture, _) in coded.items():
        write_numbers(path.with_suffix("") / f"{name}.png", picture)
    content = {
        "images": [
            {"id": n, "file_name": f"{name}.jpg", "height": picture.shape[0], "width": picture.shape[1]}
            for n, (name, (picture, _)) in enumerate(coded.items())
        ],
        "annotations": [
            {"image_id": n, "file_name": f"{name}.png", "segments_info": segments}
            for n, (name, (_, segments)) in enumerate(coded.items())
        ],
        "categories": [{"id": n, "name": name, "isthing": int(n in things)} for n, name in enumerate(classes)],
    }
    write_text_whole(path, json.dumps(content))


def read_coco_panoptic(path: Path) -> dict[str, Tensor]:
    """The panoptic maps of a JSON file in COCO's panoptic format and its folder of PNGs, by the image's name.

    Classes are the categories' ids; the objects of a class are numbered 1, 2, …

    Raises: ValueError where a file is missing, damaged or in another format.
    """
    try:
        content = json.loads(read_content(path))
        things = [category["id"] for category in content["categories"] if category["isthing"]]
        annotations = [(one["file_name"], one["segments_info"]) for one in content["annotations"]]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} should be in COCO's panoptic format, with `annotations` and `categories`, but has a fault: {error!r}."
        ) from error
    folder = path.with_suffix("")
    return {
        Path(name).stem: from_coco(read_numbers(folder / name), segments, things=things)
        for name, segments in annotations
    }
