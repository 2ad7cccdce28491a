"""Each rule on notebooks: kept by a good one, broken by a change to it. A rule that cannot fail is a defect."""

import copy
import re
from collections.abc import Callable

import notebook_rules as rules
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_files import WIDGET, source_hash
from notebook_sources import fixed_seeds

from course_utils.exercises import tasks
from course_utils.lessons import LESSONS

ALT = "A street scene beside its labels, seven colours."
REAL = 'if datasets.present("camvid"):\n    camvid = 0.31\nelse:\n    print("not here")'


def code(source: str, *tags: str, outputs: tuple[NotebookNode, ...] = ()) -> NotebookNode:
    metadata = {"slideshow": {"slide_type": "-"}, "tags": list(tags)}
    return new_code_cell(source, metadata=metadata, outputs=list(outputs))


def text(source: str) -> NotebookNode:
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": "slide"}})


def printed(line: str) -> NotebookNode:
    return new_output("stream", name="stdout", text=line)


def figure(alt: str = ALT) -> NotebookNode:
    return new_output("display_data", data={"image/png": "iVBOR", "text/plain": alt})


def worked() -> list[NotebookNode]:
    """A cell for each exercise of lesson 1, with the call that its kind has."""
    verbs = {"answer": "answer(...)", "prediction": "predict(...)", "rubric": "rubric()"}
    return [
        code(
            f"exercise.{task.name}.{verbs[task.kind]}"
            if task.kind in verbs
            else f"@exercise.{task.name}\ndef {task.name}(x):\n    raise NotAttempted",
            "exercise",
        )
        for task in tasks(1)
    ]


def numbered(notebook: NotebookNode) -> NotebookNode:
    """The notebook as if it had just been executed."""
    for count, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
    notebook.metadata["course"] = {"source": source_hash(notebook)}
    return notebook


@pytest.fixture
def good() -> NotebookNode:
    cells = [
        text("# Metrics\n\nIs $n! \\ne 0$? `a != b`, ![a picture](x.png). The factorial `n!`."),
        code(
            "from course_utils import claim, datasets, start\n"
            "from course_utils.exercises import NotAttempted, progress, lesson_01 as exercise\nstart(lesson=1)"
        ),
        code("total = sum([i for i in range(3)])\nclaim('three', total == 3)", outputs=(printed("✓ three"), figure())),
        code(REAL, "real-data", "nbval-ignore-output", outputs=(printed("not here"),)),
        *worked(),
        code("progress()", "nbval-ignore-output"),
    ]
    return numbered(new_notebook(cells=cells))


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_a_good_notebook_keeps_every_rule(good: NotebookNode, rule: Callable[[NotebookNode], list[str]]) -> None:
    assert rule(good) == []


@pytest.mark.parametrize("rule", rules.RULES_OF_A_LESSON, ids=lambda rule: rule.__name__)
def test_a_good_lesson_keeps_every_rule(good: NotebookNode, rule: Callable[[NotebookNode, int], list[str]]) -> None:
    assert rule(good, 1) == []


def after_the_second(cell: NotebookNode) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells.insert(2, copy.deepcopy(cell))


def on(i: int, **changes: object) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[i].update(copy.deepcopy(changes))


