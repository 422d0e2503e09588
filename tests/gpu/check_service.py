"""A whole LADD job through the real service: API, queue, storage, worker and runners on this machine."""

import importlib.util
import io
import tarfile
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

import numpy as np
import torch
from PIL import Image
from random_sets import random_pixels

if TYPE_CHECKING:
    from ladd_client.api import LaddClient

    from api_schemas.datasets import Dataset

NEEDED = ("boto3", "celery", "fastapi", "httpx", "pydantic_settings", "redis", "rich", "supervisor", "uvicorn")

EVALUATION = {
    "architectures": ["ConvNetD3", "ViT"],
    "trials": 2,
    "recipe": "glad",
    "overrides": {"epochs": 2, "views": "sampled:1", "lr": 0.01},
}
CLASSES = 10


def check_ladd_job(device: torch.device) -> str:
    """Upload random images, train a labeler, write labels, train and test networks, read the report."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise SkipTest(f"the service needs {', '.join(missing)}, not installed here")
    from ladd_client.api import LaddClient

    from stack.running import running_stack

    with tempfile.TemporaryDirectory() as folder, ExitStack() as resources:
        try:
            stack = resources.enter_context(running_stack(Path(folder) / "stack", say=lambda line: None))
        except FileNotFoundError as error:
            raise SkipTest(f"the service's servers are not here: {error}") from error
        client = resources.enter_context(LaddClient(stack.url))
        return _ladd(client, Path(folder), device)


def _ladd(client: "LaddClient", folder: Path, device: torch.device) -> str:
    per_class = 40 if device.type == "cuda" else 4
    _pack(folder / "source.tar", {"train": per_class, "val": per_class // 2})
    np.savez(folder / "distilled.npz", images=random_pixels(CLASSES, 32).numpy(), labels=np.arange(CLASSES))
    source = _uploaded(client, {"name": "source", "role": "source"}, folder / "source.tar")
    about = {"name": "distilled", "role": "distilled", "source_dataset": source.id, "normalization": "imagenet"}
    distilled = _uploaded(client, about, folder / "distilled.npz")
    params = {"dataset": distilled.id, "labeler": {"epochs": 2, "batch_size": 64}, "evaluation": EVALUATION}
    job = client.wait(client.submit({"kind": "ladd", "params": params}).id)
    assert job.state == "succeeded", job.error
    evaluation = client.report(job.id).evaluation
    assert evaluation is not None
    rows = [f"{row.arm} {row.architecture} {row.trials[0].accuracy:.0f} %" for row in evaluation.rows]
    assert len(rows) == 4, rows
    return f"{len(job.tasks)} tasks: {', '.join(rows)} on noise"


def _uploaded(client: "LaddClient", metadata: dict[str, Any], file: Path) -> "Dataset":
    uploaded = client.upload_dataset(metadata, [file])
    job = client.wait(uploaded.job)
    assert job.state == "succeeded", job.error
    return client.dataset(uploaded.id)


def _pack(path: Path, per_class: dict[str, int]) -> None:
    with tarfile.open(path, "w") as archive:
        for split, count in per_class.items():
            for index, pixels in enumerate(random_pixels(count * CLASSES, 32).numpy()):
                file = io.BytesIO()
                Image.fromarray(pixels).save(file, "png")
                member = tarfile.TarInfo(f"{split}/class_{index % CLASSES}/{index}.png")
                member.size = file.tell()
                file.seek(0)
                archive.addfile(member, file)
