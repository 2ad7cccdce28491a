"""Libraries that take seconds to import: imported when a test first uses them, and such tests are marked slow."""

from importlib import import_module
from typing import Any


class Lazily:
    """Stands for a module until something of it is asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, part: str) -> Any:
        return getattr(import_module(self.name), part)


monai = Lazily("monai.losses")
