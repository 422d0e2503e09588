"""Archives of tensor and array files are read as the files are."""

import io
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save as as_safetensors

from api_schemas.problems import Reason
from workers.ladd.importers import Imported
from workers.ladd.importers.reading import limits

Archiving = Callable[[str, Mapping[str, bytes]], Path]
Encoding = Callable[..., bytes]
Reading = Callable[..., Imported]
Refusal = Callable[..., Reason]

ARCHIVES = ["run.zip", "run.tar", "run.tar.gz"]
X, Y = np.linspace(0, 1, 4 * 3 * 8 * 8, dtype=np.float32).reshape(4, 3, 8, 8), np.array([0, 0, 1, 1])


def pt(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


TENSORS = {"images_best.pt": pt(torch.from_numpy(X)), "labels_best.pt": pt(torch.from_numpy(Y))}
FOLDERS: dict[str, dict[str, bytes]] = {
    "MTT's run": TENSORS,
    "a pair of .npy": {"images.npy": npy(X), "labels.npy": npy(Y)},
    "an .npz": {"kip.npz": npz(images=X, labels=Y)},
    "safetensors": {"set.safetensors": as_safetensors({"x": X, "y": Y})},
    "a dict": {"set.pth": pt({"images": torch.from_numpy(X), "labels": torch.from_numpy(Y)})},
}


@pytest.mark.parametrize("members", FOLDERS.values(), ids=FOLDERS)
@pytest.mark.parametrize("archive", ARCHIVES)
@pytest.mark.parametrize("folder", ["", "logged_files/run/"])
def test_a_run_folder_is_read(
    archived: Archiving, read: Reading, archive: str, members: dict[str, bytes], folder: str
) -> None:
    split = read(archived(archive, {folder + name: data for name, data in members.items()})).splits["all"]
    np.testing.assert_array_equal(split.images, X)
    assert split.labels.tolist() == Y.tolist()


def test_what_is_left_out_is_named(archived: Archiving, read: Reading) -> None:
    litter = {"__MACOSX/._images_best.pt": b"x", ".DS_Store": b"x"}
    members = TENSORS | litter | {"args.yaml": b"lr: 1", "log.txt": b"done"}
    imported = read(archived("run.zip", members))
    assert imported.warnings == ["2 files of run.zip were left out, such as args.yaml"]


def test_files_beside_the_archive_count_too(archived: Archiving, read: Reading, tmp_path: Path) -> None:
    path = archived("run.tar", {"a/images.npy": npy(X)})
    np.save(tmp_path / "labels.npy", Y)
    assert read(path, tmp_path / "labels.npy").splits["all"].labels.tolist() == Y.tolist()


def test_npy_files_need_no_archive(read: Reading, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    np.save(tmp_path / "b.npy", Y)
    imported = read(tmp_path / "a.npy", tmp_path / "b.npy")
    np.testing.assert_array_equal(imported.splits["all"].images, X)
    assert imported.splits["all"].labels.tolist() == Y.tolist()


def test_a_source_set_of_npy_files_in_folders(archived: Archiving, read: Reading) -> None:
    pixels = np.zeros((4, 8, 8, 3), np.uint8)
    members = {f"set/{split}/{name}.npy": npy(array) for split in ("train", "test") for name, array in
               (("images", pixels), ("labels", Y))}  # fmt: skip
    assert sorted(read(archived("set.zip", members), role="source").splits) == ["train", "val"]


def test_archives_of_class_folders_may_lie_in_an_archive(
    archived: Archiving, encoded: Encoding, read: Reading, tmp_path: Path
) -> None:
    inner = {
        f"{split}.tar": archived(f"{split}.tar", {f"{split}/{name}/1.png": encoded() for name in "ab"}).read_bytes()
        for split in ("train", "val")
    }
    assert sorted(read(archived("set.zip", inner), role="source").splits) == ["train", "val"]


def test_an_archive_of_images_stays_one(archived: Archiving, encoded: Encoding, read: Reading) -> None:
    members = {"a/0.npy": npy(X), "a/1.png": encoded(), "b/1.png": encoded()}
    imported = read(archived("set.zip", members))
    assert imported.class_names == ["a", "b"]
    assert imported.warnings == ["1 files are not images, such as set.zip/a/0.npy"]


def test_iterations_of_one_run_are_asked_about(archived: Archiving, refused: Refusal) -> None:
    assert refused(archived("run.zip", TENSORS | {"images_500.pt": TENSORS["images_best.pt"]})).rule == "one_reading"


def test_the_batches_of_cifar_are_refused_with_what_to_send(archived: Archiving, refused: Refusal) -> None:
    batch = pickle.dumps({b"data": [1, 2], b"labels": [0]})
    reason = refused(archived("cifar-10-python.tar.gz", {"cifar-10-batches-py/data_batch_1": batch}))
    assert (reason.rule, reason.location) == ("torch_zip_format", "data_batch_1")
    assert "pickles are not read" in reason.message
    assert "numpy.savez" in reason.message


@pytest.mark.parametrize("archive", ARCHIVES)
def test_names_no_file_can_have_do_no_harm(archived: Archiving, read: Reading, archive: str) -> None:
    long = {"images" + "é" * 300 + ".npy": npy(X), "é" * 99 + "labels.npy": npy(Y)}
    if archive == "run.zip":
        long |= {"readme": pt(torch.tensor(0.5))}
    assert read(archived(archive, long)).splits["all"].labels.tolist() == Y.tolist()


def test_files_are_bounded(archived: Archiving, refused: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ARRAYS", 1)
    assert refused(archived("run.zip", TENSORS)).rule == "array_count"


@pytest.mark.parametrize("archive", ARCHIVES)
def test_members_larger_than_an_image_may_be_are_read(
    archived: Archiving, read: Reading, archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEMBER_BYTES", 100)
    assert len(read(archived(archive, TENSORS)).splits["all"].images) == 4
