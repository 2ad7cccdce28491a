"""The one command of this course: `python3 course.py` says what it can do.

This file only looks at the Python that runs it, in syntax that old ones read; the work is in tools/course_command.
"""

import os
import sys

OLDEST = (3, 11)

if sys.version_info < OLDEST:
    sys.exit(
        "This course needs Python 3.11 or newer, but this is Python "
        + ".".join(str(part) for part in sys.version_info[:3])
        + " ("
        + sys.executable
        + "). Install a newer one, from your package manager or python.org, and start it by its name: "
        + "python3.12 course.py lab"
    )

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "tools"), HERE]

from course_command.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
