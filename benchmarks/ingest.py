"""Reading an upload of image files: ours against the field's way, and against decoding alone.

    python benchmarks/ingest.py

A time is that of one pass over a set of JPEGs of noise like a photograph's: from the tar to arrays on disk (ours), or
from class folders to one tensor in memory (the field's `get_dataset` and its loop over `dst_train`).
"""

import io
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import torch
from bench_options import measure_cells, parse
from bench_report import Report, times
from interleaved import Variant
from numpy.typing import NDArray
from PIL import Image
from trainings import Lap

from method.normalizations import NORMALIZATIONS
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.importers.imported import ImportOptions
from workers.ladd.models.torchvision_import import import_torchvision

RESOLUTION = 128
SHAPES = ((375, 500), (128, 128))
"""Height and width: an ordinary photograph of ImageNet, and one that has its size already."""

IMAGES = 200
HEADER = ["JPEG", "images", "reference ms an image", "ours", "decoding", "faster", "of floor"]
NOTES = [
    "reference: torchvision's ImageFolder with ToTensor, Normalize, Resize and CenterCrop, image by image into a list, "
    "then one tensor, as GLaD's `get_dataset` and its callers do; it checks and stores nothing.",
    "ours: `import_dataset`: untar, checks of every name, header and pixel, resize, statistics, digest, .npy on disk.",
    "decoding: Pillow decodes the same bytes to RGB arrays and nothing else, the floor of both. of floor: its time "
    "over ours.",
]


def ours(lap: Lap, *, folder: str, device: str) -> None:
    """From the tar to our stored form."""
    options = ImportOptions(name="set", role="source", resolution=RESOLUTION)
    while True:
        with tempfile.TemporaryDirectory() as out:
            import_dataset([Path(folder) / "set.tar"], options, Path(out), lambda done, total: None)
        lap()


def reference(lap: Lap, *, folder: str, device: str) -> None:
    """From class folders to a float tensor."""
    datasets = import_torchvision("torchvision.datasets")
    transforms = import_torchvision("torchvision.transforms")
    transform = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Normalize(*NORMALIZATIONS["imagenet"]),
            transforms.Resize(RESOLUTION, antialias=False),
            transforms.CenterCrop(RESOLUTION),
        ]
    )
    while True:
        for split in ("train", "val"):
            dataset = datasets.ImageFolder(Path(folder) / split, transform)
            torch.cat([dataset[number][0].unsqueeze(0) for number in range(len(dataset))])
        lap()


def decoding(lap: Lap, *, folder: str, device: str) -> None:
    """Pillow alone."""
    files = [path.read_bytes() for path in Path(folder).rglob("*.jpg")]
    while True:
        for data in files:
            with Image.open(io.BytesIO(data)) as image:
                np.asarray(image.convert("RGB"))
        lap()


def main() -> None:
    """Make the sets, measure, print, write."""
    options = parse(__doc__)
    images = 4 if options.smoke else IMAGES
    report = Report("ingest", "Ingestion of image files", NOTES, HEADER, options)
    with tempfile.TemporaryDirectory() as name:
        shapes = SHAPES[1:] if options.smoke else SHAPES
        folders = {f"{height} x {width}": Path(name) / f"{height}x{width}" for height, width in shapes}
        for (height, width), folder in zip(shapes, folders.values(), strict=True):
            write_set(folder, height, width, images)
        cells = [
            (
                cell,
                [
                    Variant(which, f"ingest:{which}", {"folder": str(folder)}, which != "reference")
                    for which in ("reference", "ours", "decoding")
                ],
            )
            for cell, folder in folders.items()
        ]
        for cell, timings in measure_cells(cells, options, report.cut):
            report.timings(cell, timings)
            mine = timings["ours"]
            report.row(
                [
                    cell,
                    f"{images}",
                    *(f"{timings[which].seconds / images * 1e3:.2f}" for which in ("reference", "ours", "decoding")),
                    times(mine.times_faster(timings["reference"])),
                    times(mine.times_faster(timings["decoding"])),
                ]
            )


def write_set(folder: Path, height: int, width: int, images: int) -> None:
    """Write `images` JPEGs in train/ and val/ of two classes, and the same as `set.tar`."""
    draws = np.random.default_rng(0)
    for number in range(images):
        path = folder / ("val" if number % 4 > 1 else "train") / f"class{number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(height, width, draws)).save(path, quality=90)
    with tarfile.open(folder / "set.tar", "w") as tar:
        for split in ("train", "val"):
            tar.add(folder / split, split)


def photograph(height: int, width: int, draws: np.random.Generator) -> NDArray[np.uint8]:
    """Pixels [height, width, 3] of noise whose amplitude falls with frequency, as that of photographs does."""
    rows, columns = np.fft.fftfreq(height)[:, None, None], np.fft.rfftfreq(width)[None, :, None]
    spectrum = np.fft.rfft2(draws.standard_normal((height, width, 3)), axes=(0, 1))
    noise = np.fft.irfft2(spectrum / np.hypot(rows, columns).clip(1 / width), s=(height, width), axes=(0, 1))
    pixels: NDArray[np.uint8] = (128 + 50 * noise / noise.std()).clip(0, 255).astype(np.uint8)
    return pixels


if __name__ == "__main__":
    main()
