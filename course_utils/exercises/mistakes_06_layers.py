"""What people get wrong in lesson 06 about the layers of FCN's head: recognised by their parameters, each docstring says how."""

from torch import Tensor, nn

Size = tuple[int, int]


class _Other(nn.Module):
    """Heads whose layers are not those of the solution: they are never run."""

    def forward(self, maps: list[Tensor], size: Size) -> Tensor:
        raise NotImplementedError


class three_by_three(_Other):
    """Your scores are 3 × 3 convolutions. A score reads one place of its map, which has seen a large part of the image already:
    1 × 1."""

    def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.scores = nn.ModuleList(nn.Conv2d(width, num_classes, kernel_size=3, padding=1) for width in channels)


class without_biases(_Other):
    """Your scores have no biases. A bias says how likely a class is before anything is seen: leave `bias` as it is."""

    def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.scores = nn.ModuleList(nn.Conv2d(width, num_classes, kernel_size=1, bias=False) for width in channels)


class concatenated(_Other):
    """You score all maps at once, side by side, as U-Net would. FCN scores each map with a convolution of its own, and adds the
    scores."""

    def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(sum(channels), num_classes, kernel_size=1)


class features_added(_Other):
    """You bring the features to the next finer map's channels and score at the end, which is a feature pyramid (a later idea).
    FCN scores each map first, and adds scores."""

    def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        fine, middle, coarse = channels
        self.coarse = nn.Conv2d(coarse, middle, kernel_size=1)
        self.middle = nn.Conv2d(middle, fine, kernel_size=1)
        self.score = nn.Conv2d(fine, num_classes, kernel_size=1)


class one_score_for_all(_Other):
    """You have one score layer. Maps at different strides have different channels, with other meanings: each needs a convolution
    of its own."""

    def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels[0], num_classes, kernel_size=1)


class coarsest_score_only(_Other):
    """You score the coarsest map only, which is FCN-32s. Each of the three maps has a score layer of its own."""

    def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels[-1], num_classes, kernel_size=1)


LAYERS = [three_by_three, without_biases, concatenated, features_added, one_score_for_all, coarsest_score_only]
