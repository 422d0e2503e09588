"""Hugging Face `datasets` and WebDataset give the items of the archive, and a network trains on them."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import train_on_archive
import train_on_other_forms
from ladd_client.data import LabelAugmentedDataset
from PIL import Image

from tests.client.test_archive import write
from workers.ladd.archive.exports import write_export

pytestmark = pytest.mark.slow


@pytest.fixture(params=["parquet", "tar"])
def form(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "parquet":
        datasets = pytest.importorskip("datasets")
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        datasets.disable_progress_bars()
    return str(request.param)


# WebDataset leaves its file open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("images", ["pixels", "floats"])
def test_it_trains_on_the_items_of_the_archive(
    form: str, images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"archive.{form}"
    write_export(write(tmp_path / "archive.zip", images), "parquet" if form == "parquet" else "webdataset", path)
    expected = LabelAugmentedDataset(path)
    read = train_on_other_forms.from_parquet if form == "parquet" else train_on_other_forms.from_webdataset
    [(whole, label, views, dense)] = list(read(path))
    assert sorted(label.tolist()) == [0, 1, 2, 3]
    for row, index in enumerate(label.tolist()):
        torch.testing.assert_close(whole[row], expected.images[index])
        drawn = [int((expected.dense_labels[index] == one).all(1).nonzero()) for one in dense[row]]
        assert len(set(drawn)) == 2
        torch.testing.assert_close(views[row], expected.cut(index, drawn))
    for name in "abcde":
        (tmp_path / "val" / name).mkdir(parents=True)
        pixels = np.full((8, 8, 3), ord(name), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "val" / name / "0.png")
    monkeypatch.setattr(sys, "argv", ["train_on_other_forms.py", str(path), str(tmp_path / "val")])
    monkeypatch.setattr(train_on_other_forms, "train", partial(train_on_archive.train, epochs=1))
    train_on_other_forms.main()
    assert float(capsys.readouterr().out.removesuffix(" %\n")) in (0.0, 20.0, 40.0, 60.0, 80.0, 100.0)
