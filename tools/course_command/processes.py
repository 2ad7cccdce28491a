"""Child processes whose CPU time is measured, and none of which outlives the command."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple, Self


class Ended(NamedTuple):
    """Exit status, CPU seconds with all descendants (wall seconds on Windows), wall seconds, and the captured output."""

    code: int
    cpu: float
    wall: float
    output: str


def cpu_of_children() -> float:
    """CPU seconds of all processes that this one has started and waited for; 0 on Windows, which does not count them."""
    times = os.times()
    return times.children_user + times.children_system


class Processes:
    """Runs commands in one folder and environment, from several threads if wanted; on leaving, stops what still runs."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.stopped = False
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def run(self, command: list[str], *, live: bool) -> Ended:
        """Run a command to its end; its output is shown as it comes if `live`, and captured otherwise."""
        with tempfile.TemporaryFile() as captured:
            output = None if live else captured
            started = time.monotonic()
            with self._lock:
                if self.stopped:
                    return Ended(-signal.SIGTERM, 0.0, 0.0, "")
                process = subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=None if live else subprocess.STDOUT,
                )
                self._running.add(process)
            cpu = self._wait(process)
            wall = time.monotonic() - started
            captured.seek(0)
            text = captured.read().decode("utf-8", errors="replace")
        return Ended(process.returncode, wall if cpu is None else cpu, wall, text)

    def _wait(self, process: subprocess.Popen) -> float | None:
        """Wait for a process; returns the CPU seconds of it and of all descendants that were waited for.

        A notebook's kernel is one: nbval kills it and waits for it. Another kind of accounting, such as the kernel's own
        report, would miss it.
        """
        try:
            if not hasattr(os, "wait4"):
                process.wait()
                return None
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime
        except ChildProcessError:  # `stop` has looked at it and so collected it
            return None
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            with self._lock:
                self._running.discard(process)

    def stop(self) -> None:
        """End what is running, and start nothing more; kernels end by themselves when their parent has."""
        with self._lock:
            self.stopped = True
            for process in self._running:
                process.terminate()
