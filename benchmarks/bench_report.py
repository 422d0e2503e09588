"""Tables of the engine benchmarks: Markdown to read, JSON with every round, both with where they were measured."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from bench_options import Options
from interleaved import Timing


class Report:
    """One benchmark's result, written anew after every row so that a stop loses nothing."""

    def __init__(self, name: str, title: str, notes: Sequence[str], header: Sequence[str], options: Options) -> None:
        self._name, self._title, self._notes, self._header = name, title, list(notes), list(header)
        self._options = options
        self._rows: list[Sequence[str]] = []
        self._timings: dict[str, dict[str, Any]] = {}
        self._cut: list[str] = []

    def row(self, cells: Sequence[str]) -> None:
        """Add a row and print it."""
        self._rows.append(cells)
        print(" | ".join(cells), flush=True)
        self._write()

    def timings(self, cell: str, timings: dict[str, Timing]) -> None:
        """Keep every round of a cell's variants."""
        self._timings[cell] = {name: asdict(timing) for name, timing in timings.items()}
        self._write()

    def cut(self, cell: str) -> None:
        """Note a cell that there was no time for."""
        self._cut.append(cell)
        print(f"no time left for {cell}", flush=True)
        self._write()

    def _write(self) -> None:
        self._options.out.mkdir(parents=True, exist_ok=True)
        where = measured_on("cpu")
        document = {
            "measured_on": where,
            "rounds": self._options.rounds,
            "notes": self._notes,
            "header": self._header,
            "rows": self._rows,
            "cut": self._cut,
            "timings": self._timings,
        }
        base = self._options.out / f"{self._name}_cpu"
        base.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
        load = f"load average {os.getloadavg()[0]:.1f} at the end"
        lines = [
            f"# {self._title}",
            "",
            f"- {where}; {load}",
            f"- CPU time of one thread, variants interleaved, median of n = {self._options.rounds} rounds; ratios "
            "within a round, [lowest..highest].",
            *(f"- {note}" for note in self._notes),
            *([f"- No time was left for: {', '.join(self._cut)}."] if self._cut else []),
            "",
            *markdown_table(self._header, self._rows),
        ]
        base.with_suffix(".md").write_text("\n".join(lines) + "\n")


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, the first column to the left and the others to the right."""
    return [
        f"| {' | '.join(header)} |",
        f"|{'|'.join([' --- ', *(' ---: ' for _ in header[1:])])}|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def measured_on(device: str) -> str:
    """Hardware and versions."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
    hardware = models[0].partition(":")[2].strip() if models else platform.machine()
    hardware = f"{hardware}, {os.cpu_count()} cores"
    if device == "cuda":
        hardware = f"{torch.cuda.get_device_name()}; {hardware}"
    return f"{hardware}; torch {torch.__version__}, Python {platform.python_version()}"


def times(faster: tuple[float, float, float]) -> str:
    """How many times faster, with its range."""
    middle, low, high = faster
    return f"{middle:.2f}x [{low:.2f}..{high:.2f}]"
