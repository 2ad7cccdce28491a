"""Small changes of a solution, and what the judge says of them."""

import ast

import mutants
import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def mean_of_valid(x: Tensor, void: float) -> Tensor:
    """The mean of those elements of x (N,) that are not void."""
    valid = x != void
    return x[valid].sum(dim=0) / valid.sum()


SLIPS = read_slips("""
void_in_the_sum
    The void elements are in your sum; take only those that are valid.
    - x[valid]
    + x

of_all
    You divide by all elements, void ones too: count the valid ones.
    - valid.sum()
    + len(x)
""")


def task() -> Exercise:
    probes = [(torch.tensor([1.5, -2.25, 9, 4]).double(), 9.0), (torch.tensor([9.0, 0.5, 3]).double(), 9.0)]
    return Exercise("mean_of_valid", mean_of_valid, probes, SLIPS, ["count"])


def test_each_change_is_made_once() -> None:
    changes = {ast.unparse(tree) for _, tree in mutants.changed_trees(ast.parse("y = f(a, b, k=2) + (-c < d)"))}
    assert changes == {
        "y = f(a, b, k=2) - (-c < d)",
        "y = f(b, a, k=2) + (-c < d)",
        "y = f(a, b) + (-c < d)",
        "y = f(a, b, k=3) + (-c < d)",
        "y = f(a, b, k=1) + (-c < d)",
        "y = f(a, b, k=2) + (--c < d)",
        "y = f(a, b, k=2) + (-c <= d)",
    }


def test_wrong_mutants_and_pairs_are_counted() -> None:
    told = {change: name for change, name in mutants.wrong_ones(task())}
    assert told == {
        "`x != void`: Eq for NotEq": "",
        "`x[valid].sum(dim=0) / valid.sum()`: Mult for Div": "",
        "`0`: 1": "",
    }
    assert len(mutants.mutants(task())) == 4, "without dim nothing changes"
    assert mutants.pairs_told(task()) == (1, 1)
