import copy

import pytest
import torch
from tolerances import EXACT, OPERATION
from torch import nn
from torch.nn.utils import prune

from course_utils.sliding.fields import receptive_field
from course_utils.sliding.windows import shift_and_stitch, sliding_window_logits, to_dense


def window_by_window(classifier, image, window, stride=1):
    """The definition: cut out every window, classify it alone."""
    (height, width), rows = window, []
    for y in range(0, image.shape[2] - height + 1, stride):
        windows = [image[:, :, y : y + height, x : x + width] for x in range(0, image.shape[3] - width + 1, stride)]
        rows.append(torch.stack([classifier(window).flatten(1) for window in windows], -1))
    return torch.stack(rows, -2)


def image_of(height, width, *, batch=2, channels=3, dtype=torch.float64, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(batch, channels, height, width, generator=draw, dtype=torch.float64).to(dtype)


def ready(*layers, seed=0):
    """In float64 and evaluation mode, with weights and statistics that no default hides."""
    classifier = nn.Sequential(*layers).double().eval()
    draw = torch.Generator().manual_seed(seed)
    for name, tensor in classifier.state_dict().items():
        if tensor.is_floating_point():
            low = 0.5 if name.endswith("running_var") else -0.5
            tensor.uniform_(low, low + 1, generator=draw)
    return classifier


def pooled():
    """Conv 3, pool 2, conv 3, pool 2: a field of 10 at stride 4; 6 channels."""
    return nn.Conv2d(3, 5, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 6, 3), nn.MaxPool2d(2)


def with_one_layer_twice():
    convolution, relu = nn.Conv2d(3, 3, 3, stride=2), nn.ReLU()
    return ready(convolution, relu, convolution, relu, nn.Flatten(), nn.Linear(12, 4))


def with_batch_norm():
    return ready(
        nn.Sequential(nn.Conv2d(3, 4, (3, 1)), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout2d(0.5)),
        nn.Sequential(
            nn.AvgPool2d(2), nn.Sequential(nn.Conv2d(4, 6, 3, stride=(1, 2)), nn.BatchNorm2d(6, affine=False))
        ),
        nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.ReLU(), nn.Linear(48, 8), nn.Sigmoid(), nn.Linear(8, 4)),
        nn.LogSoftmax(dim=1),
    )


def strided():
    return ready(
        nn.Conv2d(3, 6, 3, stride=2),
        nn.LeakyReLU(0.1),
        nn.Conv2d(6, 9, 2, dilation=2, groups=3, bias=False),
        nn.Conv2d(9, 4, 3, stride=2, padding="valid"),
        nn.Flatten(),
        nn.Linear(4, 4, bias=False),
    )


# The window of each, whether to_dense must be told, and how it is made.
CLASSIFIERS = {
    "stride-free": ((9, 9), False, lambda: ready(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.Conv2d(6, 4, 5), nn.Flatten())),
    "without Flatten": ((5, 5), False, lambda: ready(nn.Conv2d(3, 6, 3), nn.Tanh(), nn.Conv2d(6, 4, 3))),
    "linear only": ((3, 5), True, lambda: ready(nn.Flatten(), nn.Linear(45, 6), nn.GELU(), nn.Linear(6, 4))),
    "even window": ((14, 14), False, lambda: ready(*pooled(), nn.Flatten(), nn.Linear(24, 4))),
    "pixels unread": ((17, 18), True, lambda: ready(*pooled(), nn.Flatten(), nn.Linear(36, 4))),
    "strided": ((11, 11), False, strided),
    "batch norm": ((14, 12), True, with_batch_norm),
    "pooling overlaps": (
        (15, 15),
        False,
        lambda: ready(
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(3, 4, 1),
            nn.AvgPool2d(3, stride=2, divisor_override=5),
            nn.Conv2d(4, 4, 3),
        ),
    ),
    "dilated pooling": (
        (12, 9),
        True,
        lambda: ready(nn.MaxPool2d((2, 3), stride=(3, 1), dilation=(3, 2)), nn.Conv2d(3, 4, (3, 5)), nn.Flatten()),
    ),
    "global average": (
        (13, 10),
        True,
        lambda: ready(
            nn.Conv2d(3, 4, 2, stride=2), nn.Conv2d(4, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)
        ),
    ),
    "average in parts": (
        (14, 10),
        True,
        lambda: ready(
            nn.MaxPool2d(2), nn.Conv2d(3, 5, 2), nn.AdaptiveAvgPool2d((3, None)), nn.Flatten(), nn.Linear(60, 4)
        ),
    ),
    "one layer twice": ((11, 11), False, with_one_layer_twice),
}
each_classifier = pytest.mark.parametrize("name", CLASSIFIERS)


