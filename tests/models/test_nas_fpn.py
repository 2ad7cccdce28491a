"""NAS-FPN: cells by hand, the published pyramid written out, rewired ones, and what is refused."""

from functools import partial

import numpy as np
import pytest
import torch
from tolerances import OPERATION
from torch import nn
from unet_cases import assert_all_learn, images_of
from unfilled import drawn

from course_utils.models.backbones.contract import check_backbone
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.unet import UNetEncoder
from course_utils.models.fcn import FCN
from course_utils.models.nas_fpn import NAS_FPN, NASFPN, Cell, MergingPyramid, attend, checked_cells

small = partial(small_resnet, widths=(4, 5, 6, 7, 8))
ATTENTION = "global pooling attention"
# Four levels, strides 4 to 32: maps 0 to 3 come in. Map 3 and map 4 are taken by no cell.
REWIRED = [(3, 0, 2, ATTENTION), (2, 0, 1, "sum"), (3, 5, 2, "sum"), (5, 6, 1, ATTENTION), (4, 7, 6, "sum")]


def test_attention_by_hand():
    coarser = torch.tensor([[[[0.0, -5.0]], [[2.0, 1.0]]]])
    finer = torch.tensor([[[[10.0, 20.0]], [[30.0, 40.0]]]])
    # The largest values are 0 and 2, whose sigmoids are 1/2 and 0.8808.
    found = attend(coarser, finer)
    expected = torch.tensor([[[[5.0, 5.0]], [[2 + 30 * 0.880797, 1 + 40 * 0.880797]]]])
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def without_convolutions(cells):
    """A pyramid of one channel whose convolutions change nothing but that the ReLU before them cuts off what is negative."""
    pyramid = MergingPyramid(1, checked_cells(cells)).eval()
    for layer in pyramid.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.dirac_(layer.weight)
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = 0
    return pyramid


def test_cells_by_hand():
    fine = torch.tensor([[[[1.0, 2, 3], [4, 5, 6], [-99, 0, 8]]]])
    coarse = torch.tensor([[[[10.0, 20], [30, 40]]]])
    # Map 2: the coarse map enlarged, and the fine one. Map 3: map 2 made smaller (its largest values), and the coarse map.
    finer, coarser = without_convolutions([(2, 0, 1, "sum"), (3, 2, 1, "sum")])([fine, coarse])
    assert finer[0, 0].tolist() == [[11, 12, 23], [14, 15, 26], [0, 30, 48]]
    assert coarser[0, 0].tolist() == [[15 + 10, 26 + 20], [30 + 30, 48 + 40]]


def test_a_map_is_enlarged_by_the_nearest_pixel_also_along_one_axis():
    fine, coarse = torch.zeros(1, 1, 1, 3), torch.tensor([[[[10.0, 20]]]])
    finer, _ = without_convolutions([(2, 0, 1, "sum"), (3, 2, 1, "sum")])([fine, coarse])
    assert finer[0, 0].tolist() == [[10, 10, 20]]


def test_a_map_that_no_cell_takes_is_added_at_its_level():
    fine, coarse = torch.ones(1, 1, 4, 4), 10 * torch.ones(1, 1, 2, 2)
    cells = [(2, 0, 1, "sum"), (3, 2, 0, "sum")]  # map 1 is taken
    assert [map_.max().item() for map_ in without_convolutions(cells)([fine, coarse])] == [11, 12]
    cells = [(2, 0, 1, "sum"), (2, 0, 1, "sum"), (3, 0, 3, "sum")]  # map 2 is not: 11 for the new fine map
    assert [map_.max().item() for map_ in without_convolutions(cells)([fine, coarse])] == [22, 23]


def written_out(pyramid, maps):
    """The published pyramid, level by level, on maps whose sizes are powers of 2."""
    up = partial(nn.functional.interpolate, mode="nearest")
    down = nn.functional.max_pool2d
    first, second, c3, c4, c5, c7, c6 = pyramid.convolutions
    p3, p4, p5, p6, p7 = maps

    def gp(coarser, finer):
        return coarser + finer * coarser.flatten(2).max(dim=2).values.sigmoid()[:, :, None, None]

    a = first(gp(up(p6, scale_factor=4), p4))
    b = second(p4 + a)
    new3 = c3(p3 + up(b, scale_factor=2))
    new4 = c4(b + down(new3, 2))
    new5 = c5(gp(down(new4, 2), down(new3, 4)) + p5)
    new7 = c7(gp(down(new5, 4), down(b, 8)) + p7)
    new6 = c6(gp(up(new7, scale_factor=2), down(new5, 2)))
    return [new3, new4, new5, new6, new7]


def test_the_published_pyramid():
    pyramid = drawn(lambda: MergingPyramid(3, checked_cells(NAS_FPN)))
    draw = torch.Generator().manual_seed(1)
    maps = [torch.randn(2, 3, 32 >> level, 48 >> level, generator=draw).double() for level in range(5)]
    for have, want in zip(pyramid(maps), written_out(pyramid, maps), strict=True):
        torch.testing.assert_close(have, want, **OPERATION[torch.float64])


