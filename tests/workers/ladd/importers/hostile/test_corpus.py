"""Every bad upload is refused with a reason, under a runner's limits; nothing crashes, spills or takes for ever."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from api_schemas.runner import Confinement
from method.formats import FORMATS
from service.core.foundation.settings import Settings
from tests.workers.ladd.importers.hostile.corpus import corpus, light
from workers.ladd.importers.labelers import READERS
from workers.supervisor.confinement import FILE_BYTES, OPEN_FILES

ROOT = Path(__file__).parents[5]
SHARE = 3
"""One case in so many is read by `make test`, all by `make test-chaos`."""
CPU_SECONDS = 600
"""For all cases together."""
RESIDENT_KIB = 3 << 18
"""Memory that any of them may take besides torch; the limit on what may be asked for is more than twice that."""


def outcomes(names: Sequence[str]) -> Mapping[str, tuple[list[str], int]]:
    """Read these cases in one confined process; by name what there is to complain of, and its growth until then."""
    confinement = Confinement(
        memory_bytes=Settings.model_fields["import_memory_bytes"].default,
        file_bytes=FILE_BYTES,
        cpu_seconds=CPU_SECONDS,
        open_files=OPEN_FILES,
        network=False,
    )
    child = subprocess.run(
        [sys.executable, "-m", "tests.workers.ladd.importers.hostile.confined_run", confinement.model_dump_json()],
        input="\n".join(json.dumps(name) for name in names),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    found = {name: (complaints, peak) for name, complaints, peak in map(json.loads, child.stdout.splitlines())}
    unread = [name for name in names if name not in found]
    assert not unread, f"the process died ({child.returncode}) of {unread[0]}: {child.stderr[-3000:]}"
    return found


def check(names: Sequence[str]) -> None:
    found = outcomes(names)
    assert not {name: complaints for name, (complaints, _) in found.items() if complaints}
    assert not {name: peak for name, (_, peak) in found.items() if peak >= RESIDENT_KIB}


@pytest.mark.slow
def test_some_cases() -> None:
    check(light()[::SHARE])


@pytest.mark.chaos
def test_all_cases() -> None:
    check(list(corpus()))


def test_every_reader_has_cases_and_there_are_more_than_a_thousand() -> None:
    readers = [case.reader for case in corpus().values()]
    assert len(readers) > 1000
    for reader in [*FORMATS, *(f"labeler:{kind}" for kind in READERS)]:
        assert readers.count(reader) >= (7 if reader == "labeler:torchvision" else 15)
