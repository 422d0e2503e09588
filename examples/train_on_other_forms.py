"""The training of `train_on_archive.py` on the archive's forms for Hugging Face `datasets` and for WebDataset.

    python examples/train_on_other_forms.py archive.parquet source/val     # pip install datasets
    python examples/train_on_other_forms.py archive.tar source/val         # pip install webdataset

A job writes them with `"formats": ["parquet", "webdataset"]`; `ladd download JOB --format parquet` fetches one.
"""

import io
import json
import sys
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from ladd_client.data import LabelAugmentedDataset
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, default_collate
from train_on_archive import BATCH, accuracy, convnet, train


def sample(manifest: Mapping[str, Any], image: Any, label: int, dense: Any) -> list[Any]:
    """Return image [C, H, W], class, two views and their dense labels, of a picture, a PNG or floats [C, H, W]."""
    told, cut = manifest["normalization"], manifest["geometry"]
    pixels: Any = np.asarray(Image.open(io.BytesIO(image)) if isinstance(image, bytes) else image, dtype=np.float32)
    if manifest["arrays"]["images"]["dtype"] == "uint8":
        pixels = pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1) / 255
    if told["mean"] is not None and not told["applied"]:
        mean, std = (np.array(told[name], dtype=np.float32)[:, None, None] for name in ("mean", "std"))
        pixels = (pixels - mean) / std
    whole, side, offsets = torch.tensor(pixels), cut["side"], cut["offsets"]
    drawn = torch.randperm(len(offsets) ** 2)[:2]
    corners = [(offsets[j // len(offsets)], offsets[j % len(offsets)]) for j in drawn.tolist()]
    crops = torch.stack([whole[:, top : top + side, left : left + side] for top, left in corners])
    views = F.interpolate(crops, (cut["size"], cut["size"]), mode="bilinear", align_corners=False)
    return [whole, label, views, torch.tensor(np.asarray(dense, dtype=np.float32))[drawn]]


def from_parquet(path: Path) -> Iterable[list[Tensor]]:
    """Return the batches of an epoch by Hugging Face `datasets`."""
    import pyarrow.parquet as pq  # type: ignore[import-untyped]
    from datasets import load_dataset  # type: ignore[import-untyped]

    manifest = json.loads(pq.read_schema(path).metadata[b"ladd_manifest"])
    rows: Any = load_dataset("parquet", data_files=str(path), split="train")

    def batch(found: list[Mapping[str, Any]]) -> Any:
        return default_collate([sample(manifest, row["image"], row["label"], row["dense_labels"]) for row in found])

    return DataLoader(rows, BATCH, shuffle=True, collate_fn=batch)


def from_webdataset(path: Path) -> Iterable[list[Tensor]]:
    """Return the batches of an epoch by WebDataset."""
    import webdataset as wds  # type: ignore[import-untyped]

    with tarfile.open(path) as tar:
        manifest = json.loads(tar.extractfile("__manifest__").read())  # type: ignore[union-attr]
    rows = wds.WebDataset(str(path), shardshuffle=False).shuffle(10_000).decode()
    samples = rows.to_tuple("png;image.npy", "cls", "dense_labels.npy").map(lambda row: sample(manifest, *row))
    return DataLoader(samples, BATCH)


def main() -> None:
    """Run the program."""
    path, val = (Path(argument) for argument in sys.argv[1:3])
    data = LabelAugmentedDataset(path)  # for its sizes, and for how test images are normalised
    batches = from_parquet(path) if path.suffix == ".parquet" else from_webdataset(path)
    trained = train(convnet(data.images.shape[1], data.images.shape[2], data.num_classes), batches)
    print(f"{accuracy(trained, data, val):.2f} %")


if __name__ == "__main__":
    main()
