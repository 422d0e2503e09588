"""S3 is killed in the middle of a write: nothing half-written is visible, and the next try completes it."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.objects.storage import blob_of
from tests.chaos.fault_injection import Faults, wait_for

pytestmark = pytest.mark.chaos

ROUNDS = 10
MIB = 1 << 20


def test_a_blob_is_there_whole_or_not_at_all(
    core: Core, faults: Faults, moments: random.Random, tmp_path: Path
) -> None:
    path, copy = tmp_path / "file", tmp_path / "copy"
    took = 0.0
    cut = 0
    for number in range(ROUNDS + 1):
        path.write_bytes(moments.randbytes(20 * MIB + number))
        sha256 = blob_of(path).sha256
        began = time.monotonic()
        killer = threading.Timer(moments.uniform(0, took), faults.kill, ["s3"])
        if number > 0:
            killer.start()
        cut += not done(lambda: core.blobs.put("job_tests", path), ErrorCode.UNAVAILABLE)
        if number == 0:
            took = time.monotonic() - began
            continue
        killer.join()
        wait_for(lambda: done(core.storage.check, ErrorCode.UNAVAILABLE))
        if done(lambda: core.storage.download(sha256, copy), ErrorCode.NOT_FOUND):  # noqa: B023
            assert blob_of(copy).sha256 == sha256
        core.blobs.put("job_tests", path)
        core.storage.download(sha256, copy)
        assert blob_of(copy).sha256 == sha256
        core.blobs.drop("job_tests", sha256)
    print(f"{cut} of {ROUNDS} writes were cut")
    assert cut > 0


def done(act: Callable[[], object], otherwise: ErrorCode) -> bool:
    """Do it; False when it is refused with the code `otherwise`, the only one that is expected."""
    try:
        act()
    except ServiceError as error:
        if error.code is not otherwise:
            raise
        return False
    return True
