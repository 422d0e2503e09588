"""Fashion-MNIST for the demo: found or downloaded, padded, packed as a source set."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import fashion_mnist
import numpy as np
import pytest
from PIL import Image


def test_images_are_padded_with_zeros_to_32(data: Path) -> None:
    images, labels = fashion_mnist.read_split(data, "val")
    assert images.shape == (10_000, 32, 32)
    assert images.dtype == np.uint8
    assert (images[25, 2:30, 2:30] == 2).all()
    assert images[25].sum() == 2 * 28 * 28
    assert labels.dtype == np.int64
    assert labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def test_the_tar_holds_the_first_images_of_every_class(data: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    packed = fashion_mnist.pack_source_set(
        data,
        tmp_path / "cache" / "set.tar",
        train_per_class=3,
        val_per_class=2,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    with tarfile.open(packed) as archive:
        names = archive.getnames()
        assert len(names) == 50
        assert names[:4] == [
            "train/0_t-shirt/00000.png",
            "train/0_t-shirt/00010.png",
            "train/0_t-shirt/00020.png",
            "train/1_trouser/00001.png",
        ]
        assert names[-1] == "val/9_ankle-boot/00019.png"
        member = archive.extractfile("val/9_ankle-boot/00019.png")
        assert member is not None
        image = Image.open(io.BytesIO(member.read()))
        assert (image.mode, image.size) == ("L", (32, 32))
        assert image.getextrema() == (0, 1)
    assert seen[-1] == (50, 50)
    assert not list(tmp_path.rglob("*.part"))


def test_equal_arguments_give_equal_bytes(data: Path, tmp_path: Path) -> None:
    tars = [
        fashion_mnist.pack_source_set(data, tmp_path / name, train_per_class=2, val_per_class=2)
        for name in ("a.tar", "b.tar")
    ]
    assert tars[0].read_bytes() == tars[1].read_bytes()


def test_the_folder_named_in_the_environment_is_taken(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LADD_FASHION_MNIST_DIR", str(data))
    assert fashion_mnist.find_fashion_mnist(tmp_path) == data
    monkeypatch.setenv("LADD_FASHION_MNIST_DIR", str(tmp_path))
    with pytest.raises(fashion_mnist.FashionMnistError, match=r"lacks one of: train-images-idx3-ubyte\.gz"):
        fashion_mnist.find_fashion_mnist(tmp_path)


def test_an_earlier_download_is_taken(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LADD_FASHION_MNIST_DIR", raising=False)
    (tmp_path / "FashionMNIST").mkdir()
    (tmp_path / "FashionMNIST" / "raw").symlink_to(data)
    assert fashion_mnist.find_fashion_mnist(tmp_path) == tmp_path / "FashionMNIST" / "raw"


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_the_debian_package_is_found_through_dpkg(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LADD_FASHION_MNIST_DIR", raising=False)
    listing = "\n".join(str(path) for path in [Path("/."), data, *sorted(data.iterdir())])
    program(tmp_path / "bin", "dpkg", f'[ "$*" = "-L dataset-fashion-mnist" ] && echo "{listing}"')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert fashion_mnist.find_fashion_mnist(tmp_path) == data


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may install packages")
def test_the_debian_package_is_installed_when_it_is_missing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LADD_FASHION_MNIST_DIR", raising=False)
    state, folder = tmp_path / "state", tmp_path / "bin"
    state.mkdir()
    program(folder, "dpkg", f'[ -e {state}/installed ] && for f in {data}/*; do echo "$f"; done')
    # As on a machine whose lists were never fetched: install fails until update has run.
    program(
        folder,
        "apt-get",
        f': >> {state}/asked; case "$1" in\n'
        f"update) : > {state}/updated ;;\n"
        f'install) [ -e {state}/updated ] || {{ echo "E: Unable to locate package" >&2; exit 100; }}\n'
        f'  [ "$5" = "" ] && [ "$4" = dataset-fashion-mnist ] && : > {state}/installed ;;\n'
        f"esac",
    )
    monkeypatch.setenv("PATH", str(folder))
    assert fashion_mnist.find_fashion_mnist(tmp_path) == data


def test_when_nothing_works_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LADD_FASHION_MNIST_DIR", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    # A file where torchvision wants its folder: its downloader fails before it opens a connection.
    (tmp_path / "FashionMNIST").write_text("")
    with pytest.raises(fashion_mnist.FashionMnistError) as raised:
        fashion_mnist.find_fashion_mnist(tmp_path)
    message = str(raised.value)
    for part in ("not a Debian system", "torchvision's downloader:", "apt-get install", "LADD_FASHION_MNIST_DIR"):
        assert part in message


def zipped(content: bytes) -> bytes:
    """Compress without the time, which would be a part of a test's name and differ between the processes of a run."""
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"plain text", "not a readable gzip file"),
        (zipped(b"\0\0\x08\x01\0\0\x27\x10")[:-9], "not a readable gzip file"),
        (zipped(b"\0\0\x08\x01")[:10] + b"\xff" * 20, "not a readable gzip file"),
        (zipped(b"\0\0\x08\x03\0\0\x27\x10"), "the header must be 0000080100002710"),
        (zipped(b"\0\0\x08\x01\0\0\x27\x11"), "found 0000080100002711"),
        (zipped(b"\0\0\x08\x01\0\0\x27\x10" + bytes(9_999)), "10000 bytes must follow the header"),
        (zipped(b"\0\0\x08\x01\0\0\x27\x10" + bytes(10_001)), "10000 bytes must follow the header"),
        (zipped(b"\0\0\x08\x01\0\0\x27\x10" + bytes([10] * 10_000)), r"labels must be 0\.\.9, found 10"),
    ],
)
def test_broken_files_are_refused_by_name_rule_and_value(
    data: Path, tmp_path: Path, content: bytes, message: str
) -> None:
    images, labels = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
    (tmp_path / images).symlink_to(data / images)
    (tmp_path / labels).write_bytes(content)
    with pytest.raises(fashion_mnist.FashionMnistError, match=rf"{labels}.*{message}"):
        fashion_mnist.read_split(tmp_path, "val")
