"""GLOSSARY.md: its entries, and every link that points into it."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^### (.+)\n\n(.+)$", GLOSSARY, flags=re.MULTILINE))
SKIPPED = {".venv", ".git", "my_notebooks", "downloads", "build"}


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading: lower case, punctuation dropped, spaces to hyphens."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors() -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", GLOSSARY, flags=re.MULTILINE)}


def documents() -> list[Path]:
    found = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.rglob("*.md")]
    return [path for path in found if not SKIPPED & set(path.relative_to(ROOT).parts)]


def links(path: Path) -> list[str]:
    """The anchors of the glossary that a document links to; in a notebook, those of its Markdown cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return re.findall(r"GLOSSARY\.md#([^\s)\"'>]+)", text)


def test_headings_and_entries_agree() -> None:
    headings = re.findall(r"^### (.+)$", GLOSSARY, flags=re.MULTILINE)
    assert len(headings) > 100
    assert headings == list(ENTRIES), "an entry is a heading, an empty line and one paragraph, and stands once"


def test_entries_are_sorted() -> None:
    assert list(ENTRIES) == sorted(ENTRIES, key=str.casefold)


def test_anchors_are_unique() -> None:
    headings = re.findall(r"^#+ (.+)$", GLOSSARY, flags=re.MULTILINE)
    assert len(anchors()) == len(headings)


@pytest.mark.parametrize("term", ENTRIES)
def test_entry_is_short_and_names_its_lesson(term: str) -> None:
    text = ENTRIES[term]
    see = re.fullmatch(r"See \[(.+)\]\(#(.+)\)\.", text)
    if see:
        assert see[1] in ENTRIES and see[2] == anchor(see[1])
        assert not ENTRIES[see[1]].startswith("See "), "a reference leads to the entry itself"
        return
    body, lessons = re.fullmatch(r"(.+) \*Lessons? ([\d, and]+)\.\*", text).groups()
    assert body.endswith(".") and 3 <= len(body.split()) <= 60
    numbers = [int(number) for number in re.findall(r"\d\d", lessons)]
    assert numbers and numbers == sorted(set(numbers)) and numbers[-1] <= 16


def test_links_inside_the_glossary() -> None:
    assert set(re.findall(r"\]\(#([^)]+)\)", GLOSSARY)) <= anchors()


def test_links_into_the_glossary() -> None:
    dead = {
        f"{path.relative_to(ROOT)}: #{link}" for path in documents() for link in links(path) if link not in anchors()
    }
    assert not dead


def test_links_are_found_and_judged(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["[void](../GLOSSARY.md#void) and\n", "[x](../GLOSSARY.md#not-there)"]},
        {"cell_type": "code", "source": "# GLOSSARY.md#in-code"},
    ]
    notebook = tmp_path / "n.ipynb"
    notebook.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert links(notebook) == ["void", "not-there"]
    assert "void" in anchors() and "not-there" not in anchors()
