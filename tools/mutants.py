"""What the judge says of small mistakes: `python tools/mutants.py [NN ...]` lists those that no sentence covers.

A mutant is an exercise's solution with one small change: another operator or comparison, a number one more or less, a truth
value turned, an argument or a sign dropped, two arguments exchanged. For each exercise the table has how many mutants there
are; how many are wrong; how many of those are told a sentence, or an advice on what they raised; and pairs of slips likewise.
Below it stand the wrong mutants that are told only "expected, got", and the sentences that no mutant was told. A list to
think over: a sentence is for what people do, not for every mutant.
"""

import argparse
import ast
import copy
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
SECONDS = 20  # a mutant of a loop may never end


class Mutant(NamedTuple):
    """A solution with one change, and the change in words."""

    change: str
    version: Callable[..., Any]


class Told(NamedTuple):
    """What the judge said of one wrong mutant: the sentence's name, "advice" where it raised, or nothing."""

    change: str
    misconception: str


def changed_trees(tree: ast.Module) -> Iterator[tuple[str, ast.Module]]:
    """Each tree with one small change, and the change in words."""
    for number, node in enumerate(ast.walk(tree)):
        for place, (words, _) in enumerate(_replacements(node)):
            other = copy.deepcopy(tree)
            target = next(found for index, found in enumerate(ast.walk(other)) if index == number)
            before = ast.unparse(node)
            _, change = list(_replacements(target))[place]
            change()
            yield f"`{before}`: {words}", other


def _replacements(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    """What can be changed at a node: in words, and what makes the change."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
        other = OPERATORS[type(node.op)]
        yield f"{other.__name__} for {type(node.op).__name__}", lambda: setattr(node, "op", other())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        turned = COMPARISONS[type(node.ops[0])]
        yield f"{turned.__name__} for {type(node.ops[0]).__name__}", lambda: node.ops.__setitem__(0, turned())
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{not node.value}", lambda: setattr(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        value = node.value
        yield f"{value + 1}", lambda: setattr(node, "value", value + 1)
        if value >= 1:
            yield f"{value - 1}", lambda: setattr(node, "value", value - 1)
    if isinstance(node, ast.Call):
        for index, keyword in enumerate(node.keywords):
            yield f"without {keyword.arg}", lambda index=index: node.keywords.__delitem__(index)
        for index in range(len(node.args) - 1):
            yield f"arguments {index} and {index + 1} exchanged", lambda index=index: _exchange(node.args, index)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert | ast.Not):
        # In place: a sign more takes the sign away.
        yield "without its sign", lambda: setattr(node, "operand", ast.UnaryOp(node.op, node.operand))


def _exchange(values: list[Any], index: int) -> None:
    values[index], values[index + 1] = values[index + 1], values[index]


def mutants(task: Any) -> list[Mutant]:
    """The mutants of an exercise's solution, those left out that are the same program as another."""
    source = task.solution_source()
    tree = ast.parse(source)
    found, seen = [], {ast.unparse(tree)}
    for words, changed in changed_trees(tree):
        text = ast.unparse(changed)
        if text in seen:
            continue
        seen.add(text)
        namespace = dict(vars(sys.modules[task._solution.__module__]))
        exec(compile(text, f"<mutant of {task.name}>", "exec"), namespace)
        found.append(Mutant(words, namespace[task.name]))
    return found


def judged(task: Any, version: Callable[..., Any]) -> Any:
    """The verdict on a version, an error where it takes too long."""
    from course_utils.exercises.task import Verdict

    def stop(*_: Any) -> None:
        raise TimeoutError(f"longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        return task.judge(version)
    except TimeoutError as error:
        return Verdict("error", str(error))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def wrong_ones(task: Any) -> list[Told]:
    """What each wrong mutant of an exercise is told."""
    advice = set(task.common_errors.values())
    found = []
    for change, version in mutants(task):
        verdict = judged(task, version)
        if verdict.status in ("wrong", "error"):
            advised = verdict.status == "error" and any(text in verdict.text for text in advice)
            found.append(Told(change, verdict.misconception or ("advice" if advised else "")))
    return found


def pairs_told(task: Any) -> tuple[int, int]:
    """Of the pairs of slips that are no solution and no single mistake: how many there are, and how many are told both."""
    from course_utils.exercises.slips import pairs, wrong_version

    number = told = 0
    for one, other in pairs(task._solution, task._slips):
        verdict = judged(task, wrong_version(task._solution, one, other))
        if verdict.status == "right" or (verdict.misconception and "+" not in verdict.misconception):
            continue
        number += 1
        told += one.sentence in verdict.text and other.sentence in verdict.text
    return number, told


def main() -> int:
    from course_utils.exercises import Exercise, tasks
    from course_utils.lessons import LESSONS

    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons; all if none is given")
    parser.add_argument("--list", action="store_true", help="also list what no sentence covers, and what is never told")
    chosen = parser.parse_args()
    totals = [0] * 6
    print(f"{'exercise':<28}{'mutants':>8}{'wrong':>7}{'told':>6}{'advice':>8}{'pairs':>7}{'told':>6}")
    for number in map(int, chosen.lessons or LESSONS):
        for task in tasks(number):
            if not isinstance(task, Exercise):
                continue
            found = wrong_ones(task)
            advised = sum(mutant.misconception == "advice" for mutant in found)
            named = sum(bool(mutant.misconception) for mutant in found) - advised
            row = [len(mutants(task)), len(found), named, advised, *pairs_told(task)]
            totals = [total + value for total, value in zip(totals, row, strict=True)]
            print(
                f"{task.name:<28}" + "".join(f"{value:>{w}}" for value, w in zip(row, (8, 7, 6, 8, 7, 6), strict=True))
            )
            if chosen.list:
                print(
                    "".join(f"    no sentence: {mutant.change}\n" for mutant in found if not mutant.misconception),
                    end="",
                )
                never = {known.name for known in task.misconceptions} - {mutant.misconception for mutant in found}
                print(f"    told to no mutant: {', '.join(sorted(never))}" if never else "", end="\n" if never else "")
    print(f"{'all':<28}" + "".join(f"{value:>{w}}" for value, w in zip(totals, (8, 7, 6, 8, 7, 6), strict=True)))
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    raise SystemExit(main())
