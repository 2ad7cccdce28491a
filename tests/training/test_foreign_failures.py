"""What other libraries raise in a run, and what the user presses: one sentence that says what to do, and nothing is lost."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from training_cases import Squares, objective, tiny

from course_utils.datasets.memory import InMemory
from course_utils.models import catalogue
from course_utils.training import __main__ as command, checkpoints, loop
from course_utils.training.checkpoints import load_network, save_network
from course_utils.training.instance_objectives import predict
from course_utils.training.loop import fit
from course_utils.training.objectives import score_labels
from course_utils.whole_files import write_whole

ARGUMENTS = (
    "--model {model} --data cells --steps {steps} --size {size} --samples 6 --checkpoint-every 1 --output {output}"
)


def run(output: Path, model: str = "tiny", steps: int = 3, size: str = "48 64") -> int:
    return command.main(ARGUMENTS.format(output=output, model=model, steps=steps, size=size).split())


def convolution(num_classes: int) -> nn.Module:
    return nn.Conv2d(3, num_classes, 3, padding=1)


class Pooled(nn.Module):
    """Batch norm of one value a channel, as in the image level of DeepLab."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3), nn.Conv2d(3, num_classes, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).expand(-1, -1, *images.shape[2:])


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    from course_utils.datasets import procedural

    monkeypatch.setitem(procedural.LENGTHS, "val", 4)
    monkeypatch.setitem(catalogue.MODELS, "tiny", catalogue.Entry(__name__, "convolution"))
    monkeypatch.setitem(catalogue.MODELS, "pooled", catalogue.Entry(__name__, "Pooled"))
    monkeypatch.delenv("COURSE_DATA", raising=False)


def test_ctrl_c_says_from_which_step_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    draw = loop.draw_batch

    def pressed(*arguments: object, step: int, **others: object) -> object:
        if step == 2:
            raise KeyboardInterrupt
        return draw(*arguments, step=step, **others)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "draw_batch", pressed)
        assert run(tmp_path, steps=4) == 130
    checkpoint = tmp_path / "checkpoint.safetensors"
    message = f"Stopped. {checkpoint} holds the run after 2 steps: the same command goes on from there."
    assert capsys.readouterr().err.strip().endswith(message)
    assert run(tmp_path, steps=4) == 0
    assert checkpoints.steps_done(checkpoint) == 4


def test_ctrl_c_before_anything_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def pressed(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "draw_batch", pressed)
    assert run(tmp_path) == 130
    assert f"Stopped before anything was kept in {tmp_path}: the same command begins anew." in capsys.readouterr().err


def test_a_full_disk_is_told_with_the_file_and_the_checkpoint_before_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert run(tmp_path, steps=3) == 0
    checkpoint = tmp_path / "checkpoint.safetensors"
    before = checkpoint.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(OSError, match=r"weights.safetensors cannot be written \(.*No space left.*free some space"):
        save_network(checkpoint, tmp_path / "weights.safetensors")
    assert sorted(file.suffix for file in tmp_path.iterdir() if "partial" in file.name) == []
    assert checkpoint.read_bytes() == before
    assert run(tmp_path / "other") == 1
    assert "free some space or give another path" in capsys.readouterr().err


def test_a_full_disk_without_a_name_gets_the_name_of_the_file(tmp_path: Path) -> None:
    def full(partial: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left on device: .*small.txt'"):
        write_whole(tmp_path / "small.txt", full)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "size", "message"),
    [
        ("smp:pan:resnet18", "48 64", r"This PAN does not take a batch of images \(4, 3, 48, 64\), enlarged to \(4, 3, 64, 64\)"),
        ("smp:unet:resnet999", "48 64", "segmentation_models_pytorch cannot make 'smp:unet:resnet999'"),
        ("smp:unetplusplus:mit_b0", "48 64", "segmentation_models_pytorch cannot make 'smp:unetplusplus:mit_b0'"),
        ("smp:dpt:resnet18", "48 64", "Only Timm encoders are supported"),
        ("smp:nothing:resnet18", "48 64", "cannot make 'smp:nothing:resnet18'"),
    ],
)  # fmt: skip
def test_networks_of_smp_that_cannot_be_made_or_refuse_a_size(
    tmp_path: Path, capsys: pytest.CaptureFixture, model: str, size: str, message: str
) -> None:
    import re

    assert run(tmp_path, model=model, size=size) == 1
    error = capsys.readouterr().err.strip()
    assert re.search(message, error) and len(error.splitlines()) == 1 and len(error) < 600, error