# --- window by window ---


def test_sliding_window_logits_of_a_literal_image():
    total = nn.Sequential(nn.Conv2d(1, 1, (2, 3), bias=False), nn.Flatten())
    nn.init.ones_(total[0].weight)
    image = torch.arange(12.0).view(1, 1, 3, 4)
    expected = torch.tensor([[[[0 + 1 + 2 + 4 + 5 + 6, 24.0], [42.0, 48.0]]]])
    torch.testing.assert_close(sliding_window_logits(total, image, window=(2, 3)), expected, **EXACT)
    torch.testing.assert_close(to_dense(total)(image), expected, **EXACT)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_sliding_window_logits_equals_the_definition(stride, batch_size):
    classifier, image = ready(nn.Conv2d(3, 4, (3, 4)), nn.Flatten()), image_of(8, 11)
    expected = window_by_window(classifier, image, (3, 4), stride)
    ours = sliding_window_logits(classifier, image, window=(3, 4), stride=stride, batch_size=batch_size)
    torch.testing.assert_close(ours, expected, **OPERATION[torch.float64])
    assert ours.shape == (2, 4, 5 // stride + 1, 7 // stride + 1) and ours.is_contiguous() and ours.std() > 0.1


def test_sliding_window_logits_takes_a_stride_for_each_axis_and_any_function():
    image = image_of(6, 9, channels=1)
    corner = sliding_window_logits(lambda patches: patches[:, :, 0, 0], image, window=2, stride=(3, 2))
    torch.testing.assert_close(corner, image[:, :, :-1:3, :-1:2], **EXACT)


def test_padding_makes_each_pixel_the_one_right_of_the_centre_in_an_even_window():
    image = image_of(5, 6, channels=2)
    for window in [(1, 1), (3, 5), (4, 4), (6, 3), (9, 14)]:
        middle = sliding_window_logits(
            lambda patches, window=window: patches[:, :, window[0] // 2, window[1] // 2],
            image,
            window=window,
            padding=True,
        )
        torch.testing.assert_close(middle, image, **EXACT)


def test_sliding_window_logits_shows_progress_only_on_request(capsys):
    classifier, image = ready(nn.Conv2d(3, 4, 3), nn.Flatten()), image_of(6, 6)
    silent = sliding_window_logits(classifier, image, window=3, batch_size=8)
    assert capsys.readouterr() == ("", "")
    shown = sliding_window_logits(classifier, image, window=3, batch_size=8, progress=True)
    assert "4/4" in capsys.readouterr().err
    torch.testing.assert_close(shown, silent, **EXACT)


def test_an_empty_batch_of_images_has_an_empty_map():
    classifier, image = ready(nn.Conv2d(3, 4, 3), nn.Flatten()), image_of(6, 7)[:0]
    assert sliding_window_logits(classifier, image, window=3).shape == (0, 4, 4, 5)
    assert to_dense(classifier)(image).shape == (0, 4, 4, 5)


# --- in one pass ---


@each_classifier
@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_to_dense_equals_sliding_window_logits(name, padding, dtype):
    window, _, make = CLASSIFIERS[name]
    classifier, image = make().to(dtype), image_of(window[0] + 8, window[1] + 5, dtype=dtype)
    with torch.no_grad():
        dense = to_dense(classifier, window=window, padding=padding)(image)
        loop = sliding_window_logits(classifier, image, window=window, padding=padding)
    torch.testing.assert_close(dense, loop, **OPERATION[dtype])
    assert dense.shape == (2, 4, *image.shape[2:]) if padding else (2, 4, 9, 6)
    assert dense.flatten(2).std(-1).min() > 1e-3  # every class says something


@each_classifier
def test_to_dense_equals_the_definition_forward_and_backward(name):
    window, needs_window, make = CLASSIFIERS[name]
    classifier, image = make(), image_of(window[0] + 4, window[1] + 3).requires_grad_()
    expected = window_by_window(classifier, image, window)
    dense = to_dense(classifier, window=window if needs_window else None)(image)
    torch.testing.assert_close(dense, expected, **OPERATION[torch.float64])
    weights = image_of(*dense.shape[2:], channels=4, seed=1)
    parameters = list(classifier.parameters())
    ours = torch.autograd.grad((dense * weights).sum(), [image, *parameters])
    theirs = torch.autograd.grad((expected * weights).sum(), [image, *parameters])
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-12, atol=1e-12)
        assert their.abs().max() > 1e-6


def test_to_dense_of_a_flat_image_sends_gradients_to_the_same_pixels_as_the_windows_do():
    classifier = ready(nn.MaxPool2d(2), nn.Conv2d(1, 2, 2), nn.Flatten())
    image = torch.ones(1, 1, 6, 6, dtype=torch.float64, requires_grad=True)
    (ours,) = torch.autograd.grad(to_dense(classifier)(image)[0, 0].sum(), image)
    (theirs,) = torch.autograd.grad(window_by_window(classifier, image, (4, 4))[0, 0].sum(), image)
    torch.testing.assert_close(ours, theirs, **OPERATION[torch.float64])


def test_max_pooling_keeps_what_is_not_a_number():
    classifier, image = ready(nn.MaxPool2d(2), nn.Flatten()), image_of(4, 4, batch=1)
    image[0, 1, 2, 1] = float("nan")
    with torch.no_grad():
        dense = to_dense(classifier, window=2)(image)
    torch.testing.assert_close(dense, window_by_window(classifier, image, (2, 2)), equal_nan=True, **EXACT)
    assert dense.isnan().sum() == 4


@pytest.mark.parametrize("seed", range(20))
def test_to_dense_of_random_layers_equals_the_definition(seed):
    draw = torch.Generator().manual_seed(seed)

    def pick(*options):
        return options[int(torch.randint(len(options), (), generator=draw))]

    layers = []
    for _ in range(pick(2, 3, 4)):
        kernel, stride = (pick(1, 2, 3), pick(1, 2, 3)), (pick(1, 2), pick(1, 2, 3))
        layer = pick(
            nn.Conv2d(3, 3, kernel, stride=stride, dilation=(pick(1, 2), 1)),
            nn.MaxPool2d(kernel, stride=stride, dilation=(1, pick(1, 2))),
            nn.AvgPool2d(kernel, stride=stride),
        )
        layers += [layer, pick(nn.ReLU(), nn.BatchNorm2d(3), nn.Hardtanh())]
    features = ready(*layers, seed=seed)
    window, image = receptive_field(features).size, image_of(2, 2)
    window = (window, window) if isinstance(window, int) else window
    window = (window[0] + pick(0, 1, 4), window[1] + pick(0, 1, 4))
    numbers = features(image_of(*window)).flatten(1).shape[1]
    classifier = ready(features, nn.Flatten(), nn.Linear(numbers, 2), seed=seed)
    image = image_of(window[0] + 5, window[1] + 3)
    dense = to_dense(classifier, window=window)(image)
    torch.testing.assert_close(dense, window_by_window(classifier, image, window), **OPERATION[torch.float64])


def test_a_strided_network_gives_the_windows_at_its_stride():
    """The experiment of Long et al.: 100 windows of 28×28 at stride 4, and one pass over 64×64."""
    layers = [
        nn.Conv2d(3, 4, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(5, 2, 4),
    ]
    network, image = ready(*layers), image_of(64, 64, batch=1)
    assert receptive_field(network)[:2] == (28, 4)
    windows = sliding_window_logits(network, image, window=28, stride=4)
    assert windows.shape == (1, 2, 10, 10)
    torch.testing.assert_close(network(image), windows, **OPERATION[torch.float64])
    torch.testing.assert_close(to_dense(network)(image)[:, :, ::4, ::4], windows, **OPERATION[torch.float64])


# --- what the two networks share ---


def test_the_dense_network_has_the_parameters_and_statistics_of_the_classifier():
    classifier = with_batch_norm()
    dense = to_dense(classifier, window=(14, 12))
    ours, theirs = (dict(network.named_parameters()) for network in (dense, classifier))
    assert ours.keys() == theirs.keys() and all(ours[name] is theirs[name] for name in theirs)
    ours, theirs = (dict(network.named_buffers()) for network in (dense, classifier))
    assert ours.keys() == theirs.keys() and all(ours[name] is theirs[name] for name in theirs)


def test_loading_or_training_one_does_so_to_the_other():
    classifier, image = with_batch_norm(), image_of(18, 15)
    dense = to_dense(classifier, window=(14, 12))
    before = dense(image)

    other = {name: tensor + 0.1 for name, tensor in classifier.state_dict().items() if tensor.is_floating_point()}
    classifier.load_state_dict(other, strict=False)
    loaded = dense(image)
    assert (loaded - before).abs().max() > 1e-3
    torch.testing.assert_close(loaded, window_by_window(classifier, image, (14, 12)), **OPERATION[torch.float64])

    classifier.train()
    optimiser = torch.optim.SGD(classifier.parameters(), lr=0.1)
    classifier(image_of(14, 12, batch=8)).square().mean().backward()
    optimiser.step()
    classifier.eval()
    trained = dense(image)
    assert (trained - loaded).abs().max() > 1e-3
    torch.testing.assert_close(trained, window_by_window(classifier, image, (14, 12)), **OPERATION[torch.float64])

    dense(image).square().mean().backward()
    torch.optim.SGD(dense.parameters(), lr=0.1).step()
    assert (dense(image) - trained).abs().max() > 1e-3
    torch.testing.assert_close(dense(image), window_by_window(classifier, image, (14, 12)), **OPERATION[torch.float64])

    classifier.float()
    torch.testing.assert_close(dense(image.float()), dense.double()(image).float(), **OPERATION[torch.float32])


def test_each_network_has_a_mode_of_its_own():
    classifier = with_batch_norm()
    classifier.train()
    frozen = [layer for layer in classifier.modules() if isinstance(layer, (nn.BatchNorm2d, nn.Dropout, nn.Dropout2d))]
    for layer in frozen:
        layer.eval()
    modes = [layer.training for layer in classifier.modules()]
    dense = to_dense(classifier, window=(14, 12))
    sliding_window_logits(classifier, image_of(15, 12), window=(14, 12))
    assert [layer.training for layer in classifier.modules()] == modes
    assert not any(layer.training for layer in dense.modules())
    dense.train()
    assert all(layer.training for layer in dense.modules())
    assert [layer.training for layer in classifier.modules()] == modes


def test_a_copy_of_the_dense_network_is_independent():
    classifier, image = CLASSIFIERS["even window"][2](), image_of(16, 15)
    dense = to_dense(classifier)
    independent = copy.deepcopy(dense)
    expected = dense(image)
    with torch.no_grad():
        classifier[0].weight.zero_()
    torch.testing.assert_close(independent(image), expected, **EXACT)
    assert (dense(image) - expected).abs().max() > 1e-3


def test_settings_of_the_classifier_stay_as_they_are():
    classifier = CLASSIFIERS["strided"][2]()
    before = repr(classifier)
    to_dense(classifier)
    assert repr(classifier) == before and classifier[0].stride == (2, 2)


# --- shifted passes ---


def strided_network():
    return ready(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 6, 2, stride=(1, 2)), nn.Conv2d(6, 4, 2))


@pytest.mark.parametrize("size", [(8, 10), (9, 10), (10, 11), (17, 22)])
def test_shift_and_stitch_equals_the_definition_and_the_dense_form(size):
    network, image = strided_network(), image_of(*size).requires_grad_()
    field = receptive_field(network)
    assert field.size == (8, 10) and field.stride == (2, 4)
    stitched = shift_and_stitch(network, image, stride=field.stride, window=field.size)
    loop = window_by_window(network, image, (8, 10))
    torch.testing.assert_close(stitched, loop, **OPERATION[torch.float64])
    torch.testing.assert_close(to_dense(network)(image), loop, **OPERATION[torch.float64])
    (ours,) = torch.autograd.grad(stitched.square().sum(), image)
    (theirs,) = torch.autograd.grad(loop.square().sum(), image)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    assert theirs.abs().max() > 1e-6


def test_shift_and_stitch_takes_a_window_whose_last_pixels_are_unread():
    network, image = strided_network(), image_of(17, 22)
    stitched = shift_and_stitch(network, image, stride=(2, 4), window=(9, 13))
    loop = window_by_window(network, image, (9, 13))
    torch.testing.assert_close(stitched, loop, **OPERATION[torch.float64])


def test_shift_and_stitch_of_a_literal_image():
    pool, image = nn.MaxPool2d(2), torch.tensor([[[[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1]]]])
    expected = torch.tensor([[[[5.0, 6, 6], [5, 5, 2]]]])
    torch.testing.assert_close(shift_and_stitch(pool, image, stride=2, window=2), expected, **EXACT)


# --- what is refused ---

EYE = nn.Identity()
REFUSED = {
    "a padded convolution": (
        nn.Sequential(EYE, nn.Sequential(EYE, nn.Conv2d(3, 4, 3, padding=1))),
        r"layer 1\.1 \(Conv2d\) has padding \(1, 1\).*padding=True",
    ),
    "same padding": (nn.Sequential(nn.Conv2d(3, 4, 5, padding="same")), r"0 \(Conv2d\) has padding 'same'"),
    "reflected padding": (
        nn.Sequential(nn.Conv2d(3, 4, 5, padding=(0, 1), padding_mode="reflect")),
        r"padding \(0, 1\)",
    ),
    "a padded maximum": (nn.Sequential(nn.MaxPool2d(3, 2, padding=1)), r"0 \(MaxPool2d\) has padding 1:"),
    "a padded average": (nn.Sequential(nn.AvgPool2d(3, 2, padding=1)), r"0 \(AvgPool2d\) has padding"),
    "a padding layer": (nn.Sequential(nn.ZeroPad2d(1)), r"0 \(ZeroPad2d\) is of a type that cannot be converted"),
    "ceil_mode": (nn.Sequential(nn.MaxPool2d(2, ceil_mode=True)), r"0 \(MaxPool2d\) has ceil_mode=True.*False"),
    "indices": (nn.Sequential(nn.MaxPool2d(2, return_indices=True)), r"0 \(MaxPool2d\) returns indices"),
    "adaptive pooling": (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        r"1 \(AdaptiveAvgPool2d\) .*not known; pass `window`",
    ),
    "a recurrent layer": (
        nn.Sequential(nn.Flatten(), nn.LSTM(27, 4)),
        r"1 \(LSTM\) is of a type that cannot be converted",
    ),
    "a module of one's own": (
        nn.Sequential(nn.Bilinear(1, 1, 1)),
        r"0 \(Bilinear\) is of a type .*sliding_window_logits",
    ),
    "softmax over columns": (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Softmax(dim=-1)), r"2 \(Softmax\)"),
    "softmax over places": (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Softmax(dim=1), nn.Linear(16, 2)),
        r"2 \(Softmax\) .*move it before Flatten",
    ),
    "Linear without Flatten": (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 2)),
        r"1 \(Linear\) has no Flatten before it",
    ),
    "Flatten in part": (
        nn.Sequential(nn.Flatten(2), nn.Linear(9, 2)),
        r"0 \(Flatten\) does not flatten .*nn.Flatten\(\)",
    ),
    "a convolution after Flatten": (
        nn.Sequential(nn.Flatten(), nn.Conv2d(3, 3, 1)),
        r"1 \(Conv2d\) comes after Flatten",
    ),
    "a map that is not square": (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(24, 2)),
        r"24 inputs of layer 2 \(Linear\) are no square map of 4 channels.*window",
    ),
    "Linear on an image": (nn.Sequential(nn.Flatten(), nn.Linear(27, 2)), r"1 \(Linear\) .*unknown number of channels"),
    "a computed weight": (
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))),
        r"0 \(ParametrizedConv2d\) computes its weight from others.*remove that",
    ),
    "a pruned weight": (
        nn.Sequential(nn.Flatten(), prune.random_unstructured(nn.Linear(27, 2), "weight", 0.5)),
        r"1 \(Linear\) computes its weight from others",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_to_dense_refuses_by_name_and_reason(case):
    classifier, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        to_dense(classifier.eval())


@pytest.mark.parametrize(
    ("classifier", "window", "message"),
    [
        (nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Conv2d(3, 4, 2)), 7, r"divides a map of 7×7 into 2×2 unequal parts"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(4)), 5, r"1 \(MaxPool2d\) needs a map of 4×4, .* leaves 3×3"),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), 5, r"A window of 5×5 must end as one vector .*map of 3×3"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()), (3, 4), r"3×4 must end as one vector .*map of 1×2"),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2)),
            6,
            r"takes 16 numbers, but .* 4 channels of 4×4",
        ),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(27, 2)),
            4,
            r"takes 27 numbers, but a window becomes \? channels of 4×4",
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), 0, "window must be an integer of 1 or more"),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), 3.0, "window must be an integer of 1 or more"),
        (nn.Conv2d(3, 4, 3), 3, "nn.Sequential, but got a Conv2d"),
        (lambda x: x, 3, "nn.Sequential, but got a function"),
    ],
)
def test_to_dense_refuses_a_window_that_does_not_fit(classifier, window, message):
    with pytest.raises(ValueError, match=message):
        to_dense(classifier, window=window)


