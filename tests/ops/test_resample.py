import math

import pytest
import torch
from tolerances import EXACT, OPERATION
from torch.nn.functional import avg_pool2d, grid_sample, interpolate

from course_utils.ops.resample import (
    bed_of_nails,
    bilinear_resize,
    bilinear_sample,
    interpolation_matrix,
    nearest_resize,
)

LENGTHS_IN = (1, 2, 3, 5, 8, 13, 16, 31, 64)
LENGTHS_OUT = (1, 2, 3, 4, 7, 8, 16, 26, 33, 100)
SIZES = [
    ((7, 5), (14, 10)),  # up, even factor
    ((5, 6), (15, 20)),
    ((6, 9), (13, 11)),  # no whole factor
    ((8, 12), (4, 6)),
    ((17, 12), (5, 3)),
    ((9, 4), (3, 10)),  # one axis down, the other up
    ((6, 5), (6, 5)),
    ((1, 7), (4, 1)),
    ((1, 1), (3, 2)),
    ((5, 4), (1, 1)),
]


def draw(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def assert_equal_with_gradients(ours, library, *inputs, dtype):
    """Both functions of the same inputs: their values, and the gradients of a random weighting of them."""
    results = []
    for function in (ours, library):
        leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
        out = function(*leaves)
        results.append((out, *torch.autograd.grad(out, leaves, draw(*out.shape, dtype=dtype, seed=9))))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, **OPERATION[dtype])
    assert results[0][0].numel() and (results[0][0].numel() == 1 or results[0][0].std() > 1e-3)


# --- nearest ---


def test_nearest_resize_of_a_literal_image():
    image = torch.tensor([[1, 2], [3, 4]])
    assert nearest_resize(image, 4).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    row = torch.arange(5)[None]
    assert nearest_resize(row, (1, 8)).tolist() == [[0, 0, 1, 1, 2, 3, 3, 4]]
    assert nearest_resize(row, (1, 8), exact=True).tolist() == [[0, 0, 1, 2, 2, 3, 4, 4]]
    assert nearest_resize(row, (1, 2)).tolist() == [[0, 2]]
    assert nearest_resize(row, (1, 2), exact=True).tolist() == [[1, 3]]


@pytest.mark.parametrize("exact", [False, True])
def test_nearest_resize_equals_interpolate_at_every_size(exact):
    """At some sizes, as 2 → 82 and exact 2 → 41, PyTorch's float32 rounds to another pixel than the formula."""
    mode = "nearest-exact" if exact else "nearest"
    for n_in in range(1, 65):
        row = torch.arange(n_in, dtype=torch.float32)[None, None, None]
        for n_out in range(1, 129):
            ours = nearest_resize(row, (1, n_out), exact=exact)
            assert torch.equal(ours, interpolate(row, size=(1, n_out), mode=mode)), (n_in, n_out)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("size_in, size_out", SIZES)
def test_nearest_resize_equals_interpolate_with_gradients(size_in, size_out, exact, dtype):
    mode = "nearest-exact" if exact else "nearest"
    assert_equal_with_gradients(
        lambda x: nearest_resize(x, size_out, exact=exact),
        lambda x: interpolate(x, size=size_out, mode=mode),
        draw(2, 3, *size_in, dtype=dtype),
        dtype=dtype,
    )


def test_nearest_resize_keeps_the_type_of_labels():
    labels = torch.tensor([[0, 255, 7], [3, 3, 1]])
    for dtype in (torch.int64, torch.uint8, torch.int32, torch.float16):
        resized = nearest_resize(labels.to(dtype), (3, 5))
        assert resized.dtype == dtype
        assert resized.tolist() == [[0, 0, 255, 255, 7], [0, 0, 255, 255, 7], [3, 3, 3, 3, 1]]
    assert nearest_resize(labels == 255, (1, 3)).tolist() == [[False, True, False]]
    assert nearest_resize(labels.expand(0, 4, 2, 3), 6).shape == (0, 4, 6, 6)
    assert nearest_resize(labels.T, (3, 2)).tolist() == labels.T.tolist()


# --- interpolation as a matrix ---


