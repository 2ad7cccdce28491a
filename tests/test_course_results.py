"""How the checks of course.py are run and judged: processes, CPU seconds, work, lines and the summary."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from course_command import checks, results
from course_command.processes import Ended, Processes

# Seconds that nothing here lasts, however slow or busy the machine is, unless it hangs.
LONG = 1000


def processes(folder: Path) -> Processes:
    return Processes(folder, dict(os.environ))


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_cpu_seconds_contain_those_of_a_killed_grandchild(tmp_path: Path) -> None:
    # As nbval does it: the kernel is a child of pytest, is killed, and is waited for.
    child = f"import time\nwhile time.process_time() < 0.3: pass\nprint(time.process_time(), flush=True)\ntime.sleep({LONG})"
    code = (
        "import subprocess, sys, time\n"
        f"kernel = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE, text=True)\n"
        "burnt = kernel.stdout.readline(); time.sleep(0.5); kernel.kill(); kernel.wait(); print(burnt, end='')"
    )
    ended = processes(tmp_path).run(python(code), live=False)
    burnt = float(ended.output)
    assert ended.code == 0 and burnt >= 0.3
    # For half a second on the clock nobody computes, however slow or busy the machine is.
    assert burnt - 0.05 < ended.cpu < ended.wall - 0.45


def test_all_processes_are_stopped(tmp_path: Path) -> None:
    running = processes(tmp_path)
    ends: list[Ended] = []
    threads = [
        threading.Thread(
            target=lambda: ends.append(running.run(python(f"import time; time.sleep({LONG})"), live=False))
        )
        for _ in range(2)
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    running.stop()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < LONG / 2
    assert [end.code != 0 for end in ends] == [True, True]
    assert running.run(python("print('late')"), live=False).output == ""


def measured(cpu: float, *references: float, code: int = 0, before: str = "passed\n") -> Ended:
    """How a command ended that ran under tools/work.py, which itself took 5 CPU seconds."""
    figures = json.dumps({"cpu": cpu, "references": list(references)})
    return Ended(code, cpu + 5, cpu + 9, f"{before}work: {figures}\n")


@pytest.mark.parametrize(
    ("work", "code", "strict", "passed", "note"),
    [
        (700, 0, "", True, ""),
        (910, 0, "1", True, "warning: more than 1.25 times the ceiling of 720"),
        (1090, 0, "", True, "warning: more than 1.5 times the ceiling of 720"),
        (1090, 0, "0", True, "warning: more than 1.5 times the ceiling of 720"),
        (1090, 0, "1", False, "error (COURSE_STRICT_TIME=1): more than 1.5 times the ceiling of 720"),
        (300, 1, "", False, ""),
    ],
)
def test_time_warns_and_fails_only_where_a_maintainer_wants_it(
    monkeypatch: pytest.MonkeyPatch, work: float, code: int, strict: str, passed: bool, note: str
) -> None:
    monkeypatch.setenv("COURSE_STRICT_TIME", strict)
    step = results.Step("01_metrics", [], checks.CEILING)
    result = results.judge(step, [measured(work * 0.3, 0.3, code=code)])
    assert (result.passed, result.note) == (passed, note)
    assert note in results.line(result)
    # Without a ceiling, as in a solved run, nothing is too much.
    assert results.judge(step._replace(ceiling=None), [measured(9999, 0.3)]) == result._replace(
        passed=True, note="", cpu=9999, wall=10008, work=results.Work(*[pytest.approx(33330)] * 3)
    )


def test_work_is_the_cpu_time_in_references_with_its_spread() -> None:
    result = results.judge(results.Step("01_metrics", []), [measured(60, 0.2, 0.25, 0.16, 0.2, 0.2)])
    assert result.work == (pytest.approx(300), pytest.approx(240), pytest.approx(375))
    assert (result.cpu, result.output) == (60, "passed\n")
    assert "60.0 s of CPU    69.0 s   work  300 (240–375)" in results.line(result)


def test_a_command_that_was_not_measured_has_its_cpu_seconds_only() -> None:
    said = 'work: {"cpu": 1, "references": [1]}\nand then it went on\n'
    result = results.judge(results.Step("lint", [], 600), [Ended(0, 5000, 9, said), Ended(0, 2, 3, "")])
    assert (result.cpu, result.wall, result.work, result.note, result.output) == (5002, 12, None, "", said)
    assert "work" not in results.line(result)


def test_every_command_of_a_step_runs_and_one_failure_is_enough(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    step = results.Step("lint", [python("print('first'); raise SystemExit(3)"), python("print('second')")])
    result = checks.run(step, processes(tmp_path))
    assert not result.passed and result.output == "first\nsecond\n"
    good = checks.run(results.Step("tests", [python("pass")]), processes(tmp_path))
    assert results.summarise([results.Part("all", [result, good], 3.0, 4.0)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "1 passed, 1 failed"
    assert "second" in printed and any("lint" in text and "FAILED" in text for text in printed)
    assert results.summarise([results.Part("tests", [good], 1.0, 1.0)]) == 0


def test_the_summary_ends_with_the_parts_times_the_warnings_and_the_count(capsys: pytest.CaptureFixture) -> None:
    tests = results.Result("unit tests", True, 800, 420, None, "", "")
    stored = results.judge(results.Step("05_losses", [], 600), [measured(300, 0.3)])
    solved = results.judge(results.Step("05_losses solved", []), [measured(200, 0.3)])
    parts = [results.Part("unit tests", [tests], 800, 420), results.Part("notebooks", [stored, solved], 510, 300)]
    assert results.summarise(parts) == 0
    lines = [re.sub(" +", " ", text) for text in capsys.readouterr().out.splitlines()]
    assert lines[-7:] == [
        "Time, measuring included",
        "unit tests 800.0 s of CPU 420.0 s",
        "notebooks 510.0 s of CPU 300.0 s",
        " of which solved runs 200.0 s of CPU",
        "total 1310.0 s of CPU 720.0 s",
        "Warning: 1 of the lessons did more work than they should; that alone fails nothing.",
        "3 passed, 0 failed",
    ]


def test_the_time_of_a_part_contains_all_that_it_started() -> None:
    code = "import time\nwhile time.process_time() < 0.5: pass"
    part = checks.timed("loops", lambda: [subprocess.run(python(code), check=True)])
    assert (part.name, len(part.results)) == ("loops", 1)
    assert 0.49 < part.cpu and 0 < part.wall