def test_a_sequential_with_a_forward_of_its_own_is_refused():
    class Residual(nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    with pytest.raises(ValueError, match="nn.Sequential, but got a Residual that has a forward or hooks of its own"):
        to_dense(Residual(nn.Conv2d(3, 3, 1)))
    with pytest.raises(ValueError, match=r"layer 0 \(Residual\) has a forward of its own"):
        to_dense(nn.Sequential(Residual(nn.Conv2d(3, 3, 1))))


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Dropout2d(0.1)])
def test_training_mode_is_refused_where_it_breaks_equality(layer):
    network, image = nn.Sequential(nn.Conv2d(3, 3, 3), layer), image_of(5, 5, dtype=torch.float32)
    name = rf"layer 1 \({type(layer).__name__}\) is in training mode.*eval"
    with pytest.raises(ValueError, match=name):
        to_dense(network)
    with pytest.raises(ValueError, match=name):
        sliding_window_logits(network, image, window=3)
    with pytest.raises(ValueError, match=name):
        shift_and_stitch(network, image, stride=1, window=3)
    assert network.training
    network.eval()
    torch.testing.assert_close(to_dense(network)(image), network(image), **OPERATION[torch.float32])


def test_training_mode_is_taken_where_nothing_depends_on_it():
    network, image = nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), nn.Dropout(0)), image_of(5, 5, dtype=torch.float32)
    torch.testing.assert_close(to_dense(network)(image), network(image), **OPERATION[torch.float32])


