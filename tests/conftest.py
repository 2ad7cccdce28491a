"""What every test needs: one thread, none of the user's settings, and tests that cannot run here are skipped."""

import importlib.util
import os
import shutil
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path

# Before torch is imported: two workers with two threads each take many times as long as with one.
os.environ["OMP_NUM_THREADS"] = "1"
for name in ("COURSE_STRICT", "COURSE_STRICT_TIME", "COURSE_REPORT", "COURSE_BUDGET", "COURSE_DEVICE", "COURSE_SEED"):
    os.environ.pop(name, None)

# Tests start processes in other folders.
if os.environ.get("COURSE_DATA"):
    os.environ["COURSE_DATA"] = os.path.abspath(os.path.expanduser(os.environ["COURSE_DATA"]))

import pytest  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reasons = {"gpu": _no_gpu, "real_data": _no_real_data, "browser": _no_browser}
    for marker, reason in reasons.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        if marked and (why := reason()):
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=why))


class _Clock:
    """CPU seconds of this worker and of what it has started, since the last look at them."""

    seen = 0.0

    @classmethod
    def look(cls) -> float:
        before, cls.seen = cls.seen, sum(os.times()[:4])
        return cls.seen - before


def pytest_collection_finish() -> None:
    _Clock.look()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    report.cpu = _Clock.look()
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The CPU seconds of each folder's tests, of set-up, test and tear-down together."""
    reports = [report for several in terminalreporter.stats.values() for report in several if hasattr(report, "cpu")]
    seconds: Counter[str] = Counter()
    for report in reports:
        seconds[report.nodeid.split("::")[0].rpartition("/")[0]] += report.cpu
    if len(seconds) > 1:
        terminalreporter.section("CPU seconds by folder")
        for folder, spent in seconds.most_common():
            terminalreporter.write_line(f"{folder:<20}{spent:8.1f}")


def _no_gpu() -> str | None:
    import torch

    return None if torch.cuda.is_available() else "needs a CUDA device"


def _no_real_data() -> str | None:
    folder = os.environ.get("COURSE_DATA")
    return None if folder and Path(folder).is_dir() else "needs COURSE_DATA, a folder with the real data sets"


def _no_browser() -> str | None:
    if shutil.which("chromium") is None:
        return "needs chromium on PATH"
    return None if importlib.util.find_spec("playwright") else "needs playwright"


@pytest.fixture(scope="session", autouse=True)
def _figures_without_windows() -> None:
    # Not by MPLBACKEND: kernels that tests start would inherit it and lose their inline figures.
    import matplotlib

    matplotlib.use("agg")
