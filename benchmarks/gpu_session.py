"""What the sections of `gpu.py` share: the device, the time that is left, the table and the file it goes to."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from bench_report import markdown_table, measured_on
from interleaved import Deadline, TimeIsUp, Timing
from turns import Work, measure

ROUNDS = 3
STRETCH_SECONDS = 0.15
"""Laps are put together until a stretch takes so long: below it the clock and other work show."""

MIB = 2**20

Cell = tuple[str, Mapping[str, Work]]
"""A name, and the variants that are timed against each other."""


class Session:
    """One section at work. `failed`: what did not run, and why; `out`: the folder of what it writes; `data`: a folder
    with real images, if there is one.
    """

    def __init__(self, name: str, out: Path, seconds: float | None, data: Path | None, smoke: bool) -> None:
        self.smoke, self.out, self.data = smoke, out, data
        self.device = torch.device("cpu" if smoke else "cuda")
        self.deadline = Deadline(seconds)
        self.failed: list[str] = []
        self._began = time.monotonic()
        self._path = out / f"{name}_{self.device.type}{'_smoke' if smoke else ''}.json"
        self._rounds = 0
        self._header: Sequence[str] = []
        self._notes: Sequence[str] = []
        self._rows: list[Sequence[str]] = []
        self._cut: list[str] = []
        self._timings: dict[str, dict[str, Any]] = {}
        self._more: dict[str, Any] = {}

    def begin(self, header: Sequence[str], notes: Sequence[str], rounds: int = ROUNDS) -> None:
        """Name the columns, and what a reader must know; n of every median."""
        self._header, self._notes = header, notes
        self._rounds = 1 if self.smoke else rounds
        self.say(measured_on(self.device.type))
        self.say(" | ".join(header))

    def timed(self, cells: Iterable[Cell]) -> Iterable[tuple[str, dict[str, Timing]]]:
        """Yield name and timings of each cell; a variant that fails is named and left out, a cell without time cut."""
        left = list(cells)
        while left:
            name, variants = left[0]
            try:
                timings, failed = measure(
                    variants, self.device, self._rounds, self.deadline, 0.0 if self.smoke else STRETCH_SECONDS
                )
            except TimeIsUp:
                self._cut += [cut for cut, _ in left]
                self._write()
                raise
            except Exception as error:
                timings, failed = {}, {"all": f"{type(error).__name__}: {error}"}
            for variant, reason in failed.items():
                self.fail(f"{name}, {variant}: {reason}")
            self._timings[name] = {variant: asdict(timing) for variant, timing in timings.items()}
            self._write()
            yield name, timings
            del left[0]

    def row(self, cells: Sequence[str]) -> None:
        """Add a row to the table, print and write it."""
        self._rows.append(cells)
        self.say(" | ".join(cells))
        self._write()

    def fail(self, reason: str) -> None:
        """Name what did not run, and why; the section goes on."""
        self.failed.append(reason)
        self.say(f"FAILED {reason}")

    def keep(self, name: str, value: Any) -> None:
        """Write a further result of the section."""
        self._more[name] = value
        self._write()

    def say(self, line: str) -> None:
        """Print a line with the seconds since the start."""
        print(f"[{time.monotonic() - self._began:5.1f}] {line}", flush=True)

    def text(self) -> str:
        """The table in Markdown, with its notes."""
        lines = [
            f"# {self._path.stem}",
            "",
            f"- {measured_on(self.device.type)}",
            f"- wall time, variants in turns in one process, median of n = {self._rounds} rounds; ratios within a "
            "round; backward passes in the variant's own thread.",
            *(f"- {note}" for note in self._notes),
            *(f"- Failed: {reason}." for reason in self.failed),
            *([f"- No time was left for: {'; '.join(self._cut)}."] if self._cut else []),
            "",
            *markdown_table(self._header, self._rows),
        ]
        return "\n".join(lines)

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "measured_on": measured_on(self.device.type),
            "rounds": self._rounds,
            "notes": self._notes,
            "header": self._header,
            "rows": self._rows,
            "failed": self.failed,
            "cut": self._cut,
            "timings": self._timings,
            **self._more,
        }
        self._path.write_text(json.dumps(document, indent=1) + "\n")
        self._path.with_suffix(".md").write_text(self.text() + "\n")