def test_batch_norm_without_statistics_is_refused_in_any_mode():
    network = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)).eval()
    with pytest.raises(ValueError, match=r"layer 0 \(BatchNorm2d\) keeps no statistics.*track_running_stats=True"):
        to_dense(network)


def test_an_image_smaller_than_the_window_is_refused():
    network = ready(nn.Conv2d(3, 4, (3, 5)))
    for call in (
        lambda image: sliding_window_logits(network, image, window=(3, 5)),
        lambda image: shift_and_stitch(network, image, stride=1, window=(3, 5)),
        to_dense(network),
    ):
        with pytest.raises(ValueError, match="image of 3×4 pixels is smaller than the window of 3×5"):
            call(image_of(3, 4))
        with pytest.raises(ValueError, match=r"\(B, C, H, W\), but has shape \(3, 7, 7\).*image\[None\]"):
            call(image_of(7, 7)[0])
        with pytest.raises(ValueError, match="image must be a tensor, but is ndarray"):
            call(image_of(7, 7).numpy())
        assert call(image_of(3, 5)).shape == (2, 4, 1, 1)


@pytest.mark.parametrize(
    ("classifier", "message"),
    [
        (nn.Conv2d(3, 4, 2), r"logits \(9, K\), but this one gave a tensor \(9, 4, 2, 2\)"),
        (lambda patches: patches[0], r"gave a tensor \(3, 3, 3\)"),
        (lambda patches: patches.mean((1, 2, 3)), r"gave a tensor \(9,\)"),
        (lambda patches: [patches], "gave a list"),
    ],
)
def test_logits_of_another_shape_are_refused(classifier, message):
    with pytest.raises(ValueError, match=message):
        sliding_window_logits(classifier, image_of(5, 5, batch=1, dtype=torch.float32), window=3)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, None, True])
