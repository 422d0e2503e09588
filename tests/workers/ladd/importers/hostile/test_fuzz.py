"""Mutations of every reader's upload, drawn by Hypothesis, within its members as well as around them."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api_schemas.runner import Confinement
from tests.workers.ladd.importers.hostile.case import Case, lazily
from tests.workers.ladd.importers.hostile.outcome import complaints
from tests.workers.ladd.importers.hostile.valid_files import OPTIONS, VALID, valid, zipped

EXAMPLES = 2000
"""For each reader."""
UNCONFINED = Confinement(memory_bytes=1 << 40, file_bytes=1 << 40, cpu_seconds=1 << 30, open_files=1024, network=True)
"""These run in the test's own process, which keeps its rights."""
TELLING = [
    b"",
    b"\0",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\xff" * 8,
    b"\0" * 512,
    b"-1",
    b"9" * 30,
    b"\xed\xa0\x80",
    b"(",
    b"[",
]
"""Contents that parsers stumble over."""


@st.composite
def mutants(draw: st.DrawFn, reader: str) -> Mapping[str, bytes]:
    """Draw an upload with some pieces of one file, or of one member of its zip, overwritten, removed or put in."""
    files = dict(valid(reader))
    name = draw(st.sampled_from(sorted(files)))
    if zipfile.is_zipfile(io.BytesIO(files[name])) and draw(st.booleans()):
        with zipfile.ZipFile(io.BytesIO(files[name])) as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        inner = draw(st.sampled_from(sorted(members)))
        files[name] = zipped({**members, inner: draw(_mutated(members[inner]))})
    else:
        files[name] = draw(_mutated(files[name]))
    return files


@st.composite
def _mutated(draw: st.DrawFn, data: bytes) -> bytes:
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, min(len(data) - 1, draw(st.sampled_from([32, 512, 1 << 30]))))))
        removed = draw(st.sampled_from([0, 1, 2, 4, 8, 64]))
        data = data[:start] + draw(st.sampled_from(TELLING) | st.binary(max_size=8)) + data[start + removed :]
    return data


@pytest.mark.chaos
@pytest.mark.parametrize("reader", VALID)
def test_a_mutated_upload_is_read_or_refused(reader: str) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(files=mutants(reader))
    def examples(files: Mapping[str, bytes]) -> None:
        case = Case("mutant", reader, lazily(lambda: files), readable=True, options=OPTIONS.get(reader, {}))
        with TemporaryDirectory() as folder:
            assert not complaints(case, Path(folder), UNCONFINED)

    examples()
