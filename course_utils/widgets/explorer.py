"""What all explorers share: a figure function, its sliders, and a strip of settings for pages without a kernel."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from numbers import Real
from typing import Any, NamedTuple, TypeVar

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure, SubFigure

from course_utils import plots
from course_utils.ops.checks import is_integer

Result = TypeVar("Result")


class Slider(NamedTuple):
    """One control: what it is called on the screen, its range and step, and where it stands at first."""

    label: str
    low: float
    high: float
    step: float
    value: float


class Choice(NamedTuple):
    """One control with words to choose from; the first is chosen at first."""

    label: str
    options: tuple[str, ...]


class Explorer:
    """A figure that a reader changes.

    - `draw(figure, **values)` draws on a figure or a part of one, from the values of the controls alone;
    - `alt(**values)` says in a sentence what there is to see;
    - `controls` by the names of the values; `settings` are the three or so that `strip` shows side by side;
    - `placed=True` if `draw` puts its axes at fixed places itself, as by `placing.axes_at`: then nothing has to be laid out, and
      a figure takes half of the time.
    """

    def __init__(
        self,
        draw: Callable[..., None],
        alt: Callable[..., str],
        controls: Mapping[str, Slider | Choice],
        settings: Sequence[Mapping[str, Any]],
        *,
        size: tuple[float, float] = (9.0, 3.6),
        placed: bool = False,
    ) -> None:
        unknown = {name for setting in settings for name in setting} - set(controls)
        if unknown:
            raise ValueError(f"Settings name {sorted(unknown)}, but the controls are {sorted(controls)}.")
        self.draw, self.alt = _on_the_cpu(draw), _on_the_cpu(alt)
        self.controls, self.settings, self.size = dict(controls), settings, size
        self.layout = "none" if placed else None

    def values(self, **changed: Any) -> dict[str, Any]:
        """The values of all controls: where they stand at first, except those that are given.

        Raises: ValueError where there is no such control, or where it cannot take the value.
        """
        unknown = set(changed) - set(self.controls)
        if unknown:
            raise ValueError(f"There is no control {sorted(unknown)}; the controls are {sorted(self.controls)}.")
        for name, value in changed.items():
            control = self.controls[name]
            if isinstance(control, Slider) and not _can_stand_at(control, value):
                raise ValueError(
                    f"{name} goes from {control.low} to {control.high} in steps of {control.step}, but is {value!r}."
                )
            if isinstance(control, Choice) and value not in control.options:
                raise ValueError(f"{name} is one of {', '.join(control.options)}, but is {value!r}.")
        first = {name: c.value if isinstance(c, Slider) else c.options[0] for name, c in self.controls.items()}
        return first | changed

    def figure(self, **changed: Any) -> Figure:
        """The figure for given values; the others stand where they are at first."""
        values = self.values(**changed)
        figure = plt.figure(figsize=self.size, layout=self.layout)
        self.draw(figure, **values)
        return figure

    def strip(self) -> None:
        """Show the figure for each of the settings, one below the other, each under its values."""
        width, height = self.size
        figure = plt.figure(figsize=(width, (height + 0.4) * len(self.settings)))
        parts: Sequence[SubFigure] = figure.subfigures(len(self.settings), 1, squeeze=False)[:, 0]
        for part, setting in zip(parts, self.settings, strict=True):
            part.suptitle(", ".join(f"{self.controls[name].label}: {value}" for name, value in setting.items()))
            self.draw(part, **self.values(**setting))
        plots.show(figure, alt=" ".join(self.alt(**self.values(**setting)) for setting in self.settings))

    def show(self) -> None:
        """Show the figure below its controls; it is drawn anew when one is let go.

        The picture is the value of an HTML widget, not the captured output of a function as in `interactive`: so it has its
        alternative text in the page, and a notebook that runs without a browser has nothing to wait for.
        """
        from IPython.display import display
        from ipywidgets import HTML, VBox

        controls = {name: _control(control) for name, control in self.controls.items()}
        picture = HTML()

        def redraw(_change: object = None) -> None:
            values = {name: control.value for name, control in controls.items()}
            picture.value = plots.image_element(self.figure(**values), alt=self.alt(**values))

        for control in controls.values():
            control.observe(redraw, "value")
        redraw()
        display(VBox([*controls.values(), picture]))


def _on_the_cpu(function: Callable[..., Result]) -> Callable[..., Result]:
    """The function, whose new tensors are on the CPU whatever the caller's default device is."""

    @wraps(function)
    def on_the_cpu(*arguments: Any, **named: Any) -> Result:
        with torch.device("cpu"):
            return function(*arguments, **named)

    return on_the_cpu


def _is_whole(slider: Slider) -> bool:
    return all(is_integer(number) for number in slider[1:])


def _can_stand_at(slider: Slider, value: object) -> bool:
    """Whether a slider can take a value; one of fractions takes what lies between its steps too."""
    if not isinstance(value, Real) or isinstance(value, bool) or not slider.low <= value <= slider.high:
        return False
    return not _is_whole(slider) or (is_integer(value) and (value - slider.low) % slider.step == 0)


def _control(control: Slider | Choice) -> Any:
    from ipywidgets import Dropdown, FloatSlider, IntSlider, Layout

    look = {"style": {"description_width": "11em"}, "layout": Layout(width="32em")}
    if isinstance(control, Choice):
        return Dropdown(options=control.options, description=control.label, **look)
    kind = IntSlider if _is_whole(control) else FloatSlider
    low, high, step, value = control[1:]
    return kind(min=low, max=high, step=step, value=value, description=control.label, continuous_update=False, **look)
