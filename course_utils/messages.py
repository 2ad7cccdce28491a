"""A sentence to the student: a coloured box in a notebook, a printed line elsewhere."""

import sys
from html import escape

_TONES = {
    "plain": ("#5b6770", "#f4f6f7"),
    "good": ("#009e73", "#eef8f4"),
    "warning": ("#e69f00", "#fdf6e7"),
    "bad": ("#d55e00", "#fdf1ea"),
}


class Message:
    """Text that Jupyter shows as a box and everything else as text."""

    def __init__(self, text: str, tone: str) -> None:
        self.text, self.tone = text, tone

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        edge, ground = _TONES[self.tone]
        style = (
            f"border-left:5px solid {edge};background:{ground};color:#1b1f23;padding:.5em .9em;margin:.3em 0;"
            "max-width:52em;white-space:pre-wrap"
        )
        return f'<div style="{style}">{escape(self.text)}</div>'


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code, so that `display` has somewhere to show things."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def show_message(text: str, *, tone: str = "plain") -> None:
    """Show `text`; `tone` is 'plain', 'good', 'warning' or 'bad'.

    Raises: ValueError for another tone.
    """
    if tone not in _TONES:
        raise ValueError(f"tone must be one of {', '.join(_TONES)}; got {tone!r}.")
    if in_notebook():
        from IPython.display import display

        display(Message(text, tone))
    else:
        print(text)
