"""What a layer may not be, asked of the functions that go through a network layer by layer."""

import pytest
import torch
from tolerances import EXACT, OPERATION
from torch import nn
from torch.nn.utils import prune

from course_utils.sliding.fields import receptive_field
from course_utils.sliding.windows import shift_and_stitch, sliding_window_logits, to_dense


def image_of(*shape, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


# --- layers that compute something of their own ---


class Tripled(nn.Linear):
    def forward(self, x):
        return 3 * super().forward(x)


class Squeezed(nn.ReLU):
    def forward(self, x):
        return x * x.mean((2, 3), keepdim=True)


class Halved(nn.MaxPool2d):
    def forward(self, x):
        return super().forward(x) / 2


class Named(nn.Conv2d):
    """A convolution with another name, and its forward."""


def with_a_forward_of_the_instance():
    layer = nn.Conv2d(3, 2, 5)
    layer.forward = torch.zeros_like
    return layer


def with_a_hook(layer):
    layer.register_forward_hook(lambda module, inputs, output: output * 2)
    return layer


def with_a_hook_before():
    layer = nn.Conv2d(3, 2, 5)
    layer.register_forward_pre_hook(lambda module, inputs: (inputs[0] * 2,))
    return layer


OWN = {
    "pointwise": (lambda: [Squeezed(), nn.Conv2d(3, 2, 5)], r"0 \(Squeezed\)", "forward"),
    "pooling": (lambda: [Halved(5)], r"0 \(Halved\)", "forward"),
    "linear": (lambda: [nn.Conv2d(3, 2, 5), nn.Flatten(), Tripled(2, 2)], r"2 \(Tripled\)", "forward"),
    "instance": (lambda: [with_a_forward_of_the_instance()], r"0 \(Conv2d\)", "forward"),
    "hook": (lambda: [with_a_hook(nn.MaxPool2d(5))], r"0 \(MaxPool2d\)", "hooks"),
    "hook before": (lambda: [with_a_hook_before()], r"0 \(Conv2d\)", "hooks"),
    "hook on layers": (lambda: [with_a_hook(nn.Sequential(nn.Conv2d(3, 2, 5)))], r"0 \(Sequential\)", "hooks"),
}


@pytest.mark.parametrize("case", OWN)
def test_a_layer_that_computes_something_of_its_own_is_refused(case):
    make, name, what = OWN[case]
    with pytest.raises(ValueError, match=rf"layer {name} has .*{what}.*sliding_window_logits"):
        to_dense(nn.Sequential(*make()), window=5)
    with pytest.raises(ValueError, match=rf"layers\.\d is a {name[4:-2]} with .*{what}"):
        receptive_field(make())


def test_a_hook_on_the_classifier_is_refused():
    with pytest.raises(ValueError, match="got a Sequential that has a forward or hooks of its own"):
        to_dense(with_a_hook(nn.Sequential(nn.Conv2d(3, 2, 5))))


def test_a_subclass_without_code_and_a_pruned_weight_have_a_field():
    network, image = nn.Sequential(Named(3, 2, 5)), image_of(1, 3, 7, 8)
    torch.testing.assert_close(to_dense(network)(image), network(image), **OPERATION[torch.float32])
    pruned = prune.random_unstructured(nn.Conv2d(3, 2, 5), "weight", 0.5)
    assert receptive_field([pruned]) == receptive_field(network) == (5, 1, 2.5)


# --- layers that see more than a window ---


@pytest.mark.parametrize(("kernel", "dilation"), [(2, 1), (4, 1), ((1, 2), 1), (2, 3)])
def test_same_padding_of_an_even_kernel_is_padding(kernel, dilation):
    convolution = nn.Conv2d(3, 4, kernel, dilation=dilation, padding="same")
    with pytest.raises(ValueError, match=r"layer 0 \(Conv2d\) has padding 'same'"):
        to_dense(nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten()), window=8)


def test_same_padding_of_a_kernel_of_one_is_none():
    network, image = nn.Sequential(nn.Conv2d(3, 4, 1, padding="same")), image_of(1, 3, 4, 5)
    torch.testing.assert_close(to_dense(network)(image), network(image), **OPERATION[torch.float32])
    torch.testing.assert_close(shift_and_stitch(network, image, stride=1, window=1), network(image), **EXACT)


