"""What is true of a transposed convolution."""

from course_utils.exercises.questions import Answer

true_or_false = Answer(
    "true_or_false",
    "A convolution has the matrix C; its transposed convolution has the same kernel, stride and padding. Of the transposed "
    "convolution: 'true' or 'false'?",
    {
        "it undoes the convolution": "false",
        "it can restore the size, not the values": "true",
        "C.T @ dL/dy is dL/dx, for y = C @ x": "true",
        "stride 1: it is a convolution, kernel flipped": "true",
        "stride 2: it is one convolution of x as it is": "false",
        "each output is an inner product": "true",
        "its padding pads the input": "false",
        "kernel 4, stride 2: never a checkerboard": "false",
    },
    [
        (
            "inverse",
            ("it undoes the convolution", "true"),
            "convolve 0, 1, ..., 8 as a 3 x 3 map with [[1, 2], [3, 4]] and scatter the result back: the lesson did, and got "
            "other numbers. C is 4 x 9 there: nine values cannot be told from four. To undo a blur is another problem, which is "
            "called deconvolution.",
        ),
        (
            "size_not_restored",
            ("it can restore the size, not the values", "false"),
            "the size formula is the other one solved for its input; what a stride has rounded off, output_padding puts back.",
        ),
        (
            "equal_overlap_is_enough",
            ("kernel 4, stride 2: never a checkerboard", "true"),
            "inside, four values write into each output, but not with the same taps everywhere: even and odd rows and columns "
            "meet different ones. A plain grey stays plain only if the taps that meet have the same sum in all four cases. "
            "Equal weights do; others need not.",
        ),
        (
            "not_the_gradient",
            ("C.T @ dL/dy is dL/dx, for y = C @ x", "false"),
            "by the chain rule dL/dx_j is the sum over i of dL/dy_i * C_ij: that sums over the rows, and is C.T @ dL/dy.",
        ),
        (
            "no_convolution_at_stride_1",
            ("stride 1: it is a convolution, kernel flipped", "false"),
            "look at C.T for stride 1: its rows hold the taps in reverse order, each one column further. That is a "
            "convolution of the padded input.",
        ),
        (
            "stride_as_if_1",
            ("stride 2: it is one convolution of x as it is", "true"),
            "one convolution treats all its outputs alike; with stride 2, even and odd outputs read different taps. It is one "
            "convolution of the zero-stuffed x.",
        ),
        (
            "no_inner_product",
            ("each output is an inner product", "false"),
            "scattering looks as if there were none, but stand at one output and collect what arrives: values of x times "
            "taps, added up. It is an inner product with a window of the zero-stuffed x.",
        ),
        (
            "padding_at_the_input",
            ("its padding pads the input", "true"),
            "more padding makes the output of a transposed convolution smaller: it is cut off the output.",
        ),
    ],
    [
        "Four are true. For those about the stride, follow one even and one odd output: which taps arrive there?",
        "Try it: a 3 x 3 map, a 2 x 2 kernel, `F.conv2d` and `F.conv_transpose2d`.",
        "Write C down for a kernel of 3 and stride 2, and read the rows of its transpose.",
    ],
    options=("true", "false"),
    explanation="It is the transpose, in every view, and the inverse in none.",
    difficulty=2,
    minutes=5,
)
