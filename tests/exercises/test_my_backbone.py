"""The exercise of the course: every way in which a backbone cannot be compared, and every verdict, has its sentence."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pandas
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import NotAttempted
from course_utils.exercises.lesson_10 import measuring
from course_utils.exercises.lesson_10.backbone_task import BackboneTask
from course_utils.exercises.lesson_10.predictions import Predicted
from course_utils.exercises.lesson_10.swapping import MyBackbone, my_backbone
from course_utils.exercises.lesson_10.trials import fingerprint, problem_of, weights_are_fixed
from course_utils.exercises.lesson_10.verdicts import (
    FAILED,
    HELD,
    OPEN,
    Measured,
    of_comparison,
    of_mean_iou,
    of_multiply_adds,
    of_parameters,
    of_step_time,
    report_table,
)
from course_utils.exercises.sheet import _of_task
from course_utils.models.backbones.small import small_resnet
from course_utils.models.cost import cost
from course_utils.recipes import encoders, unets

WORDS = "It has half of the channels at every stride, and so sees fewer patterns."
SMALL = encoders.costs(encoders.on_scenes(small_resnet()))


class Mine(nn.Module):
    """A stem and one convolution: maps at strides 2 and 4."""

    channels: Any = (16, 24)
    strides: Any = (2, 4)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.next = nn.Conv2d(16, 24, 3, stride=2, padding=1)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.stem(images)
        return [x, self.next(F.relu(x))]


OF_MINE = encoders.costs(encoders.on_scenes(Mine()))


def row(seed: int = 0, **other: float) -> dict[str, float]:
    scores = {"mean_iou": 0.60 + seed / 100, "boundary_iou": 0.30, "steps": 450}
    return scores | OF_MINE | {"images": 512, "pretrained": 0, "frozen": 0} | other


def table(**other: float) -> pandas.DataFrame:
    """Two networks with random weights, three seeds each, and one of each other kind."""
    costs = SMALL | {"steps": 450, "images": 512, "pretrained": 0, "frozen": 0, "boundary_iou": 0.4} | other
    rows = [{"variant": "small_resnet, 450 steps", "seed": n, "mean_iou": 0.69 + n / 100} | costs for n in range(3)]
    rows += [{"variant": "resnet18, 450 steps", "seed": n, "mean_iou": 0.66 + n / 50} | costs for n in range(3)]
    rows += [{"variant": "small_resnet, pretrained", "seed": 0, "mean_iou": 0.8} | costs | {"pretrained": 1}]
    rows += [{"variant": "small_resnet, 32 scenes", "seed": 0, "mean_iou": 0.4} | costs | {"images": 32}]
    return pandas.DataFrame(rows)


def fake_training(seed: int, *, make: Callable[[], nn.Module], steps: int, pretrained: bool) -> Mapping[str, float]:
    return row(seed, steps=steps, pretrained=int(pretrained))


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> BackboneTask:
    """The exercise with the table above, a training that takes no time, and steps of 50 ms beside 100."""
    monkeypatch.setattr(measuring, "seconds_a_step", lambda networks, most: [0.1, 0.05])
    prediction = dict(zip(Predicted._fields, (*right(), 0.5, -9.0, WORDS, False), strict=True))
    return BackboneTask("my_backbone", Mine, prediction, ["look"], train=fake_training, table=table)


def right() -> tuple[float, float]:
    return tuple(OF_MINE[name] / SMALL[name] for name in ("encoder_parameters", "encoder_multiply_adds"))


def predict(task: BackboneTask, **other: Any) -> None:
    parameters, multiply_adds = right()
    numbers = {"parameters": parameters, "multiply_adds": multiply_adds, "step_time": 0.5, "mean_iou": -9.0}
    task.predict(**(numbers | {"because": WORDS} | other))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    found: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "course_utils.exercises.task.record", lambda name, status, known="": found.append((status, known))
    )
    yield found


def judged(task: BackboneTask, make: Any = Mine, **budget: Any) -> pandas.DataFrame | None:
    task(make)
    return task.judge(**({"steps": 450, "seeds": (0,)} | budget))


def test_right_answer_and_its_whole_report(task, recorded, capsys) -> None:
    predict(task)
    assert task(Mine) is Mine
    found = task.judge(steps=450, seeds=(0, 1))
    out = capsys.readouterr().out
    assert recorded == [("right", "")]
    assert "the contract is kept: 2 maps of 16, 24 channels at strides 2, 4." in out
    assert "900 steps of 50 ms each: about 45 s" in out
    assert out.count("✓") == 6 and "my_backbone: right." in out
    assert (
        "fair. The same kind of decoder, the same scenes, recipe and 450 steps as the 2 networks of the table with random weights"
        in out
    )
    assert "Those of another kind are left out" in out and "yours has 2 seeds" in out
    assert "it took 0.50 times as long (50 ms beside 100 ms" in out
    assert "it was −9.5 points (0.605 beside 0.700). That is more than the 4.0 points" in out
    assert "For the lecturer, as no machine can judge it: whether the choice is a good one" in out and WORDS in out
    assert list(found.index) == ["small_resnet, 450 steps", "resnet18, 450 steps", "yours"]
    assert list(found["ms a step"]) == ["100", "–", "50"]
    assert found.loc["yours", "mean_iou"] == "0.605 (0.600 – 0.610)" and found.loc["yours", "seeds"] == "2"


def stub_in_init() -> type[nn.Module]:
    class Stub(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            raise NotAttempted

    return Stub


def stub_in_forward() -> type[nn.Module]:
    class Stub(Mine):
        def forward(self, images: Tensor) -> list[Tensor]:
            raise NotAttempted

    return Stub


@pytest.mark.parametrize("stub", [stub_in_init, stub_in_forward])
def test_an_untouched_cell_is_not_attempted_and_the_solution_is_judged(task, recorded, capsys, stub) -> None:
    task.predict(parameters=..., multiply_adds=..., step_time=..., mean_iou=..., because=...)
    assert task(stub()) is Mine
    assert task.judge(steps=450, seeds=(0,)) is not None
    out = capsys.readouterr().out
    assert recorded == [("not attempted", "")] * 2
    assert out.count("not attempted yet") == 2 and "What came of the solution" in out and out.count("✓") == 6


def changed(**attributes: Any) -> type[nn.Module]:
    """`Mine` with other methods or attributes."""
    return type("Changed", (Mine,), attributes)


def needs_width(self: nn.Module, width: int) -> None:
    Mine.__init__(self)


def fails(self: nn.Module) -> None:
    raise RuntimeError("no such network")


def on_meta(self: nn.Module, images: Tensor) -> list[Tensor]:
    return [map_.to("meta") for map_ in Mine.forward(self, images)]


def keeps_a_mean(self: nn.Module, images: Tensor) -> list[Tensor]:
    self.mean = 0.5 * getattr(self, "mean", 0) + 0.5 * images.mean().detach()
    return [map_ - self.mean for map_ in Mine.forward(self, images)]


def over_the_batch(self: nn.Module, images: Tensor) -> list[Tensor]:
    return [map_ - map_.mean(0, keepdim=True) / 2 for map_ in Mine.forward(self, images)]


def reads_labels(self: nn.Module, images: Tensor) -> list[Tensor]:
    from course_utils.recipes.scenes import scenes_in_memory

    scenes_in_memory("train", 512)
    return Mine.forward(self, images)


def trains_itself(self: nn.Module) -> None:
    Mine.__init__(self)
    updates = torch.optim.SGD(self.parameters(), lr=1e-3)
    loss = self(torch.rand(1, 3, 8, 8))[0].sum()
    (self.stem.weight.grad,) = torch.autograd.grad(loss, [self.stem.weight])
    updates.step()


def trains_openly(self: nn.Module) -> None:
    Mine.__init__(self)
    self(torch.rand(1, 3, 8, 8))[0].sum().backward()


def scaled(self: nn.Module, images: Tensor) -> list[Tensor]:
    return [map_ * torch.nan for map_ in Mine.forward(self, images)]


def in_double(self: nn.Module, images: Tensor) -> list[Tensor]:
    return [map_.double() for map_ in Mine.forward(self, images)]


def half_the_size(self: nn.Module, images: Tensor) -> list[Tensor]:
    return Mine.forward(self, F.avg_pool2d(images, 2))


def all_in_double(self: nn.Module) -> None:
    Mine.__init__(self)
    self.double()


def on_a_gpu(self: nn.Module) -> None:
    Mine.__init__(self)
    self.to("cuda:77")


HELD_OUTSIDE = Mine()


def goes_on(self: nn.Module) -> None:
    nn.Module.__init__(self)
    self.stem, self.next = HELD_OUTSIDE.stem, HELD_OUTSIDE.next


UNFIT = {
    "weights outside of it": (changed(__init__=goes_on), "two of them share their weights"),
    "one for all": (lambda: HELD_OUTSIDE, "two of them share their weights"),
    "cuda": (changed(__init__=on_a_gpu), "when it is made, it raises"),
    "argument of the constructor": (
        changed(__init__=needs_width),
        "`MyBackbone()`, but asks for `width`: give them default",
    ),
    "constructor that raises": (changed(__init__=fails), "when it is made, it raises RuntimeError: no such network"),
    "an object": (Mine(), "this is an object of the type Mine"),
    "no module": (lambda: 3, "`MyBackbone()` gives a int"),
    "another device": (changed(forward=on_meta), "a map is on the device meta: leave that to the course"),
    "maps in float64": (changed(forward=in_double), "a map is of the type torch.float64"),
    "all in float64": (changed(__init__=all_in_double), "a parameter or buffer is of the type torch.float64"),
    "NaN": (changed(forward=scaled), "maps are finite, but map 0"),
    "another resolution": (changed(forward=half_the_size), "its stride leaves 32 to 32"),
    "lists for tuples": (changed(channels=[16, 24]), "`channels` is a tuple of positive integers"),
    "falling strides": (changed(strides=(4, 2)), "maps come finest first"),
    "state between calls": (changed(forward=keeps_a_mean), "it keeps something from one call to the next"),
    "a mean over the batch": (changed(forward=over_the_batch), "depend on the other images of its batch"),
    "labels": (changed(forward=reads_labels), "your code names `scenes_in_memory`"),
    "its own training": (changed(__init__=trains_itself), "an optimiser has made a step before the training began"),
    "its own gradients": (changed(__init__=trains_openly), "your code names `backward`"),
}


@pytest.mark.parametrize(("make", "sentence"), UNFIT.values(), ids=UNFIT)
def test_what_cannot_be_compared_is_told_and_not_trained(task, recorded, capsys, make, sentence) -> None:
    predict(task)
    assert task(make) is Mine
    assert task.judge(steps=450, seeds=(0,)) is None
    out = capsys.readouterr().out
    assert out.count(sentence) == 2 and out.count("cannot be compared") == 2
    assert recorded == [("wrong", "")] * 2


class OneMap(Mine):
    channels, strides = (24,), (4,)

    def forward(self, images: Tensor) -> list[Tensor]:
        return super().forward(images)[1:]


class NoParameters(nn.Module):
    """Means over blocks of pixels."""

    channels, strides = (3, 3, 3), (1, 2, 4)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [images, F.avg_pool2d(images, 2), F.avg_pool2d(images, 4)]


class Deep(NoParameters):
    channels, strides = (3,), (64,)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [F.avg_pool2d(images, 64, ceil_mode=True)]


class FullSize(NoParameters):
    channels, strides = (3,), (1,)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [images]


@pytest.mark.parametrize("make", [OneMap, NoParameters, lambda: small_resnet(output_stride=16)])
def test_unusual_backbones_are_taken(make) -> None:
    assert problem_of(make) is None


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (Deep, "goes up from a map of stride 32 at most"),
        (FullSize, "needs a step to take, but this backbone has a single map"),
    ],
)
def test_the_decoder_says_what_it_cannot_stand_on(make, sentence) -> None:
    assert "the decoder cannot be put on it: " in problem_of(make) and sentence in problem_of(make)


def test_without_parameters_half_of_nothing_is_nothing(task, recorded, capsys) -> None:
    costs = encoders.costs(encoders.on_scenes(NoParameters()))
    task._train = lambda seed, make, steps, pretrained: row(seed) | costs
    predict(task, parameters=0, multiply_adds=0)
    assert judged(task, NoParameters) is not None
    assert recorded[-1] == ("right", "")
    assert "there are 0 times as many (0 beside 503,848)" in capsys.readouterr().out


WRONG = {
    "parameters": ({"parameters": 1}, "so 10% is all they may differ", ""),
    "decoder counted": (
        {"parameters": OF_MINE["parameters"] / SMALL["parameters"]},
        "The decoder, which is of one kind for all, is to be left out",
        "with_the_decoder",
    ),
    "like the parameters": (
        {"multiply_adds": right()[0]},
        "A weight is used once for each pixel of its map",
        "multiply_adds_like_parameters",
    ),
}


@pytest.mark.parametrize(("other", "sentence", "known"), WRONG.values(), ids=WRONG)
def test_what_can_be_computed_has_to_be_right(task, recorded, capsys, other, sentence, known) -> None:
    predict(task, **other)
    judged(task)
    out = capsys.readouterr().out
    assert recorded == [("wrong", known)] and sentence in out and out.count("✗") == 1


@pytest.mark.parametrize(("times", "sign"), [(0.89, FAILED), (0.91, HELD), (1.09, HELD), (1.11, FAILED)])
def test_how_near_is_near_enough(times: float, sign: str) -> None:
    parameters, multiply_adds = right()
    found = Measured([row()], SMALL, 0.05, 0.1)
    guess = Predicted(times * parameters, times * multiply_adds, 0.5, 0, WORDS, False)
    assert of_parameters(guess, found).sign == of_multiply_adds(guess, found).sign == sign


@pytest.mark.parametrize(("times", "sign"), [(0.65, FAILED), (0.68, HELD), (1.49, HELD), (1.51, FAILED)])
def test_a_time_may_differ_more(times: float, sign: str) -> None:
    assert of_step_time(Predicted(1, 1, times, 0, WORDS, False), Measured([row()], SMALL, 0.1, 0.1)).sign == sign


def test_frozen_networks_are_not_shown_beside_the_time_of_a_learning_one() -> None:
    rows = [row(frozen=1)]
    _, alike = of_comparison(rows[0], 1, table(frozen=1))
    found = report_table(Measured(rows, SMALL, 0.05, 0.1), alike)
    assert list(found["ms a step"]) == ["–", "–", "50"]


def test_what_only_a_measurement_tells_costs_nothing(task, recorded, capsys) -> None:
    predict(task, step_time=0.1, mean_iou=5)
    judged(task)
    out = capsys.readouterr().out
    assert recorded == [("right", "")] and out.count("✗") == 2
    assert "multiply-adds do not tell the time" in out and "you predicted the opposite" in out
    assert "costs nothing" in out


def test_a_prediction_made_afterwards_is_none(task, recorded, capsys) -> None:
    trained: list[int] = []

    def training(seed: int, **settings: Any) -> Mapping[str, float]:
        trained.append(seed)
        return row(seed)

    task._train = training
    predict(task, mean_iou=5, parameters=1)
    judged(task)
    predict(task, mean_iou=-9.0)
    judged(task)
    out = capsys.readouterr().out
    assert trained == [0], "the same backbone is trained once"
    assert [status for status, _ in recorded] == ["wrong", "right"], "what can be computed may be mended"
    assert out.count("you predicted +5.0 points") == 2 and out.count("the first one stands") == 1
    judged(task, OneMap)
    assert trained == [0, 0] and "the first one stands" not in capsys.readouterr().out


GUESSES = [
    (0.0, 0.71, HELD, "no difference that these seeds show, as you predicted"),
    (-9.0, 0.71, OPEN, "neither borne out nor refuted"),
    (1.0, 0.60, FAILED, "there is a difference, and you predicted about none"),
    (-20.0, 0.60, HELD, "it is worse, as you predicted"),
    (9.0, 0.79, HELD, "it is better, as you predicted"),
    (9.0, 0.60, FAILED, "it is worse, and you predicted the opposite"),
]


@pytest.mark.parametrize(("guess", "came", "sign", "sentence"), GUESSES)
def test_the_sign_of_a_difference_is_judged_beyond_the_seeds(guess, came, sign, sentence) -> None:
    rows = [row(mean_iou=came)]
    _, alike = of_comparison(rows[0], 1, table())
    mark = of_mean_iou(Predicted(1, 1, 1, guess, WORDS, False), Measured(rows, SMALL, 1, 1), alike)
    assert mark.sign == sign and sentence in mark.text and "the 4.0 points" in mark.text


def test_ones_own_seeds_count_as_well() -> None:
    rows = [row(mean_iou=0.55), row(mean_iou=0.65)]
    _, alike = of_comparison(rows[0], 2, table())
    mark = of_mean_iou(Predicted(1, 1, 1, -9.0, WORDS, False), Measured(rows, SMALL, 1, 1), alike)
    assert mark.sign == OPEN and "the 10.0 points" in mark.text


def test_like_is_compared_with_like() -> None:
    mark, alike = of_comparison(row(pretrained=1), 1, table())
    assert mark.sign == OPEN and "with pretrained weights" in mark.text and set(alike.mean_iou) == {0.8}
    assert "say in your reason where yours come from" in mark.text
    mark, alike = of_comparison(row(frozen=1), 1, table())
    assert mark.sign == OPEN and len(alike) == 0
    assert (
        "no network with random weights that stay frozen after 450 steps, but with random weights or pretrained"
        in mark.text
    )
    mark, alike = of_comparison(row(steps=300), 1, table())
    assert mark.sign == FAILED and "300 steps would not be fair" in mark.text and "had 450" in mark.text
    mark, alike = of_comparison(row(), 1, None)
    assert mark.sign == OPEN and "there is no table yet" in mark.text and len(alike) == 0


def test_other_steps_are_refused_before_they_are_trained(task, recorded, capsys) -> None:
    predict(task)
    assert judged(task, steps=300) is None
    assert recorded == [("wrong", "")] and "would not be fair" in capsys.readouterr().out


def test_without_a_row_to_compare_with_nothing_is_said_of_mean_iou(task, recorded, capsys) -> None:
    task._table = lambda: None
    predict(task)
    assert list(judged(task).index) == ["yours"]
    out = capsys.readouterr().out
    assert recorded == [("right", "")] and out.count("○") == 2
    assert "no rows of the small residual network with several seeds, so that nothing can be said of it" in out


def fixed_weights(self: nn.Module) -> None:
    torch.manual_seed(0)
    Mine.__init__(self)


def test_weights_are_what_they_are_declared_to_be(task, recorded, capsys) -> None:
    predict(task)
    assert judged(task, changed(__init__=fixed_weights)) is None
    assert "you have not declared that" in capsys.readouterr().out
    predict(task, pretrained=True)
    assert judged(task) is None
    assert "you declare pretrained weights, but under two seeds most of them differ" in capsys.readouterr().out
    assert recorded == [("wrong", "")] * 2
    assert judged(task, changed(__init__=fixed_weights)) is not None
    assert "of the table with pretrained weights" in capsys.readouterr().out
    assert weights_are_fixed(NoParameters) is None and weights_are_fixed(small_resnet) is False


def test_a_network_of_the_table_is_noticed(task, recorded, capsys) -> None:
    predict(task)
    judged(task)
    assert "is it another network?" not in capsys.readouterr().out
    task._train = lambda seed, make, steps, pretrained: row(seed) | SMALL
    judged(task, small_resnet)
    assert "as “small_resnet, 450 steps” of the table: is it another network?" in capsys.readouterr().out


def random_depth(self: nn.Module) -> None:
    Mine.__init__(self)
    if torch.rand(()) < 0.5:
        self.more = nn.Conv2d(3, 3, 1)


def test_layers_that_hang_on_the_seed_can_be_compared_all_the_same(task) -> None:
    assert weights_are_fixed(changed(__init__=random_depth)) is False


def test_steps_beside_those_of_the_course_are_counted(task, recorded, capsys) -> None:
    def training(seed: int, **settings: Any) -> Mapping[str, float]:
        parameter = nn.Parameter(torch.zeros(1))
        updates = torch.optim.SGD([parameter])
        for _ in range(451):
            updates.step()
        return row(seed)

    task._train = training
    predict(task)
    assert judged(task) is None
    assert recorded == [("wrong", "")] and "450 steps were given, but optimisers made 451" in capsys.readouterr().out


def test_a_training_that_breaks_off_is_an_error(task, recorded, capsys) -> None:
    def training(seed: int, **settings: Any) -> Mapping[str, float]:
        raise FloatingPointError("the loss is NaN")

    task._train = training
    predict(task)
    assert judged(task) is None
    assert recorded == [("error", "")] and "FloatingPointError: the loss is NaN" in capsys.readouterr().out


def test_what_would_take_too_long_is_not_begun_unasked(task, recorded, capsys, monkeypatch) -> None:
    monkeypatch.setattr(measuring, "seconds_a_step", lambda networks, most: [0.1, 35.0])
    predict(task)
    assert judged(task, seeds=(0, 1, 2)) is None
    out = capsys.readouterr().out
    assert recorded == [("wrong", "")]
    assert "a step takes 35 s, beside 0.1 s" in out and "about 13 hours" in out and "most_minutes=788" in out
    assert task.judge(steps=450, seeds=(0, 1, 2), most_minutes=1000) is not None


UNREADABLE = {
    "absolute": ({"parameters": 500_000}, "parameters: predict one number from 0 to 1000, times as many as the small"),
    "text": ({"mean_iou": "more"}, "mean_iou: predict one number from -100 to 100, points; got 'more'"),
    "declared by a word": ({"pretrained": "no"}, "pretrained is True or False; got 'no'"),
    "no reason": ({"because": "It is better."}, "`because` is a sentence of at least 8 different words"),
    "one word often": ({"because": "better " * 9}, "`because` is a sentence of at least 8 different words"),
    "not all": ({"step_time": ..., "because": ...}, "still to predict: step_time, because."),
}


@pytest.mark.parametrize(("other", "sentence"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_prediction_is_asked_for_before_it_is_measured(task, recorded, capsys, other, sentence) -> None:
    predict(task, **other)
    assert sentence in capsys.readouterr().out
    assert judged(task) is None
    assert "Predict before you measure" in capsys.readouterr().out
    assert recorded == [("error", ""), ("wrong", "")]


def test_what_was_written_last_counts(task, recorded, capsys) -> None:
    predict(task)
    predict(task, because="It is better.")
    assert judged(task) is None and "Predict before you measure" in capsys.readouterr().out
    task(changed(__init__=fails))
    assert judged(task, stub_in_init()) is not None
    assert recorded[-1] == ("not attempted", "")
    predict(task)
    assert judged(task) is not None and recorded[-1] == ("right", "")


def test_a_share_is_taken_for_points_and_told_so(task, capsys) -> None:
    predict(task, mean_iou=-0.05)
    assert "-0.05 points of mean IoU (if you meant -5, write that" in capsys.readouterr().out


@pytest.mark.parametrize("budget", [{"steps": 0}, {"steps": 4.5}, {"seeds": ()}, {"seeds": (0, 0)}, {"seeds": (-1,)}])
def test_a_budget_that_is_none(task, recorded, budget) -> None:
    predict(task)
    assert judged(task, **budget) is None
    assert recorded == [("error", "")]


def test_the_stub_in_its_cell_is_solved_with_its_prediction() -> None:
    cell = (
        "exercise.my_backbone.predict(\n    parameters=..., multiply_adds=..., step_time=..., mean_iou=...,\n"
        "    pretrained=False, because=...,\n)\n\n\n@exercise.my_backbone\nclass MyBackbone(nn.Module):\n"
        '    """Why?"""\n\n    def __init__(self) -> None:\n        super().__init__()\n'
        "        raise NotAttempted  # replace this line\n"
    )
    solved = my_backbone.solved_cell(cell)
    assert "..." not in solved.split("@exercise")[0] and "NotAttempted" not in solved
    assert solved.count("MyBackbone(nn.Module)") == 1 and "timm.create_model" in solved
    namespace = {"exercise": type("Lesson", (), {"my_backbone": FakeExercise()}), "nn": nn, "Tensor": Tensor}
    exec(solved, namespace)
    assert namespace["exercise"].my_backbone.predicted == my_backbone._prediction


class FakeExercise:
    def predict(self, **prediction: Any) -> None:
        self.predicted = prediction

    def __call__(self, make: Any) -> Any:
        return make


@pytest.mark.slow
def test_the_solution_keeps_the_contract_and_its_counts_are_right() -> None:
    assert problem_of(MyBackbone) is None
    found = cost(MyBackbone(), encoders.SIZE)
    for name in ("parameters", "multiply_adds"):
        ratio = getattr(found, name) / SMALL[f"encoder_{name}"]
        assert my_backbone._prediction[name] == pytest.approx(ratio, rel=0.1)


def test_the_sheet_shows_its_solution_as_code() -> None:
    text = _of_task(8, my_backbone)
    assert my_backbone.question in text and f"```python\n{my_backbone.solution_source().strip()}\n```" in text
    assert all(f"**{known.name}**: {known.sentence}" in text for known in my_backbone.misconceptions)


@pytest.mark.slow
def test_two_steps_of_the_real_training(recorded, monkeypatch) -> None:
    monkeypatch.setattr(unets, "VALIDATION", 4)
    training = partial(encoders.encoder_on_scenes, images=8)
    task = BackboneTask("my_backbone", Mine, {}, ["look"], train=training, table=lambda: None)
    predict(task)
    before = torch.get_rng_state()
    found = judged(task, steps=2, seeds=(0, 1))
    assert torch.equal(torch.get_rng_state(), before), (
        "the lesson's random numbers go on as if nothing had been trained"
    )
    assert recorded == [("right", "")]
    assert float(found.loc["yours", "ms a step"]) > 0 and found.loc["yours", "seeds"] == "2"
    assert found.loc["yours", "encoder's parameters"] == f"{OF_MINE['encoder_parameters'] / 1e6:.2f} M"


def test_what_learns_tells_backbones_apart() -> None:
    """Two that give the same maps, and learn differently, are each trained."""

    class PartlyFrozen(Mine):
        def __init__(self) -> None:
            super().__init__()
            self.stem.requires_grad_(False)

    class Normed(Mine):
        momentum = 0.1

        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(24, momentum=self.momentum)

        def forward(self, images: Tensor) -> list[Tensor]:
            first, second = super().forward(images)
            return [first, self.norm(second)]

    class Slower(Normed):
        momentum = 0.001

    assert len({fingerprint(make) for make in (Mine, PartlyFrozen, Normed, Slower)}) == 4
    assert fingerprint(Mine) == fingerprint(Mine)
