"""`python -m course_utils.datasets` lists the data sets and where they are; with names, it downloads those."""

import argparse
import sys

from course_utils.datasets import SETS, available, find
from course_utils.datasets.downloads import SOURCES, fetch


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m course_utils.datasets", description=__doc__)
    # argparse compares an empty list with the choices, so that the names are checked below.
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"a set to download: {', '.join(SOURCES)}")
    names = parser.parse_args(arguments).names
    unknown = [name for name in names if name not in SOURCES]
    if unknown:
        parser.error(f"there is no download for {', '.join(unknown)}; choose from {', '.join(SOURCES)}")
    for name in names:
        try:
            _get(name)
        except (ValueError, OSError) as error:
            print(error, file=sys.stderr)
            return 1
    if not names:
        for name, place in available().items():
            print(f"{name:8} {SETS[name].summary}\n{'':8} {place}")
    return 0


def _get(name: str) -> None:
    folder = find(name)
    if folder:
        print(f"{name} is here already: {folder}")
        return
    print(f"Downloading {name} ({SOURCES[name].note}) …")
    print(f"{name} is now in {fetch(name)}")


if __name__ == "__main__":
    sys.exit(main())
