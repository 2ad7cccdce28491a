"""The gradient of a resize."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_03.drawn import between
from course_utils.exercises.slips import read_slips


def resize_gradient(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The output of a resize was rows @ x @ columns.T, with rows (H_out, H_in) and columns (W_out, W_in). From the gradient of
    a loss with respect to the output, (H_out, W_out), compute that with respect to x: (H_in, W_in)."""
    return rows.T @ gradient @ columns


def _means(generator: torch.Generator, n_out: int, n_in: int) -> Tensor:
    """A matrix whose rows are positive and sum to 1."""
    weights = torch.rand(n_out, n_in, generator=generator, dtype=torch.float64) + 0.1
    return weights / weights.sum(dim=1, keepdim=True)


def _gradient_and_matrices(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """An output with as many rows as columns, so that matrices in the wrong places run; the input has more columns than rows."""
    n_in, n_out = between(generator, 2, 4), between(generator, 5, 7)
    gradient = torch.randn(n_out, n_out, generator=generator, dtype=torch.float64)
    return gradient, _means(generator, n_out, n_in), _means(generator, n_out, n_in + 1)


SLIPS = read_slips("""
inverse_instead_of_transpose
    You undo the resize with the (pseudo-)inverse. A gradient does not go back through the inverse but through the
    transpose: each output pixel hands its gradient to its inputs, with the weights it took from them.
    - rows.T @ gradient @ columns
    + torch.linalg.pinv(rows) @ gradient @ torch.linalg.pinv(columns).T

rows_and_columns_exchanged
    The two matrices are exchanged: `rows` mixes the rows of the map and stands on the left, `columns` on the right.
    - rows.T @ gradient @ columns
    + columns.T @ gradient @ rows

transposed_result
    Your result is the transpose of the gradient: what belongs to row i stands in column i.
    - rows.T @ gradient @ columns
    + columns.T @ gradient.T @ rows

gradient_transposed
    You transpose the gradient itself. It is the two matrices that trade inputs and outputs; the gradient keeps its rows
    and columns, (H_out, W_out).
    - @ gradient @
    + @ gradient.T @

columns_not_brought_back
    Only the rows have come back: your result is (H_in, W_out). `columns` is still to be undone, from the other side.
    - rows.T @ gradient @ columns
    + rows.T @ gradient

rows_not_brought_back
    Only the columns have come back: your result is (H_out, W_in). `rows` is still to be undone, from the other side.
    - rows.T @ gradient @ columns
    + gradient @ columns

divided_by_the_factor
    You divide by how much larger the output is. Nothing is averaged on the way back: an input pixel that is used by
    many output pixels receives the sum of what they hand back.
    - @ columns
    + @ columns * rows.shape[1] * columns.shape[1] / gradient.numel()

mean_of_what_comes_back
    You take a weighted mean of what comes back to an input pixel; it is a sum. What an output pixel hands back is
    shared out among its inputs, so that the whole gradient keeps its sum.
    - rows.T @ gradient @ columns
    + (rows / rows.sum(dim=0)).T @ gradient @ (columns / columns.sum(dim=0))

gradient_resized
    You resize the gradient as if it were a picture. Each output pixel has to hand back its gradient to the inputs it
    came from, with the weights in the two matrices.
    - return rows.T @ gradient @ columns
    + size = rows.shape[1], columns.shape[1]
    + return torch.nn.functional.interpolate(gradient[None, None], size, mode="bilinear", align_corners=False)[0, 0]

gradient_pooled
    You average the gradient over blocks, as if it were a picture. Each output pixel has to hand back its whole gradient
    to the inputs it came from, with the weights in the two matrices.
    - return rows.T @ gradient @ columns
    + size = rows.shape[1], columns.shape[1]
    + return torch.nn.functional.adaptive_avg_pool2d(gradient[None, None], size)[0, 0]
""")


resize_gradient = Exercise(
    "resize_gradient",
    resize_gradient,
    [
        # As many rows as columns, so that matrices in the wrong places run, and can be told what is wrong with them.
        (
            torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [4.0, 0.0, -3.0]], dtype=torch.float64),
            torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], dtype=torch.float64),
            torch.tensor([[0.75, 0.25], [0.375, 0.625], [0.125, 0.875]], dtype=torch.float64),
        ),
        # More rows, fewer columns.
        (
            torch.tensor([[2.5, -0.75, 3.0, 1.0], [-4.0, 6.0, 0.5, -2.0]], dtype=torch.float64),
            torch.tensor([[0.625, 0.375, 0.0], [0.0, 0.25, 0.75]], dtype=torch.float64),
            torch.tensor([[1.0, 0.0], [0.875, 0.125], [0.5, 0.5], [0.0, 1.0]], dtype=torch.float64),
        ),
    ],
    SLIPS,
    [
        "One axis first: y = A x. By how much does the loss change when x_j changes? x_j is in every y_i, with the weight A_ij.",
        "So the gradient with respect to x is the sum over i of A_ij g_i: the matrix A.T times g. No inverse, no mean.",
        "In two dimensions the same from both sides: shapes (H_in, H_out) @ (H_out, W_out) @ (W_out, W_in).",
    ],
    common_errors={
        "shapes cannot be multiplied": "Write the shapes side by side: the answer is (H_in, W_in), and `rows` is (H_out, H_in). "
        "Which of the two matrices must be transposed, and on which side does each stand?",
        "must match the size of tensor": "`*` multiplies number by number; matrices are multiplied by `@`.",
        "must be batches of square": "A resize has no inverse; a gradient needs none.",
        "does not require grad": "There is no x here to differentiate by: write the gradient down as a product of matrices.",
    },
    draw=_gradient_and_matrices,
    library=("backward", "autograd", "vjp"),
    unaffected={"what is asked for is a gradient, and nobody differentiates it again": ["detached"]},
    difficulty=2,
    minutes=8,
)
