"""Peak memory of the API, the worker and its runners while good and hostile files are uploaded.

    python benchmarks/upload_memory.py

Starts a stack of its own, uploads each file, and reads the highest resident set of every process from /proc (Linux)
twenty times a second. Writes `results/upload_memory.json` and `.md`.
"""

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ladd_client.api import LaddClient
from ladd_client.tables import text_table
from over_http import write

from api_schemas.datasets import DatasetMetadata, DatasetRole
from stack.running import running_stack

MIB = 2**20
GOOD_IMAGES = 80_000


class PeakMemory(threading.Thread):
    """Peak resident set in MiB of the processes below one, by what they run; `reset` starts anew."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._ended = threading.Event()
        self.peaks: dict[str, float] = {}

    def run(self) -> None:
        """Look until `stop` is called."""
        while not self._ended.wait(0.05):
            for name, kib in _memory_below(self._root):
                self.peaks[name] = max(self.peaks.get(name, 0.0), kib / 1024)

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self.join()

    def reset(self) -> None:
        """Forget the peaks."""
        self.peaks = {}


def _memory_below(root: int) -> Iterator[tuple[str, int]]:
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The command's name stands in brackets and may hold anything.
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    for pid in parents:
        ancestor = pid
        while ancestor in parents and ancestor != root:
            ancestor = parents[ancestor]
        if ancestor != root:
            continue
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        for name, module in (("api", "service.http"), ("worker", "workers"), ("runner", "workers.runner")):
            if module in command:
                resident = [line for line in status.splitlines() if line.startswith("VmRSS")]
                yield name, int(resident[0].split()[1]) if resident else 0


def files(folder: Path) -> dict[str, tuple[DatasetMetadata, list[Path]]]:
    """The uploads: one good source set, and files that claim far more than they hold."""
    distilled = {"role": DatasetRole.DISTILLED, "normalization": "cifar10"}
    images = np.random.default_rng(0).integers(0, 256, (GOOD_IMAGES, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(GOOD_IMAGES) % 10
    good = folder / "source.npz"
    np.savez(good, x_train=images, y_train=labels, x_test=images[:1000], y_test=labels[:1000])
    bomb = folder / "bomb.npz"
    np.savez_compressed(bomb, images=np.zeros((400_000, 32, 32, 3), np.uint8), labels=np.zeros(400_000, np.int64))
    stride, stride_labels = folder / "images_best.pt", folder / "labels_best.pt"
    torch.save(torch.zeros(1).as_strided((3_255_209, 3, 32, 32), (0, 0, 0, 0)), stride)
    torch.save(torch.zeros(3_255_209, dtype=torch.int64), stride_labels)
    return {
        f"good source set, {good.stat().st_size // MIB} MiB npz": (
            DatasetMetadata(name="good", role=DatasetRole.SOURCE),
            [good],
        ),
        f"npz of {bomb.stat().st_size // 1024} KiB that inflates to 1.2 GiB": (
            DatasetMetadata(name="bomb", **distilled),
            [bomb],
        ),
        "10^10-element tensor with stride 0 (40 GB if materialised)": (
            DatasetMetadata(name="stride", **distilled),
            [stride, stride_labels],
        ),
    }


def main() -> None:
    """Upload, measure, write."""
    rows: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory() as name,
        running_stack(Path(name) / "stack") as stack,
        LaddClient(stack.url) as client,
    ):
        memory = PeakMemory(int((stack.directory / "supervisord.pid").read_text()))
        memory.start()
        time.sleep(1)
        rows.append({"upload": "none (idle)", "state": "", "rule": "", **memory.peaks})
        for label, (metadata, paths) in files(Path(name)).items():
            memory.reset()
            uploaded = client.upload_dataset(metadata, paths)
            client.wait(uploaded.job)
            dataset = client.dataset(uploaded.id)
            rule = ", ".join(reason.rule for reason in dataset.reasons)
            rows.append({"upload": label, "state": dataset.state, "rule": rule, **memory.peaks})
        memory.stop()
    header = ["upload", "state", "rule", "api MiB", "worker MiB", "runner MiB"]
    cells = [
        [row["upload"], row["state"], row["rule"], *(f"{row.get(key, 0):.0f}" for key in ("api", "worker", "runner"))]
        for row in rows
    ]
    table = text_table(header, cells)
    write("upload_memory", ["Peak resident set per process, sampled 20 times a second."], {"rows": rows}, table)
    print(table)


if __name__ == "__main__":
    main()
