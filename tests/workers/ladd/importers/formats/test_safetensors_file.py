"""Sets as named tensors of a safetensors file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from api_schemas.problems import Reason
from workers.ladd.importers import Imported
from workers.ladd.importers.reading.uploaded_file import inspect_file

Reading = Callable[..., Imported]
Refusal = Callable[..., Reason]

IMAGES = torch.linspace(-2, 2, 4 * 3 * 8 * 8).reshape(4, 3, 8, 8)
LABELS = torch.tensor([0, 0, 1, 1])


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(**tensors: torch.Tensor) -> Path:
        save_file(tensors, tmp_path / "set.safetensors")
        return tmp_path / "set.safetensors"

    return write


Writing = Callable[..., Path]


def test_a_distilled_set(written: Writing, read: Reading) -> None:
    path = written(images=IMAGES, labels=LABELS, lr=torch.tensor(0.02))
    imported = read(path)
    np.testing.assert_array_equal(imported.splits["all"].images, IMAGES.numpy())
    np.testing.assert_array_equal(imported.splits["all"].labels, LABELS.numpy())
    assert imported.stored_lr == ("set.safetensors/lr", 0.02)


def test_soft_labels(written: Writing, read: Reading) -> None:
    soft = read(written(images=IMAGES, labels=torch.eye(4, 4)), soft_labels="probabilities").splits["all"].soft
    assert soft is not None
    np.testing.assert_array_equal(soft.probabilities, np.eye(4))


def test_a_source_set(written: Writing, read: Reading) -> None:
    pixels = torch.zeros(4, 8, 8, 3, dtype=torch.uint8)
    imported = read(written(x_train=pixels, y_train=LABELS, x_test=pixels + 1, y_test=LABELS + 0), role="source")
    assert sorted(imported.splits) == ["train", "val"]


def test_a_header_whose_length_looks_like_a_pickle(written: Writing, read: Reading) -> None:
    """The first byte of the file is the low byte of the header's length: 0x80 also begins a pickle."""
    path = written(images=IMAGES, labels=LABELS)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    longer = length + (0x80 - length) % 256
    path.write_bytes(longer.to_bytes(8, "little") + content[8 : 8 + length].ljust(longer) + content[8 + length :])
    assert path.read_bytes()[0] == 0x80
    assert inspect_file(path).kind == "safetensors"
    np.testing.assert_array_equal(read(path).splits["all"].labels, LABELS.numpy())


def test_a_damaged_file_is_refused(written: Writing, refused: Refusal) -> None:
    path = written(images=IMAGES, labels=LABELS)
    path.write_bytes(path.read_bytes()[:-10])
    assert refused(path).rule == "readable_tensor_file"


def test_types_that_numpy_has_not_are_refused(written: Writing, refused: Refusal) -> None:
    reason = refused(written(images=IMAGES.bfloat16(), labels=LABELS))
    assert reason.rule in ("readable_tensor_file", "image_dtype")
    assert reason.location == "set.safetensors/images"


def test_other_names_are_refused(written: Writing, refused: Refusal) -> None:
    assert refused(written(pixels=IMAGES, labels=LABELS)).rule == "array_names"


def test_two_files_are_refused(written: Writing, refused: Refusal) -> None:
    path = written(images=IMAGES, labels=LABELS)
    assert refused(path, path, format="safetensors").rule == "one_file"