SEES_BORDERS = {
    "padding at stride 2": (nn.Conv2d(3, 4, 3, stride=2, padding=1), 2, 2, "pads the image"),
    "padding at stride 4": (nn.Conv2d(3, 4, 3, stride=4, padding=1), 4, 3, "pads the image"),
    "padding at stride 1": (nn.Conv2d(3, 4, 3, padding=1), 1, 1, "pads the image"),
    "same padding": (nn.Conv2d(3, 4, 2, padding="same"), 1, 1, "pads the image"),
    "a padded maximum": (nn.MaxPool2d(3, stride=3, padding=1), 3, 3, "pads the image"),
    "a padded average": (nn.AvgPool2d(3, stride=3, padding=1), 3, 3, "pads the image"),
    "a padding layer": (nn.ZeroPad2d((1, 0, 1, 0)), 1, 1, "pads the image"),
    "ceil_mode": (nn.MaxPool2d(3, stride=3, ceil_mode=True), 3, 3, "ceil_mode=False"),
    "group norm": (nn.GroupNorm(1, 3), 1, 1, "over the whole map"),
    "instance norm": (nn.InstanceNorm2d(3), 1, 1, "over the whole map"),
    "layer norm": (nn.LayerNorm(9), 1, 1, "over the whole map"),
    "squeeze": (nn.AdaptiveAvgPool2d(1), 1, 9, "over the whole map"),
}


@pytest.mark.parametrize("case", SEES_BORDERS)
def test_shift_and_stitch_refuses_a_layer_that_sees_where_the_image_ends(case):
    layer, stride, window, reason = SEES_BORDERS[case]
    network = nn.Sequential(nn.Identity(), layer).eval()
    with pytest.raises(ValueError, match=rf"layer 1 \({type(layer).__name__}\) .*{reason}"):
        shift_and_stitch(network, image_of(1, 3, 9, 9), stride=stride, window=window)


def test_instance_norm_with_statistics_of_its_own_is_taken_in_evaluation_mode():
    network = nn.Sequential(nn.Conv2d(3, 2, 3, stride=2), nn.InstanceNorm2d(2, track_running_stats=True)).eval()
    network[1].running_mean.fill_(0.5)
    image = image_of(2, 3, 9, 8)
    with torch.no_grad():
        stitched = shift_and_stitch(network, image, stride=2, window=3)
        loop = sliding_window_logits(network, image, window=3)
    torch.testing.assert_close(stitched, loop, **OPERATION[torch.float32])


@pytest.mark.parametrize(
    "layer",
    [
        *(nn.RReLU(), nn.InstanceNorm2d(3, track_running_stats=True), nn.SyncBatchNorm(3), nn.BatchNorm3d(3)),
        *(nn.LazyBatchNorm2d(), nn.LazyInstanceNorm2d(), nn.FeatureAlphaDropout(), nn.Dropout3d()),
    ],
)
def test_layers_that_draw_or_keep_statistics_are_refused_in_training_mode(layer):
    network = nn.Sequential(nn.Conv2d(3, 3, 3), layer)
    with pytest.raises(ValueError, match=rf"layer 1 \({type(layer).__name__}\) is in training mode.*eval"):
        sliding_window_logits(network, image_of(1, 3, 5, 5), window=3)


# --- layers that work in place ---


@pytest.mark.parametrize("requires_grad", [False, True])
def test_a_layer_in_place_leaves_the_image_as_it_is(requires_grad):
    convolution = nn.Conv2d(1, 1, 2, stride=2)
    network = nn.Sequential(nn.LeakyReLU(0.5, inplace=True), convolution)
    image = image_of(1, 1, 6, 7)
    before = image.clone()
    image.requires_grad_(requires_grad)
    expected = sliding_window_logits(nn.Sequential(nn.LeakyReLU(0.5), convolution), image, window=2)
    for call in (
        lambda: shift_and_stitch(network, image, stride=2, window=2),
        lambda: to_dense(network)(image),
        lambda: sliding_window_logits(network, image, window=2),
    ):
        torch.testing.assert_close(call(), expected, **OPERATION[torch.float32])
        torch.testing.assert_close(image.detach(), before, **EXACT)


