"""tools/work.py: what a command takes, what the references take, and that the one is not counted as the other."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import work
from course_command import results
from course_command.processes import Processes

TOOLS = Path(work.__file__).parent
LONG = 1000
BURN = "import time\nwhile time.process_time() < 0.5: pass\nprint(time.process_time(), end='')\nraise SystemExit(3)"


def burn() -> None:
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass


@pytest.mark.slow
def test_the_references_are_not_counted_as_the_commands(capfd: pytest.CaptureFixture[str]) -> None:
    assert work.measure([sys.executable, "-c", BURN], burn) == 3
    out = capfd.readouterr().out
    burnt, _, line = out.partition("work: ")
    figures = json.loads(line)
    assert len(figures["references"]) == 2 * work.REPEATS and min(figures["references"]) >= 0.1
    # A second of references has been burnt beside it.
    assert float(burnt) - 0.05 < figures["cpu"] < float(burnt) + 0.5


def test_where_no_cpu_seconds_are_counted_those_on_the_clock_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "cpu_of_children", lambda: 0.0)
    code, seconds = work.run([sys.executable, "-c", "import time; time.sleep(0.5)"])
    assert code == 0 and seconds >= 0.5


@pytest.mark.slow
def test_both_halves_of_the_reference_take_part() -> None:
    work.reference()
    training, plain = (min(work.time_reference(half)) for half in (work.small_training, work.python_and_numpy))
    assert 1 / 6 < training / plain < 6
    assert min(work.time_reference(work.reference)) > 0.8 * (training + plain)


@pytest.mark.slow
def test_a_measured_step_has_its_work(tmp_path: Path) -> None:
    step = results.Step("loop", [[sys.executable, str(TOOLS / "work.py"), sys.executable, "-c", BURN]])
    ended = Processes(tmp_path, dict(os.environ)).run(step.commands[0], live=False)
    result = results.judge(step, [ended])
    assert not result.passed and result.work is not None and result.work.least <= result.work.median <= result.work.most
    # PyTorch and the references are the step's own.
    assert float(result.output) - 0.05 < result.cpu < ended.cpu - 10 * result.cpu / result.work.most


@pytest.mark.slow
def test_a_stopped_measurement_stops_its_command(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    command = f"import os, pathlib, time; pathlib.Path({str(file)!r}).write_text(str(os.getpid())); time.sleep({LONG})"
    code = f"import sys, work; work.REPEATS = 0; sys.exit(work.main([sys.executable, '-c', {command!r}]))"
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(TOOLS)})
    while not (file.exists() and file.read_text()):
        assert process.poll() is None and time.monotonic() < begun + LONG / 2
        time.sleep(0.05)
    process.terminate()
    assert process.wait() == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)
    assert time.monotonic() < begun + LONG / 2


def test_a_command_is_needed() -> None:
    with pytest.raises(SystemExit, match="Name a command to be measured"):
        work.main([])
