"""Whatever happened to a file on its way, it is read or refused: no other exception leaves the importers."""

import io
import random
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from workers.ladd.importers import ImportOptions, ImportRejected
from workers.ladd.importers.dataset import import_dataset

ROUNDS = 60
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
LABELS = np.array([0, 0, 1, 1])


def members_of(save: Callable[[io.BytesIO], None]) -> dict[str, bytes]:
    buffer = io.BytesIO()
    save(buffer)
    with zipfile.ZipFile(buffer) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def images() -> dict[str, bytes]:
    members = {}
    for pixels, label, kind in zip(PIXELS, LABELS, ("PNG", "JPEG", "BMP", "WEBP"), strict=True):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        members[f"{label}/{kind}.png"] = buffer.getvalue()
    return members


def zipped(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo("a long name " * 10 + "/" + name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Overwrite, cut, remove or insert some bytes."""
    content = bytearray(data)
    start = draw.randrange(len(content))
    match draw.randrange(4):
        case 0:
            for _ in range(draw.randint(1, 6)):
                content[draw.randrange(len(content))] = draw.choice([0, 0x7F, 0xFF, draw.randrange(256)])
        case 1:
            del content[start:]
        case 2:
            del content[start : start + draw.randint(1, 200)]
        case _:
            content[start:start] = draw.randbytes(draw.randint(1, 50))
    return bytes(content)


def tensors(content: object) -> dict[str, bytes]:
    return members_of(lambda buffer: torch.save(content, buffer))


UPLOADS: dict[str, tuple[dict[str, bytes], Callable[[Mapping[str, bytes]], bytes]]] = {
    "dict": (
        tensors({"data": [[torch.rand(4, 3, 8, 8), torch.from_numpy(LABELS)]], "accs": [np.float64(0.5)]}),
        zipped,
    ),
    "arrays": (members_of(lambda buffer: np.savez(buffer, x=PIXELS, y=LABELS)), zipped),
    "zip": (images(), zipped),
    "tar": (images(), tarred),
}


@pytest.mark.parametrize("where", ["container", "member"])
@pytest.mark.parametrize("upload", UPLOADS)
def test_a_damaged_upload_is_read_or_refused(tmp_path: Path, upload: str, where: str) -> None:
    members, pack = UPLOADS[upload]
    draw = random.Random(f"{upload} in {where}")
    path = tmp_path / "upload"
    reasons = []
    for _ in range(ROUNDS):
        if where == "container":
            path.write_bytes(damaged(pack(members), draw))
        else:
            name = draw.choice(list(members))
            path.write_bytes(pack({**members, name: damaged(members[name], draw)}))
        options = ImportOptions(name="set", role="distilled", normalization="none")
        try:
            import_dataset([path], options, tmp_path, lambda done, total: None)
        except ImportRejected as rejected:
            reasons += rejected.reasons
    assert len(reasons) > ROUNDS / 10
    assert all(reason.rule and reason.location and reason.message for reason in reasons)


@pytest.mark.parametrize("upload", UPLOADS)
def test_the_undamaged_upload_is_read(tmp_path: Path, upload: str) -> None:
    members, pack = UPLOADS[upload]
    (tmp_path / "upload").write_bytes(pack(members))
    options = ImportOptions(name="set", role="distilled", normalization="none")
    stats = import_dataset([tmp_path / "upload"], options, tmp_path, lambda done, total: None)
    assert (stats.num_images, stats.num_classes) == (4, 2)
