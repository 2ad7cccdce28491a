"""The commands of course.py and their arguments."""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from course_command import checks
from course_command.environment import ROOT, CourseError, advice
from course_command.lab import lab

HELP = """\
python3 course.py lab                 set up what is needed and open the lessons in JupyterLab
    --port N                          on this port
    --no-browser                      only print the address
    --reset NN                        take lesson NN afresh; your copy is kept under another name

python3 course.py test                check everything: lint, types, unit tests, every cell of every notebook
python3 course.py test NN ...         only the notebooks of these lessons
    --fast                            lint and quick unit tests only
    --real-data                       what needs the real data sets in COURSE_DATA
    --seed N [--threads M]            only the notebooks with solutions filled in, with another seed

python3 course.py notebooks [NN ...]  execute the notebooks and store their outputs (for authors)
    --check | --tidy                  only list what is stale | only bring into normal form
    --solved OUT                      write copies with all exercises solved into the folder OUT
"""


MOST_SEED, MOST_THREADS = 1_000_000, 1024


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """What turns a word of the command line into a whole number between two bounds."""

    def convert(word: str) -> int:
        if not word.isdecimal() or not least <= int(word) <= most:
            raise argparse.ArgumentTypeError(f"it must be a whole number from {least} to {most}, but is {word!r}")
        return int(word)

    return convert


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="course.py", usage="python3 course.py lab | test | notebooks", add_help=False)
    commands = top.add_subparsers(dest="command", prog="python3 course.py")
    lab_words = commands.add_parser("lab")
    lab_words.add_argument("--port", type=int)
    lab_words.add_argument("--no-browser", action="store_true")
    lab_words.add_argument("--reset", metavar="NN", action="append", default=[])
    test_words = commands.add_parser("test")
    test_words.add_argument("lessons", nargs="*", metavar="NN")
    how_much = test_words.add_mutually_exclusive_group()
    how_much.add_argument("--fast", action="store_true")
    how_much.add_argument("--real-data", action="store_true")
    how_much.add_argument("--seed", type=whole_number(0, MOST_SEED), metavar="N")
    test_words.add_argument("--threads", type=whole_number(1, MOST_THREADS), metavar="M")
    notebook_words = commands.add_parser("notebooks")
    notebook_words.add_argument("lessons", nargs="*", metavar="NN")
    modes = notebook_words.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true")
    modes.add_argument("--tidy", action="store_true")
    modes.add_argument("--solved", type=Path, metavar="OUT")
    return top


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Run one command; returns the exit status."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    chosen = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that children are stopped first
    try:
        return dispatch(chosen, root)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error}\n\n{advice([str(error)])}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def dispatch(chosen: argparse.Namespace, root: Path) -> int:
    if chosen.command == "lab":
        return lab(port=chosen.port, browser=not chosen.no_browser, reset=chosen.reset, root=root)
    if chosen.command == "test":
        return checks.test(
            numbers=chosen.lessons,
            fast=chosen.fast,
            real_data=chosen.real_data,
            seed=chosen.seed,
            threads=chosen.threads,
            root=root,
        )
    options = ["--check"] * chosen.check + ["--tidy"] * chosen.tidy
    if chosen.solved:
        options = ["--solved", str(chosen.solved.absolute())]
    return checks.notebooks(numbers=chosen.lessons, options=options, root=root)
