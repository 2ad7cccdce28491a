"""A classifier of windows, moved over an image."""

import torch
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_02.networks import Drawn, ReadsWindow, channel, drawn_image
from course_utils.exercises.slips import read_slips
from course_utils.sliding.windows import sliding_window_logits


def sliding_window(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """Classify the w × w window whose top left pixel is (y, x), for every window that lies in the image.

    classifier: (N, C, w, w) -> (N, K); image: (C, H, W), at least w × w pixels; result: logits (K, H-w+1, W-w+1), for (y, x)
    at [:, y, x].
    """
    rows = []
    for y in range(image.shape[1] - window + 1):
        windows = [image[:, y : y + window, x : x + window] for x in range(image.shape[2] - window + 1)]
        logits = classifier(torch.stack(windows))
        rows.append(logits.T)
    return torch.stack(rows, dim=1)


def _draw_classifier(generator: torch.Generator) -> tuple[nn.Module, Tensor, int]:
    classifier = Drawn(generator, nn.Flatten(), nn.Linear(3 * 4 * 4, 5), nn.Tanh(), nn.Linear(5, 4))
    return classifier, drawn_image(generator, 3, 6, 9), 4


def columns_of_unfold_not_transposed(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """`F.unfold` gives each window as a *column*, (C·w·w, N), and your reshape cuts rows. Transpose before you reshape to
    (N, C, w, w)."""
    rows, columns = (side - window + 1 for side in image.shape[1:])
    found = nn.functional.unfold(image[None], window)[0].reshape(-1, image.shape[0], window, window)
    return classifier(found).T.reshape(-1, rows, columns)


def channels_not_moved(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """`image.unfold` keeps the channels in front, (C, rows, columns, w, w), and your reshape makes windows of one channel
    only. Permute the channel axis behind rows and columns first."""
    rows, columns = (side - window + 1 for side in image.shape[1:])
    found = image.unfold(1, window, 1).unfold(2, window, 1).reshape(-1, image.shape[0], window, window)
    return classifier(found).T.reshape(-1, rows, columns)


SLIPS = read_slips("""
classes_not_moved
    You `reshape` (N, K) straight to (K, rows, columns). A reshape moves no number: logits of different classes land
    in one map. Transpose to (K, N) first.
    - logits.T
    + logits
    - torch.stack(rows, dim=1)
    + torch.cat(rows).reshape(-1, len(rows), len(windows))

classes_last
    Your classes are the last axis, (H-w+1, W-w+1, K). In PyTorch the classes come before rows and columns: (K,
    H-w+1, W-w+1), a map for each class.
    - logits.T
    + logits
    - , dim=1
    +

rows_before_classes
    Each of your rows is (K, W-w+1), as it should be, but the rows are stacked in front: (H-w+1, K, W-w+1). The
    classes come first: on which axis do the rows have to go?
    - , dim=1
    +

windows_in_one_line
    Your windows stand in one long line, (K, N). Rows and columns have an axis each, (K, H-w+1, W-w+1): `torch.stack`
    makes a new axis, where `torch.cat` lengthens one that is there.
    - torch.stack(rows
    + torch.cat(rows

columns_first
    Your windows are listed column by column but laid out row by row. Let y be the outer loop and x the inner one.
    - torch.stack(rows, dim=1)
    + torch.stack(rows, dim=2).reshape(-1, len(rows), len(windows))

columns_before_rows
    Your result is (K, columns, rows): the window from (y, x) stands at [:, x, y]. Let y be the outer loop and x the
    inner one.
    - dim=1
    + dim=2

last_row_and_column_missing
    The last row and column of your result are 0: a window that ends at the border is still inside. There are
    H - w + 1 rows, and `range` already leaves out its end.
    - return torch.stack(rows, dim=1)
    + result = torch.stack(rows, dim=1)
    + result[:, -1], result[:, :, -1] = 0, 0
    + return result

last_row_and_column_left_out
    Your result is one row and one column too small: a window that ends at the border is still inside. There are
    H - w + 1 rows, and `range` already leaves out its end.
    - image.shape[1] - window + 1
    + image.shape[1] - window
    - image.shape[2] - window + 1
    + image.shape[2] - window

centred_with_zeros
    Your window has pixel (y, x) in its middle, and zeros where it sticks out. Here (y, x) is the window's top left
    pixel, and no window leaves the image.
    - rows = []
    + rows = []
    + before, after = window // 2, (window - 1) // 2
    + padded = nn.functional.pad(image, (before, after, before, after))
    - [image[:
    + [padded[:

padded_to_the_same_size
    You pad the image, so that there is an answer for each pixel; near the border it is one for zeros that nobody
    took a picture of. Only windows that lie in the image are asked for: (K, H-w+1, W-w+1).
    - rows = []
    + rows = []
    + height, width = image.shape[1:]
    + image = nn.functional.pad(image, (window // 2,) * 4)
    - image.shape[1] - window + 1
    + height
    - image.shape[2] - window + 1
    + width

probabilities
    These are probabilities: the classifier's logits were asked for, as they are, without a softmax.
    - logits.T
    + logits.softmax(dim=1).T

labels_not_logits
    This is the label of each window. All K logits are asked for: the lesson takes the argmax later, and compares
    the logits themselves.
    - torch.stack(rows, dim=1)
    + torch.stack(rows, dim=1).argmax(dim=0)
""")


sliding_window = Exercise(
    "sliding_window",
    sliding_window,
    [
        # Odd and even windows; K is 2, rows and columns are 3 and 4, or 4 and 3.
        (
            ReadsWindow(1, 3),
            channel([1, 2, 3, 4, 5, 6], [7, 8, 9, 1, 3, 2], [4, 6, 5, 9, 7, 8], [2, 9, 1, 8, 6, 3], [5, 3, 8, 2, 4, 7]),
            3,
        ),
        (
            ReadsWindow(2, 2),
            torch.cat(
                [
                    channel(
                        [3, -1.5, 6, 2.25], [-4, 5.75, 8, -9], [9.5, 2, -7, 5], [6, -7.25, 1, 8.5], [2, 8, -4.75, 3]
                    ),
                    channel([-8, 2.5, 9, 4.75], [7, -1, 3.25, 6], [5.5, 9, -2, 1], [-3.75, 6, 8, 7], [4, -5, 1.25, 9]),
                ]
            ),
            2,
        ),
    ],
    [*SLIPS, columns_of_unfold_not_transposed, channels_not_moved],
    [
        "One window is `image[:, y : y + window, x : x + window]`. Which values does y take, and which x?",
        "`torch.stack` makes a batch of a list of windows: one call of the classifier for each row is enough.",
        "A row of windows gives logits (W-w+1, K). Transpose each row, and `torch.stack(rows, dim=1)`.",
    ],
    common_errors={
        "takes a batch of windows": "The batch axis is missing: `windows[None]` makes a batch of one window.",
        "classifier takes windows": "A window has w rows and w columns, for odd and even w; the whole image does not fit. "
        "`y : y + w` are w rows, but `y - w // 2 : y + w // 2 + 1` only for odd w, and without the + 1 only for even w. A window "
        "that is too small sticks out of the image, or y and x have changed places: rows come first, `image[:, rows, columns]`.",
        "mat1 and mat2": "Is the batch axis there, (N, C, w, w)? Does a window stick out of the image?",
        "stack expects each tensor": "What you stack differs in size. Either a window sticks out of the image (the last begins "
        "at row H - w, column W - w), or y and x have changed places: rows come first, `image[:, rows, columns]`.",
        "non-empty": "A list is empty: there are H - w + 1 rows of windows, not H - w.",
        "out of bounds": "The result has H - w + 1 rows and W - w + 1 columns.",
        "must match the existing size": "How many logits there are is the classifier's affair: K is `logits.shape[1]`.",
    },
    reference=lambda network, image, size: sliding_window_logits(network, image[None], window=size)[0],
    draw=_draw_classifier,
    library=("sliding_window_logits",),
    unaffected={"it is for predictions, which no gradient goes through": ["detached"]},
    difficulty=2,
    minutes=12,
)
