"""A mistake stated as what it changes in the solution: *slips*, and the wrong versions that are made of them.

A slip's edits are pairs (old, new) of Python text. `old` is looked for in the solution's tokens, so that line breaks, the kind
of quotes and comments do not matter, and must stand there once.
"""

import difflib
import inspect
import io
import linecache
import re
import sys
import textwrap
import tokenize
from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations, groupby
from typing import Any, NamedTuple

Version = Callable[..., Any]

_LAYOUT = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT, tokenize.ENDMARKER)


class Slip(NamedTuple):
    """A mistake that people make: its name in reports, the text that it changes, and the sentence for the student."""

    name: str
    edits: tuple[tuple[str, str], ...]
    sentence: str


class Token(NamedTuple):
    """A token as it is compared, and where it stands in the source: offsets of its first character and of the one after it."""

    text: str
    start: int
    end: int


class Span(NamedTuple):
    """Characters of the source, from `start` to before `end`, that become `new`."""

    start: int
    end: int
    new: str


def read_slips(text: str) -> tuple[Slip, ...]:
    """Slips as they are written down: a name, and indented under it the sentence, and each edit as in a comparison of files.

        no_weight
            The second has a weight, too.
            - (1 - weight) * b
            + b

    Lines that begin with - are the old text, those with + after them the new one; a + alone takes the old text away.

    Raises: ValueError that names the slip, for one without a sentence or an edit, and for a name that is there twice.
    """
    slips: list[Slip] = []
    for block in re.split(r"\n(?=\S)", textwrap.dedent(text).strip()):
        name, *lines = block.splitlines()
        lines = textwrap.dedent("\n".join(lines)).splitlines()
        sentence = " ".join(line.strip() for line in lines if not _is_edit(line) and line.strip())
        edits = _edits([line for line in lines if _is_edit(line)])
        if not sentence or not edits or not all(old for old, _ in edits):
            raise ValueError(f"The slip {name} needs a sentence, and an edit of lines with - and +; it has {lines}.")
        if name in {slip.name for slip in slips}:
            raise ValueError(f"There are two slips called {name}; give one another name.")
        slips.append(Slip(name, edits, sentence))
    return tuple(slips)


def _is_edit(line: str) -> bool:
    return line[:2].strip() in ("-", "+")


def _edits(lines: list[str]) -> tuple[tuple[str, str], ...]:
    """Each run of - lines with the run of + lines after it."""
    runs = [(sign, "\n".join(line[2:] for line in run)) for sign, run in groupby(lines, key=lambda line: line[0])]
    signs = [sign for sign, _ in runs]
    if signs != ["-", "+"] * (len(runs) // 2):
        return ()
    return tuple((old, new) for (_, old), (_, new) in zip(runs[::2], runs[1::2], strict=True))


@cache
def source_of(solution: Version) -> str:
    return textwrap.dedent(inspect.getsource(solution))


@cache
def spans(source: str, slip: Slip) -> tuple[Span, ...]:
    """Where a slip's edits stand in a source, in their order.

    Raises: ValueError that names the slip and the nearest line, where an old text does not stand there exactly once, and
    where two edits overlap.
    """
    found = tuple(sorted(_span(source, old, new, slip.name) for old, new in slip.edits))
    if _overlap(found):
        raise ValueError(f"Two edits of the slip {slip.name} overlap; make one of them.")
    return found


def edited(source: str, changes: Sequence[Span]) -> str:
    """The source with these changes, which do not overlap; what has several lines is indented as the line that it stands in."""
    for change in sorted(changes, reverse=True):
        line = source[source.rfind("\n", 0, change.start) + 1 : change.start]
        indent = line[: len(line) - len(line.lstrip())]
        source = source[: change.start] + change.new.replace("\n", "\n" + indent) + source[change.end :]
    return source


def wrong_version(solution: Version, *slips: Slip) -> Version:
    """The solution with the edits of one slip, or of several at once; its source is shown in tracebacks.

    Raises: ValueError as `spans`, and where the edits of two slips overlap or the result is no Python.
    """
    source = source_of(solution)
    changes = [span for slip in slips for span in spans(source, slip)]
    name = " and ".join(slip.name for slip in slips)
    if _overlap(sorted(changes)):
        raise ValueError(f"The edits of the slips {name} overlap.")
    text = edited(source, changes)
    file = f"<{solution.__module__}.{solution.__name__} with {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = dict(vars(sys.modules[solution.__module__]))
    try:
        exec(compile(text, file, "exec"), namespace)
    except SyntaxError as error:
        raise ValueError(f"With the slip {name} line {error.lineno} is no Python: {error.text!r}.") from error
    return namespace[solution.__name__]


def pairs(solution: Version, slips: Sequence[Slip]) -> list[tuple[Slip, Slip]]:
    """The slips that can be made together: their edits do not overlap."""
    source = source_of(solution)
    places = {slip.name: spans(source, slip) for slip in slips}
    return [
        (one, other)
        for one, other in combinations(slips, 2)
        if not _overlap(sorted(places[one.name] + places[other.name]))
    ]


@cache
def tokens(source: str) -> list[Token]:
    """The tokens of a Python text that mean something, strings with one kind of quotes; also of a part of a statement."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type not in _LAYOUT and token.string:
                text = _plain_quotes(token.string) if token.type == tokenize.STRING else token.string
                (row, column), (last_row, last_column) = token.start, token.end
                found.append(Token(text, starts[row - 1] + column, starts[last_row - 1] + last_column))
    except (tokenize.TokenError, IndentationError):
        pass  # a bracket that is not closed within the part, or lines that begin in the middle of a block
    return found


def _plain_quotes(text: str) -> str:
    quote = text[-1]
    body = text[:-1]
    return text if '"' in body or quote == '"' else text.replace("'", '"')


def _span(source: str, old: str, new: str, name: str) -> Span:
    here, wanted = tokens(source), [token.text for token in tokens(textwrap.dedent(old).strip())]
    if not wanted:
        raise ValueError(f"An edit of the slip {name} has no old text.")
    texts = [token.text for token in here]
    places = [i for i in range(len(texts) - len(wanted) + 1) if texts[i : i + len(wanted)] == wanted]
    if len(places) != 1:
        often = f"{len(places)} times" if places else f"nowhere; the nearest line is `{_nearest(source, old)}`"
        raise ValueError(f"`{old}` of the slip {name} should stand once in the solution, but stands there {often}.")
    return Span(here[places[0]].start, here[places[0] + len(wanted) - 1].end, textwrap.dedent(new).strip("\n"))


def _nearest(source: str, old: str) -> str:
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    return max(lines, key=lambda line: difflib.SequenceMatcher(None, line, old).ratio())


def _overlap(found: Sequence[Span]) -> bool:
    return any(one.end > other.start for one, other in zip(found, found[1:], strict=False))
