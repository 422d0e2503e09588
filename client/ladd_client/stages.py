"""One line per stage: a moving bar while it runs, a plain line when it is over."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from api_schemas.report_tables import clock
from ladd_client.tables import printable

_NAME_WIDTH = 16
_BAR_WIDTH = 24
# Where nothing can be redrawn (a file, a CI log) a running stage prints a line this often, in seconds.
_LINE_EVERY = 15.0


class StageBoard(Progress):
    """Bars of the running stages below the lines of the finished ones. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        super().__init__(
            TextColumn(f"  {{task.description:<{_NAME_WIDTH}}}"),
            BarColumn(_BAR_WIDTH),
            TaskProgressColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def line(self, text: str) -> None:
        """Leave a line above the bars."""
        self.console.print(f"  {printable(text)}", markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def stage(self, name: str) -> Iterator["Stage"]:
        """A stage that is over when the block is left, and failed when an exception leaves it."""
        stage = Stage(self, name)
        try:
            yield stage
        except BaseException:
            stage.stop("failed")
            raise
        stage.stop()


class Stage:
    """One line on a board, a bar from now on. `note` is shown after the numbers."""

    def __init__(self, board: StageBoard, name: str) -> None:
        self.name = name
        self.note = ""
        self._board = board
        self._began = self._printed = time.monotonic()
        self._count = ""
        self._fraction = 0.0
        self._task: TaskID = board.add_task(escape(name), total=None, detail="")

    def update(
        self, done: float, total: float, unit: str, rate: float | None = None, eta_seconds: float | None = None
    ) -> None:
        """Move the bar to `done` of `total` `unit`; `rate` is per second."""
        self._fraction = min(1.0, done / total) if total else 0.0
        self._count = amount(total, unit)
        parts = [f"{amount(done, '')}/{amount(total, unit)}"]
        if rate:
            parts.append(f"{amount(rate, unit)}/s")
        if eta_seconds is not None:
            parts.append(f"{clock(eta_seconds)} left")
        detail = ", ".join(parts + ([self.note] if self.note else []))
        self._board.update(self._task, completed=done, total=total or None, detail=escape(detail))
        now = time.monotonic()
        if not self._board.console.is_terminal and now - self._printed >= _LINE_EVERY:
            self._printed = now
            self._print(f"{self._fraction:4.0%}  {detail}", filled=self._fraction)

    def bytes(self, done: int, total: int) -> None:
        """`update` for transfers."""
        rate = done / max(time.monotonic() - self._began, 1e-9)
        self.update(done, total, "bytes", rate, (total - done) / rate if rate else None)

    def stop(self, outcome: str = "done", seconds: float | None = None) -> None:
        """Take the bar away and leave a line: in what time what was done, or else the `outcome`.

        `seconds` is how long the stage took; None: as long as it was shown.
        """
        self._board.remove_task(self._task)
        ended_well = outcome == "done"
        took = time.monotonic() - self._began if seconds is None else seconds
        facts = [clock(took), self._count if ended_well else outcome, self.note]
        self._print("  ".join(fact for fact in facts if fact), filled=1.0 if ended_well else self._fraction)

    def _print(self, text: str, filled: float) -> None:
        solid, empty = ("#", ".") if self._board.console.options.ascii_only else ("━", "─")
        full = round(_BAR_WIDTH * filled)
        bar = solid * full + empty * (_BAR_WIDTH - full)
        self._board.line(f"{self.name:<{_NAME_WIDTH}} {bar} {text}")


def amount(number: float, unit: str) -> str:
    """A count with its unit, bytes as MiB."""
    if unit == "bytes":
        return f"{number / 2**20:,.1f} MiB"
    return f"{number:,.0f} {unit}".rstrip()


def minute(moment: datetime) -> str:
    """A time in this machine's zone, to the minute."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
