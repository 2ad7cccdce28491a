"""The stored form of a lesson: one normal form of the file, the hash of its sources, and what is kept of real-data cells.

A notebook in normal form that is executed a second time gives the same bytes, but for the outputs of cells tagged
`nbval-ignore-output`.
"""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from notebook_sources import real_data_set

from course_utils.surroundings import FOR_OWN_WORK, course_environment
from course_utils.whole_files import write_text_whole

# What lessons run under.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "COURSE_STRICT": "1", "COURSE_DEVICE": "cpu"}
# A profile of IPython that nobody has changed, beside the packages.
PROFILE = {"IPYTHONDIR": str(Path(sys.prefix, "ipython"))}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
WIDGET = "application/vnd.jupyter.widget-view+json"
# The kernel compiles each cell under such a name, with its process number in it; warnings print it.
KERNEL_PATH = re.compile(r"(?<![^\s\"'(])[^\s\"'(]*ipykernel_\d+[/\\]\d+\.py")


def kernel_environment() -> dict[str, str]:
    """The environment that lessons run in."""
    return course_environment(FOR_OWN_WORK) | ENVIRONMENT | PROFILE


def read(path: Path) -> NotebookNode:
    """The notebook in a file.

    Raises: ValueError where the file is missing or is no notebook.
    """
    try:
        return nbformat.reads(path.read_text(encoding="utf-8-sig"), as_version=4)
    except (OSError, ValueError, AttributeError, TypeError, KeyError, nbformat.ValidationError) as error:
        reason = getattr(error, "message", error)
        raise ValueError(f"{path} should be a Jupyter notebook, but cannot be read: {reason}") from error


def text_of(notebook: NotebookNode) -> str:
    """The file's text."""
    return nbformat.writes(notebook) + "\n"


def write(notebook: NotebookNode, path: Path) -> None:
    """Write the notebook; the file has its old content or the new one at every moment."""
    write_text_whole(path, text_of(notebook))


def code_cells(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """The code cells with their positions in the notebook."""
    return ((i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def where(i: int, cell: NotebookNode) -> str:
    """A cell as messages name it: its position, as in its id, and its first line."""
    first_line = next((line for line in cell.source.splitlines() if line.strip()), "empty")
    return f"cell {i:02d} ({first_line[:60]})"


def source_hash(notebook: NotebookNode) -> str:
    """SHA-256 over the code cells' sources and tags: what the outputs depend on. Markdown may change without a new run."""
    return _hash([[cell.source, sorted(tags(cell))] for _, cell in code_cells(notebook)])


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()


def stored_outputs_are_fresh(notebook: NotebookNode) -> bool:
    """Whether the stored outputs were computed from the code as it is now."""
    return notebook.metadata.get("course", {}).get("source") == source_hash(notebook)


def is_normal(path: Path) -> bool:
    """Whether a file is in the form that `normalise` and `write` give it."""
    notebook = read(path)
    normalise(notebook, path.stem)
    return path.read_text(encoding="utf-8") == text_of(notebook)


def normalise(notebook: NotebookNode, stem: str) -> None:
    """Bring a notebook into its normal form, in place: nothing in it that changes without a reason.

    Cell ids from the position, execution counts 1 to n, only tags and slide types as metadata, no widget state, widget
    models numbered in order of first use, neighbouring pieces of printed text joined, `<cell>` for the kernel's temporary
    file. Cells tagged `real-data` lose their pictures and keep the text.
    """
    course = notebook.metadata.get("course")
    notebook.metadata = NotebookNode({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    if course:
        notebook.metadata["course"] = course
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for i, cell in enumerate(notebook.cells):
        cell.id = f"{stem}-{i:02d}"
        kept = {key: cell.metadata[key] for key in ("slideshow", "tags") if cell.metadata.get(key)}
        cell.metadata = NotebookNode(kept)
    _normalise_outputs(notebook)


def _normalise_outputs(notebook: NotebookNode) -> None:
    numbers = _widget_numbers(notebook)

    def stable(text: str) -> str:
        if numbers:
            text = re.sub("|".join(map(re.escape, numbers)), lambda found: numbers[found[0]], text)
        return KERNEL_PATH.sub("<cell>", text)

    executed = [cell for _, cell in code_cells(notebook) if cell.execution_count is not None]
    for count, cell in enumerate(executed, 1):
        cell.execution_count = count
    for _, cell in code_cells(notebook):
        if "real-data" in tags(cell):
            _drop_pictures(cell)
        cell.outputs = [_rewrite(output, stable) for output in _joined(cell.outputs)]
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count


def _widget_numbers(notebook: NotebookNode) -> dict[str, str]:
    outputs = [output for _, cell in code_cells(notebook) for output in cell.outputs]
    views = [output.data[WIDGET]["model_id"] for output in outputs if WIDGET in output.get("data", {})]
    return {model: hashlib.md5(f"widget {i}".encode()).hexdigest() for i, model in enumerate(dict.fromkeys(views))}


def _drop_pictures(cell: NotebookNode) -> None:
    for output in cell.outputs:
        if "data" in output:
            output.data = NotebookNode({kind: v for kind, v in output.data.items() if not kind.startswith("image/")})
            output.metadata = NotebookNode()
    cell.outputs = [output for output in cell.outputs if output.get("data", True)]


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Printed text arrives in pieces that depend on timing; neighbouring pieces of one stream become one."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _rewrite(value: Any, change: Callable[[str], str]) -> Any:
    """`change` applied to all text in a value but pictures."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_rewrite(item, change) for item in value]
    if isinstance(value, dict):
        items = {key: item if key.startswith("image/") else _rewrite(item, change) for key, item in value.items()}
        return NotebookNode(items)
    return value


def keep_real_data_outputs(notebook: NotebookNode, before: NotebookNode, is_present: Callable[[str], bool]) -> None:
    """Keep what is stored for real-data cells whose data set is not on this machine, in place.

    `metadata.course.real_data` lists the cells (by the hash of their source) whose outputs were computed from the data.

    Raises: ValueError where such a cell has changed since, so that its outputs can be neither kept nor computed.
    """
    known = set(before.metadata.get("course", {}).get("real_data", []))
    stored = {_hash(cell.source): cell.outputs for _, cell in code_cells(before) if "real-data" in tags(cell)}
    cells = [(i, cell, _hash(cell.source)) for i, cell in code_cells(notebook) if "real-data" in tags(cell)]
    lost = known - {mark for _, _, mark in cells}
    computed = []
    for i, cell, mark in cells:
        name = real_data_set(cell.source)
        if name is not None and is_present(name):
            computed.append(mark)
        elif mark in known and mark in stored:
            cell.outputs = stored[mark]
            computed.append(mark)
        elif lost:
            raise ValueError(
                f"{where(i, cell)} has changed since its outputs were stored, and its data set {name!r} is not here, so that "
                "they can be neither kept nor computed: set COURSE_DATA to the folder that holds it."
            )
    if computed:
        notebook.metadata.setdefault("course", NotebookNode())["real_data"] = computed
