"""What every test needs: one thread, none of the user's settings, and tests that cannot run here are skipped."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

# Before torch is imported: two workers with two threads each take many times as long as with one.
os.environ["OMP_NUM_THREADS"] = "1"
for name in ("COURSE_STRICT", "COURSE_REPORT", "COURSE_BUDGET", "COURSE_DEVICE"):
    os.environ.pop(name, None)

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
