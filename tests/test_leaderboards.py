"""The tables of published numbers under data/leaderboards: complete, well formed, and with the corrected values."""

import csv
import re
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "data" / "leaderboards"
FILES = sorted(FOLDER.glob("*.csv"))
NAMES = [path.name for path in FILES]
SCORES = {
    "miou", "mean_iu", "iou", "second_best_iou", "voc_2012_miou", "cityscapes_miou", "pixel_accuracy", "mean_accuracy",
    "frequency_weighted_iu", "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "percent_of_all_pixels",
    "percent_of_labelled_pixels", "commonly_quoted_percent",
}  # fmt: skip
# What tells two rows of one table apart; a column that a table does not have is left out.
KEY = (
    "name", "method", "variant", "backbone", "encoder", "edition", "data_set", "scales", "short_side", "class", "loss",
    "split", "extra_data",
)  # fmt: skip
# Every system, backbone and benchmark that the course promises to tabulate, as it stands in a cell that names the row.
SYSTEMS = (
    "FCN-AlexNet", "FCN-VGG16", "FCN-GoogLeNet", "FCN-32s-fixed", "FCN-32s", "FCN-16s", "FCN-8s", "SDS", "DeconvNet",
    "SegNet", "DeepLabv1", "DeepLabv2", "DeepLab-CRF", "DeepLabv3", "DeepLabv3+", "CRF-RNN", "BoxSup", "Piecewise", "DPN",
    "GCN", "Dynamic Routing", "RefineNet", "Wide ResNet", "PSPNet", "PSANet", "EncNet", "DFN", "ExFuse", "SDN", "DIS",
    "APCNet", "EMANet", "MSCI", "NAS-FPN", "Dilation10", "FoveaNet", "Ladder DenseNet", "DUC-HDC", "BiSeNet", "DenseASPP",
    "SPGNet", "DANet", "CCNet", "IPC", "ACNet", "OCR", "ResNeSt-200", "Gated-SCNN", "HANet", "HRNetV2-W48", "HRNet-OCR",
    "Hierarchical multi-scale attention", "CCL", "DSSPN", "SGR", "YOLACT-550", "YOLACT-700", "RetinaMask", "TensorMask",
    "ShapeMask", "CenterMask", "Mask R-CNN", "ResNet-101-C4", "ResNet-101-FPN", "ONE-PEACE", "InternImage-H", "M3I",
    "BEiT-3", "EVA", "SegFormer-B0", "SegFormer-B4", "SegFormer-B5", "U-Net",
    "GoogLeNet", "resnext50_32x4d", "resnext101_32x8d", "resnext101_32x16d", "resnext101_32x32d", "resnext101_32x48d",
    "ResNeXt-131", "dpn68", "DenseNet-161", "DenseNet-169", "WideResNet-38", "Xception-65", "Xception-71", "xception",
    "PASCAL VOC 2012", "Cityscapes", "ADE20K", "KITTI", "KITTI-360", "CamVid", "COCO (instances)", "COCO panoptic",
    "COCO-Stuff", "ISBI 2012 EM", "BBBC038v1", "Oxford-IIIT Pets", "Papers with Code",
    "Focal", "Top-k", "Dice", "Tversky", "Asymmetric similarity", "Generalised Dice", "Boundary", "Hausdorff distance",
)  # fmt: skip


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / name)


def cell(file: str, column: str, /, **where: object) -> object:
    """The value of a column in the one row that agrees with `where`."""
    rows = table(file)
    for key, value in where.items():
        rows = rows[rows[key] == value]
    assert len(rows) == 1, f"{file}: {len(rows)} rows with {where}"
    return rows.iloc[0][column]


def test_there_are_tables() -> None:
    assert len(FILES) >= 16


