"""Images of class folders on their way to disk: one growing array per split, all of one size."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from workers.ladd.importers.image_files import Pixels
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.sets.npy_files import NpyWriter, iter_rows

_CHUNK_BYTES = 8 * limits.MiB


class FolderWriter(ExitStack):
    """Collects (split, folder, image) triples into `<split>.npy` files, uint8 [n, H, W, 3 or 1], in `scratch`."""

    def __init__(self, scratch: Path) -> None:
        super().__init__()
        self.folders: dict[str, list[str]] = {}
        """Of each split that has images, the folder name of each image, in the order of writing."""
        self._scratch = scratch
        self._writers: dict[str, NpyWriter] = {}
        self._names: dict[str, str] = {}
        self._first: tuple[tuple[int, ...], str] | None = None
        self._bytes = 0
        self._all_gray = True

    def append(self, split: str, folder: str, pixels: Pixels, gray: bool, location: str) -> None:
        """Write one image; raises ImportRejected with rule `one_image_size`, `class_count` or `stored_size`."""
        if self._first is None:
            self._first = pixels.shape, location
        shape, first_location = self._first
        if pixels.shape != shape:
            raise rejected(
                location,
                "one_image_size",
                f"{_size(pixels.shape)} and {_size(shape)}",
                f"{location} is {_size(pixels.shape)} but {first_location} is {_size(shape)}; "
                "give a resolution to bring all images to one size",
            )
        self._bytes += pixels.nbytes
        if self._bytes > limits.STORED_BYTES:
            raise rejected(
                location, "stored_size", f"> {limits.STORED_BYTES} bytes", "the decoded images take too much space"
            )
        if split not in self._writers:
            self._writers[split] = self.enter_context(NpyWriter(self._scratch / f"{split}.npy", shape, np.uint8))
            self.folders[split] = []
        self._writers[split].append(pixels[np.newaxis])
        # one string object per folder name, not one per image
        self.folders[split].append(self._names.setdefault(folder, folder))
        if len(self._names) > limits.CLASSES:
            raise rejected(
                location, "class_count", f"> {limits.CLASSES}", f"a set may have {limits.CLASSES} class folders"
            )
        self._all_gray = self._all_gray and gray

    def drop(self, split: str) -> None:
        """Forget a split."""
        self._writers.pop(split).path.unlink()
        del self.folders[split]

    def rename(self, split: str, name: str, folders: list[str] | None = None) -> None:
        """Call a split by another name, its images as if they lay in `folders`."""
        self._writers[name] = self._writers.pop(split)
        own = self.folders.pop(split)
        self.folders[name] = own if folders is None else folders

    def finish(self, split: str) -> Path:
        """Return the file of a split, once writing has ended: one channel if every image of the set was gray."""
        path = self._writers[split].path
        if not self._all_gray:
            return path
        assert self._first is not None
        height, width, _ = self._first[0]
        gray_path = path.with_suffix(".gray.npy")
        with NpyWriter(gray_path, (height, width, 1), np.uint8) as gray:
            for rows in iter_rows(path, _CHUNK_BYTES):
                gray.append(rows[..., :1])
        path.unlink()
        return gray_path


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
