"""A small hostile file must not cost much memory, whatever it claims: measured on a process of its own."""

import gzip
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.slow

MiB = 1024**2
CLAIM = 256 * MiB
ALLOWED = 96 * MiB

CHILD = f"""
import sys
from pathlib import Path
import numpy as np
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.importers import ImportOptions, ImportRejected

def peak():  # of this process image; ru_maxrss would begin at the size of the one that forked it
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024

def import_upload(path):
    import_dataset([path], ImportOptions(name="set", role="distilled"), path.parent, lambda done, total: None)

folder = Path(sys.argv[1])
good = folder / "good.npz"
np.savez(good, x=np.zeros((2, 8, 8, 3), np.uint8), y=np.arange(2))
import_upload(good)
before = peak()
for upload in sys.argv[2:]:
    try:
        import_upload(folder / upload)
    except ImportRejected as rejected:
        print(upload, rejected.reasons[0].rule, peak() - before)
np.ones({CLAIM}, np.uint8)
print("control allocated", peak() - before)
"""


class Bomb:
    """Pickles to code that makes a large object."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return bytearray, (CLAIM,)


def stride_zero(path: Path) -> None:
    torch.save(torch.zeros(1).expand(10**10), path)


def pickle_bomb(path: Path) -> None:
    path.write_bytes(pickle.dumps(Bomb()))


def tensor_pickle_bomb(path: Path) -> None:
    torch.save(Bomb(), path)


def write_zeros(write: Callable[[bytes], object]) -> None:
    for _ in range(CLAIM // MiB):
        write(bytes(MiB))


def zipped_image(path: Path) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("a/1.png", "w") as member,
    ):
        write_zeros(member.write)


def zipped_array(path: Path) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (CLAIM // 256, 16, 16)}
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w") as member,
    ):
        np.lib.format.write_array_header_1_0(member, header)
        write_zeros(member.write)


def gzipped_image(path: Path) -> None:
    gzipped(path, tarfile.TarInfo("a/1.png"))


def gzipped_text(path: Path) -> None:
    gzipped(path, tarfile.TarInfo("a/1.txt"))


def gzipped_header(path: Path) -> None:
    info = tarfile.TarInfo("pax")
    info.type = tarfile.XHDTYPE
    gzipped(path, info)


def gzipped(path: Path, info: tarfile.TarInfo) -> None:
    info.size = CLAIM
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(info.tobuf(tarfile.USTAR_FORMAT))
        write_zeros(file.write)


def array_header(path: Path) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (10000000000, 8, 8, 3), }\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)


UPLOADS: dict[Callable[[Path], None], str] = {
    stride_zero: "tensor_fits_storage",
    pickle_bomb: "no_code_in_pickle",
    tensor_pickle_bomb: "no_code_in_pickle",
    zipped_image: "compression_ratio",
    zipped_array: "compression_ratio",
    gzipped_image: "member_size",
    gzipped_text: "compression_ratio",
    gzipped_header: "header_size",
    array_header: "array_matches_header",
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int]]:
    """By upload: the rule that refused it, and how far the peak memory of the one process had grown by then."""
    folder = tmp_path_factory.mktemp("hostile")
    for make in UPLOADS:
        make(folder / make.__name__)
        assert (folder / make.__name__).stat().st_size < 4 * MiB
    search_path = os.pathsep.join(path for path in [*sys.path, str(Path.cwd())] if path)
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), *(make.__name__ for make in UPLOADS)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": search_path},
    )
    lines = [line.split() for line in child.stdout.splitlines()]
    return {upload: (rule, int(growth)) for upload, rule, growth in lines}


@pytest.mark.parametrize(("make", "rule"), UPLOADS.items(), ids=[make.__name__ for make in UPLOADS])
def test_a_hostile_upload_is_refused_at_little_cost(
    outcomes: dict[str, tuple[str, int]], make: Callable[[Path], None], rule: str
) -> None:
    found, growth = outcomes[make.__name__]
    assert found == rule
    assert growth < ALLOWED


def test_the_measure_would_have_seen_it(outcomes: dict[str, tuple[str, int]]) -> None:
    assert outcomes["control"][1] >= CLAIM - ALLOWED
