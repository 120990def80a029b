"""Progress of a run: a bar on a terminal, plain lines otherwise; always on standard error."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

MIN_SECONDS_BETWEEN_LINES = 5.0

LABELS = {
    "costs": "Reading costs",
    "cost history": "Reading history",
    "reports": "Creating reports",
    "emails": "Sending emails",
}


class RunProgress:
    """Shows steps of a run as they proceed; used as a context manager around the run."""

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

    def __call__(self, step: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` items of a step are finished."""
        label = LABELS.get(step, step[:1].upper() + step[1:])
        if self._console.is_terminal:
            if step not in self._tasks:
                self._tasks[step] = self._bar.add_task(label, total=total)
            self._bar.update(self._tasks[step], completed=done, total=total)
        else:
            self._print_line(label, done, total)

    def _print_line(self, label: str, done: int, total: int) -> None:
        last_label, last_done, last_at = self._last_line
        now = time.monotonic()
        is_finished = done >= total
        is_new = label != last_label or (is_finished and done != last_done)
        if is_new or (done != last_done and now - last_at >= MIN_SECONDS_BETWEEN_LINES):
            self._console.print(f"{label}: {done} of {total}", markup=False, highlight=False)
            self._last_line = (label, done, now)
