"""Networks made without their first weights, for tests that give them others: drawing those takes most of the time."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from torch import nn


@contextmanager
def unfilled() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("kaiming_normal_", "kaiming_uniform_", "normal_", "trunc_normal_", "uniform_"):
            patch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)
        yield