@pytest.mark.parametrize("name", NAMES)
def test_file_is_plain_csv(name: str) -> None:
    text = (FOLDER / name).read_bytes().decode("utf-8")
    assert "\r" not in text and text.endswith("\n") and not text.startswith("\ufeff")
    rows = list(csv.reader(text.splitlines()))
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", column) for column in rows[0])
    assert all(value == value.strip() for row in rows for value in row)


@pytest.mark.parametrize("name", NAMES)
def test_every_row_says_where_it_is_from(name: str) -> None:
    rows = table(name)
    assert {"source", "caveat"} <= set(rows.columns)
    assert rows["source"].notna().all()


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_per_cent_and_have_a_split(name: str) -> None:
    rows = table(name)
    scores = [column for column in rows.columns if column in SCORES]
    unknown = [c for c in rows.columns if re.search(r"iou|iu$|accuracy|^ap|percent", c) and c not in SCORES]
    assert not unknown, f"score columns that this test does not know: {unknown}"
    if not scores:
        return
    assert "split" in rows.columns
    # A score whose split nobody gave is marked in its caveat, not guessed.
    assert rows.loc[rows["split"].isna(), "caveat"].str.contains("split", case=False).all()
    for column in scores:
        assert pd.api.types.is_numeric_dtype(rows[column]), column
        assert rows[column].dropna().between(0, 100).all(), column
    # A fraction written in place of a percentage; class shares can be that small.
    assert name == "cityscapes_class_shares.csv" or rows[scores].min().min() > 1


@pytest.mark.parametrize("name", NAMES)
def test_no_row_stands_twice(name: str) -> None:
    rows = table(name)
    key = [column for column in KEY if column in rows.columns]
    assert key
    twice = rows[rows.duplicated(key, keep=False)]
    assert twice.empty, twice[key]


@pytest.mark.parametrize("name", [name for name in NAMES if "year" in table(name).columns])
def test_year_is_that_of_the_first_version(name: str) -> None:
    for _, row in table(name).dropna(subset=["year"]).iterrows():
        assert row["year"] in range(1980, 2027)
        # A row re-run by somebody else has its own paper as source.
        if re.search("re-?run|retrained", f"{row['caveat']} {row['method']}", re.IGNORECASE):
            continue
        number = re.search(r"arXiv:(\d\d)\d\d\.\d{4,5}", row["source"].split("; ")[0])
        if number:
            assert row["year"] == 2000 + int(number[1]), row["method"]


def test_every_system_is_tabulated() -> None:
    cells = set()
    for name in NAMES:
        rows = table(name)
        for column in ("name", "method", "backbone", "encoder", "loss", "source"):
            cells |= set(rows[column].dropna()) if column in rows.columns else set()
    missing = [
        system
        for system in SYSTEMS
        if not any(re.search(rf"(?<![\w-]){re.escape(system)}(?![\w+]|-\w)", text) for text in cells)
    ]
    assert not missing


def test_pspnet_has_its_own_score_on_each_benchmark() -> None:
    coarse = {"method": "PSPNet", "extra_data": "coarse annotations"}
    assert cell("cityscapes.csv", "miou", **coarse) == 80.2
    assert "85.4" in cell("cityscapes.csv", "caveat", **coarse)
    assert cell("cityscapes.csv", "miou", method="PSPNet", extra_data="none") == 78.4
    assert cell("pascal_voc_test.csv", "miou", method="PSPNet", extra_data="MS-COCO") == 85.4


def test_emanet_on_coco_stuff_has_one_score_a_backbone() -> None:
    assert cell("coco_stuff.csv", "miou", method="EMANet", backbone="ResNet-50") == 37.5
    assert cell("coco_stuff.csv", "miou", method="EMANet", backbone="ResNet-101") == 39.9


