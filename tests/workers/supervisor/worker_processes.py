"""Workers as they run in production, `python -m workers`, for tests that start and kill them."""

import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from api_schemas.datasets import Dataset, DatasetMetadata
from service.core.clients import Core
from service.core.foundation.ids import new_id
from service.core.objects.received_files import StreamedFile, upload_key
from service.core.resources import datasets

SLOTS = 2
LARGE = 6000
"""Images of an upload of 18 MB, which stands in the queue of what takes long."""


@contextmanager
def worker(
    environment: dict[str, str], log: Path, *program: str, arguments: Sequence[str] = ("-m", "workers")
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker, of this Python unless another program is named."""
    command = [*(program or (sys.executable,)), *arguments]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def health(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers.health"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def upload(core: Core, images: int = 2, labels: int | None = None) -> Dataset:
    content = io.BytesIO()
    pixels = np.arange(images * 32 * 32 * 3).astype(np.uint8).reshape(images, 32, 32, 3)
    np.savez(content, images=pixels, labels=np.arange(labels or images) % 2)
    return upload_file(core, "set.npz", content.getvalue())


def upload_file(core: Core, name: str, content: bytes) -> Dataset:
    dataset_id = new_id("ds")
    key = upload_key(dataset_id, 0)
    streaming = core.storage.open_upload(key)
    streaming.write(content)
    file = StreamedFile(name, key, streaming.finish())
    metadata = DatasetMetadata.model_validate({"name": "small", "role": "distilled"})
    return datasets.create(core, metadata, [file], dataset_id)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        # Some conditions look at every process there is.
        time.sleep(0.05)


def runners(data_dir: Path) -> set[int]:
    """Process ids of the runners that work under `data_dir`, but for self-tests."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        folder = arguments[-2] if b"workers.runner" in arguments else b""
        if folder.startswith(str(data_dir).encode()) and b"/self-test/" not in folder:
            found.add(int(entry.name))
    return found
