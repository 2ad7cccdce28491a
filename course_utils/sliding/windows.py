"""A classifier of windows at every place of an image: window by window, in one pass, and by shifted passes."""

import math
from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from course_utils.ops.checks import IntPair, Pair, int_pair, require_tensor, whole_number
from course_utils.sliding.dense import Patch, dense_layer
from course_utils.sliding.layers import is_plain_sequential, refuse_layers_that_see_borders, refuse_training_mode


def sliding_window_logits(
    classifier: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    window: IntPair,
    stride: IntPair = 1,
    batch_size: int = 256,
    padding: bool = False,
    progress: bool = False,
) -> Tensor:
    """Classify the windows of an image one by one: slow, and the definition of what the faster ways compute.

    With `padding=True` the image gets a border of zeros, so that each pixel (each stride-th) has a window, in which it
    is pixel (h // 2, w // 2): a window with an even side has one more row above than below it, and one more column to
    the left than to the right.

    Shapes: `image` (B, C, H, W), `classifier` (N, C, h, w) → (N, K); the result (B, K, rows, columns) with
    rows = (H - h) // stride + 1, where H counts the border, too. At most `batch_size` windows are copied at a time; but
    gradients need all of them, so call it under `torch.no_grad()` where none are wanted. `progress=True` shows a bar.

    Raises: ValueError for an image smaller than the window, for batch norm or dropout in training mode, for logits of
    another shape, and if `classifier` is not a function of windows.
    """
    _require_callable(classifier, "classifier")
    _require_bool(padding)
    batch_size = whole_number(batch_size, "batch_size", minimum=1)
    size, (step_y, step_x) = int_pair(window, "window"), int_pair(stride, "stride")
    refuse_training_mode(classifier)
    image = _pad(_checked(image, size, padding), size, padding)
    windows = image.unfold(2, size[0], step_y).unfold(3, size[1], step_x).movedim(1, 3)  # (B, rows, columns, C, h, w)
    count = math.prod(windows.shape[:3])
    firsts = range(0, max(count, 1), batch_size)
    if progress:
        from tqdm import tqdm

        firsts = tqdm(firsts, unit="batch")
    logits = []
    for first in firsts:
        numbers = torch.arange(first, min(first + batch_size, count), device=image.device)
        logits.append(_classify(classifier, windows[torch.unravel_index(numbers, windows.shape[:3])]))
    classes = sorted({found.shape[1] for found in logits})
    if len(classes) > 1:
        raise ValueError(
            f"A classifier gives as many logits for every batch of windows, but this one gave {classes} by turns; let K "
            "depend neither on the windows nor on their number."
        )
    return torch.cat(logits).view(*windows.shape[:3], logits[0].shape[1]).movedim(3, 1).contiguous()


def _classify(classifier: Callable[[Tensor], Tensor], patches: Tensor) -> Tensor:
    """Logits (N, K) of N patches."""
    logits = classifier(patches)
    if isinstance(logits, Tensor) and logits.shape[2:] == (1, 1):
        logits = logits.flatten(1)  # of a network without Flatten at its end
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(patches):
        raise ValueError(
            f"A classifier turns windows {tuple(patches.shape)} into logits ({len(patches)}, K), but this one gave "
            f"{_what(logits)}; end it on nn.Flatten() and nn.Linear, or take the window that it was made for."
        )
    return logits


def to_dense(classifier: nn.Sequential, *, window: IntPair | None = None, padding: bool = False) -> nn.Sequential:
    """Turn a classifier of windows into a network that gives the same logits at every place in one pass.

    Source: Giusti et al. 2013, arXiv:1302.1700; Long, Shelhamer and Darrell 2015, sections 3.1 and 3.2, arXiv:1411.4038.

    A layer after strides whose product is j gets stride 1 and j times its dilation; Flatten and Linear become a convolution
    as large as the map, and further linear layers convolutions 1×1. Before them stands a layer that checks the size
    of an image, and pads it. Parameters and running statistics are the classifier's own tensors, under the same names: what
    changes them in place, as training, `load_state_dict`, `.double()` and `.cuda()` do, changes both. What puts other tensors
    into one (`load_state_dict(assign=True)`, `.to("meta")`, a new nn.Parameter) may leave the other behind: convert again. A
    hook on one may run in both. Each has a mode of its own; the dense one comes in evaluation mode.

    `window` may be left out if there is no adaptive pooling, and the map before Linear is square, which is then taken for
    granted: pass `window` where it was another rectangle. It is the smallest that gives this map. With `padding=True`
    the image is padded by zeros, once, as in `sliding_window_logits` (an even window: one more row above, one more column to
    the left), and nothing inside the network.

    Shapes: the network takes (B, C, H, W) to (B, K, H - h + 1, W - w + 1); with padding to (B, K, H, W).

    Raises: ValueError with name and reason for a layer without an equal dense form (a padded convolution or pooling,
    `ceil_mode`, adaptive pooling without a window, batch norm or dropout in training mode, a type that is not known, a
    forward or hooks of its own) and for a window that does not fit; and in the network for an image smaller than the window.
    """
    if not is_plain_sequential(classifier):
        own = " that has a forward or hooks of its own" if isinstance(classifier, nn.Sequential) else ""
        raise ValueError(
            f"to_dense converts the layers of an nn.Sequential, but got {_what(classifier)}{own}; write the classifier as "
            "nn.Sequential(...), or use sliding_window_logits, which takes any."
        )
    _require_bool(padding)
    refuse_training_mode(classifier)
    size = None if window is None else int_pair(window, "window")
    layers, patch = dense_layer(classifier, Patch(size))
    if patch.size not in (None, (1, 1)):
        raise ValueError(
            f"A window of {size[0]}×{size[1]} must end as one vector of logits, but leaves a map of {patch.size[0]}×"
            f"{patch.size[1]}; take the window that the classifier was made for, or end it on nn.Flatten() and nn.Linear."
        )
    if "image_frame" in layers._modules:
        raise ValueError("image_frame is what to_dense calls the layer that it adds; give yours another name.")
    frame = ImageFrame(size or patch.field, patch.field, padding)
    return nn.Sequential(OrderedDict([("image_frame", frame), *layers._modules.items()])).eval()


