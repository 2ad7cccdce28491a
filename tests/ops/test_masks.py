import pytest
import torch
from scipy.ndimage import label
from skimage.measure import label as skimage_label
from skimage.segmentation import find_boundaries

from course_utils.ops.masks import boundaries, connected_components, ids_to_masks, masks_to_ids


def random_labels(*shape, classes=3, seed=0):
    coarse = torch.randint(0, classes, shape, generator=torch.Generator().manual_seed(seed))
    return coarse.repeat_interleave(3, -1).repeat_interleave(3, -2)


def brute_force_boundaries(labels, width):
    """Every pixel against every other pixel of one map: the definition."""
    height, breadth = labels.shape
    pixels = torch.cartesian_prod(torch.arange(height), torch.arange(breadth)).double()
    near = (pixels[:, None] - pixels).square().sum(-1).sqrt() <= width + 1e-9
    flat = labels.flatten()
    return (near & (flat[:, None] != flat)).any(1).view(labels.shape)


def test_boundaries_of_a_literal_map():
    labels = torch.tensor([[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 7, 7], [0, 0, 0, 7, 7]])
    expected = [[0, 0, 0, 0, 0], [0, 0, 0, 1, 1], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0]]
    assert boundaries(labels).int().tolist() == expected
    expected = [[0, 0, 0, 1, 1], [0, 0, 1, 1, 1], [0, 1, 1, 1, 1], [0, 1, 1, 1, 1]]
    assert boundaries(labels, 2).int().tolist() == expected


@pytest.mark.parametrize("width", [1, 2**0.5, 2, 2.9, 13**0.5, 5, 30])
@pytest.mark.parametrize("size", [(1, 4), (4, 1), (3, 5)])
def test_boundaries_equal_brute_force(size, width):
    labels = random_labels(2, *size)[..., 1:, 1:]
    expected = torch.stack([brute_force_boundaries(one, width) for one in labels])
    assert torch.equal(boundaries(labels, width), expected)
    assert expected.any()


@pytest.mark.parametrize("width", [1, 2**0.5, 3, 13**0.5, 40**0.5])
def test_boundaries_around_one_pixel_equal_brute_force(width):
    labels = torch.zeros(9, 10, dtype=torch.int64)
    labels[1, 2] = 1
    assert torch.equal(boundaries(labels, width), brute_force_boundaries(labels, width))


def test_boundaries_equal_skimage():
    labels = random_labels(7, 9, classes=2)
    expected = find_boundaries(labels.numpy(), connectivity=1, mode="thick")
    assert torch.equal(boundaries(labels), torch.from_numpy(expected))
    assert expected.any() and not expected.all()


def test_boundaries_leave_void_out_but_see_its_edge():
    labels = torch.tensor([[0, 0, 0, 255, 1, 1, 1]])
    assert boundaries(labels).int().tolist() == [[0, 0, 1, 0, 1, 0, 0]]
    assert boundaries(labels.to(torch.uint8)).int().tolist() == [[0, 0, 1, 0, 1, 0, 0]]
    assert boundaries(labels, ignore_index=None).int().tolist() == [[0, 0, 1, 1, 1, 0, 0]]
    assert boundaries(labels, ignore_index=1).int().tolist() == [[0, 0, 1, 1, 0, 0, 0]]


@pytest.mark.parametrize("width", [1, 2, 3.5])
def test_boundaries_with_border_equal_those_of_a_map_with_a_frame(width):
    labels = random_labels(3, 4, classes=2)
    framed = torch.nn.functional.pad(labels, (4, 4, 4, 4), value=-1)
    expected = boundaries(framed, width)[4:-4, 4:-4]
    assert torch.equal(boundaries(labels, width, border=True), expected)
    assert (expected & ~boundaries(labels, width)).any() and (width > 3 or not expected.all())


def test_boundaries_of_masks_and_edge_sizes():
    mask = torch.tensor([[True, True, False]])
    assert boundaries(mask).tolist() == [[False, True, True]]
    for width in (3, 1000):
        assert not boundaries(torch.zeros(4, 5, dtype=torch.int64), width).any()
    assert boundaries(torch.zeros(1, 1, dtype=torch.int64), 3, border=True).all()
    for shape in [(0, 4, 5), (2, 0, 5), (2, 4, 0)]:
        assert boundaries(torch.zeros(shape, dtype=torch.int64), 2, border=True).shape == shape


def test_boundaries_refuse_bad_input():
    with pytest.raises(ValueError, match="labels must hold integer labels, but is torch.float32"):
        boundaries(torch.zeros(4, 4))
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        boundaries(torch.zeros(4, dtype=torch.int64))
    for width in (0, 0.5, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="width must be a number from 1 to inf"):
            boundaries(torch.zeros(4, 4, dtype=torch.int64), width)


