"""Files that are written whole, under a name of their own, with the user's mode; and locks, which one process holds."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import notebook_files
import pytest
import torch
from course_command import lessons
from nbformat.v4 import new_notebook

from course_utils.exercises.record import progress_file, record
from course_utils.locks import held
from course_utils.training.checkpoints import write_tensors
from course_utils.whole_files import write_whole

sys.path.insert(0, str(Path(__file__).parents[1] / "tools" / "studies"))
from study import read_rows, run_study, write_rows


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def write_text(path: Path) -> None:
    write_whole(path, lambda partial: partial.write_text("new"))


WRITERS = {
    "text": write_text,
    "tensors": lambda path: write_tensors(path, {"a": torch.zeros(2)}, {}),
    "notebook": lambda path: notebook_files.write(new_notebook(), path),
    "table": lambda path: write_rows(path, [{"variant": "a", "seed": "0"}]),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("name", WRITERS)
def test_files_have_the_mode_that_the_user_wants(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / "file")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", WRITERS)
def test_what_cannot_be_put_in_its_place_leaves_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        WRITERS[name](tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_two_who_write_at_once_do_not_meet(tmp_path: Path) -> None:
    """The second begins while the first has written half; both files were whole when they came to their place."""
    both, seen = threading.Barrier(2), []

    def write(partial: Path) -> None:
        partial.write_text("half")
        both.wait(10)
        seen.append(partial)
        partial.write_text("the whole of it")

    threads = [threading.Thread(target=write_whole, args=(tmp_path / "file", write)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 2
    assert (tmp_path / "file").read_text() == "the whole of it"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_no_half_of_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("COURSE_STRICT", raising=False)

    def fail(path: Path, text: str, **_: object) -> int:
        path.write_bytes(text.encode()[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    record("a", "right")
    assert list(progress_file().parent.iterdir()) == []


def test_two_that_copy_the_lessons_at_once_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook_files.write(new_notebook(), tmp_path / "00_x.ipynb")
    found, folder, copying = {"00": tmp_path / "00_x.ipynb"}, tmp_path / "mine", lessons.shutil.copyfile

    def copy_and_let_the_other_copy(original: Path, temporary: Path) -> None:
        copying(original, temporary)
        monkeypatch.setattr(lessons.shutil, "copyfile", copying)
        lessons.copy_for_student(found, folder)

    monkeypatch.setattr(lessons.shutil, "copyfile", copy_and_let_the_other_copy)
    lessons.copy_for_student(found, folder)
    assert sorted(path.name for path in folder.iterdir()) == [".origin.json", "00_x.ipynb"]


def test_rows_that_another_part_of_the_study_wrote_are_kept(tmp_path: Path) -> None:
    def run(seed: int) -> dict[str, float]:
        if seed == 0:  # meanwhile, in another process
            run_study("small", {"a": run, "b": run}, folder=tmp_path, arguments=["--seeds", "1", "--only", "a"])
        return {"mean_iou": 0.5}

    run_study("small", {"a": run, "b": run}, folder=tmp_path, arguments=["--seeds", "0", "--only", "a"])
    assert [row["seed"] for row in read_rows(tmp_path / "small.csv")] == ["0", "1"]


# --- Locks


def test_the_second_is_refused_and_the_third_is_not(tmp_path: Path) -> None:
    lock = tmp_path / "folder" / ".lock"
    with (
        held(lock, "run 'a' is in use"),
        pytest.raises(ValueError, match="run 'a' is in use"),
        held(lock, "run 'a' is in use"),
    ):
        pass
    assert list(lock.parent.iterdir()) == []
    with held(lock, "in use"):
        assert lock.exists()


def test_a_lock_goes_with_its_process(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from course_utils.locks import held\n"
        "with held(Path(sys.argv[1]), 'in use'):\n    print('held', flush=True); input()\n"
    )
    lock = tmp_path / ".lock"
    command = [sys.executable, "-c", program, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline()
        with pytest.raises(ValueError, match="in use"), held(lock, "in use"):
            pass
        other.kill()
    with held(lock, "in use"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="about POSIX locks")
def test_a_file_system_without_locks_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", unsupported)
    with held(tmp_path / ".lock", "in use"), held(tmp_path / ".lock", "in use"):
        pass
