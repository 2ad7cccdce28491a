"""Run a long command and show in one line that it is getting on."""

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path


def run_with_progress(
    command: list[str], what: str, *, cwd: Path, environment: dict[str, str]
) -> tuple[int, list[str]]:
    """Run a command; returns its exit status and its output's lines, standard error included.

    On a terminal one line shows the seconds so far and the newest line of the output; elsewhere all lines are printed.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    lines: list[str] = []
    on_terminal = sys.stdout.isatty()

    def collect() -> None:
        for line in process.stdout:
            if line.strip():
                lines.append(line.rstrip())
                if not on_terminal:
                    print(f"  {lines[-1]}", flush=True)

    reader = threading.Thread(target=collect, daemon=True)
    reader.start()
    try:
        while reader.is_alive():
            reader.join(0.2)
            if on_terminal:
                _show(f"{what} {time.monotonic() - started:4.0f} s  {lines[-1] if lines else ''}")
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if on_terminal:
        _show("")
    print(f"\r{what}: {'done' if code == 0 else 'failed'} in {time.monotonic() - started:.0f} s", flush=True)
    return code, lines


def _show(text: str) -> None:
    """Write over the terminal's current line."""
    width = shutil.get_terminal_size().columns - 1
    print("\r" + text[:width].ljust(width), end="", flush=True)