def test_whatever_smp_raises_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import segmentation_models_pytorch

    def broken(*_: object, **__: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(segmentation_models_pytorch, "create_model", broken)
    with pytest.raises(ValueError, match=r"cannot make 'smp:unet:resnet18' \(NotImplementedError\); write smp:"):
        catalogue.build("smp:unet:resnet18", 2)


def test_memory_that_does_not_suffice_is_no_matter_of_the_size() -> None:
    class Large(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    with pytest.raises(RuntimeError, match="can't allocate memory: you"):
        catalogue.AnySize(Large(), multiple=4)(torch.rand(1, 3, 4, 4))


def test_batch_norm_of_one_value(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(
        ValueError, match="one value a channel .*; train with a larger batch_size, or with larger images"
    ):
        fit(Pooled(3), Squares(), steps=1, seed=0, batch_size=1, objective=objective)
    assert (
        command.main(
            [*ARGUMENTS.format(output=tmp_path, model="pooled", steps=1, size="48 64").split(), "--batch-size", "1"]
        )
        == 1
    )
    assert "Batch norm has one value a channel" in capsys.readouterr().err


def compiled(model: nn.Module) -> nn.Module:
    return torch.compile(model, backend="eager")


def partly_compiled(model: nn.Module) -> nn.Module:
    model.layers = torch.compile(model.layers, backend="eager")
    return model


@pytest.mark.parametrize("trained", [lambda model: model, compiled, partly_compiled])
@pytest.mark.parametrize("loaded", [lambda model: model, compiled, partly_compiled])
def test_compiled_networks_are_kept_and_loaded_by_their_own_names(
    tmp_path: Path, trained: Callable[[nn.Module], nn.Module], loaded: Callable[[nn.Module], nn.Module]
) -> None:
    model = trained(tiny())
    fit(model, Squares(), steps=2, seed=0, objective=objective, checkpoint=tmp_path / "run.safetensors", progress=False)
    save_network(tmp_path / "run.safetensors", tmp_path / "weights.safetensors")
    for name in ("run.safetensors", "weights.safetensors"):
        other = loaded(tiny(dropout=0.1))
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.zero_()
        load_network(tmp_path / name, other)
        assert all(
            torch.equal(*pair) for pair in zip(other.state_dict().values(), model.state_dict().values(), strict=True)
        )
    plain = tiny()
    fit(plain, Squares(), steps=2, seed=0, objective=objective, checkpoint=tmp_path / "run.safetensors", progress=False)
    assert checkpoints.steps_done(tmp_path / "run.safetensors") == 2, "the run of the compiled network was gone on with"
    assert all(
        torch.equal(*pair) for pair in zip(plain.state_dict().values(), model.state_dict().values(), strict=True)
    )


class First(nn.Module):
    """The classes are the channels of the image: nothing is learnt, and there are no parameters."""

    def forward(self, images: Tensor) -> Tensor:
        return images


def test_networks_without_parameters_are_scored_and_not_trained() -> None:
    assert score_labels(Squares(), boundary=True)(First())["mean_iou"] == 1
    assert torch.equal(predict(First(), [torch.ones(3, 4, 4)])[0], torch.ones(3, 4, 4))
    with pytest.raises(ValueError, match="This model has nothing to train"):
        fit(First(), Squares(), steps=1, seed=0, objective=objective)


@pytest.mark.parametrize("index", [torch.tensor(2), torch.tensor(2, dtype=torch.int32), torch.tensor([3])[0]])
def test_memory_knows_a_sample_by_its_number_whatever_holds_it(index: Tensor) -> None:
    read = []

    class Counted(Squares):
        def __getitem__(self, index: int) -> object:
            read.append(index)
            return super().__getitem__(index)

    data = InMemory(Counted())
    room = data.room
    first = data[int(index)]
    taken = room - data.room
    for _ in range(5):
        assert torch.equal(data[index.clone()].image, first.image)
    assert read == [int(index)] and data.room == room - taken
    assert all(type(number) is int for number in read)


def test_memory_takes_whole_numbers_only() -> None:
    with pytest.raises(TypeError):
        InMemory(Squares())[1.5]
