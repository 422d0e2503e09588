"""Repack a CIFAR-10 JPEG blob (see README.md here) as a tar of class folders, the form the service ingests.

    python benchmarks/repack_cifar10.py cifar10_jpegblob.npz cifar10.tar

The blob holds `jpeg_train` (uint8, all files end to end), `off_train` (int64, where each begins, and the end),
`y_train` (class indices), the same for `test`, and `class_names`. The tar holds the same JPEG bytes as
`train/<class>/<index>.jpg` and `val/<class>/<index>.jpg`; equal blobs give equal tars.
"""

import argparse
import io
import tarfile
from pathlib import Path

import numpy as np

FOLDERS = {"train": "train", "test": "val"}


def repack(blob: Path, target: Path) -> dict[str, int]:
    """Write the tar; returns the number of images in each folder."""
    counts = {}
    with np.load(blob, allow_pickle=False) as arrays, tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        names = [str(name) for name in arrays["class_names"]]
        for split, folder in FOLDERS.items():
            jpegs, offsets, labels = (arrays[f"{key}_{split}"] for key in ("jpeg", "off", "y"))
            for index, label in enumerate(labels):
                data = jpegs[offsets[index] : offsets[index + 1]].tobytes()
                member = tarfile.TarInfo(f"{folder}/{names[label]}/{index:05d}.jpg")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
            counts[folder] = len(labels)
    return counts


def main() -> None:
    """Read the command line and repack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("blob", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    counts = repack(arguments.blob, arguments.target)
    print(f"{arguments.target}: {', '.join(f'{count} images in {folder}/' for folder, count in counts.items())}")


if __name__ == "__main__":
    main()