def spiral(size):
    """A path one pixel wide that winds into the middle of an image, never touching itself."""
    mask = torch.zeros(size, size, dtype=torch.bool)
    row, column, step, length = 0, 0, (0, 1), size - 1
    mask[0, 0] = True
    for turn in range(size):
        for _ in range(length):
            row, column = row + step[0], column + step[1]
            mask[row, column] = True
        step = (step[1], -step[0])
        length -= 2 if turn >= 2 and turn % 2 == 0 else 0
        if length <= 0:
            break
    return mask


def test_connected_components_of_a_literal_mask():
    mask = torch.tensor([[0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 1]]).bool()
    assert connected_components(mask).tolist() == [[0, 1, 0, 2], [3, 0, 0, 2], [0, 0, 0, 0], [4, 4, 0, 5]]
    assert connected_components(mask, connectivity=8).tolist() == [
        [0, 1, 0, 2],
        [1, 0, 0, 2],
        [0, 0, 0, 0],
        [3, 3, 0, 4],
    ]


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("share", [0.15, 0.3, 0.45])
def test_connected_components_equal_skimage_numbers_included(connectivity, share):
    masks = torch.rand(3, 31, 45, generator=torch.Generator().manual_seed(1)) < share
    components = connected_components(masks, connectivity=connectivity)
    for mask, ours in zip(masks, components, strict=True):
        skimage = torch.from_numpy(skimage_label(mask.numpy(), connectivity={4: 1, 8: 2}[connectivity]))
        assert torch.equal(ours, skimage.long())
        assert ours.max() > 3


def test_connected_components_of_shapes_that_merge_late():
    mask = spiral(64)
    assert label(mask.numpy())[1] == 1 and 0.4 < mask.double().mean() < 0.6
    assert torch.equal(connected_components(mask), mask.long())
    comb = torch.zeros(6, 9, dtype=torch.bool)
    comb[:, ::2], comb[-1] = True, True
    comb[2, 5] = False
    comb[0, 1:8:2] = False
    assert torch.equal(connected_components(comb), comb.long())


def test_connected_components_edge_sizes_and_bad_input():
    assert connected_components(torch.ones(1, 1, dtype=torch.bool)).tolist() == [[1]]
    assert connected_components(torch.zeros(3, 4, dtype=torch.bool)).sum() == 0
    for shape in [(0, 4, 5), (2, 0, 5), (2, 3, 4, 5)]:
        assert connected_components(torch.zeros(shape, dtype=torch.bool)).shape == shape
    strided = torch.tensor([[1, 1, 0, 1]]).bool().T
    assert connected_components(strided).flatten().tolist() == [1, 1, 0, 2]
    with pytest.raises(ValueError, match="bool mask"):
        connected_components(torch.ones(4, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="4 or 8 neighbours, but is 6"):
        connected_components(torch.ones(4, 4, dtype=torch.bool), connectivity=6)


def test_ids_to_masks_and_back():
    instances = torch.tensor([[0, 5, 5], [2, 2, 0]])
    ids, masks = ids_to_masks(instances)
    assert ids.tolist() == [2, 5]
    assert masks.int().tolist() == [[[0, 0, 0], [1, 1, 0]], [[0, 1, 1], [0, 0, 0]]]
    assert masks_to_ids(masks).tolist() == [[0, 2, 2], [1, 1, 0]]


def test_masks_and_ids_without_instances():
    ids, masks = ids_to_masks(torch.zeros(3, 4, dtype=torch.uint8))
    assert ids.shape == (0,) and ids.dtype == torch.int64
    assert masks.shape == (0, 3, 4) and masks.dtype == torch.bool
    assert torch.equal(masks_to_ids(masks), torch.zeros(3, 4, dtype=torch.int64))


def test_masks_to_ids_draws_later_masks_over_earlier_ones():
    masks = torch.tensor([[[1, 1, 0]], [[0, 1, 1]]]).bool()
    assert masks_to_ids(masks, overlap=True).tolist() == [[1, 2, 2]]
    assert masks_to_ids(masks.flip(0), overlap=True).tolist() == [[2, 2, 1]]
    with pytest.raises(ValueError, match="more than one mask"):
        masks_to_ids(masks)


def test_ids_and_masks_refuse_bad_input():
    with pytest.raises(ValueError, match="no instance truth"):
        ids_to_masks(torch.full((2, 2), -1))
    with pytest.raises(ValueError, match="torch.float32"):
        ids_to_masks(torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"shape \(1, 2, 2\)"):
        ids_to_masks(torch.zeros(1, 2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"\(N, H, W\), but got torch.bool of shape \(2, 2\)"):
        masks_to_ids(torch.zeros(2, 2, dtype=torch.bool))


@pytest.mark.gpu
def test_masks_are_the_same_on_a_gpu():
    labels = random_labels(2, 6, 7)
    assert torch.equal(boundaries(labels.cuda(), 2, border=True).cpu(), boundaries(labels, 2, border=True))
    components = connected_components(labels.cuda() == 1)
    assert components.is_cuda and torch.equal(components.cpu(), connected_components(labels == 1))
    ids, masks = ids_to_masks(components[0])
    assert masks.is_cuda and torch.equal(masks_to_ids(masks).cpu(), components[0].cpu()) and len(ids) > 1
