"""The catalogue: every name builds a network of the promised shape."""

import subprocess
import sys

import pytest
import torch

from course_utils.models.catalogue import DETECTORS, MODELS, AnySize, build

LARGE = (
    "fcn_vgg16_32s",
    "fcn_vgg16_16s",
    "fcn_vgg16_8s",
    "fcn_resnet50",
    "deeplabv3_resnet50",
    "deconvnet",
    "segnet",
    "unet",
    "unet_bilinear",
    "pspnet_resnet50",
)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in LARGE] + ["smp:unet:resnet18"])
def test_small_models_give_logits_at_the_images_size(name):
    network = build(name, 5).eval()
    with torch.no_grad():
        for size in ((64, 64), (57, 75)):
            logits = network(torch.rand(2, 3, *size))
            assert logits.shape == (2, 5, *size)
            assert logits.dtype == torch.float32


@pytest.mark.parametrize("name", LARGE)
def test_large_models_are_built(name):
    with torch.device("meta"):
        network = build(name, 5)
        assert network.eval()(torch.empty(1, 3, 64, 64)).shape == (1, 5, 64, 64)
        assert sum(parameter.numel() for parameter in network.parameters()) > 1.7e7


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_are_built(name):
    with torch.device("meta"):
        network = build(name, 5)
    assert network.semantic.out_channels == 4 if name == "yolact" else network.num_classes == 5


def test_a_detector_needs_a_class_beside_the_background():
    for name in DETECTORS:
        with pytest.raises(ValueError, match="num_classes must be an integer of [12]"):
            build(name, 1)


def test_the_names_that_lessons_use():
    promised = {
        "fcn32s",
        "fcn16s",
        "fcn8s",
        "fcn4s",
        "deeplab_v3_small",
        "deeplab_v3plus_small",
        "deconvnet_small",
        "segnet_small",
        "unet_small_resnet",
        "unet_plus_plus",
        "fpn_small",
        "linknet_small",
        "hrnet_small",
        "hrnet_w18",
        "pspnet_small",
    }
    assert promised | {"small_unet", *LARGE} <= set(MODELS)


def test_a_model_trains():
    torch.manual_seed(0)
    network = build("fcn8s", 3)
    images = torch.rand(2, 3, 2, 3).repeat_interleave(16, 2).repeat_interleave(16, 3)
    labels = images.argmax(1)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(torch.log(torch.tensor(3.0)).item())
    assert losses[-1] < 0.9 * losses[0]


def test_any_size_repeats_the_edge_and_cuts_it_off():
    seen = []

    class Watching(torch.nn.Module):
        def forward(self, images):
            seen.append(images)
            return images * 2

    images = torch.rand(1, 3, 5, 8)
    found = AnySize(Watching(), multiple=4)(images)
    torch.testing.assert_close(found, images * 2, rtol=0, atol=0)
    assert seen[0].shape == (1, 3, 8, 8)
    torch.testing.assert_close(seen[0][:, :, 5:], images[:, :, 4:].expand(-1, -1, 3, -1), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fcn9s", 3), "no model 'fcn9s'; choose one of fcn32s, .* smp:ARCHITECTURE:ENCODER"),
        (("fcn8s", 0), "num_classes must be an integer of 1 or more, but is 0"),
        ((None, 3), "no model None; choose one of"),
        ((["fcn8s"], 3), r"no model \['fcn8s'\]; choose one of"),
        (("smp:unet:tu-no_such_encoder", 3), "cannot make 'smp:unet:tu-no_such_encoder'"),
        (("smp:unet", 3), "cannot make 'smp:unet'.* write smp:ARCHITECTURE:ENCODER"),
        (("smp:unet:no_such_encoder", 3), "cannot make 'smp:unet:no_such_encoder'"),
        (("smp:no_such_network:resnet18", 3), "cannot make 'smp:no_such_network:resnet18'"),
    ],
)
def test_build_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        build(*arguments)


def test_any_size_is_a_multiple_of_something():
    with pytest.raises(ValueError, match="multiple must be an integer of 1 or more, but is 0"):
        AnySize(torch.nn.Identity(), multiple=0)


@pytest.mark.slow
def test_importing_the_models_imports_no_library_of_models():
    code = (
        "import sys; import course_utils.models.catalogue, course_utils.models.fcn, course_utils.sliding.convolutional; "
        "print([name for name in ('torchvision', 'segmentation_models_pytorch', 'timm', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
