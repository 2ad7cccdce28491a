"""For the lecturer: `python -m course_utils.exercises report FILE...` and `python -m course_utils.exercises sheet 01`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from course_utils.exercises.sheet import sheet


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.exercises", description="The exercises, for the lecturer."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    reporter = commands.add_parser("report", help="execute students' notebooks and list what they have solved, as CSV")
    reporter.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="students' notebooks; they are not changed"
    )
    reporter.add_argument(
        "--output", type=Path, metavar="CSV", help="the file to write; the standard output if not given"
    )
    reporter.add_argument("--seconds", type=float, default=600, help="time limit for a notebook (default: 600)")
    sheets = commands.add_parser(
        "sheet", help="print a lesson's exercises with solutions and misconceptions, as Markdown"
    )
    sheets.add_argument("lesson", type=int, metavar="NN", help="the lesson, such as 01")
    chosen = parser.parse_args(arguments)

    if chosen.command == "sheet":
        try:
            print(sheet(chosen.lesson), end="")
        except ValueError as error:
            parser.error(str(error))
        return 0
    if not chosen.seconds > 0:
        parser.error(f"--seconds must be positive; got {chosen.seconds:g}")
    return _report(chosen.files, chosen.output, chosen.seconds, parser)


def _report(files: list[Path], output: Path | None, seconds: float, parser: argparse.ArgumentParser) -> int:
    from course_utils.exercises.report import write_report

    if output is None:
        return 0 if write_report(files, sys.stdout, seconds=seconds) else 1
    if output.resolve() in [file.resolve() for file in files]:
        parser.error(f"--output {output} is one of the notebooks; name another file")
    try:
        out = output.open("w", encoding="utf-8", newline="")
    except OSError as error:
        parser.error(f"--output {output} cannot be written: {error}")
    try:
        with out:
            return 0 if write_report(files, out, seconds=seconds) else 1
    except OSError as error:
        print(f"{output} could not be written to its end: {error.strerror}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
