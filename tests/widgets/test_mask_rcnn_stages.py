"""The explorer of a Mask R-CNN's stages: what it shows is what the network computes; its pictures and texts."""

import pytest
import torch
from pictures import assert_legible, assert_legible_strip, assert_shown_and_moved, picture

from course_utils.datasets.scenes import Scenes
from course_utils.models.detection.mask_rcnn import MaskRCNN
from course_utils.models.detection.quick_mask_rcnn import quick_mask_rcnn
from course_utils.ops.boxes import batched_nms, box_iou, nms
from course_utils.ops.roi import paste_masks
from course_utils.widgets.detector_stages import NAMES, Found, Stages, sentence, stages
from course_utils.widgets.explorer import Explorer
from course_utils.widgets.mask_rcnn_stages import NUMBERED, stages_explorer

pytestmark = pytest.mark.usefixtures("course_style")


def lively_network() -> MaskRCNN:
    """An untrained network with larger weights before its outputs, so that it finds something, cars and persons above all."""
    torch.manual_seed(5)
    model = quick_mask_rcnn(8)
    with torch.no_grad():
        model.rpn.output.weight *= 20
        model.rpn.output.bias[::5] = -1
        model.roi_heads.classes.weight *= 6
        model.roi_heads.classes.bias[5:7] += 3
        model.roi_heads.mask[-1].weight *= 4
    return model


def image(number: int = 3) -> torch.Tensor:
    return Scenes("val")[number].image


@pytest.fixture(scope="module")
def network() -> MaskRCNN:
    return lively_network()


@pytest.fixture(scope="module")
def computed(network: MaskRCNN) -> Stages:
    return stages(network, image(), Scenes.classes)


@pytest.fixture(scope="module")
def explorer(network: MaskRCNN) -> Explorer:
    return stages_explorer(network, image(), Scenes.classes)


def test_what_is_found_is_what_the_network_finds(network: MaskRCNN, computed: Stages) -> None:
    network.eval()
    with torch.no_grad():
        (found,) = network(image()[None])
        maps = network.backbone(image()[None])
        (proposals,), _ = network.rpn(maps, [(96, 128)])
    assert len(found["scores"]) > NUMBERED
    assert all(torch.equal(part, found[name]) for name, part in zip(Found._fields[:3], computed.found, strict=False))
    assert torch.equal(computed.found.grids, found["mask_grids"])
    assert torch.equal(computed.proposals, proposals)
    assert list(computed.maps) == [2, 4, 8, 16] and list(computed.scores) == [4, 8, 16]
    for map_, mean in zip(maps, computed.maps.values(), strict=True):
        assert torch.equal(map_[0].mean(0), mean)


def test_nms_leads_from_before_to_after(network: MaskRCNN, computed: Stages) -> None:
    before, found = computed.before, computed.found
    kept = batched_nms(before.boxes, before.scores, before.labels, network.roi_heads.nms_threshold)[:100]
    assert len(before.scores) > len(found.scores)
    assert all(torch.equal(part[kept], other) for part, other in zip(before[:3], found[:3], strict=True))
    torch.testing.assert_close(before.grids[kept], found.grids)
    candidates = computed.candidates
    kept = nms(candidates[:, :4], candidates[:, 4], network.rpn.nms_threshold)[:160]
    assert torch.equal(candidates[kept], computed.proposals) and len(candidates) == 500


def test_anchors_have_the_scores_of_their_cells(computed: Stages) -> None:
    """The best anchor lies on a cell of one of the maps, whose score is its own; scores fall from anchor to anchor."""
    assert computed.anchor_count == 2 * (24 * 32 + 12 * 16 + 6 * 8)
    scores = computed.anchors[:, 4]
    assert torch.equal(scores, scores.sort(descending=True).values)
    assert scores[0] == max(map_.max() for map_ in computed.scores.values())
    for anchor in computed.anchors[:8]:
        x, y = (anchor[:2] + anchor[2:4]) / 2
        values = [map_[int(y / stride), int(x / stride)] for stride, map_ in computed.scores.items()]
        assert min(abs(float(value - anchor[4])) for value in values) < 1e-6 or anchor[4] < max(values)


def test_the_network_and_its_mode_are_as_before(network: MaskRCNN) -> None:
    network.train()
    network.backbone.eval()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    numbers = network.rpn.nms_threshold, network.rpn.kept, network.roi_heads.nms_threshold, network.roi_heads.most
    stages(network, image(), Scenes.classes)
    assert network.training and network.rpn.training and not network.backbone.training
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert numbers == (
        network.rpn.nms_threshold,
        network.rpn.kept,
        network.roi_heads.nms_threshold,
        network.roi_heads.most,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "threshold"), [*((stage, 0.3) for stage in range(1, 8)), (5, 0.0), (6, 0.0), (7, 0.0), (6, 1.0), (7, 1.0)]
)
def test_all_can_be_read(stage: int, threshold: float, explorer: Explorer) -> None:
    figure = explorer.figure(stage=stage, threshold=threshold)
    assert figure.get_figwidth() <= 9 and figure.get_figheight() <= 5
    assert_legible(figure, more_than=8)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(128, 64), (48, 160)])
