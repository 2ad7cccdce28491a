"""How many steps fit into a number of seconds."""

import math
from collections.abc import Callable

from torch import nn

from course_utils.models.modes import modes_kept
from course_utils.ops.checks import real_number
from course_utils.training.distributed import from_rank_0
from course_utils.training.history import History

WARM_UP, MEASURED = 2, 20


def steps_in(seconds: float, model: nn.Module, run: Callable[[int], History]) -> int:
    """The number of steps that take so many CPU seconds, estimated from twenty; the network is left as it was.

    `run(steps)` trains `model` for so many steps. What the estimate takes is part of the seconds; reading data that is read only
    once and evaluation are not, so read the data before. A busy machine changes CPU seconds little, but it does: count the steps
    of a study instead.

    Raises: ValueError where the seconds are no number, or too few for the estimate.
    """
    seconds = real_number(seconds, "seconds", 0, math.inf)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        with modes_kept(model):
            spent = run(WARM_UP).cpu_seconds
            measured = run(MEASURED).cpu_seconds
    finally:
        model.load_state_dict(before)
        model.zero_grad()
    # The steps have to be the same in all processes.
    spent, each = from_rank_0(spent + measured), from_rank_0(measured / MEASURED)
    if seconds < 2 * spent:
        raise ValueError(
            f"{seconds:g} CPU seconds are too few: one step takes {each:.2g}, and {spent:.2g} are needed to estimate that; allow "
            f"{2 * spent:.0f} or more, or give the number of steps."
        )
    return int((seconds - spent) / each)