def test_coco_instances_name_the_right_method() -> None:
    assert cell("coco_instance_testdev.csv", "ap", method="ShapeMask") == 37.4
    assert "SharpMask" not in set(table("coco_instance_testdev.csv")["method"])
    assert cell("coco_instance_testdev.csv", "ap", method="Mask R-CNN", backbone="ResNet-101-FPN") == 35.7
    assert cell("coco_instance_testdev.csv", "ap", method="Mask R-CNN, retrained") == 37.9
    assert cell("coco_instance_testdev.csv", "frames_per_second", method="YOLACT-700") == 23.6
    assert cell("coco_instance_testdev.csv", "ap", method="YOLACT-550") == 29.8


def test_class_counts_and_splits_of_the_benchmarks() -> None:
    def counts(name: str) -> list[int]:
        return [cell("datasets.csv", column, name=name) for column in ("classes_annotated", "classes_evaluated")]

    assert counts("PASCAL VOC 2012") == [21, 21]
    assert counts("Cityscapes") == [30, 19]
    assert counts("COCO-Stuff") == [172, 171]
    assert counts("CamVid") == [32, 11]
    assert counts("KITTI, annotated by Alvarez et al.") == [3, 3]
    assert counts("KITTI, annotated by Ros et al.") == [11, 11]
    splits = [cell("datasets.csv", f"{split}_images", name="CamVid") for split in ("train", "val", "test")]
    assert splits == [367, 101, 233] and sum(splits) == 701


def test_deeplab_scores_of_different_splits_stay_apart() -> None:
    ours = {"method": "DeepLabv3+"}
    assert cell("cityscapes.csv", "miou", split="test", backbone="Xception-71", **ours) == 82.1
    assert cell("cityscapes.csv", "miou", split="val", backbone="ResNet-101", **ours) == 80.9
    assert cell("cityscapes.csv", "split", backbone="ResNeSt-200", miou=82.7, **ours) == "val"


def test_segformer_scores_belong_to_their_data_set() -> None:
    b0 = {"method": "SegFormer-B0"}
    assert cell("segformer.csv", "miou", data_set="ADE20K", **b0) == 37.4
    assert cell("segformer.csv", "miou", data_set="Cityscapes", short_side=1024, **b0) == 76.2
    assert cell("segformer.csv", "frames_per_second", data_set="Cityscapes", miou=71.9, **b0) == 47.6
    assert cell("segformer.csv", "miou", method="SegFormer-B5", data_set="ADE20K", scales="multiple") == 51.8
    assert cell("segformer.csv", "miou", method="SegFormer-B5", data_set="Cityscapes", scales="multiple") == 84.0


def test_fcn_tables_have_the_differences_that_lesson_06_tells() -> None:
    skips = table("fcn_skips.csv").set_index("method")["mean_iu"]
    order = ["FCN-32s-fixed", "FCN-32s", "FCN-16s", "FCN-8s"]
    assert skips[order].diff().dropna().round(1).tolist() == [14.0, 3.0, 0.3]
    assert cell("fcn_backbones.csv", "mean_iu", method="FCN-VGG16") == 56.0
    assert cell("pascal_voc_test.csv", "miou", method="SDS", edition="VOC 2012") == 51.6


def test_cityscapes_class_shares() -> None:
    shares = table("cityscapes_class_shares.csv").set_index("class")
    assert len(shares) == 19
    labelled = shares["percent_of_labelled_pixels"]
    assert labelled.sum() == pytest.approx(100, abs=0.1)
    assert 100 - shares["percent_of_all_pixels"].sum() == pytest.approx(11.5, abs=0.1)  # void
    for name, percent in {"road": 36.9, "building": 22.8, "sky": 4.0, "person": 1.2, "rider": 0.14}.items():
        assert labelled[name] == pytest.approx(percent, abs=0.05)


def test_parameters_are_those_of_the_library() -> None:
    torchvision_models = pytest.importorskip("torchvision").models.segmentation
    model = torchvision_models.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21)
    listed = cell("segmentation_models.csv", "parameters", method="LR-ASPP")
    assert sum(weight.numel() for weight in model.parameters()) == listed
