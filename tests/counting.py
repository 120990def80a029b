"""How much work code does, as a number that is the same on any machine."""

import sys
from types import FrameType
from typing import Any, Self


class LineCount:
    """A context manager that counts the lines of Python that run in it."""

    def __init__(self) -> None:
        self.lines = 0

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        self.lines += event == "line"
        return self._trace