# --- averages in small types ---


@pytest.mark.parametrize(("dtype", "value"), [(torch.float16, 2000.0), (torch.bfloat16, 1.0)])
@pytest.mark.parametrize("pooling", [nn.AvgPool2d((1, 512)), nn.AdaptiveAvgPool2d(1)])
def test_an_average_of_equal_values_is_that_value_in_any_type(dtype, value, pooling):
    image = torch.full((1, 2, 1, 513), value, dtype=dtype)
    found = to_dense(nn.Sequential(pooling, nn.Flatten()), window=(1, 512))(image)
    torch.testing.assert_close(found, torch.full((1, 2, 1, 2), value, dtype=dtype), **EXACT)


# --- arguments ---


@pytest.mark.parametrize("padding", [2, "same", None, 1])
def test_padding_is_a_bool(padding):
    network = nn.Sequential(nn.Conv2d(3, 2, 5))
    with pytest.raises(ValueError, match="padding must be True .* or False, but is"):
        to_dense(network, padding=padding)
    with pytest.raises(ValueError, match="padding must be True .* or False, but is"):
        sliding_window_logits(network, image_of(1, 3, 9, 9), window=5, padding=padding)


@pytest.mark.parametrize("size", [(0, 0), (0, 4), (5, 0)])
def test_an_image_without_pixels_is_refused_with_padding_too(size):
    network, image = nn.Sequential(nn.Conv2d(3, 2, 4)), image_of(1, 3, *size)
    for call in (
        lambda: sliding_window_logits(network, image, window=4, padding=True),
        lambda: to_dense(network, padding=True)(image),
    ):
        with pytest.raises(ValueError, match=rf"image must have pixels, but has {size[0]}×{size[1]}"):
            call()


def test_what_is_no_network_is_refused():
    with pytest.raises(ValueError, match="classifier must be a module or a function of images, but is a NoneType"):
        sliding_window_logits(None, image_of(1, 3, 5, 5), window=3)
    with pytest.raises(ValueError, match="network must be a module or a function of images, but is a NoneType"):
        shift_and_stitch(None, image_of(1, 3, 5, 5), stride=1, window=3)


def test_a_number_of_logits_that_changes_is_refused():
    with pytest.raises(ValueError, match=r"as many logits for every batch of windows, but this one gave \[2, 7\]"):
        sliding_window_logits(lambda x: x.flatten(1)[:, : len(x)], image_of(1, 3, 5, 5), window=3, batch_size=7)


def test_a_layer_named_as_the_frame_is_refused():
    network = nn.Sequential()
    network.add_module("image_frame", nn.Conv2d(3, 2, 3))
    with pytest.raises(ValueError, match="image_frame is what to_dense calls .*another name"):
        to_dense(network)


def test_prelu_with_one_slope_may_stand_after_flatten():
    network = nn.Sequential(nn.Flatten(), nn.PReLU(), nn.Linear(27, 2))
    image = image_of(1, 3, 5, 6)
    loop = sliding_window_logits(network, image, window=3)
    torch.testing.assert_close(to_dense(network, window=3)(image), loop, **OPERATION[torch.float32])


@pytest.mark.parametrize(("window", "remedy"), [(3, "Linear between"), (None, "pass `window`")])
def test_prelu_with_many_slopes_may_not(window, remedy):
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.PReLU(36), nn.Linear(36, 2))
    with pytest.raises(ValueError, match=rf"layer 2 \(PReLU\) tells channels apart.*{remedy}"):
        to_dense(network, window=window)


@pytest.mark.parametrize("layer", [nn.Softmax(-1), nn.LogSoftmax(2), nn.Softmax()])
def test_softmax_along_something_else_is_told_its_dim(layer):
    with pytest.raises(ValueError, match=rf"layer 2 \(\w+\) has dim={layer.dim}, .* write dim=1"):
        to_dense(nn.Sequential(nn.Flatten(), nn.Linear(27, 2), layer), window=3)
