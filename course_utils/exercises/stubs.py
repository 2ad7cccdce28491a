"""A cell with a stub, as source code: finding the stub and writing the solution into its place."""

import ast
from typing import Any


def replace_definition(source: str, name: str, solution: str) -> str:
    """Replace the function or class decorated with `@exercise.NAME` by `solution`; all other lines stay.

    Raises: ValueError where the cell has no such definition.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and any(_names(d, name) for d in node.decorator_list):
            lines = source.split("\n")
            return "\n".join(lines[: node.lineno - 1] + solution.rstrip("\n").split("\n") + lines[node.end_lineno :])
    raise ValueError(f"This cell should define something decorated with @exercise.{name}, but does not:\n{source}")


def replace_placeholders(source: str, name: str, solution: Any) -> str:
    """Replace `...` in the call `exercise.NAME.answer(...)` by the solution, for a dictionary, or for keywords, name by name.

    Raises: ValueError where the cell has no such call.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _names(node.func.value, name):
            if node.keywords:
                found = [(word.value, repr(solution[word.arg])) for word in node.keywords if word.arg is not None]
                return _replace(source, [(value, text) for value, text in found if _is_placeholder(value)])
            argument = node.args[0]
            if isinstance(argument, ast.Dict):
                pairs = zip(argument.keys, argument.values, strict=True)
                found = [(value, repr(solution[ast.literal_eval(key)])) for key, value in pairs if key is not None]
            else:
                found = [(argument, repr(solution))]
            return _replace(source, [(value, text) for value, text in found if _is_placeholder(value)])
    raise ValueError(f"This cell should call exercise.{name}.answer(...), but does not:\n{source}")


def _names(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name


def _is_placeholder(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _replace(source: str, replacements: list[tuple[ast.expr, str]]) -> str:
    """Replace nodes by texts, from the last to the first; columns count bytes, as `ast` does."""
    lines = [line.encode() for line in source.split("\n")]
    for node, text in sorted(replacements, key=lambda pair: (pair[0].lineno, pair[0].col_offset), reverse=True):
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = line[: node.col_offset] + text.encode() + line[node.end_col_offset :]
    return "\n".join(line.decode() for line in lines)
