"""Each layout is recognised with a reason, or refused."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from api_schemas.problems import Reason
from method.formats import FORMATS
from workers.ladd.importers import ImportOptions, ImportRejected, read_upload

Archiving = Callable[[str, Mapping[str, bytes]], Path]
Encoding = Callable[..., bytes]
Saving = Callable[[str, object], Path]
Refusal = Callable[..., Reason]

IMAGES, LABELS = torch.zeros(2, 1, 8, 8), torch.tensor([0, 1])


def detected(paths: list[Path], scratch: Path, format: str = "auto", **others: Any) -> tuple[str, str]:
    options = ImportOptions(name="set", role="distilled", format=format, **others)
    return read_upload(paths, options, scratch, lambda done: None)[1:]


def test_each_layout_is_recognised_with_a_reason(
    saved: Saving, archived: Archiving, encoded: Encoding, tmp_path: Path
) -> None:
    np.savez(tmp_path / "set", x=IMAGES.numpy(), y=LABELS.numpy())
    save_file({"x": IMAGES, "y": LABELS}, tmp_path / "set.safetensors")
    uploads = {
        "mtt": [saved("i.pt", IMAGES), saved("l.pt", LABELS)],
        "ast": [saved("i.pt", IMAGES)],
        "tesla": [saved("i.pt", IMAGES), saved("probabilities.pt", torch.eye(2))],
        "datm": [saved("i.pt", IMAGES), saved("logits.pt", 9 * torch.eye(2) - 5), saved("lr.pt", torch.tensor(0.01))],
        "dc": [saved("res.pt", {"data": [[IMAGES, LABELS]]})],
        "dm": [saved("res_DM_CIFAR10_ConvNet_10ipc.pt", {"data": [[IMAGES, LABELS]]})],
        "idc": [saved("data.pt", [IMAGES, LABELS])],
        "npz": [tmp_path / "set.npz"],
        "safetensors": [tmp_path / "set.safetensors"],
        "class_folders": [archived("set.tar", {"a/1.png": encoded(), "b/1.png": encoded()})],
        "sre2l": [archived("sre2l.tar", {"new000/1.png": encoded(), "new001/1.png": encoded()})],
    }
    for expected, paths in uploads.items():
        factor = 1 if expected == "idc" else None
        name, reason = detected(paths, tmp_path, class_map=["a", "b"] if expected == "ast" else "auto", factor=factor)
        assert name == expected
        assert all(path.name in reason for path in paths)


def test_a_named_format_is_taken_at_its_word(saved: Saving, tmp_path: Path) -> None:
    paths = [saved("i.pt", IMAGES), saved("l.pt", LABELS)]
    name, reason = detected(paths, tmp_path, "glad")
    assert name == "glad"
    assert reason.startswith("named in the metadata")


def test_an_unknown_format_is_refused(saved: Saving, tmp_path: Path) -> None:
    options = ImportOptions(name="set", role="distilled").model_copy(update={"format": "ffcv"})
    with pytest.raises(ImportRejected) as caught:
        read_upload([saved("i.pt", IMAGES)], options, tmp_path, lambda done: None)
    [reason] = caught.value.reasons
    assert (reason.rule, reason.value) == ("known_format", "ffcv")
    assert all(name in reason.message for name in FORMATS)


def test_files_of_no_known_layout_are_refused(saved: Saving, refused: Refusal, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("images")
    assert refused(notes).rule == "known_format"
    assert refused(saved("i.pt", IMAGES), notes).value == "i.pt: tensors, notes.txt: other"
    assert refused(saved("list.pt", [IMAGES, LABELS, IMAGES])).rule == "known_format"


def test_no_files_at_all_are_refused(refused: Refusal) -> None:
    assert refused().rule == "not_empty"


def test_an_empty_file_beside_a_good_one_is_refused(saved: Saving, refused: Refusal, tmp_path: Path) -> None:
    (tmp_path / "labels.pt").touch()
    reason = refused(saved("images.pt", IMAGES), tmp_path / "labels.pt")
    assert (reason.rule, reason.location) == ("not_empty", "labels.pt")


@pytest.mark.parametrize("format", ["auto", "mtt", "dc"])
def test_a_pickle_is_never_mistaken_for_something_else(refused: Refusal, tmp_path: Path, format: str) -> None:
    path = tmp_path / "set.npz"
    path.write_bytes(pickle.dumps(Path("x")))
    assert refused(path, format=format).rule == "no_code_in_pickle"


@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"class_folders", "sre2l", "lpld", "rded"}))
def test_the_wrong_format_is_refused_not_crashed(
    archived: Archiving, encoded: Encoding, refused: Refusal, format: str
) -> None:
    refused(archived("set.tar", {"a/1.png": encoded(), "b/1.png": encoded()}), format=format)


def test_arrays_as_class_folders_are_refused(refused: Refusal, tmp_path: Path) -> None:
    np.savez(tmp_path / "set", x=IMAGES.numpy(), y=LABELS.numpy())
    assert refused(tmp_path / "set.npz", format="class_folders").rule == "not_empty"
