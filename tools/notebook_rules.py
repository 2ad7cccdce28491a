"""What every lesson's notebook keeps to: one function a rule, each gives the complaints, none if the rule is kept."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from nbformat import NotebookNode
from notebook_files import WIDGET, code_cells, stored_outputs_are_fresh, tags, text_of, where
from notebook_sources import (
    bound_names,
    calls,
    exercises_named,
    exercises_worked,
    fixed_seeds,
    read_names,
    real_data_set,
)

REPOSITORY = Path(__file__).resolve().parents[1]
TAGS = ("exercise", "nbval-ignore-output", "real-data")
SLIDE_TYPES = ("slide", "subslide", "fragment", "skip", "notes", "-")
MOST_BYTES = 1_000_000
MOST_EXERCISES = 8
LONGEST_LINE = 100
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:home|root|tmp|work|Users)/|\b[A-Z]:\\{1,2}(?:Users|Windows|Program|Temp)")
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
NOT_PROSE = re.compile(r"```.*?```|~~~.*?~~~|``.*?``|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|!(?=\[)", re.DOTALL)
EXCLAMATION = re.compile(r"\S{0,30}[\w)\"'”’*]!(?=[\s\"'”’)*_<]|$)")


def tags_are_known(notebook: NotebookNode) -> list[str]:
    """Only the three tags that mean something."""
    unknown = [(i, cell, tag) for i, cell in enumerate(notebook.cells) for tag in tags(cell) if tag not in TAGS]
    return [f"{where(i, cell)} has the tag {tag!r}; the tags are {', '.join(TAGS)}" for i, cell, tag in unknown] + [
        f"{where(i, cell)} is text and has a tag; tags belong on code"
        for i, cell in enumerate(notebook.cells)
        if cell.cell_type != "code" and tags(cell)
    ]


def claims_are_compared(notebook: NotebookNode) -> list[str]:
    """A claim's line is never left out of the comparison."""
    return [
        f"{where(i, cell)} makes a claim but is tagged nbval-ignore-output: make the claim in a cell of its own"
        for i, cell in code_cells(notebook)
        if "nbval-ignore-output" in tags(cell) and calls(cell.source, "claim")
    ]


def widgets_are_not_compared(notebook: NotebookNode) -> list[str]:
    """nbval cannot compare a widget's output."""
    return [
        f"{where(i, cell)} shows a widget: tag it nbval-ignore-output"
        for i, cell in code_cells(notebook)
        if "nbval-ignore-output" not in tags(cell) and any(WIDGET in o.get("data", {}) for o in cell.outputs)
    ]


def widgets_capture_no_output(notebook: NotebookNode) -> list[str]:
    """Output that a widget captures has to be answered by the page; executed without one, some runs wait for ever."""
    return [
        f"{where(i, cell)} captures output in a widget: show an HTML image instead, as course_utils.widgets.explorer does"
        for i, cell in code_cells(notebook)
        if re.search(r"\b(interact|interactive|interactive_output|interact_manual|Output)\(", cell.source)
    ]


def real_data_cells_are_optional(notebook: NotebookNode) -> list[str]:
    """A real-data cell is left out of the comparison, asks whether its data are there, and says so if they are not."""
    complaints = []
    for i, cell in code_cells(notebook):
        if "real-data" in tags(cell):
            if "nbval-ignore-output" not in tags(cell):
                complaints.append(f"{where(i, cell)} is tagged real-data: tag it nbval-ignore-output as well")
            if real_data_set(cell.source) is None:
                complaints.append(f'{where(i, cell)} is tagged real-data: begin it with `if datasets.present("NAME"):`')
            elif not ast.parse(cell.source).body[0].orelse:
                complaints.append(f"{where(i, cell)} is tagged real-data: print one line in `else:`, for those without")
        elif real_data_set(cell.source) is not None:
            complaints.append(f"{where(i, cell)} begins as a real-data cell: tag it real-data")
    return complaints


def real_data_names_stay_in_their_cells(notebook: NotebookNode) -> list[str]:
    """No other cell reads a name that a real-data cell binds: a lesson is the same with and without the data."""
    complaints = []
    for i, cell in code_cells(notebook):
        if "real-data" in tags(cell):
            for j, other in code_cells(notebook):
                shared = bound_names(cell.source) & read_names(other.source) if j != i else set()
                complaints += [
                    f"{where(j, other)} reads `{name}`, which the real-data {where(i, cell)} binds: "
                    "give it a name of its own there"
                    for name in sorted(shared)
                ]
    return complaints


