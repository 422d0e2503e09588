"""Uploads made on the spot, and the reason for which one is refused."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from api_schemas.problems import Reason
from workers.ladd.importers import Imported, ImportOptions, ImportRejected, read_upload

Refusal = Callable[..., Reason]
Reading = Callable[..., Imported]
Encoding = Callable[..., bytes]
Archiving = Callable[[str, Mapping[str, bytes]], Path]


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    """Read an upload: `read(path, ..., role="distilled", ...)`."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def reading(*paths: Path, **options: object) -> Imported:
        given = ImportOptions(**{"name": "set", "role": "distilled", **options})
        return read_upload(paths, given, scratch, lambda done: None)[0]

    return reading


@pytest.fixture
def refused(read: Reading) -> Refusal:
    """Read an upload that must be refused; returns the one reason."""

    def refusing(*paths: Path, **options: object) -> Reason:
        with pytest.raises(ImportRejected) as caught:
            read(*paths, **options)
        [reason] = caught.value.reasons
        return reason

    return refusing


@pytest.fixture
def encoded() -> Encoding:
    """Encode an image of one colour (or the given pixels), as PNG unless said otherwise."""

    def encode(
        width: int = 8,
        height: int = 8,
        color: int | tuple[int, ...] = (200, 100, 50),
        mode: str = "RGB",
        kind: str = "PNG",
        pixels: np.ndarray | None = None,
    ) -> bytes:
        image = Image.new(mode, (width, height), color) if pixels is None else Image.fromarray(pixels)
        buffer = io.BytesIO()
        image.save(buffer, kind)
        return buffer.getvalue()

    return encode


@pytest.fixture
def archived(tmp_path: Path) -> Archiving:
    """Pack members into an archive whose kind follows its name: .zip, .tar or .tar.gz."""

    def pack(name: str, members: Mapping[str, bytes]) -> Path:
        path = tmp_path / name
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for member, data in members.items():
                    archive.writestr(member, data)
            return path
        with tarfile.open(path, "w:gz" if name.endswith(".gz") else "w") as tar:
            for member, data in members.items():
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    return pack


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[str, object], Path]:
    """Save something with torch.save."""

    def save(name: str, content: object) -> Path:
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return save
