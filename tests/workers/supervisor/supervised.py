"""Common parts of the supervisor's tests: one slot, and the end of a task of one attempt."""

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from api_schemas.datasets import Dataset
from api_schemas.job_parts import Attempt
from api_schemas.jobs import Job
from api_schemas.problems import TaskError
from service.core.clients import Core
from service.core.lifecycle.tasks import ClaimedTask
from service.core.resources import jobs
from workers.supervisor.slots import Slot

SLOT = Slot(gpu=None, slots=1)
SCRIPTED = str(Path(__file__).with_name("scripted_runner.py"))

Submit = Callable[..., Dataset]
Claim = Callable[..., ClaimedTask]
Run = Callable[..., None]


def pictures(count: int) -> bytes:
    """An archive of so many images of two classes."""
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        for number in range(count):
            members.writestr(f"class {number % 2}/{number}.png", picture.getvalue())
    return archive.getvalue()


def only_attempt(job: Job) -> Attempt:
    (task,) = job.tasks
    (attempt,) = task.attempts
    return attempt


def error_of(core: Core, dataset: Dataset) -> TaskError:
    error = only_attempt(jobs.view(core, dataset.job)).error
    assert error is not None
    return error


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
