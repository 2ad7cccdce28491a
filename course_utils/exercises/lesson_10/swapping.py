"""The exercise of the course: a backbone of one's own under the decoder of the table, predicted, measured and judged."""

from torch import Tensor, nn

from course_utils.exercises.lesson_10.backbone_task import BackboneTask


class MyBackbone(nn.Module):
    """Choose a backbone that the table does not have, from timm, torchvision, segmentation_models_pytorch or your own head, and
    say in `predict` what it changes compared with the small residual network. Then write its adapter: `channels` and
    `strides`, one for each map, and `forward(images)`, which gives the list of maps, finest first, the last map before each
    reduction. Images come in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.network = timm.create_model("mobilenetv3_small_050", features_only=True)
        self.channels = tuple(self.network.feature_info.channels())
        self.strides = tuple(self.network.feature_info.reduction())

    def forward(self, images: Tensor) -> list[Tensor]:
        return self.network((images - 0.45) / 0.25)


my_backbone = BackboneTask(
    "my_backbone",
    MyBackbone,
    {
        "parameters": 0.54,
        "multiply_adds": 0.13,
        "step_time": 0.8,
        "mean_iou": -5.0,
        "because": "Depth-wise convolutions at half the channels cost few multiply-adds, but learn slowly from random weights, "
        "and the decoder costs as much as before.",
        "pretrained": False,
    },
    [
        "`timm.create_model(name, features_only=True)` gives a list of maps; its `feature_info` has `channels()` and "
        "`reduction()`, which are lists. `check_backbone` says what is missing.",
        "Parameters are `sum(p.numel() for p in network.parameters())`; `course_utils.models.cost.cost(network, (3, 96, 128))` "
        "counts multiply-adds as well. Both can be had before anything is trained.",
        "For the time of a step, remember that the decoder stays. For mean IoU: what does this backbone see that the other does "
        "not, how much of it at fine strides, and can it be learnt in so few steps from random weights?",
    ],
    difficulty=3,
    minutes=40,
)
