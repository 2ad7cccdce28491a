"""What tests of explorers share."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest

from course_utils import plots


@pytest.fixture
def course_style() -> Iterator[None]:
    """Figures as `start` makes them look; afterwards none of them is left."""
    with plt.rc_context():
        plots.apply_style()
        yield
    plt.close("all")