def test_a_batch_size_that_is_none_is_refused(batch_size):
    with pytest.raises(ValueError, match="batch_size must be an integer of 1 or more"):
        sliding_window_logits(nn.Flatten(), image_of(5, 5), window=3, batch_size=batch_size)


@pytest.mark.parametrize(
    ("network", "stride", "window", "message"),
    [
        (nn.Conv2d(3, 4, 3, stride=2), 4, 3, r"\(B, K, 4, 4\), but this one gave a tensor \(1, 4, 7, 7\)"),
        (nn.Conv2d(3, 4, 3, stride=2), 1, 3, r"\(B, K, 13, 13\), but this one gave a tensor \(1, 4, 7, 7\)"),
        # Larger than the field by a whole stride, for which every shift has one output more.
        (nn.Conv2d(3, 4, 3), 1, 4, r"\(B, K, 12, 12\), but this one gave a tensor \(1, 4, 13, 13\)"),
        (nn.Conv2d(3, 4, 3, stride=2), 2, (3, 5), r"\(B, K, 7, 6\), but this one gave a tensor \(1, 4, 7, 7\)"),
        # Padding in a forward is seen where it adds a stride or more.
        (lambda x: nn.functional.max_pool2d(x, 3, 2, 1), 2, 3, r"\(B, K, 7, 7\), but this one gave a tensor"),
        (nn.Flatten(), 1, 3, r"gave a tensor \(1, 675\); .*without Flatten"),
    ],
)
def test_shift_and_stitch_refuses_a_network_with_another_stride_or_window(network, stride, window, message):
    with pytest.raises(ValueError, match=message):
        shift_and_stitch(network, image_of(15, 15, batch=1, dtype=torch.float32), stride=stride, window=window)


@pytest.mark.gpu
@each_classifier
def test_on_a_gpu_the_three_ways_agree(name):
    window, _, make = CLASSIFIERS[name]
    classifier, image = make(), image_of(window[0] + 5, window[1] + 4)
    expected = sliding_window_logits(classifier, image, window=window)
    dense = to_dense(classifier, window=window)
    classifier.cuda()
    assert all(parameter.is_cuda for parameter in dense.parameters())
    ours = dense(image.cuda())
    torch.testing.assert_close(ours.cpu(), expected, **OPERATION[torch.float64])
    loop = sliding_window_logits(classifier, image.cuda(), window=window)
    assert ours.is_cuda and loop.is_cuda
    torch.testing.assert_close(loop.cpu(), expected, **OPERATION[torch.float64])
