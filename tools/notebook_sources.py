"""What the source of one cell says: the names that it binds and reads, the functions that it calls, its exercises."""

import ast
import symtable
from collections.abc import Iterator

from IPython.core.inputtransformer2 import TransformerManager

EXERCISE_CALLS = ("answer", "predict", "rubric")
GLOBAL_SEEDS = ("torch.manual_seed", "torch.random.manual_seed", "manual_seed")
WORLDS = ("Scenes", "Cells")


def plain_python(source: str) -> str:
    """A cell's source with magics and shell lines as ordinary Python."""
    return TransformerManager().transform_cell(source)


def calls(source: str, function: str) -> list[ast.Call]:
    """The calls of a function, by its name or as an attribute: `claim(...)` and `course_utils.claim(...)`."""
    found = (node for node in ast.walk(ast.parse(plain_python(source))) if isinstance(node, ast.Call))
    return [call for call in found if function in (getattr(call.func, "id", None), getattr(call.func, "attr", None))]


def bound_names(source: str) -> set[str]:
    """The names that a cell binds for the cells after it."""
    table = symtable.symtable(plain_python(source), "cell", "exec")
    return {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}


def read_names(source: str) -> set[str]:
    """The names of the notebook that a cell reads, in its functions and comprehensions as well."""
    table = symtable.symtable(plain_python(source), "cell", "exec")
    names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    return names | {
        symbol.get_name()
        for inner in _inner_tables(table)
        for symbol in inner.get_symbols()
        if symbol.is_global() and symbol.is_referenced()
    }


def _inner_tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for inner in table.get_children():
        yield inner
        yield from _inner_tables(inner)


def real_data_set(source: str) -> str | None:
    """The data set that a cell asks for in its first line, `if datasets.present("camvid"):`; None where it does not."""
    body = ast.parse(plain_python(source)).body
    if not body or not isinstance(body[0], ast.If):
        return None
    match body[0].test:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="datasets"), attr="present"), args=[ast.Constant(value=str(name))]
        ):
            return name
    return None


def exercises_worked(source: str) -> list[str]:
    """The exercises that a student works on in a cell: decorated definitions, and calls of answer, predict and rubric.

    One with a prediction and a definition is one exercise.
    """
    found: list[str] = []
    for node in ast.walk(ast.parse(plain_python(source))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found += [decorator.attr for decorator in node.decorator_list if _of_lesson(decorator)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in EXERCISE_CALLS:
            found += [node.func.value.attr] if _of_lesson(node.func.value) else []
    return list(dict.fromkeys(found))


def exercises_named(source: str) -> set[str]:
    """All exercises that a cell names: `exercise.NAME` anywhere in its code."""
    return {node.attr for node in ast.walk(ast.parse(plain_python(source))) if _of_lesson(node)}


def _of_lesson(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "exercise"


def fixed_seeds(source: str) -> list[str]:
    """Seeds in a cell that do not move with `COURSE_SEED`, each as it is written: `torch.manual_seed(0)`, `seed=0`.

    One moves where it is `seed(n)` with a literal n, or a parameter of the function that it stands in. A generator's own
    seed, and the seeds of the data sets' world (`datasets.load`, `Scenes`, `Cells`), are meant to stay.
    """
    return _fixed_seeds(ast.parse(plain_python(source)), frozenset())


def _fixed_seeds(node: ast.AST, parameters: frozenset[str]) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        inner = node.args
        named = [*inner.posonlyargs, *inner.args, *inner.kwonlyargs]
        parameters |= {argument.arg for argument in named}
    found: list[str] = []
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called in GLOBAL_SEEDS and not (len(node.args) == 1 and _moves(node.args[0], parameters)):
            found.append(ast.unparse(node))
        if not (called.startswith("datasets.") or called.split(".")[-1] in WORLDS):
            keywords = [keyword for keyword in node.keywords if keyword.arg == "seed"]
            found += [f"seed={ast.unparse(word.value)}" for word in keywords if not _moves(word.value, parameters)]
    return found + [fixed for inner in ast.iter_child_nodes(node) for fixed in _fixed_seeds(inner, parameters)]


def _moves(value: ast.expr, parameters: frozenset[str]) -> bool:
    match value:
        case ast.Call(func=ast.Name(id="seed"), args=[ast.Constant(value=int())], keywords=[]):
            return True
    return isinstance(value, ast.Name) and value.id in parameters
