"""A run's folder belongs to one run at a time, and rank 0 alone fetches the data."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from course_utils import datasets
from course_utils.datasets import downloads, procedural
from course_utils.locks import held
from course_utils.models import catalogue
from course_utils.training import __main__ as command


def tiny_network(num_classes: int) -> nn.Module:
    return nn.Conv2d(3, num_classes, 3, padding=1)


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setitem(catalogue.MODELS, "tiny", catalogue.Entry(__name__, "tiny_network"))
    monkeypatch.setitem(procedural.LENGTHS, "val", 2)
    words = "--model tiny --data cells --steps 2 --size 48 64 --samples 4"
    return [*words.split(), "--output", str(tmp_path / "run")]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_second_run_in_a_folder_is_refused_by_name(
    tmp_path: Path, given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with held(tmp_path / "run" / ".lock", "in use"):
        assert command.main(given) == 1
        assert names(tmp_path / "run") == [".lock"]
    error = capsys.readouterr().err
    assert f"{tmp_path / 'run'} belongs to a run that is still going on" in error and "another --output" in error
    assert command.main(given) == 0
    assert names(tmp_path / "run") == ["arguments.json", "checkpoint.safetensors", "history.csv", "metrics.json"]


def test_a_run_holds_its_folder(tmp_path: Path, given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_: object, **__: object) -> None:
        with pytest.raises(ValueError, match="in use"), held(tmp_path / "run" / ".lock", "in use"):
            pass
        raise ValueError("looked")

    monkeypatch.setattr(command, "fit", look)
    assert command.main(given) == 1
    assert names(tmp_path / "run") == ["arguments.json"]


def test_an_output_that_is_a_file_is_a_sentence(
    tmp_path: Path, given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").write_text("mine")
    assert command.main(given) == 1
    assert f"--output {tmp_path / 'run'} cannot be used as a folder" in capsys.readouterr().err
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.parametrize("name", ["history.csv", "metrics.json"])
def test_results_are_written_whole_or_not_at_all(
    tmp_path: Path, given: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full when the text is written: half of it is there, and then an error comes."""
    put = os.replace

    def fill(partial: Path, path: Path) -> None:
        if path.name == name:
            raise OSError(28, "No space left on device")
        put(partial, path)

    monkeypatch.setattr(os, "replace", fill)
    assert command.main(given) == 1
    assert not (tmp_path / "run" / name).exists()


# --- torchrun … --download


def main(folder: Path) -> int:
    """What each of the processes does: a training on a set whose download takes a while, and is noted."""
    datasets.DOWNLOADS = folder / "downloads"
    catalogue.MODELS["tiny"] = catalogue.Entry(__name__, "tiny_network")

    def fetch(name: str) -> Path:
        if (folder / "broken").exists():
            raise ConnectionError("the server is away")
        target = datasets.DOWNLOADS / name
        target.mkdir(parents=True)  # raises for the second
        time.sleep(1)
        shutil.copytree(folder / "set", target, dirs_exist_ok=True)
        return target

    downloads.fetch = fetch
    words = "--model tiny --data em --steps 1 --batch-size 2 --download --output"
    return command.main([*words.split(), str(folder / "run")])


@pytest.mark.slow
@pytest.mark.parametrize("broken", [False, True])
def test_of_several_processes_one_downloads(tmp_path: Path, broken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_DATA", raising=False)
    for part in ("image", "label"):
        (tmp_path / "set" / "train" / part).mkdir(parents=True)
        for n in range(5):
            pixels = np.full((16, 16), 255, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / "train" / part / f"{n}.png")
    if broken:
        (tmp_path / "broken").touch()
    run = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", __file__, str(tmp_path)]
    done = subprocess.run([sys.executable, *run], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert (done.returncode == 0) is not broken, done.stderr[-3000:]
    assert (tmp_path / "run" / "metrics.json").exists() is not broken
    ours = done.stderr.split("torch/distributed/run.py")[0] if broken else done.stderr
    assert ours.count("the server is away") == int(broken)
    assert "RuntimeError" not in ours


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
