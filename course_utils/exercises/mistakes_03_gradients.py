"""What people get wrong in lesson 03 about the gradient of a resize: each function makes one mistake, its docstring says
which."""

import torch
import torch.nn.functional as F
from torch import Tensor


def inverse_instead_of_transpose(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """You undo the resize with the (pseudo-)inverse. A gradient does not go back through the inverse but through the
    transpose: each output pixel hands its gradient to its inputs, with the weights it took from them."""
    return torch.linalg.pinv(rows) @ gradient @ torch.linalg.pinv(columns).T


def rows_and_columns_exchanged(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The two matrices are exchanged: `rows` mixes the rows of the map and stands on the left, `columns` on the right."""
    return columns.T @ gradient @ rows


def transposed_result(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Your result is the transpose of the gradient: what belongs to row i stands in column i."""
    return columns.T @ gradient.T @ rows


def gradient_transposed(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """You transpose the gradient itself. It is the two matrices that trade inputs and outputs; the gradient keeps its rows and
    columns, (H_out, W_out)."""
    return rows.T @ gradient.T @ columns


def columns_not_brought_back(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Only the rows have come back: your result is (H_in, W_out). `columns` is still to be undone, from the other side."""
    return rows.T @ gradient


def rows_not_brought_back(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Only the columns have come back: your result is (H_out, W_in). `rows` is still to be undone, from the other side."""
    return gradient @ columns


def divided_by_the_factor(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """You divide by how much larger the output is. Nothing is averaged on the way back: an input pixel that is used by many
    output pixels receives the sum of what they hand back."""
    factor = gradient.numel() / (rows.shape[1] * columns.shape[1])
    return rows.T @ gradient @ columns / factor


def mean_of_what_comes_back(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """You take a weighted mean of what comes back to an input pixel; it is a sum. What an output pixel hands back is shared
    out among its inputs, so that the whole gradient keeps its sum."""
    return (rows / rows.sum(dim=0)).T @ gradient @ (columns / columns.sum(dim=0))


def gradient_resized(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """You resize the gradient as if it were a picture. Each output pixel has to hand back its gradient to the inputs it came
    from, with the weights in the two matrices."""
    size = rows.shape[1], columns.shape[1]
    return F.interpolate(gradient[None, None], size, mode="bilinear", align_corners=False)[0, 0]


def gradient_pooled(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """You average the gradient over blocks, as if it were a picture. Each output pixel has to hand back its whole gradient to the
    inputs it came from, with the weights in the two matrices."""
    return F.adaptive_avg_pool2d(gradient[None, None], (rows.shape[1], columns.shape[1]))[0, 0]


KNOWN = [
    inverse_instead_of_transpose,
    rows_and_columns_exchanged,
    transposed_result,
    gradient_transposed,
    columns_not_brought_back,
    rows_not_brought_back,
    divided_by_the_factor,
    mean_of_what_comes_back,
    gradient_resized,
    gradient_pooled,
]