class ImageFrame(nn.Module):
    """Check that an image has place for a window, and pad it if wanted."""

    def __init__(self, window: Pair, field: Pair, padding: bool) -> None:
        super().__init__()
        self.window, self.field, self.padding = window, field, padding

    def forward(self, image: Tensor) -> Tensor:
        image = _pad(_checked(image, self.window, self.padding), self.window, self.padding)
        # A stride may leave the last rows and columns of every window unread: then those of the image, too.
        unread_rows, unread_columns = (given - seen for given, seen in zip(self.window, self.field, strict=True))
        image = image[:, :, : image.shape[2] - unread_rows, : image.shape[3] - unread_columns]
        return image.clone()  # the next layer may work in place

    def extra_repr(self) -> str:
        return f"window={self.window}, padding={self.padding}"


def shift_and_stitch(network: nn.Module, image: Tensor, *, stride: IntPair, window: IntPair) -> Tensor:
    """Logits at every place from a strided network: run it on shifted images, and interleave what it gives.

    Source: Sermanet et al. 2014, section 3.3, arXiv:1312.6229; Long, Shelhamer and Darrell 2015, section 3.2, arXiv:1411.4038.

    `network` is fully convolutional and unpadded: at `stride` and `window`, which `receptive_field` tells, it turns
    (B, C, H, W) into (B, K, rows, columns) with rows = (H - window) // stride + 1. A window may be larger than the field by
    less than a stride, which then leaves its last pixels unread. Of padding that is no layer, but a call in a forward,
    nothing can be known here.

    Shapes: `image` (B, C, H, W) → (B, K, H - window + 1, W - window + 1).

    Raises: ValueError for an image smaller than the window, for batch norm or dropout in training mode, for layers that
    pad or compute over the whole map, and for a network whose outputs are not as many as stride and window say.
    """
    _require_callable(network, "network")
    size, (step_y, step_x) = int_pair(window, "window"), int_pair(stride, "stride")
    refuse_training_mode(network)
    refuse_layers_that_see_borders(network)
    image = _checked(image, size, padding=False)
    rows, columns = image.shape[2] - size[0] + 1, image.shape[3] - size[1] + 1
    stitched = None
    for top in range(min(step_y, rows)):
        for left in range(min(step_x, columns)):
            logits = network(image[:, :, top:, left:].clone())  # a layer may work in place
            _check_outputs(logits, range(top, rows, step_y), range(left, columns, step_x))
            if stitched is None:
                stitched = logits.new_empty(*logits.shape[:2], rows, columns)
            places = stitched[:, :, top::step_y, left::step_x]
            places.copy_(logits[:, :, : places.shape[2], : places.shape[3]])
    return stitched


def _check_outputs(logits: Tensor, rows: range, columns: range) -> None:
    """ValueError unless a network gave a map with an output for each of these windows (and perhaps one that is unread)."""
    is_map = isinstance(logits, Tensor) and logits.ndim == 4
    if not is_map or not (_fits(logits.shape[2], rows) and _fits(logits.shape[3], columns)):
        raise ValueError(
            f"At this stride and window a network gives maps (B, K, {len(rows)}, {len(columns)}), but this one gave "
            f"{_what(logits)}; shift_and_stitch needs one without padding and without Flatten, and the stride and window "
            "that receptive_field tells of it."
        )


def _fits(outputs: int, places: range) -> bool:
    # One more is right where the window is larger than the field and pixels are left after the last window.
    return outputs == len(places) or (outputs == len(places) + 1 and places[-1] != places.stop - 1)


def _require_callable(value: object, name: str) -> None:
    if not callable(value):
        raise ValueError(
            f"{name} must be a module or a function of images, but is {_what(value)}; pass nn.Sequential(...)."
        )


def _require_bool(padding: bool) -> None:
    if not isinstance(padding, bool):
        raise ValueError(
            f"padding must be True (as much as the window asks for) or False, but is {padding!r}; its width is no choice."
        )


def _checked(image: Tensor, window: Pair, padding: bool) -> Tensor:
    require_tensor(image, "image")
    if image.ndim != 4:
        raise ValueError(f"image must be a batch (B, C, H, W), but has shape {tuple(image.shape)}; pass `image[None]`.")
    height, width = image.shape[2:]
    if height == 0 or width == 0:
        raise ValueError(f"image must have pixels, but has {height}×{width}; check how it was cut.")
    if not padding and (height < window[0] or width < window[1]):
        raise ValueError(
            f"An image of {height}×{width} pixels is smaller than the window of {window[0]}×{window[1]}; take a larger image, "
            "or pad it (padding=True in sliding_window_logits and to_dense)."
        )
    return image


def _pad(image: Tensor, window: Pair, padding: bool) -> Tensor:
    """The image with zeros around it, so that each of its pixels is pixel (h // 2, w // 2) of a window."""
    height, width = window
    return pad(image, (width // 2, (width - 1) // 2, height // 2, (height - 1) // 2)) if padding else image


def _what(value: object) -> str:
    return f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