def exercises_are_tagged(notebook: NotebookNode) -> list[str]:
    """The tag `exercise` stands on the cells in which a student works, and on no other."""
    complaints = []
    for i, cell in code_cells(notebook):
        worked = exercises_worked(cell.source)
        if worked and "exercise" not in tags(cell):
            complaints.append(f"{where(i, cell)} holds the exercise {worked[0]}: tag it exercise")
        if not worked and "exercise" in tags(cell):
            complaints.append(f"{where(i, cell)} is tagged exercise, but holds none")
    return complaints


def no_errors_are_stored(notebook: NotebookNode) -> list[str]:
    return [
        f"{where(i, cell)} stores an error: {output.ename}: {output.evalue}"
        for i, cell in code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "error"
    ]


def figures_have_alternative_text(notebook: NotebookNode) -> list[str]:
    """A figure says in words what it shows: at least 20 characters as its `text/plain`."""
    complaints = []
    for i, cell in code_cells(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            text = data.get("text/plain", "").strip()
            if any(kind.startswith("image/") for kind in data) and (len(text) < 20 or text.startswith("<")):
                complaints.append(f"{where(i, cell)} shows a figure without a description: plots.show(figure, alt=...)")
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown" and re.search(r"!\[\s*\]", cell.source):
            complaints.append(f"{where(i, cell)} has a picture without a description: ![description](...)")
    return complaints


def size_is_small(notebook: NotebookNode) -> list[str]:
    """Under 1 MB a notebook."""
    size = len(text_of(notebook).encode())
    if size <= MOST_BYTES:
        return []
    largest = sorted(code_cells(notebook), key=lambda pair: -len(json.dumps(pair[1].outputs)))[:3]
    cells = "; ".join(f"{where(i, cell)} {len(json.dumps(cell.outputs)) // 1000} kB" for i, cell in largest)
    return [f"the notebook has {size // 1000} kB, more than {MOST_BYTES // 1000}; the largest outputs: {cells}"]


def cells_were_executed_in_order(notebook: NotebookNode) -> list[str]:
    """Counts 1 to n: nbval compares nothing in a cell without a count."""
    return [
        f"{where(i, cell)} has the execution count {cell.execution_count}, not {count}; is it empty, or not executed?"
        for count, (i, cell) in enumerate(code_cells(notebook), 1)
        if cell.execution_count != count
    ]


def outputs_are_fresh(notebook: NotebookNode) -> list[str]:
    if stored_outputs_are_fresh(notebook):
        return []
    return ["the code has changed since the outputs were stored: run `python3 course.py notebooks NN`"]


def no_machine_is_named(notebook: NotebookNode) -> list[str]:
    """No path of a machine and no memory address, in sources or outputs."""
    complaints = []
    for i, cell in enumerate(notebook.cells):
        shown = [output.get("text", "") + _texts(output.get("data", {})) for output in cell.get("outputs", [])]
        for text in [cell.source, *shown]:
            found = MACHINE_PATH.search(text) or ADDRESS.search(text)
            if found or str(REPOSITORY) in text:
                complaints.append(f"{where(i, cell)} names this machine: {found[0] if found else REPOSITORY}")
    return complaints


def _texts(data: dict[str, object]) -> str:
    return "\n".join(str(value) for kind, value in data.items() if not kind.startswith("image/"))


def names_are_bound_earlier(notebook: NotebookNode) -> list[str]:
    """A lesson starts alone: each name is bound in an earlier line of the notebook (ruff's F821)."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", "--output-format", "json"]
    command += ["--stdin-filename", "lesson.ipynb", "-"]
    found = subprocess.run(command, input=text_of(notebook), capture_output=True, text=True, check=False)
    if found.returncode not in (0, 1):
        raise RuntimeError(f"ruff could not check the notebook: {found.stderr}")
    errors = [(error["cell"] - 1, error["message"]) for error in json.loads(found.stdout)]
    return [f"{where(i, notebook.cells[i])}: {message}" for i, message in errors]


def prose_is_calm(notebook: NotebookNode) -> list[str]:
    """No sentence ends in an exclamation mark."""
    return [
        f"{where(i, cell)} exclaims: {found[0]}"
        for i, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown"
        for found in EXCLAMATION.finditer(NOT_PROSE.sub(" ", cell.source))
    ]


def _slide_type(cell: NotebookNode) -> str | None:
    return cell.metadata.get("slideshow", {}).get("slide_type")


def cells_have_slide_types(notebook: NotebookNode) -> list[str]:
    return [
        f"{where(i, cell)} has no slide type: metadata.slideshow.slide_type, one of {', '.join(SLIDE_TYPES)}"
        for i, cell in enumerate(notebook.cells)
        if _slide_type(cell) not in SLIDE_TYPES
    ]


def last_cell_shows_progress(notebook: NotebookNode) -> list[str]:
    i, cell = list(code_cells(notebook))[-1]
    if calls(cell.source, "progress") and "nbval-ignore-output" in tags(cell):
        return []
    return [f"{where(i, cell)} is the last: call progress() there, and tag it nbval-ignore-output"]


def seeds_can_be_moved(notebook: NotebookNode) -> list[str]:
    """Another `COURSE_SEED` moves all that a lesson trains: nothing that it says may hang on one seed."""
    return [
        f"{where(i, cell)} has {fixed}, which does not move with COURSE_SEED: write seed(n) of course_utils for the number; "
        "what must stay fixed is drawn with a torch.Generator of its own"
        for i, cell in code_cells(notebook)
        for fixed in fixed_seeds(cell.source)
    ]


def code_lines_are_short(notebook: NotebookNode) -> list[str]:
    return [
        f"{where(i, cell)} has a line of {len(line)} characters, more than {LONGEST_LINE}: {line.strip()[:40]}…"
        for i, cell in code_cells(notebook)
        for line in cell.source.splitlines()
        if len(line) > LONGEST_LINE
    ]


def first_cell_starts_the_lesson(notebook: NotebookNode, lesson: int) -> list[str]:
    i, cell = next(code_cells(notebook))
    numbers = [keyword.value for call in calls(cell.source, "start") for keyword in call.keywords]
    if [ast.unparse(number) for number in numbers] == [str(lesson)]:
        return []
    return [f"{where(i, cell)} is the first code: call start(lesson={lesson}) there"]


def exercises_agree(notebook: NotebookNode, lesson: int) -> list[str]:
    """The exercises of the notebook are those of `course_utils.exercises.lesson_NN`, each worked in one cell; at most 8."""
    from course_utils.exercises import tasks

    known = [task.name for task in tasks(lesson)]
    worked = [name for _, cell in code_cells(notebook) for name in exercises_worked(cell.source)]
    named = {name for _, cell in code_cells(notebook) for name in exercises_named(cell.source)}
    module = f"course_utils.exercises.lesson_{lesson:02d}"
    complaints = [
        f"the notebook names exercise.{name}, which {module} does not have" for name in sorted(named - set(known))
    ]
    complaints += [f"{module} has {name}, which the notebook does not ask" for name in known if name not in worked]
    complaints += [f"{name} is asked in {worked.count(name)} cells" for name in known if worked.count(name) > 1]
    if len(known) > MOST_EXERCISES:
        complaints.append(f"the lesson has {len(known)} exercises, more than {MOST_EXERCISES}")
    return complaints


def minutes_of(notebook: NotebookNode, exercise_minutes: int) -> float:
    """How long a lesson takes: 200 words a minute, 20 seconds a code cell, and the minutes of its exercises half as much again.

    The lecturer's notes are not counted.
    """
    read = [cell for cell in notebook.cells if cell.cell_type == "markdown" and _slide_type(cell) != "notes"]
    words = sum(len(cell.source.split()) for cell in read)
    return words / 200 + len(list(code_cells(notebook))) / 3 + 1.5 * exercise_minutes


def minutes_are_true(notebook: NotebookNode, lesson: int) -> list[str]:
    """What `lessons.py` says of the time is within 5 minutes of what can be counted."""
    from course_utils.exercises import tasks
    from course_utils.lessons import LESSONS

    found, told = minutes_of(notebook, sum(task.minutes for task in tasks(lesson))), LESSONS[lesson].minutes
    if abs(found - told) <= 5:
        return []
    return [f"course_utils/lessons.py says {told} minutes, but this lesson takes about {5 * round(found / 5)}"]


RULES: tuple[Callable[[NotebookNode], list[str]], ...] = (
    tags_are_known,
    claims_are_compared,
    widgets_are_not_compared,
    widgets_capture_no_output,
    real_data_cells_are_optional,
    real_data_names_stay_in_their_cells,
    exercises_are_tagged,
    no_errors_are_stored,
    figures_have_alternative_text,
    size_is_small,
    cells_were_executed_in_order,
    outputs_are_fresh,
    no_machine_is_named,
    names_are_bound_earlier,
    prose_is_calm,
    cells_have_slide_types,
    last_cell_shows_progress,
    code_lines_are_short,
    seeds_can_be_moved,
)
RULES_OF_A_LESSON: tuple[Callable[[NotebookNode, int], list[str]], ...] = (
    first_cell_starts_the_lesson,
    exercises_agree,
)