def test_untrained_and_images_of_other_shapes(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    classes = ("background", "thing")
    explorer = stages_explorer(quick_mask_rcnn(2), torch.rand(3, *size), classes)
    for stage in range(1, 8):
        assert_legible(explorer.figure(stage=stage), more_than=8)
    assert "nothing" in explorer.alt(**explorer.values(stage=7))


@pytest.mark.slow
def test_the_same_place_for_the_same_thing(explorer: Explorer) -> None:
    """The names of the stages, the sentence and the left picture never move; the right one has one place, too."""
    figures = [explorer.figure(stage=stage) for stage in range(1, 8)]
    places = [[axes.get_position().bounds for axes in figure.axes] for figure in figures]
    assert len({tuple(place[:3]) for place in places}) == 1
    assert len({places[stage - 1][3] for stage in (4, 5, 7)}) == 1
    assert places[0][3:6] == places[1][3:6] and places[1][4:7] == places[2][4:7], "a map and its scores, and so on"
    assert len({figure.axes[2].axis() for figure in figures}) == 1


@pytest.mark.slow
def test_as_many_boxes_as_there_are(explorer: Explorer, computed: Stages) -> None:
    figure = explorer.figure(stage=4)
    drawn = [len(axes.collections[0].get_segments()) for axes in figure.axes[2:4]]
    assert drawn == [len(computed.candidates), len(computed.proposals)]
    corner = figure.axes[2].collections[0].get_segments()[-1][0]
    assert corner.tolist() == pytest.approx((computed.candidates[0, :2] - 0.5).tolist())
    for threshold in (0.3, 1.0):
        figure = explorer.figure(stage=5, threshold=threshold)
        drawn = [len(axes.patches) // 2 for axes in figure.axes[2:4]]
        assert drawn == [int((found.scores >= threshold).sum()) for found in (computed.before, computed.found)]


def test_numbers_stand_at_their_boxes(explorer: Explorer, computed: Stages) -> None:
    texts = explorer.figure(stage=6, threshold=0.0).axes[2].texts
    assert [text.get_text() for text in texts] == [str(n) for n in range(1, NUMBERED + 1)]
    for text, box in zip(texts, computed.found.boxes, strict=False):
        x, y = text.get_position()
        near = torch.tensor([[x - 8, y - 8, x + 8, y + 8]])
        assert box_iou(near, box[None]) > 0 or float((near[0] - box).abs().min()) < 8


def test_grids_and_masks_are_those_of_the_network(explorer: Explorer, computed: Stages) -> None:
    panels = explorer.figure(stage=6, threshold=0.0).axes[3:9]
    for axes, grid, score in zip(panels, computed.found.grids, computed.found.scores, strict=False):
        assert torch.equal(torch.as_tensor(axes.images[0].get_array().data), grid)
        assert axes.get_title().endswith(f"{score:.2f}") and axes.images[0].get_clim() == (0, 1)
    left, right = explorer.figure(stage=7, threshold=0.0).axes[2:4]
    pasted = paste_masks(computed.found.grids, computed.found.boxes, (96, 128))
    assert torch.equal(torch.as_tensor(left.images[0].get_array().data), pasted.amax(0))
    plain = (image() * 255).round().byte().permute(1, 2, 0)
    changed = (torch.as_tensor(right.images[0].get_array().data) != plain).any(2)
    assert torch.equal(changed & (pasted > 0.5).any(0), changed) and changed.sum() > 100


@pytest.mark.slow
def test_every_control_changes_picture_and_text(explorer: Explorer) -> None:
    changes = [{"stage": stage} for stage in range(1, 8)] + [{"stage": n, "threshold": 0.6} for n in (5, 6, 7)]
    assert len({picture(explorer.figure(**changed)) for changed in changes}) == len(changes)
    assert len({explorer.alt(**explorer.values(**changed)) for changed in changes}) == len(changes)


def test_a_sentence_for_every_stage(computed: Stages) -> None:
    sentences = [sentence(computed, stage, 0.3) for stage in range(1, 8)]
    assert len(set(sentences)) == len(NAMES) == 7
    assert "96 × 128 pixels" in sentences[0] and "2016 anchors" in sentences[2]
    assert "28 × 28 cells" in sentences[5]


@pytest.mark.slow
def test_the_strip_and_the_moving_slider(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_shown_and_moved(explorer, monkeypatch, to=6)


@pytest.mark.slow
def test_titles_of_the_strip_are_above_the_figures(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_legible_strip(explorer, monkeypatch, more_than=30)


def test_others_are_refused(network: MaskRCNN) -> None:
    with pytest.raises(ValueError, match="as from `quick_mask_rcnn`.* got Linear"):
        stages(torch.nn.Linear(1, 1), image(), Scenes.classes)
    with pytest.raises(ValueError, match=r"one floating image \(3, H, W\), but got torch.float32 \(1, 3, 96, 128\)"):
        stages(network, image()[None], Scenes.classes)
    with pytest.raises(ValueError, match="one floating image"):
        stages(network, image().byte(), Scenes.classes)
    with pytest.raises(ValueError, match="8 labels of the network, but got 2"):
        stages(network, image(), ("car", "person"))
    with pytest.raises(ValueError, match="must be a tensor"):
        stages(network, image().numpy(), Scenes.classes)


@pytest.mark.gpu
def test_on_a_gpu_all_is_drawn_from_the_cpu() -> None:
    computed = stages(lively_network().cuda(), image(), Scenes.classes)
    assert computed.candidates.device.type == computed.found.grids.device.type == "cpu"
    explorer = stages_explorer(lively_network().cuda(), image().cuda(), Scenes.classes)
    assert explorer.figure(stage=7).axes
