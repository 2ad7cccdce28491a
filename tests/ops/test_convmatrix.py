import math
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tolerances import EXACT, OPERATION

from course_utils.ops.convmatrix import (
    bilinear_kernel,
    conv1d,
    conv2d,
    conv_matrix,
    conv_transpose1d,
    conv_transpose2d,
    output_size,
    overlap_count,
    transposed_output_size,
)
from course_utils.ops.csr import transpose_csr

METHODS = ("scatter", "matrix", "zero_stuffing")
DOUBLE = OPERATION[torch.float64]


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def cases(transposed, count=40):
    """Random arguments that the library takes: (size, channels, outputs, kernel, and the keyword arguments)."""
    draw = torch.Generator().manual_seed(1)

    def number(low, high):
        return int(torch.randint(low, high + 1, (), generator=draw))

    found = []
    while len(found) < count:
        groups = number(1, 3)
        channels, outputs = groups * number(1, 2), groups * number(1, 2)
        size, kernel = (number(1, 7), number(1, 7)), (number(1, 4), number(1, 4))
        stride, padding, dilation = ((number(low, 3), number(low, 3)) for low in (1, 0, 1))
        extra = tuple(number(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
        arguments = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        if transposed:
            arguments["output_padding"] = extra
        reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
        if transposed:
            fits = [
                (n - 1) * s + r + e > 2 * p for n, s, r, e, p in zip(size, stride, reach, extra, padding, strict=True)
            ]
        else:
            fits = [n + 2 * p >= r for n, p, r in zip(size, padding, reach, strict=True)]
        if all(fits):
            found.append((size, channels, outputs, kernel, arguments))
    return found


def last(arguments):
    """The arguments of the second axis alone."""
    return {name: value[1] if isinstance(value, tuple) else value for name, value in arguments.items()}


# The lecture's cases


def test_matrix_of_one_axis_is_the_lectures():
    kernel, signal = torch.tensor([11.0, 13, 17]).view(1, 1, 3), torch.tensor([2.0, 3, 5, 7])
    padded = conv_matrix(kernel, 6)
    expected = [[11, 13, 17, 0, 0, 0], [0, 11, 13, 17, 0, 0], [0, 0, 11, 13, 17, 0], [0, 0, 0, 11, 13, 17]]
    assert padded.tolist() == expected
    assert (padded @ torch.tensor([0.0, 2, 3, 5, 7, 0])).tolist() == [77, 146, 217, 146]
    assert (padded.t() @ signal).tolist() == [22, 59, 128, 193, 176, 119]
    same = conv_matrix(kernel, 4, padding=1)
    assert same.tolist() == [row[1:5] for row in expected]
    assert conv_matrix(kernel, 4, stride=2, padding=1).tolist() == same[::2].tolist()
    assert conv1d(signal.view(1, 1, 4), kernel, padding=1).flatten().tolist() == [77, 146, 217, 146]
    assert conv1d(signal.view(1, 1, 4), kernel, padding=1, stride=2).flatten().tolist() == [77, 217]


@pytest.mark.parametrize("method", METHODS)
def test_conv_transpose1d_of_the_lecture(method):
    kernel, signal = torch.tensor([11.0, 13, 17]).view(1, 1, 3), torch.tensor([2.0, 3, 5, 7]).view(1, 1, 4)
    full = conv_transpose1d(signal, kernel, method=method)
    assert full.flatten().tolist() == [22, 59, 128, 193, 176, 119]
    assert conv_transpose1d(signal, kernel, padding=1, method=method).flatten().tolist() == [59, 128, 193, 176]
    strided = conv_transpose1d(signal[..., :2], kernel, stride=2, method=method)
    assert strided.flatten().tolist() == [22, 26, 67, 39, 51]


def test_matrix_of_two_axes_is_the_lectures():
    x, kernel = torch.arange(9.0), torch.tensor([[1.0, 2], [3, 4]]).view(1, 1, 2, 2)
    matrix = conv_matrix(kernel, (3, 3))
    assert matrix.tolist() == [
        [1, 2, 0, 3, 4, 0, 0, 0, 0],
        [0, 1, 2, 0, 3, 4, 0, 0, 0],
        [0, 0, 0, 1, 2, 0, 3, 4, 0],
        [0, 0, 0, 0, 1, 2, 0, 3, 4],
    ]
    assert (matrix @ x).tolist() == [27, 37, 57, 67]
    assert (matrix.t() @ matrix @ x).view(3, 3).tolist() == [[27, 91, 74], [138, 400, 282], [171, 429, 268]]
    assert torch.linalg.matrix_rank(matrix) == 4
    assert conv2d(x.view(1, 1, 3, 3), kernel).tolist() == [[[[27, 37], [57, 67]]]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("stride", "padding", "expected"),
    [
        (1, 0, [[0, 0, 1], [0, 4, 6], [4, 12, 9]]),
        (2, 0, [[0, 0, 0, 1], [0, 0, 2, 3], [0, 2, 0, 3], [4, 6, 6, 9]]),
        (1, 1, [[4]]),
        (2, 1, [[0, 2], [2, 0]]),
    ],
)
def test_conv_transpose2d_of_the_scatter_example(method, stride, padding, expected):
    x = torch.tensor([[[[0.0, 1], [2, 3]]]])
    assert conv_transpose2d(x, x, stride=stride, padding=padding, method=method).tolist() == [[expected]]


@pytest.mark.parametrize(
    ("n", "kernel_size", "stride", "padding", "expected"),
    [
        (2, 3, 1, 0, 4),
        (5, 3, 1, 1, 5),
        (2, 3, 2, 0, 5),
        (3, 3, 2, 1, 5),
        (2, 2, 1, 0, 3),
        (2, 2, 2, 0, 4),
        (2, 2, 2, 1, 2),
    ],
)
def test_transposed_output_size_is_the_table(n, kernel_size, stride, padding, expected):
    assert transposed_output_size(n, kernel_size, stride=stride, padding=padding) == expected


def test_output_padding_picks_the_size_to_go_back_to():
    assert output_size(8, 3, stride=2, padding=1) == output_size(7, 3, stride=2, padding=1) == 4
    assert transposed_output_size(4, 3, stride=2, padding=1) == 7
    assert transposed_output_size(4, 3, stride=2, padding=1, output_padding=1) == 8


# Against the library


@pytest.mark.parametrize(("size", "channels", "outputs", "kernel", "arguments"), cases(transposed=False))
def test_convolution_by_matrix_equals_the_library(size, channels, outputs, kernel, arguments):
    x = random(2, channels, *size)
    weight, bias = random(outputs, channels // arguments["groups"], *kernel, seed=1), random(outputs, seed=2)
    expected = F.conv2d(x, weight, bias, **arguments)
    torch.testing.assert_close(conv2d(x, weight, bias, **arguments), expected, **DOUBLE)
    matrix = conv_matrix(weight, size, **arguments)
    product = (x.flatten(1) @ matrix.t()).view_as(expected) + bias[:, None, None]
    torch.testing.assert_close(product, expected, **DOUBLE)
    sparse = conv_matrix(weight, size, **arguments, sparse=True)
    assert sparse.layout == torch.sparse_csr
    torch.testing.assert_close(sparse.to_dense(), matrix, **EXACT)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("size", "channels", "outputs", "kernel", "arguments"), cases(transposed=True))
def test_conv_transpose2d_equals_the_library(size, channels, outputs, kernel, arguments, method):
    x = random(2, channels, *size)
    weight, bias = random(channels, outputs // arguments["groups"], *kernel, seed=1), random(outputs, seed=2)
    expected = F.conv_transpose2d(x, weight, bias, **arguments)
    ours = conv_transpose2d(x, weight, bias, **arguments, method=method)
    torch.testing.assert_close(ours, expected, **DOUBLE)
    reach = tuple(
        transposed_output_size(n, k, **{name: value[axis] for name, value in arguments.items() if name != "groups"})
        for axis, (n, k) in enumerate(zip(size, kernel, strict=True))
    )
    assert expected.shape[2:] == reach


@pytest.mark.parametrize(("size", "channels", "outputs", "kernel", "arguments"), cases(transposed=False, count=10))
def test_conv1d_equals_the_library(size, channels, outputs, kernel, arguments):
    x, arguments = random(2, channels, size[1]), last(arguments)
    weight, bias = random(outputs, channels // arguments["groups"], kernel[1], seed=1), random(outputs, seed=2)
    expected = F.conv1d(x, weight, bias, **arguments)
    torch.testing.assert_close(conv1d(x, weight, bias, **arguments), expected, **DOUBLE)
    product = (x.flatten(1) @ conv_matrix(weight, size[1], **arguments).t()).view_as(expected)
    torch.testing.assert_close(product + bias[:, None], expected, **DOUBLE)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("size", "channels", "outputs", "kernel", "arguments"), cases(transposed=True, count=10))
def test_conv_transpose1d_equals_the_library(size, channels, outputs, kernel, arguments, method):
    x, arguments = random(2, channels, size[1]), last(arguments)
    weight, bias = random(channels, outputs // arguments["groups"], kernel[1], seed=1), random(outputs, seed=2)
    expected = F.conv_transpose1d(x, weight, bias, **arguments)
    torch.testing.assert_close(conv_transpose1d(x, weight, bias, **arguments, method=method), expected, **DOUBLE)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(1, 1), (3, 2)])
def test_padding_beyond_the_kernel_crops(method, size):
    x, weight = random(1, 2, *size), random(2, 3, 1, 2, seed=1)
    arguments = {"stride": (5, 4), "padding": (1, 2), "output_padding": (4, 3)}
    expected = F.conv_transpose2d(x, weight, **arguments)
    torch.testing.assert_close(conv_transpose2d(x, weight, **arguments, method=method), expected, **DOUBLE)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_of_conv_transpose2d_equal_the_library(method):
    arguments = {"stride": (2, 3), "padding": (1, 0), "dilation": (1, 2), "output_padding": (1, 2), "groups": 2}
    tensors = [random(2, 4, 2, 1), random(4, 2, 3, 2, seed=1), random(4, seed=2)]
    for tensor in tensors:
        tensor.requires_grad_()
    expected = F.conv_transpose2d(*tensors, **arguments)
    above = random(*expected.shape, seed=3)
    ours = conv_transpose2d(*tensors, **arguments, method=method)
    for one, other in zip(
        torch.autograd.grad(ours, tensors, above), torch.autograd.grad(expected, tensors, above), strict=True
    ):
        torch.testing.assert_close(one, other, **DOUBLE)
    assert torch.autograd.gradcheck(lambda *args: conv_transpose2d(*args, **arguments, method=method), tensors)


def test_gradients_of_conv2d_equal_the_library():
    arguments = {"stride": (1, 2), "padding": (2, 1), "dilation": (2, 1), "groups": 2}
    tensors = [random(2, 4, 3, 4), random(4, 2, 3, 2, seed=1), random(4, seed=2)]
    for tensor in tensors:
        tensor.requires_grad_()
    expected = F.conv2d(*tensors, **arguments)
    above = random(*expected.shape, seed=3)
    ours = conv2d(*tensors, **arguments)
    for one, other in zip(
        torch.autograd.grad(ours, tensors, above), torch.autograd.grad(expected, tensors, above), strict=True
    ):
        torch.testing.assert_close(one, other, **DOUBLE)
    assert torch.autograd.gradcheck(lambda *args: conv2d(*args, **arguments), tensors)


@pytest.mark.parametrize("sparse", [False, True])
def test_conv_matrix_is_differentiable(sparse):
    weight, y = random(2, 1, 3, 2).requires_grad_(), random(12, 3, seed=1).requires_grad_()

    def product(weight, y):
        matrix = conv_matrix(weight, (5, 4), stride=(2, 1), sparse=sparse)
        return (transpose_csr(matrix) if sparse else matrix.t()) @ y

    assert torch.autograd.gradcheck(product, (weight, y))


# What the two are to each other


def test_transposed_convolution_is_the_adjoint_and_the_gradient():
    weight, arguments = random(3, 2, 3, 2), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
    x = random(1, 2, 7, 6, seed=1).requires_grad_()
    out = conv2d(x, weight, **arguments)
    y = random(*out.shape, seed=2)
    for method in METHODS:
        back = conv_transpose2d(y, weight, **arguments, method=method)
        assert back.shape == x.shape
        torch.testing.assert_close((out * y).sum(), (x * back).sum(), **DOUBLE)
        torch.testing.assert_close(back, torch.autograd.grad(out, x, y, retain_graph=True)[0], **DOUBLE)


def test_stride_1_is_a_full_convolution_with_the_flipped_kernel():
    x, weight = random(2, 1, 4, 5), random(1, 1, 3, 2, seed=1)
    full = conv2d(x, weight.flip(2, 3), padding=(2, 1))
    torch.testing.assert_close(conv_transpose2d(x, weight), full, **DOUBLE)


def test_matrix_shares_its_weights_and_is_sparse():
    weight = torch.arange(1.0, 13).view(2, 1, 3, 2)
    matrix = conv_matrix(weight, (6, 5), sparse=True)
    assert matrix.shape == (2 * 4 * 4, 30) and matrix.values().numel() == 2 * 16 * 6
    assert matrix.values().unique().tolist() == weight.flatten().tolist()


def test_groups_make_a_matrix_of_blocks():
    weight = random(4, 1, 3, 3)
    matrix = conv_matrix(weight, (4, 4), groups=2).view(2, 8, 2, 16)
    assert not matrix[0, :, 1].any() and not matrix[1, :, 0].any()
    torch.testing.assert_close(matrix[1, :, 1], conv_matrix(weight[2:], (4, 4)), **EXACT)


def test_sparse_matrix_keeps_the_rules_of_its_form():
    matrix = conv_matrix(random(4, 2, 3, 2), (7, 5), stride=2, padding=(2, 1), dilation=2, groups=2, sparse=True)
    for one in (matrix, transpose_csr(matrix)):
        parts = one.crow_indices(), one.col_indices(), one.values()
        torch.sparse_csr_tensor(*parts, one.shape, check_invariants=True)
    torch.testing.assert_close(transpose_csr(matrix).to_dense(), matrix.to_dense().t(), **EXACT)


@pytest.mark.slow
def test_sparse_matrix_warns_of_nothing():
    """PyTorch warns once in a process, which would be a notebook's first output."""
    lines = (
        "import torch",
        "from course_utils.ops.convmatrix import conv_matrix, conv_transpose2d",
        ("x = torch.ones(1, 1, 3, 3); conv_matrix(x, (3, 3), sparse=True) @ torch.ones(9)"),
        "conv_transpose2d(x, x.requires_grad_(), method='matrix').sum().backward()",
    )
    result = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


# Upsampling


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_bilinear_kernel_upsamples_as_interpolate_inside(factor):
    x = random(1, 1, 5, 6)
    kernel = bilinear_kernel(factor, dtype=torch.float64)
    assert kernel.shape == (2 * factor - factor % 2,) * 2
    up = conv_transpose2d(x, kernel[None, None], stride=factor, padding=math.ceil((factor - 1) / 2))
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    assert up.shape == expected.shape
    rim = factor // 2  # there a pixel beyond the border is needed
    inside = (..., slice(rim, -rim), slice(rim, -rim))
    torch.testing.assert_close(up[inside], expected[inside], **DOUBLE)
    assert (up - expected)[..., :rim, :].abs().amin() > 1e-3
    assert (up - expected)[..., -rim:].abs().amin() > 1e-3


def test_bilinear_kernel_of_literal_factors():
    assert bilinear_kernel(1).tolist() == [[1]]
    assert (bilinear_kernel(2) * 16).tolist() == [[1, 3, 3, 1], [3, 9, 9, 3], [3, 9, 9, 3], [1, 3, 3, 1]]
    three = torch.tensor([1.0, 2, 3, 2, 1], dtype=torch.float64) / 3
    torch.testing.assert_close(bilinear_kernel(3, dtype=torch.float64), torch.outer(three, three), **DOUBLE)
    for factor in (2, 3, 4, 7):
        torch.testing.assert_close(
            bilinear_kernel(factor).sum(), torch.tensor(float(factor**2)), **OPERATION[torch.float32]
        )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_bilinear_kernel_is_rounded_once(dtype):
    for factor in (7, 40, 300):
        kernel = bilinear_kernel(factor, dtype=dtype)
        torch.testing.assert_close(
            kernel.double(), bilinear_kernel(factor, dtype=torch.float64), rtol=0, atol=torch.finfo(dtype).eps
        )
        assert torch.equal(kernel, kernel.flip(0)) and kernel.dtype == dtype


@pytest.mark.parametrize(
    ("kernel_size", "stride", "padding", "expected"),
    [
        (3, 2, 0, "112121211"),
        (4, 2, 1, "12222221"),
        (2, 2, 0, "11111111"),
        (3, 1, 1, "2332"),
        (1, 3, 0, "1001001001"),
        (1, 3, 2, "010010"),
    ],
)
def test_overlap_count_of_one_axis(kernel_size, stride, padding, expected):
    counted = overlap_count(4, kernel_size, stride=stride, padding=padding)
    assert "".join(map(str, counted.tolist())) == expected and counted.dtype == torch.int64


@pytest.mark.parametrize("padding", [0, (1, 2)])
@pytest.mark.parametrize("stride", [1, 2, (3, 2)])
@pytest.mark.parametrize("kernel_size", [3, 4, (2, 5)])
def test_overlap_count_equals_transposed_convolution_of_ones(kernel_size, stride, padding):
    counted = overlap_count((3, 5), kernel_size, stride=stride, padding=padding)
    kernel = torch.ones(1, 1, *(kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2))
    expected = F.conv_transpose2d(torch.ones(1, 1, 3, 5), kernel, stride=stride, padding=padding)
    assert torch.equal(counted, expected[0, 0].long())


# Types, devices, edges


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_float_types_are_kept(dtype):
    x, weight = random(2, 3, 4, 5, dtype=dtype), random(3, 2, 3, 2, seed=1, dtype=dtype)
    rounding = OPERATION[torch.float32] if dtype == torch.float32 else {"rtol": 0, "atol": 16 * torch.finfo(dtype).eps}
    exact = F.conv_transpose2d(x.double(), weight.double(), stride=2)
    for method in METHODS:
        ours = conv_transpose2d(x, weight, stride=2, method=method)
        assert ours.dtype == dtype
        torch.testing.assert_close(ours.double(), exact, **rounding)
    exact = F.conv2d(x[:, :2].double(), weight.double(), padding=1)
    ours = conv2d(x[:, :2], weight, padding=1)
    assert ours.dtype == conv_matrix(weight, (4, 5)).dtype == dtype
    torch.testing.assert_close(ours.double(), exact, **rounding)


@pytest.mark.parametrize("method", METHODS)
def test_sums_of_bfloat16_are_summed_in_float32(method):
    """Of 300 ones: in bfloat16 they would stay at 256, which 1 no longer changes."""
    ones = torch.ones(1, 1, 300, dtype=torch.bfloat16)
    assert conv_transpose1d(ones, ones, method=method).max() == 300
    assert conv1d(ones, ones, torch.tensor([2.0]).bfloat16()) == 302


def test_autocast_lowers_no_product():
    x, weight = random(2, 3, 4, 5, dtype=torch.float32), random(3, 2, 3, 2, seed=1, dtype=torch.float32)
    functions = [lambda: conv2d(x[:, :2], weight, padding=1)]
    functions += [lambda method=method: conv_transpose2d(x, weight, stride=2, method=method) for method in METHODS]
    for function in functions:
        expected = function()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(function(), expected, **EXACT)


def test_tensors_are_made_on_the_device_of_the_input():
    x, weight = random(2, 3, 4, 5), random(3, 2, 3, 2, seed=1)
    functions = [lambda: conv2d(x[:, :2], weight), lambda: conv_matrix(weight, (4, 5)).t()]
    functions += [lambda method=method: conv_transpose2d(x, weight, stride=2, method=method) for method in METHODS]
    for function in functions:
        expected = function()
        with torch.device("meta"):  # where other tensors are made by default
            torch.testing.assert_close(function(), expected, **EXACT)


def test_sizes_are_integers_of_any_kind():
    kernel = random(2, 1, 3)
    assert torch.equal(conv_matrix(kernel, np.int64(5), stride=np.int32(2)), conv_matrix(kernel, 5, stride=2))
    assert torch.equal(overlap_count(np.int64(4), np.int64(3), stride=2), overlap_count(4, 3, stride=2))
    assert overlap_count(np.int64(4), 3).ndim == 1


def test_nan_reaches_every_dense_product_and_few_sparse_ones():
    kernel, x = random(1, 1, 2), torch.tensor([math.nan, 1, 2, 3], dtype=torch.float64)
    assert (conv_matrix(kernel, 4) @ x).isnan().tolist() == [True, True, True]
    assert (conv_matrix(kernel, 4, sparse=True) @ x).isnan().tolist() == [True, False, False]


@pytest.mark.parametrize("method", METHODS)
def test_empty_batches_and_strided_inputs(method):
    x, weight = random(2, 5, 4, 3).transpose(1, 3), random(3, 2, 2, 2, seed=1).transpose(2, 3)
    torch.testing.assert_close(
        conv_transpose2d(x, weight, method=method), F.conv_transpose2d(x.contiguous(), weight.contiguous()), **DOUBLE
    )
    assert conv_transpose2d(x[:0], weight, method=method).shape == (0, 2, 5, 6)
    assert conv2d(x[:0, :2], weight).shape == (0, 3, 3, 4)


def test_inputs_are_left_as_they_are():
    x, weight, bias = random(1, 2, 3, 3), random(2, 2, 2, 2, seed=1), random(2, seed=2)
    before = x.clone(), weight.clone(), bias.clone()
    for method in METHODS:
        conv_transpose2d(x, weight, bias, stride=2, method=method)
    conv2d(x, weight, bias)
    assert all(torch.equal(*pair) for pair in zip((x, weight, bias), before, strict=True))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_everything_stays_on_the_gpu(dtype):
    x, weight, bias = random(2, 4, 5, 6), random(4, 3, 3, 2, seed=1), random(6, seed=2)
    arguments = {"stride": (2, 1), "padding": 1, "output_padding": (1, 0), "groups": 2}
    expected = F.conv_transpose2d(x, weight, bias, **arguments)
    tensors = [tensor.to("cuda", dtype).requires_grad_() for tensor in (x, weight, bias)]
    rounding = OPERATION.get(dtype, {"rtol": 0, "atol": 0.03})
    for method in METHODS:
        ours = conv_transpose2d(*tensors, **arguments, method=method)
        assert ours.is_cuda and ours.dtype == dtype
        torch.testing.assert_close(ours.cpu().double(), expected, **rounding)
        assert all(grad.is_cuda for grad in torch.autograd.grad(ours.sum(), tensors))
    image = random(2, 6, 5, 6).to("cuda", dtype)
    ours = conv2d(image, tensors[1], padding=1, groups=2)
    expected = F.conv2d(image.cpu().double(), weight, padding=1, groups=2)
    torch.testing.assert_close(ours.cpu().double(), expected, **rounding)
    assert bilinear_kernel(3, device="cuda").is_cuda


# Bad input

X, W = torch.ones(1, 4, 5, 6), torch.ones(4, 4, 3, 3)


@pytest.mark.parametrize("function", [conv2d, conv_transpose2d])
@pytest.mark.parametrize(
    ("x", "weight", "bias", "arguments", "message"),
    [
        (X.tolist(), W, None, {}, "x must be a tensor"),
        (X, W.tolist(), None, {}, "weight must be a tensor"),
        (X, W, [1.0], {}, "bias must be a tensor"),
        (X[0], W, None, {}, r"x must be \(B, C, H, W\).*\(4, 5, 6\)"),
        (X, W[0], None, {}, r"weight must be .*kH, kW.*\(4, 3, 3\)"),
        (X.int(), W.int(), None, {}, "weight must be floating.*int32"),
        (X.double(), W, None, {}, r"x is torch.float64.*weight torch.float32.*x.to\(weight\)"),
        (X, W, torch.ones(4, dtype=torch.half), {}, "bias is torch.float16"),
        (X.to("meta"), W, None, {}, "x is torch.float32 on meta"),
        (X[:, :2], W, None, {}, r"input channels.*has 2"),
        (X, W, torch.ones(7), {}, r"bias must have one value.*\(7,\)"),
        (X, W, None, {"groups": 3}, "groups must divide weight's 4 channels"),
        (X, W, None, {"groups": 0}, "groups must be an integer of 1 or more"),
        (X, W, None, {"stride": 0}, "stride must be an integer of 1 or more.*but is 0"),
        (X, W, None, {"stride": 2.0}, "stride must be an integer of 1 or more, or two.*2.0"),
        (X, W, None, {"stride": (1, 1.5)}, "stride must be an integer of 1 or more.*1.5"),
        (X, W, None, {"padding": -1}, "padding must be an integer of 0 or more"),
        (X, W, None, {"padding": "same"}, "padding must be an integer of . or more, or two"),
        (X, W, None, {"dilation": (1, 2, 3)}, "dilation must be an integer of . or more, or two"),
        (X[:, :, :0], W, None, {}, r"x must have at least one pixel.*\(1, 4, 0, 6\)"),
        (X, W[:, :, :, :0], None, {}, "weight must be"),
    ],
)
def test_bad_tensors_and_steps_are_refused(function, x, weight, bias, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(x, weight, bias, **arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv2d(X, W, dilation=3), "covers 7 pixels, but the input has 5.*pad by at least 1"),
        (lambda: conv1d(X[:, 0], W[..., 0]), "x must have the 4 input channels.*has 5"),
        (lambda: conv1d(X, W[..., 0]), r"x must be \(B, C, n\)"),
        (lambda: conv1d(X[:, :, 0], W), r"weight must be .*channels, k\)"),
        (
            lambda: conv1d(X[:, :, 0], W[..., 0], stride=(1, 1)),
            r"stride must be an integer of 1 or more, but is \(1, 1\)\.$",
        ),
        (
            lambda: conv1d(X[:, :, 0], W[..., 0], padding="same"),
            r"padding must be an integer of 0 or more, but is 'same'\.$",
        ),
        (
            lambda: conv_matrix(W[..., 0], 5, dilation=(1, 2)),
            r"dilation must be an integer of 1 or more, but is \(1, 2\)\.$",
        ),
        (lambda: conv_transpose1d(X[:, :, 0], W[..., 0], stride=(1, 1)), r"stride must be .*, but is \(1, 1\)\.$"),
        (
            lambda: conv_transpose1d(X[:, :, 0], W[..., 0], output_padding=(0, 0)),
            r"output_padding .*, but is \(0, 0\)\.$",
        ),
        (lambda: conv_transpose1d(X, W[..., 0]), r"x must be \(B, C, n\)"),
        (lambda: conv_transpose1d(X[:, :, 0], W[..., 0], output_padding=1), "output_padding must be smaller.*is 1"),
        (lambda: conv_transpose2d(X, W, method="gather"), "scatter, matrix, zero_stuffing, but is 'gather'"),
        (lambda: conv_transpose2d(X, W, method=["scatter"]), r"zero_stuffing, but is \['scatter'\]"),
        (lambda: conv_transpose2d(X, W, stride=2, output_padding=(1, 2)), "output_padding must be smaller.*is 2"),
        (lambda: conv_transpose2d(X, W, stride=2, output_padding=-1), "output_padding must be an integer of 0"),
        (lambda: conv_transpose2d(X, W, padding=4), "only 7 pixels; take at most 3"),
        (lambda: conv_matrix(W, 5), r"weight must be .*channels, k\)"),
        (lambda: conv_matrix(W, np.int64(5)), r"weight must be .*channels, k\)"),
        (lambda: conv_matrix(W[..., 0], (5, 5)), r"weight must be .*kH, kW"),
        (lambda: conv_matrix(W, 5.0), "input_size must be an integer of . or more, or two"),
        (lambda: conv_matrix(W, (5, 2.5)), "input_size must be an integer of 1 or more.*2.5"),
        (lambda: conv_matrix(W, (5, 2)), "covers 3 pixels, but the input has 2"),
        (lambda: conv_matrix(W, (5, 5), groups=3), "groups must divide"),
        (lambda: transpose_csr(torch.ones(2, 2)), "needs a CSR matrix.*strided"),
        (lambda: transpose_csr([[1.0]]), "matrix must be a tensor"),
        (lambda: output_size(4, 5), "covers 5 pixels, but the input has 4 and 4 when padded; pad by at least 1"),
        (lambda: output_size(4.0, 3), "n must be an integer of 1 or more, but is 4.0; convert it with `int`"),
        (lambda: transposed_output_size(1, 2, padding=1), "only 2 pixels; take at most 0"),
        (lambda: bilinear_kernel(0), "factor must be an integer of 1 or more, but is 0"),
        (lambda: bilinear_kernel(1.5), "factor must be an integer"),
        (lambda: bilinear_kernel(2, dtype=torch.int64), "Weights are floating, but dtype is torch.int64"),
        (lambda: bilinear_kernel(2, dtype="float32"), "Weights are floating, but dtype is 'float32'"),
        (lambda: overlap_count(4, (3, 3)), "kernel_size must be an integer"),
        (lambda: overlap_count((4, 4, 4), 3), "input_size must be an integer of . or more, or two"),
        (lambda: overlap_count(2, 3, padding=2), "only 4 pixels; take at most 1"),
    ],
)
def test_bad_sizes_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_output_sizes_equal_the_library():
    for n in range(1, 9):
        for kernel_size, stride, padding, dilation in [(1, 1, 0, 1), (3, 2, 1, 1), (2, 3, 1, 2), (4, 2, 2, 3)]:
            x, kernel = torch.ones(1, 1, n), torch.ones(1, 1, kernel_size)
            arguments = {"stride": stride, "padding": padding, "dilation": dilation}
            for ours, library in ((output_size, F.conv1d), (transposed_output_size, F.conv_transpose1d)):
                try:
                    expected = library(x, kernel, **arguments).shape[-1]
                except RuntimeError:
                    expected = 0
                if expected:
                    assert ours(n, kernel_size, **arguments) == expected
                else:
                    with pytest.raises(ValueError):
                        ours(n, kernel_size, **arguments)