def test_interpolation_matrices_of_two_pixels():
    quarters = [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    assert interpolation_matrix(2, 4).tolist() == quarters
    thirds = torch.tensor([[1, 0], [2 / 3, 1 / 3], [1 / 3, 2 / 3], [0, 1]])
    torch.testing.assert_close(interpolation_matrix(2, 4, align_corners=True), thirds, **OPERATION[torch.float32])
    assert interpolation_matrix(2, 4, mode="nearest").tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    assert interpolation_matrix(4, 2).tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
    # The tent is as wide as four pixels; what the border cuts off is made up for: 3 + 3 + 1 and not 1 + 3 + 3 + 1.
    sevenths = torch.tensor([[3, 3, 1, 0], [0, 1, 3, 3]]) / 7
    torch.testing.assert_close(interpolation_matrix(4, 2, antialias=True), sevenths, **OPERATION[torch.float32])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_interpolation_matrix_equals_interpolate(mode, align_corners, antialias, dtype):
    for n_in in LENGTHS_IN:
        row = draw(1, 1, 2, n_in, dtype=dtype)
        for n_out in LENGTHS_OUT:
            matrix = interpolation_matrix(
                n_in, n_out, mode=mode, align_corners=align_corners, antialias=antialias, dtype=dtype
            )
            assert matrix.shape == (n_out, n_in) and matrix.dtype == dtype
            expected = interpolate(row, size=(2, n_out), mode=mode, align_corners=align_corners, antialias=antialias)
            torch.testing.assert_close(row @ matrix.T, expected, **OPERATION[dtype])
            torch.testing.assert_close(matrix.sum(1), torch.ones(n_out, dtype=dtype), **OPERATION[dtype])


def test_interpolation_matrix_for_nearest_equals_nearest_resize():
    for n_in in LENGTHS_IN:
        row = draw(1, n_in)
        for n_out in LENGTHS_OUT:
            matrix = interpolation_matrix(n_in, n_out, mode="nearest", dtype=torch.float64)
            torch.testing.assert_close(row @ matrix.T, nearest_resize(row, (1, n_out)), **EXACT)


def test_upsampling_returns_what_average_pooling_made_of_a_ramp_only_with_half_pixels():
    ramp = torch.arange(8, dtype=torch.float64)[None, None]
    pooled = avg_pool2d(ramp, (1, 2))
    torch.testing.assert_close(bilinear_resize(pooled, (1, 8))[..., 1:-1], ramp[..., 1:-1], **OPERATION[torch.float64])
    assert (bilinear_resize(pooled, (1, 8), align_corners=True)[..., 1:-1] - ramp[..., 1:-1]).abs().max() > 0.2


# --- bilinear resize ---


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size_in, size_out", SIZES)
def test_bilinear_resize_equals_interpolate_with_gradients(size_in, size_out, align_corners, antialias, dtype):
    settings = {"align_corners": align_corners, "antialias": antialias}
    assert_equal_with_gradients(
        lambda x: bilinear_resize(x, size_out, **settings),
        lambda x: interpolate(x, size=size_out, mode="bilinear", **settings),
        draw(2, 3, *size_in, dtype=dtype),
        dtype=dtype,
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("size_in, size_out", [((45, 61), (97, 131)), ((128, 96), (40, 50)), ((30, 120), (120, 31))])
def test_bilinear_resize_of_large_maps_equals_interpolate_with_gradients(size_in, size_out, antialias, dtype):
    """Large enough for the product that leaves zeros out."""
    x = draw(2, 16, *size_in, dtype=dtype)
    for images in (x, x.contiguous(memory_format=torch.channels_last)):
        assert_equal_with_gradients(
            lambda x: bilinear_resize(x, size_out, antialias=antialias),
            lambda x: interpolate(x, size=size_out, mode="bilinear", antialias=antialias),
            images,
            dtype=dtype,
        )


def test_bilinear_resize_takes_any_leading_axes_and_strides():
    x = draw(2, 3, 4, 6, 5)
    resized = bilinear_resize(x, (9, 7))
    flat = interpolate(x.flatten(0, 1), size=(9, 7), mode="bilinear")
    torch.testing.assert_close(resized, flat.unflatten(0, (2, 3)), **OPERATION[torch.float64])
    torch.testing.assert_close(bilinear_resize(x[1, 2, 3], (9, 7)), resized[1, 2, 3], **OPERATION[torch.float64])
    turned = bilinear_resize(x.mT, (7, 9))
    torch.testing.assert_close(turned, resized.mT, **OPERATION[torch.float64])
    assert bilinear_resize(x[:0], 8).shape == (0, 3, 4, 8, 8)
    assert bilinear_resize(x[:, :0], [8, 2]).shape == (2, 0, 4, 8, 2)
    assert bilinear_resize(x.to("meta"), x.shape[-2:]).shape == x.shape


def test_bilinear_resize_has_exact_gradients():
    x = draw(2, 5, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: bilinear_resize(x, (7, 9)), x)
    assert torch.autograd.gradcheck(lambda x: bilinear_resize(x, (3, 2), antialias=True), x)
    assert torch.autograd.gradgradcheck(lambda x: bilinear_resize(x, (3, 9)).square(), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size_in, size_out", [((6, 5), (12, 15)), ((64, 64), (128, 128)), ((96, 80), (40, 30))])
def test_bilinear_resize_in_half_precision_is_within_a_few_roundings(size_in, size_out, dtype):
    x = draw(1, 32, *size_in).sigmoid()
    resized = bilinear_resize(x.to(dtype), size_out)
    assert resized.dtype == dtype
    expected = interpolate(x, size=size_out, mode="bilinear")
    torch.testing.assert_close(resized.double(), expected, rtol=0, atol=4 * torch.finfo(dtype).eps)


@pytest.mark.slow
def test_bilinear_resize_works_exported_with_sizes_left_open():
    class Double(torch.nn.Module):
        def forward(self, x):
            return bilinear_resize(x, (2 * x.shape[-2], 2 * x.shape[-1]))

    height, width = torch.export.Dim("height", min=4, max=64), torch.export.Dim("width", min=4, max=64)
    exported = torch.export.export(Double(), (draw(1, 2, 8, 9),), dynamic_shapes=({2: height, 3: width},))
    x = draw(1, 2, 13, 22, seed=1)
    torch.testing.assert_close(exported.module()(x), bilinear_resize(x, (26, 44)), **OPERATION[torch.float64])


# --- bilinear sampling ---


def test_bilinear_sample_of_a_literal_unit_square():
    image = torch.tensor([[[[1.0, 3.0], [2.0, 4.0]]]])  # f(0,0) = 1, f(1,0) = 3 to its right, f(0,1) = 2 below
    points = torch.tensor([[[0.5, 0.5], [0.25, 0.75], [1.0, 0.0], [0.0, 1.0]]]) + 0.5
    assert bilinear_sample(image, points).tolist() == [[[2.5, 2.25, 3, 2]]]
    outside = torch.tensor([[[0.0, 0.5], [2.0, 1.5], [-7.0, 9.0], [0.0, 0.0]]])
    assert bilinear_sample(image, outside).tolist() == [[[1, 4, 2, 1]]]
    assert bilinear_sample(image, outside, padding="zeros").tolist() == [[[0.5, 2, 0, 0.25]]]


def library_sample(x, points, padding):
    """grid_sample with pixel coordinates, and with any number of axes of points."""
    batch, channels, height, width = x.shape
    grid = 2 * points.reshape(batch, 1, -1, 2) / torch.tensor([width, height], dtype=points.dtype) - 1
    values = grid_sample(x, grid, padding_mode=padding, align_corners=False)
    return values.reshape(batch, channels, *points.shape[1:-1])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("padding", ["border", "zeros"])
@pytest.mark.parametrize("size", [(5, 8), (8, 3), (1, 6), (7, 1), (1, 1)])
def test_bilinear_sample_equals_grid_sample_with_gradients(size, padding, dtype):
    x = draw(2, 3, *size, dtype=dtype)
    for shape in [(40,), (5, 7), (2, 3, 4), ()]:
        spread = torch.tensor([size[1], size[0]]) * draw(2, *shape, 2, seed=1)  # about half of them lie outside
        for images in (x, x.contiguous(memory_format=torch.channels_last), x.mT.contiguous().mT):
            assert_equal_with_gradients(
                lambda x, points: bilinear_sample(x, points, padding=padding),
                lambda x, points: library_sample(x, points, padding),
                images,
                spread.to(dtype),
                dtype=dtype,
            )


@pytest.mark.parametrize("padding", ["border", "zeros"])
def test_bilinear_sample_equals_grid_sample_on_centres_and_borders(padding):
    """Where the derivative jumps: at sizes that are powers of 2, grid_sample gets at the same coordinates exactly."""
    x = draw(1, 2, 4, 8)
    steps = torch.arange(-1, 10, 0.5, dtype=torch.float64)
    points = torch.cartesian_prod(steps, steps)[None]
    assert_equal_with_gradients(
        lambda x, points: bilinear_sample(x, points, padding=padding),
        lambda x, points: library_sample(x, points, padding),
        x,
        points,
        dtype=torch.float64,
    )


def test_bilinear_sample_at_pixel_centres_returns_the_image():
    x = draw(2, 3, 5, 7)
    rows, columns = torch.meshgrid(torch.arange(5) + 0.5, torch.arange(7) + 0.5, indexing="ij")
    centres = torch.stack([columns, rows], -1).double().expand(2, -1, -1, -1)
    for padding in ("border", "zeros"):
        torch.testing.assert_close(bilinear_sample(x, centres, padding=padding), x, **EXACT)


@pytest.mark.parametrize("padding", ["border", "zeros"])
def test_bilinear_sample_has_exact_gradients(padding):
    x = draw(2, 3, 4, 5).requires_grad_()
    points = (draw(2, 9, 2, seed=1) * 3 + 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, points: bilinear_sample(x, points, padding=padding), (x, points))


def test_bilinear_sample_of_nothing_and_at_points_that_are_nowhere():
    x = draw(2, 3, 4, 5)
    assert bilinear_sample(x, torch.zeros(2, 0, 2)).shape == (2, 3, 0)
    assert bilinear_sample(x[:0], torch.zeros(0, 6, 2)).shape == (0, 3, 6)
    assert bilinear_sample(x[:, :0], torch.ones(2, 6, 2)).shape == (2, 0, 6)
    far = torch.tensor([[math.inf, -math.inf], [1e30, -1e30], [math.nan, 1.0]]).expand(2, -1, -1)
    corner = x[:, :, 0, -1]
    border = bilinear_sample(x, far)
    torch.testing.assert_close(border[..., :2], corner[..., None].expand(-1, -1, 2), **EXACT)
    assert border[..., 2].isnan().all()
    zeros = bilinear_sample(x, far, padding="zeros")
    assert (zeros[..., :2] == 0).all() and zeros[..., 2].isnan().all()


def test_bilinear_sample_of_a_pixel_that_is_nan():
    """As the docstring says: it reaches points for which its weight is 0, and no point that is further off."""
    x = draw(1, 1, 4, 5)
    x[..., 0, 0] = math.nan
    points = torch.tensor([[[0.5, 1.5], [-3.0, -3.0], [1.5, 0.5], [4.2, 3.1]]])
    assert bilinear_sample(x, points, padding="zeros").isnan().tolist() == [[[False, True, False, False]]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_bilinear_sample_in_half_precision_takes_precise_points(dtype):
    x = draw(2, 3, 9, 400).sigmoid()
    points = torch.rand(2, 50, 2, generator=torch.Generator().manual_seed(1)) * torch.tensor([400, 9])
    sampled = bilinear_sample(x.to(dtype), points)
    assert sampled.dtype == dtype
    expected = bilinear_sample(x, points.double())
    torch.testing.assert_close(sampled.double(), expected, rtol=0, atol=2 * torch.finfo(dtype).eps)


# --- bed of nails ---


def test_bed_of_nails_of_a_literal_image_and_its_gradient():
    image = torch.tensor([[1, 2], [3, 4]])
    assert bed_of_nails(image, 2).tolist() == [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]
    assert torch.equal(bed_of_nails(image, 1), image)
    assert bed_of_nails(image == 1, 2).sum() == 1
    x = draw(2, 3, 2, 4).requires_grad_()
    weight = draw(2, 3, 6, 12, seed=1)
    (gradient,) = torch.autograd.grad(bed_of_nails(x, 3), x, weight)
    torch.testing.assert_close(gradient, weight[..., ::3, ::3], **EXACT)
    assert torch.autograd.gradcheck(lambda x: bed_of_nails(x, 3), x)
    assert bed_of_nails(x[:0], 3).shape == (0, 3, 6, 12)


# --- bad input ---


@pytest.mark.parametrize("size", [0, -3, (4, 0), 4.0, True, (4, 5, 6), "4", None, (4, 2.5), torch.tensor(4), ()])
def test_resizing_refuses_bad_sizes(size):
    for resize in (nearest_resize, bilinear_resize):
        with pytest.raises(ValueError, match="size must be an integer of 1 or more"):
            resize(torch.zeros(3, 4), size)


def test_resampling_refuses_what_is_no_image():
    for function in (lambda x: nearest_resize(x, 2), lambda x: bilinear_resize(x, 2), lambda x: bed_of_nails(x, 2)):
        with pytest.raises(ValueError, match=r"images \(…, H, W\) .* shape is \(4,\)"):
            function(torch.zeros(4))
        with pytest.raises(ValueError, match=r"shape is \(2, 0, 4\)"):
            function(torch.zeros(2, 0, 4))
        with pytest.raises(ValueError, match="x must be a tensor, but is list"):
            function([[1.0]])
    for labels in (torch.zeros(4, 4, dtype=torch.int64), torch.zeros(4, 4, dtype=torch.bool)):
        with pytest.raises(ValueError, match="bilinear_resize needs a floating image.*nearest_resize"):
            bilinear_resize(labels, 2)
    for factor in (0, -1, 2.0, True, (2, 3)):
        with pytest.raises(ValueError, match="factor must be an integer of 1 or more"):
            bed_of_nails(torch.zeros(4, 4), factor)


def test_interpolation_matrix_refuses_bad_arguments():
    for n_in, n_out in [(0, 4), (4, 0), (-1, 4), (4, 2.0), (True, 4), ((2, 2), 4)]:
        with pytest.raises(ValueError, match="must be an integer of 1 or more"):
            interpolation_matrix(n_in, n_out)
    with pytest.raises(ValueError, match="bilinear, bicubic or nearest, but is 'linear'"):
        interpolation_matrix(2, 4, mode="linear")
    for dtype in (torch.int64, torch.complex64, torch.float8_e4m3fn, "float32", None):
        with pytest.raises(ValueError, match="Weights are floating"):
            interpolation_matrix(2, 4, dtype=dtype)
    for settings in ({"align_corners": True}, {"antialias": True}):
        with pytest.raises(ValueError, match="knows no align_corners or antialias"):
            interpolation_matrix(2, 4, mode="nearest", **settings)


def test_bilinear_sample_refuses_bad_input():
    x, points = torch.zeros(2, 3, 4, 5), torch.zeros(2, 6, 2)
    for bad_x, bad_points in [
        (x[0], points),
        (x, points[:1]),
        (x, points[..., :1]),
        (x, points[0, 0]),
        (x[:1], points),
    ]:
        with pytest.raises(ValueError, match=r"images \(B, C, H, W\) and points \(B, …, 2\)"):
            bilinear_sample(bad_x, bad_points)
    with pytest.raises(ValueError, match="points must be floating .* torch.int64 on cpu"):
        bilinear_sample(x, points.long())
    with pytest.raises(ValueError, match="on the image's device, cpu, .* on meta"):
        bilinear_sample(x, points.to("meta"))
    with pytest.raises(ValueError, match="floating image"):
        bilinear_sample(x.long(), points)
    with pytest.raises(ValueError, match="points must be a tensor, but is list"):
        bilinear_sample(x, [[1.0, 2.0]])
    with pytest.raises(ValueError, match="border or zeros, but is 'reflection'"):
        bilinear_sample(x, points, padding="reflection")
    with pytest.raises(ValueError, match=r"shape is \(2, 3, 0, 5\)"):
        bilinear_sample(x[:, :, :0], points)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_resampling_is_the_same_on_a_gpu(dtype):
    x, points = draw(2, 16, 40, 30, dtype=dtype), draw(2, 90, 2, dtype=dtype, seed=1) * 20 + 15
    functions = [
        lambda x: nearest_resize(x, (70, 41)),
        lambda x: nearest_resize(x, (70, 41), exact=True),
        lambda x: bilinear_resize(x, (97, 60)),
        lambda x: bilinear_resize(x, (13, 17), antialias=True),
        lambda x: bilinear_sample(x, points.to(x.device)),
        lambda x: bilinear_sample(x, points.to(x.device), padding="zeros"),
        lambda x: bed_of_nails(x, 3),
    ]
    for function in functions:
        on_cpu, on_gpu = x.clone().requires_grad_(), x.cuda().requires_grad_()
        ours, expected = function(on_gpu), function(on_cpu)
        assert ours.is_cuda
        torch.testing.assert_close(ours.cpu(), expected, **OPERATION[dtype])
        weight = draw(*expected.shape, dtype=dtype, seed=2)
        (ours,), (expected,) = (
            torch.autograd.grad(ours, on_gpu, weight.cuda()),
            torch.autograd.grad(expected, on_cpu, weight),
        )
        torch.testing.assert_close(ours.cpu(), expected, **OPERATION[dtype])