def tagged(i: int, *tags: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[i].metadata.update(tags=list(tags))


def view() -> NotebookNode:
    return new_output("display_data", data={WIDGET: {"model_id": "a" * 32}, "text/plain": "interactive(...)"})


BROKEN: list[tuple[Callable[[NotebookNode], list[str]], Callable[[NotebookNode], None], str]] = [
    (rules.tags_are_known, tagged(2, "skip-me"), "has the tag 'skip-me'"),
    (rules.tags_are_known, tagged(0, "exercise"), "is text and has a tag"),
    (rules.claims_are_compared, tagged(2, "nbval-ignore-output"), "makes a claim"),
    (
        rules.claims_are_compared,
        after_the_second(code("import course_utils\ncourse_utils.claim('a', True)", "nbval-ignore-output")),
        "makes a claim",
    ),
    (rules.widgets_are_not_compared, on(2, outputs=[view()]), "shows a widget"),
    (rules.widgets_capture_no_output, on(2, source="interact(draw, x=(0, 1))"), "captures output in a widget"),
    (rules.real_data_cells_are_optional, tagged(3, "real-data"), "tag it nbval-ignore-output as well"),
    (rules.real_data_cells_are_optional, tagged(3, "nbval-ignore-output"), "begins as a real-data cell"),
    (rules.real_data_cells_are_optional, on(3, source="x = 1"), "begin it with `if datasets.present"),
    (
        rules.real_data_cells_are_optional,
        on(3, source="if datasets.available():\n    1\nelse:\n    2"),
        "begin it with",
    ),
    (
        rules.real_data_cells_are_optional,
        on(3, source='if datasets.present("em"):\n    1'),
        "print one line in `else:`",
    ),
    (rules.real_data_names_stay_in_their_cells, after_the_second(code("camvid + 1")), "reads `camvid`"),
    (
        rules.real_data_names_stay_in_their_cells,
        after_the_second(code("def later():\n    return [camvid for _ in range(3)]")),
        "reads `camvid`",
    ),
    (
        rules.real_data_names_stay_in_their_cells,
        on(3, source=REAL.replace("camvid = 0.31", "total = 1")),
        "reads `total`, which the real-data cell 03",
    ),
    (rules.exercises_are_tagged, tagged(4), "tag it exercise"),
    (rules.exercises_are_tagged, tagged(2, "exercise"), "is tagged exercise, but holds none"),
    (
        rules.no_errors_are_stored,
        on(2, outputs=[new_output("error", ename="KeyError", evalue="'x'", traceback=[])]),
        "stores an error: KeyError: 'x'",
    ),
    (rules.figures_have_alternative_text, on(2, outputs=[figure("<Figure size 640x480 with 1 Axes>")]), "description"),
    (rules.figures_have_alternative_text, on(2, outputs=[figure("A street.")]), "without a description"),
    (rules.figures_have_alternative_text, on(0, source="![ ](x.png)"), "has a picture without a description"),
    (rules.size_is_small, on(2, outputs=[printed("x" * 1_000_000)]), r"the largest outputs: cell 02 .* 1000 kB"),
    (rules.cells_were_executed_in_order, on(2, execution_count=7), "the execution count 7, not 2"),
    (rules.cells_were_executed_in_order, on(2, execution_count=None), "the execution count None, not 2"),
    (rules.outputs_are_fresh, on(2, source="claim('four', True)"), "the code has changed"),
    (rules.outputs_are_fresh, lambda notebook: notebook.metadata.pop("course"), "the code has changed"),
    (rules.no_machine_is_named, on(0, source="See /home/ada/scenes."), "names this machine: /home/"),
    (rules.no_machine_is_named, on(2, source="open('/tmp/x')"), "names this machine: /tmp/"),
    (rules.no_machine_is_named, on(2, source="open('C:\\\\Users\\\\ada')"), "names this machine: C:"),
    (rules.no_machine_is_named, on(2, outputs=[printed("[Line2D at 0x7f3a2b1c]")]), "names this machine: at 0x"),
    (rules.no_machine_is_named, on(2, outputs=[printed(str(rules.REPOSITORY))]), "names this machine"),
    (rules.no_machine_is_named, on(2, outputs=[figure("<div>/Users/ada/course</div>")]), "names this machine: /Users/"),
    (rules.names_are_bound_earlier, on(2, source="claim('three', totals == 3)"), "cell 02 .*Undefined name `totals`"),
    (rules.names_are_bound_earlier, after_the_second(code("print(later)\nlater = 1")), "Undefined name `later`"),
    (rules.prose_is_calm, on(0, source="# Metrics\n\nNow it works!"), "exclaims: works!"),
    (rules.prose_is_calm, on(0, source="That is **wrong!** Look again."), "exclaims"),
    (rules.cells_have_slide_types, lambda notebook: notebook.cells[0].metadata.pop("slideshow"), "cell 00"),
    (
        rules.cells_have_slide_types,
        lambda notebook: notebook.cells[2].metadata.update(slideshow={"slide_type": "page"}),
        "cell 02",
    ),
    (rules.last_cell_shows_progress, tagged(-1), "is the last"),
    (rules.last_cell_shows_progress, lambda notebook: notebook.cells.append(code("1")), "is the last"),
    (
        rules.seeds_can_be_moved,
        after_the_second(code("import torch\ntorch.manual_seed(0)")),
        r"has torch.manual_seed\(0\)",
    ),
    (
        rules.seeds_can_be_moved,
        after_the_second(code("def train(network):\n    return fit(network, seed=0, steps=3)")),
        "cell 02 .* has seed=0, which does not move .* write seed\\(n\\)",
    ),
    (rules.code_lines_are_short, on(2, source="x = 1\ny = '" + "y" * 99 + "'"), "a line of 105 characters"),
]


@pytest.mark.parametrize(("rule", "change", "complaint"), BROKEN, ids=[rule.__name__ for rule, _, _ in BROKEN])
def test_a_broken_rule_is_complained_about(
    good: NotebookNode,
    rule: Callable[[NotebookNode], list[str]],
    change: Callable[[NotebookNode], None],
    complaint: str,
) -> None:
    change(good)
    found = rule(good)
    assert found and all(re.search(complaint, line) for line in found), found


def test_every_rule_has_a_notebook_that_breaks_it() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(rules.RULES)


@pytest.mark.parametrize(
    "source",
    [
        "torch.manual_seed(seed(0))",
        "train_on_scenes(network, seed=seed(3), steps=450)",
        "def run(seed):\n    torch.manual_seed(seed)\n    return fit(network, seed=seed)",
        "run = lambda network, *, start: fit(network, seed=start)",
        "noise = torch.rand(3, generator=torch.Generator().manual_seed(0))",
        "generator = torch.Generator()\ngenerator.manual_seed(4)",
        "datasets.load('scenes', 'val', seed=0)\nScenes(seed=1)\ncells.Cells(seed=2)",
    ],
)
def test_seeds_that_move_or_belong_to_the_world_are_let_be(source: str) -> None:
    assert fixed_seeds(source) == []


@pytest.mark.parametrize(
    ("source", "fixed"),
    [
        ("torch.manual_seed()", ["torch.manual_seed()"]),
        ("manual_seed(3)", ["manual_seed(3)"]),
        ("torch.manual_seed(n)", ["torch.manual_seed(n)"]),
        ("torch.manual_seed(seed(n))", ["torch.manual_seed(seed(n))"]),
        ("torch.manual_seed(other.seed(0))", ["torch.manual_seed(other.seed(0))"]),
        ("[fit(network, seed=n) for n in range(3)]", ["seed=n"]),
        ("def run(n):\n    pass\nfit(network, seed=n)", ["seed=n"]),
        ("fit(network, seed=0)\nfit(network, seed=seed(0) + 1)", ["seed=0", "seed=seed(0) + 1"]),
        ("with torch.no_grad():\n    def run():\n        return partial(fit, seed=7)", ["seed=7"]),
    ],
)
def test_seeds_that_stay_are_found(source: str, fixed: list[str]) -> None:
    assert fixed_seeds(source) == fixed


@pytest.mark.parametrize(
    "source",
    ["start(lesson=2)", "start(1)", "print(1)", "import course_utils"],
    ids=["other", "positional", "none", "no call"],
)
def test_the_first_cell_starts_its_own_lesson(good: NotebookNode, source: str) -> None:
    good.cells[1].source = source
    assert "call start(lesson=1) there" in rules.first_cell_starts_the_lesson(good, 1)[0]


def test_exercises_of_notebook_and_module_are_the_same(good: NotebookNode, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (task.name for task in tasks(1)[:2])
    good.cells[4] = code("exercise.nowhere.answer(...)", "exercise")
    good.cells.insert(5, copy.deepcopy(good.cells[5]))
    assert rules.exercises_agree(good, 1) == [
        "the notebook names exercise.nowhere, which course_utils.exercises.lesson_01 does not have",
        f"course_utils.exercises.lesson_01 has {first}, which the notebook does not ask",
        f"{second} is asked in 2 cells",
    ]
    good.cells[4] = code(f"exercise.{first}.predict(...)\n\n\n@exercise.{first}\ndef f():\n    pass", "exercise")
    assert rules.exercises_agree(good, 1) == [f"{second} is asked in 2 cells"], "a guess and a definition in one cell"
    monkeypatch.setattr("course_utils.exercises.tasks", lambda lesson: tasks(1)[:1] * 9)
    assert "the lesson has 9 exercises, more than 8" in rules.exercises_agree(good, 1)


def test_minutes_are_counted_from_words_code_and_exercises(monkeypatch: pytest.MonkeyPatch) -> None:
    """400 words, 6 code cells, exercises of 10 minutes: 2 + 2 + 15; what is for the lecturer is not counted."""
    cells = [text("word " * 400), text("word " * 900), *(code("1") for _ in range(6))]
    cells[1].metadata["slideshow"] = {"slide_type": "notes"}
    notebook = new_notebook(cells=cells)
    assert rules.minutes_of(notebook, 10) == pytest.approx(19)
    asked = sum(task.minutes for task in tasks(1))
    takes = 4 + 1.5 * asked
    monkeypatch.setitem(LESSONS, 1, LESSONS[1]._replace(minutes=round(takes) + 4))
    assert rules.minutes_are_true(notebook, 1) == []
    monkeypatch.setitem(LESSONS, 1, LESSONS[1]._replace(minutes=round(takes) - 6))
    assert "but this lesson takes about" in rules.minutes_are_true(notebook, 1)[0]