def test_pyramids_stand_on_one_another():
    network = drawn(lambda: NASFPN(small(), 6, repeats=3))
    assert (network.channels, network.strides) == ((6,) * 5, (8, 16, 32, 64, 128))
    images = images_of(128, 256)
    maps = [lateral(map_) for lateral, map_ in zip(network.laterals, network.backbone(images)[2:], strict=True)]
    for _ in range(2):
        maps.append(nn.functional.max_pool2d(maps[-1], 2))
    for pyramid in network.pyramids:
        maps = written_out(pyramid, maps)
    assert len(network.pyramids) == 3
    for have, want in zip(network(images), maps, strict=True):
        torch.testing.assert_close(have, want, rtol=0, atol=1e-11 * want.abs().max().item())


@pytest.mark.parametrize("backbone", [small, partial(UNetEncoder, (4, 5, 6, 7, 8, 9))], ids=["small", "rounds down"])
def test_a_rewired_pyramid_is_a_backbone(backbone):
    network = NASFPN(backbone(), 6, cells=REWIRED, repeats=2)
    assert network.strides == (4, 8, 16, 32)
    check_backbone(network)
    network = drawn(lambda: FCN(NASFPN(backbone(), 6, cells=REWIRED, repeats=2), 3, stride=4))
    assert network(images_of(57, 75)).shape == (2, 3, 57, 75)


def test_everything_learns():
    """Also what no cell takes: it is added."""
    assert_all_learn(JoinedMaps(drawn(lambda: NASFPN(small(), 6, cells=REWIRED, repeats=2))), images_of(64, 96))
    assert_all_learn(JoinedMaps(drawn(lambda: NASFPN(small(), 6, repeats=1))), images_of(160, 256))


class JoinedMaps(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return torch.cat([map_.flatten() for map_ in self.network(images)])


def test_images_of_every_size():
    network = drawn(lambda: NASFPN(small(), 6, repeats=2))
    for height, width in ((65, 97), (33, 41), (1, 1)):
        for map_, stride in zip(network(images_of(height, width)), network.strides, strict=True):
            assert map_.shape == (2, 6, -(-height // stride), -(-width // stride)) and map_.isfinite().all()


def test_numbers_of_numpy_and_lists_make_the_same_cells():
    number = np.uint8
    assert checked_cells([[number(level), number(1), number(0), "sum"] for level in (2, 3)]) == [
        Cell(2, 1, 0, "sum"),
        Cell(3, 1, 0, "sum"),
    ]
    found, wanted = (
        NASFPN(small(), number(6), cells=REWIRED, repeats=number(2)),
        NASFPN(small(), 6, cells=REWIRED, repeats=2),
    )
    assert {name: value.shape for name, value in found.state_dict().items()} == {
        name: value.shape for name, value in wanted.state_dict().items()
    }


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (None, "cells must be a list of .level, first input, second input, operation., as `NAS_FPN` is, but is None"),
        ([], r"cells must be a list of .* but is \[\]"),
        ([(2, 0, 1)], r"cell 0 must be \(level, first input, second input, operation\), but is \(2, 0, 1\)"),
        ([(2, 0, 1, "sum"), "sum!"], "cell 1 must be .* but is 'sum!'"),
        ([(2, 0, 1, "sum"), (3, 1, 1, "sum")], "cell 1 takes map 1 twice; choose two maps"),
        ([(2, 0, 1, "product")], 'operation of cell 0 must be "sum" or "global pooling attention", but is \'product\''),
        ([(2, 0, 1.0, "sum")], "the second input of cell 0 must be an integer of 0 or more, but is 1.0; convert it"),
        ([(2, -1, 1, "sum")], "the first input of cell 0 must be an integer of 0 or more, but is -1"),
        ([("P2", 0, 1, "sum")], "the level of cell 0 must be an integer of 0 or more, but is 'P2'"),
        ([(2, 0, 1, "sum"), (4, 0, 1, "sum")], r"of levels \[2, 4\], but none of level 3; add a cell"),
        (
            [(2, 0, 1, "sum"), (3, 2, 3, "sum")],
            r"Cell 1 takes map 3, but before it there are only maps 0 to 2: 0 to 1 come in, of levels \[2, 3\]",
        ),
        ([(0, 0, 1, "sum"), (1, 0, 1, "sum")], "no map at stride 1, but at 2, 4, 8, 16, 32"),
        ([(6, 0, 1, "sum"), (7, 0, 1, "sum")], "no map at stride 64, but at 2, 4, 8, 16, 32"),
    ],
)
def test_cells_that_make_no_pyramid_are_refused(cells, message):
    with pytest.raises(ValueError, match=message):
        NASFPN(small(), 6, cells=cells)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": None}, "a backbone is an nn.Module, but this is a NoneType"),
        ({"channels": 0}, "channels must be an integer of 1 or more, but is 0"),
        ({"repeats": 0}, "repeats must be an integer of 1 or more, but is 0"),
    ],
)
def test_it_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        NASFPN(**({"backbone": small()} | settings))


@pytest.mark.gpu
def test_on_a_gpu():
    network, images = drawn(lambda: NASFPN(small(), 6, repeats=2)), images_of(65, 97)
    expected = [map_.detach() for map_ in network(images)]
    for have, want in zip(network.cuda()(images.cuda()), expected, strict=True):
        torch.testing.assert_close(have.detach().cpu(), want, rtol=0, atol=1e-9 * want.abs().max().item())
