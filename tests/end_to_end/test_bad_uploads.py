"""Broken and hostile uploads are rejected over HTTP with the rule they break, by a worker that goes on working."""

import io
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ladd_client.api import LaddClient
from PIL import Image

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetRole, DatasetState
from api_schemas.jobs import JobState
from api_schemas.problems import ErrorCode, ErrorOrigin
from tests.workers.ladd.importers.hostile.corpus import corpus

IMAGES = torch.zeros(4, 3, 32, 32)
LABELS = torch.tensor([0, 0, 1, 1])


class _Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/pickled_code_ran",)


def _pair(folder: Path, images: torch.Tensor, labels: torch.Tensor) -> list[Path]:
    paths = [folder / "images_best.pt", folder / "labels_best.pt"]
    torch.save(images, paths[0])
    torch.save(labels, paths[1])
    return paths


def _truncated(folder: Path) -> list[Path]:
    images, labels = _pair(folder, IMAGES, LABELS)
    images.write_bytes(images.read_bytes()[:-600])
    return [images, labels]


def _code(folder: Path) -> list[Path]:
    path = folder / "images_best.pt"
    torch.save({"data": _Hostile()}, path)
    return [path]


def _bare_pickle(folder: Path) -> list[Path]:
    path = folder / "images_best.pt"
    path.write_bytes(pickle.dumps(_Hostile()))
    return [path]


def _wrong_count(folder: Path) -> list[Path]:
    return _pair(folder, IMAGES, LABELS[:3])


def _nan(folder: Path) -> list[Path]:
    images = IMAGES.clone()
    images[2, 1, 5, 7] = torch.nan
    return _pair(folder, images, LABELS)


def _labels_of_two_readings(folder: Path) -> list[Path]:
    # neither negative, as some logits are, nor of sum 1, as probabilities are
    return _pair(folder, IMAGES, torch.tensor([[3.0, 1.0], [2.0, 1.0], [1.0, 2.0], [1.0, 3.0]]))


def _empty(folder: Path) -> list[Path]:
    path = folder / "images_best.pt"
    path.touch()
    return [path]


def _stride_zero(folder: Path) -> list[Path]:
    # 10^10 float32 elements, 40 GB if materialised, out of one stored number.
    huge = torch.zeros(1).as_strided((3_255_209, 3, 32, 32), (0, 0, 0, 0))
    return _pair(folder, huge, LABELS)


def _mixed_sizes(folder: Path) -> list[Path]:
    path = folder / "images.tar"
    with tarfile.open(path, "w") as tar:
        for index, side in enumerate((32, 32, 40, 32)):
            png = io.BytesIO()
            Image.new("RGB", (side, side)).save(png, "PNG")
            member = tarfile.TarInfo(f"class{index // 2}/{index}.png")
            member.size = png.tell()
            png.seek(0)
            tar.addfile(member, png)
    return [path]


def _of_the_corpus(name: str) -> Callable[[Path], list[Path]]:
    def make(folder: Path) -> list[Path]:
        corpus()[name].make(folder)
        return sorted(folder.iterdir())

    return make


BAD = {
    "truncated .pt": (_truncated, "not_truncated"),
    "code in a .pt": (_code, "no_code_in_pickle"),
    "code in a bare pickle": (_bare_pickle, "no_code_in_pickle"),
    "wrong label count": (_wrong_count, "labels_match_images"),
    "labels of two readings": (_labels_of_two_readings, "one_reading"),
    "NaN": (_nan, "finite_values"),
    "empty file": (_empty, "not_empty"),
    "10^10 elements with stride 0": (_stride_zero, "tensor_fits_storage"),
    "images of mixed size": (_mixed_sizes, "one_image_size"),
    "class folders that are no text": (_of_the_corpus("tar class that is not UTF-8"), "utf8_names"),
    "a pickle of 2^100 numbers": (_of_the_corpus("pickle of 2^100 numbers in tuples, auto"), "shared_tuples"),
    "a zip bomb of overlapping members": (_of_the_corpus("zip bomb overlapping"), "no_extra_bytes"),
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_rejected_with_the_rule_it_breaks(client: LaddClient, tmp_path: Path, name: str) -> None:
    make, rule = BAD[name]
    metadata = DatasetMetadata(name=name, role=DatasetRole.DISTILLED, normalization="cifar10")
    uploaded = client.upload_dataset(metadata, make(tmp_path))
    job = client.wait(uploaded.job, check=False)
    dataset = client.dataset(uploaded.id)
    assert dataset.state is DatasetState.REJECTED
    assert rule in [reason.rule for reason in dataset.reasons]
    assert all(reason.location and reason.message for reason in dataset.reasons)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.origin) == (ErrorCode.REJECTED_INPUT, ErrorOrigin.INPUT)
    assert job.error.reasons == dataset.reasons
    assert not Path("/tmp/pickled_code_ran").exists()


def test_the_worker_goes_on(distilled: Dataset) -> None:
    assert distilled.state is DatasetState.READY
