"""Progress of a run: a bar on a terminal, plain lines elsewhere; always on standard error."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

LINE_EVERY_SECONDS = 5.0

LABELS = {
    "costs": "Reading costs",
    "reports": "Creating reports",
    "emails": "Sending emails",
}


class RunProgress:
    """Shows (what, done, of how many); used as a context manager around a run."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._last_line: tuple[str, int, float] = ("", -1, 0.0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Progress of the planner and the worker."""
        label = LABELS.get(what, what[:1].upper() + what[1:])
        if self._console.is_terminal:
            if what not in self._tasks:
                self._tasks[what] = self._bar.add_task(label, total=total)
            self._bar.update(self._tasks[what], completed=done, total=total)
        else:
            self._print_line(label, done, total)

    def _print_line(self, label: str, done: int, total: int) -> None:
        last_label, last_done, last_at = self._last_line
        now = time.monotonic()
        finished = done >= total
        news = label != last_label or (finished and done != last_done)
        if news or (done != last_done and now - last_at >= LINE_EVERY_SECONDS):
            self._console.print(f"{label}: {done} of {total}", markup=False, highlight=False)
            self._last_line = (label, done, now)
