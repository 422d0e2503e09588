"""The archive: its arrays, its manifest, its README, and equal bytes for equal inputs."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from method.normalizations import NORMALIZATIONS
from tests.workers.ladd.archive.readme_code import run_readme
from workers.ladd.archive.archive import read_archive, write_archive
from workers.ladd.engine.normalization import normalize
from workers.ladd.labels.encodings import encoding_of
from workers.ladd.labels.views import ViewGrid, extract_views

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
FLOATS = RNG.normal(size=(6, 3, 16, 16)).astype(np.float32)
LABELS = np.arange(6, dtype=np.int64) % 3
FULL = torch.rand(6, 3, generator=torch.Generator().manual_seed(1)).softmax(1).numpy()
DENSE = torch.rand(6, 9, 3, generator=torch.Generator().manual_seed(0)).softmax(2).numpy()


def manifest(applied: bool = False, **extra: Any) -> dict[str, Any]:
    mean, std = NORMALIZATIONS["cifar10"]
    normalization = {"name": "cifar10", "mean": list(mean), "std": list(std), "applied": applied}
    return {"views": {"n": 3, "ratio": 0.625}, "normalization": normalization, **extra}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive.zip"


@pytest.mark.parametrize("images", [PIXELS, FLOATS], ids=["pixels", "floats"])
def test_numpy_opens_it(path: Path, images: np.ndarray) -> None:
    written = write_archive(path, images, LABELS, DENSE, FULL, manifest(seed=7))
    assert written["bytes"] == path.stat().st_size
    assert written["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    with np.load(path, allow_pickle=False) as opened:
        assert sorted(opened.files) == ["README.md", "dense_labels", "full_labels", "images", "labels", "manifest.json"]
        for name, array in {"images": images, "labels": LABELS, "dense_labels": DENSE, "full_labels": FULL}.items():
            assert opened[name].dtype == array.dtype
            np.testing.assert_array_equal(opened[name], array)


def test_the_manifest_describes_the_arrays(path: Path) -> None:
    write_archive(path, PIXELS, LABELS, DENSE, FULL, manifest(seed=7))
    with zipfile.ZipFile(path) as archive:
        read = json.loads(archive.read("manifest.json"))
    assert (read["schema_version"], read["seed"], read["views"]) == (1, 7, {"n": 3, "ratio": 0.625})
    assert (read["encoding"], read["image_format"], read["num_classes"]) == ("float32", "npy", 3)
    assert read["geometry"] == {"size": 16, "side": 10, "offsets": [0, 3, 6]}
    assert read["arrays"]["images"] == {
        "shape": [6, 16, 16, 3],
        "dtype": "uint8",
        "sha256": hashlib.sha256(PIXELS.tobytes()).hexdigest(),
    }


def test_equal_inputs_give_equal_bytes(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_archive(path, FLOATS, LABELS, DENSE, FULL, manifest(a=1, b="é"))
    np.save(tmp_path / "images.npy", FLOATS)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="c")
    monkeypatch.setenv("TZ", "Asia/Seoul")
    other_order = dict(reversed(manifest(a=1, b="é").items()))
    assert write_archive(tmp_path / "again.zip", mapped, LABELS, DENSE, FULL, other_order) == first


def test_members_are_sorted_and_carry_no_time_or_platform(path: Path) -> None:
    write_archive(path, PIXELS, LABELS, DENSE, FULL, manifest())
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        assert archive.testzip() is None
    assert [member.filename for member in members] == sorted(member.filename for member in members)
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    assert {(member.create_system, member.external_attr >> 16) for member in members} == {(3, 0o100644)}
    assert {member.compress_type for member in members} == {zipfile.ZIP_DEFLATED}


def test_what_was_written_is_read(path: Path) -> None:
    write_archive(path, FLOATS, LABELS, DENSE, FULL, manifest(applied=True))
    archive = read_archive(path)
    np.testing.assert_array_equal(archive.images, FLOATS)
    np.testing.assert_array_equal(archive.labels, LABELS)
    np.testing.assert_array_equal(archive.dense_labels, DENSE)
    np.testing.assert_array_equal(archive.full_labels, FULL)
    assert archive.manifest["normalization"]["applied"] is True


def test_soft_labels_are_kept_and_the_readme_trains_on_them(path: Path) -> None:
    write_archive(path, FLOATS, LABELS, DENSE, FULL, manifest(applied=True), FULL[::-1].copy())
    archive = read_archive(path)
    assert archive.soft_labels is not None
    np.testing.assert_array_equal(archive.soft_labels, FULL[::-1])
    with zipfile.ZipFile(path) as opened:
        assert 'data["soft_labels"]' in opened.read("README.md").decode()


def test_labels_of_whole_images_of_another_size_are_an_error(path: Path) -> None:
    with pytest.raises(ValueError, match=r"full_labels must be float32 \[6, 3\]"):
        write_archive(path, PIXELS, LABELS, DENSE, FULL[:5], manifest())


def test_an_altered_array_is_an_error(path: Path, tmp_path: Path) -> None:
    write_archive(path, PIXELS, LABELS, DENSE, FULL, manifest())
    write_archive(tmp_path / "other.zip", PIXELS, LABELS[::-1].copy(), DENSE, FULL, manifest())
    mixed = tmp_path / "mixed.zip"
    with (
        zipfile.ZipFile(path) as archive,
        zipfile.ZipFile(tmp_path / "other.zip") as other,
        zipfile.ZipFile(mixed, "w") as target,
    ):
        for name in archive.namelist():
            target.writestr(name, (other if name == "labels.npy" else archive).read(name))
    with pytest.raises(ValueError, match="labels differs"):
        read_archive(mixed)


@pytest.mark.parametrize(
    ("images", "labels", "dense", "message"),
    [
        (PIXELS.astype(np.int16), LABELS, DENSE, "images must be"),
        (PIXELS[0], LABELS, DENSE, "images must be"),
        (PIXELS, LABELS[:5], DENSE, "labels must be"),
        (PIXELS, LABELS.astype(np.int32), DENSE, "labels must be"),
        (PIXELS, LABELS, DENSE[:, :8], "dense_labels must be"),
        (PIXELS, LABELS, DENSE.astype(np.float64), "dense_labels must be"),
    ],
)
def test_arrays_that_do_not_fit_are_an_error(
    path: Path, images: np.ndarray, labels: np.ndarray, dense: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_archive(path, images, labels, dense, FULL, manifest())


ENCODINGS = ["float32", "float16", "uint8", "uint4", "topk:2"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("image_format", ["npy", "png", "webp"])
def test_every_encoding_and_image_format_is_read(path: Path, encoding: str, image_format: str) -> None:
    write_archive(path, PIXELS, LABELS, DENSE, FULL, manifest(), encoding=encoding, image_format=image_format)
    archive = read_archive(path)
    np.testing.assert_array_equal(archive.images, PIXELS)
    codec = encoding_of(encoding)
    np.testing.assert_array_equal(archive.dense_labels, codec.decode(codec.encode(DENSE), 3))
    with zipfile.ZipFile(path) as members:
        assert ("images.npy" in members.namelist()) == (image_format == "npy")


def test_grey_images_are_png_files(path: Path) -> None:
    write_archive(path, PIXELS[..., :1], LABELS, DENSE, FULL, manifest(), image_format="png")
    np.testing.assert_array_equal(read_archive(path).images, PIXELS[..., :1])


@pytest.mark.parametrize(
    ("images", "image_format", "message"),
    [
        (FLOATS, "png", "png needs uint8"),
        (PIXELS[..., :1], "webp", r"webp needs uint8 \[H, W, 3\]"),
        (PIXELS, "bmp", "image_format must be npy, png or webp; got 'bmp'"),
    ],
)
def test_images_that_do_not_fit_their_files_are_an_error(
    path: Path, images: np.ndarray, image_format: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_archive(path, images, LABELS, DENSE, FULL, manifest(), image_format=image_format)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("images", "normalization", "expected"),
    [
        (PIXELS, manifest()["normalization"], normalize(torch.from_numpy(PIXELS), *NORMALIZATIONS["cifar10"])),
        (
            PIXELS,
            {"name": "none", "mean": None, "std": None, "applied": False},
            torch.from_numpy(PIXELS).permute(0, 3, 1, 2) / 255,
        ),
        (FLOATS, manifest(applied=True)["normalization"], torch.from_numpy(FLOATS)),
        (FLOATS, {"name": "zca", "mean": None, "std": None, "applied": False}, torch.from_numpy(FLOATS)),
    ],
    ids=["pixels", "plain pixels", "normalised floats", "whitened"],
)
def test_the_readme_trains_on_equation_5(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    images: np.ndarray,
    normalization: dict[str, Any],
    expected: torch.Tensor,
) -> None:
    write_archive(path, images, LABELS, DENSE, FULL, {**manifest(), "normalization": normalization})
    check_readme(path, monkeypatch, expected, DENSE)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_readme_decodes_every_encoding(path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    codec = encoding_of(encoding)
    write_archive(path, FLOATS, LABELS, DENSE, FULL, manifest(applied=True), encoding=encoding)
    check_readme(path, monkeypatch, torch.from_numpy(FLOATS), codec.decode(codec.encode(DENSE), 3))


@pytest.mark.parametrize(("image_format", "channels"), [("png", 1), ("png", 3), ("webp", 3)])
def test_the_readme_reads_image_files(
    path: Path, monkeypatch: pytest.MonkeyPatch, image_format: str, channels: int
) -> None:
    pixels = PIXELS[..., :channels]
    plain = manifest() | {"normalization": {"name": "none", "mean": None, "std": None, "applied": False}}
    write_archive(path, pixels, LABELS, DENSE, FULL, plain, image_format=image_format)
    check_readme(path, monkeypatch, torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255, DENSE)


def check_readme(path: Path, monkeypatch: pytest.MonkeyPatch, expected: torch.Tensor, dense: np.ndarray) -> None:
    """Run its code for one epoch that changes nothing, and compare what it read, and its loss with our own views."""
    with np.load(path) as opened:
        readme = opened["README.md"].decode()
    assert len(readme.splitlines()) <= 40
    scope = run_readme(readme, path.parent, monkeypatch)
    torch.testing.assert_close(scope["x"], expected)
    np.testing.assert_allclose(scope["dense"].numpy(), dense, rtol=1e-6)
    h, x = scope["h"], scope["x"]
    views = extract_views(x, ViewGrid(3, 0.625))
    loss = F.cross_entropy(h(x), torch.from_numpy(LABELS))
    loss += sum(F.cross_entropy(h(views[:, j]), torch.from_numpy(dense[:, j])) for j in range(9))
    torch.testing.assert_close(scope["loss"], loss)
