"""Lists of the classes of images that lie in one folder, as Tiny-ImageNet and ILSVRC publish their val split."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from workers.ladd.importers.image_files import SUFFIXES

LIST_BYTES = 16 * 1024**2
"""Kaggle's list of ILSVRC's 50,000 images has 3 MB."""
_LIST = re.compile(r"(loc_)?(val|valid|validation|test)(_annotations|_labels|_solution)?\.(txt|csv|tsv)", re.IGNORECASE)
"""Tiny-ImageNet's `val_annotations.txt`, Kaggle's `LOC_val_solution.csv` of ILSVRC, others alike."""
_SEPARATOR = re.compile(r"[\t,; ]+")


@dataclass(frozen=True)
class ImageList:
    """The class of each image by its name without folder and suffix, as the list `location` gives it."""

    location: str
    classes: Mapping[str, str]

    def names_all(self, images: Sequence[str], classes: Collection[str]) -> bool:
        """Tell whether it gives each of these images one of these classes."""
        return all(self.classes.get(image) in classes for image in images)


def is_list(name: str) -> bool:
    """Tell whether a file is called as lists are."""
    return _LIST.fullmatch(name.rpartition("/")[2]) is not None


def read_list(location: str, data: bytes) -> ImageList:
    """Read lines of a file's name, a separator and its class; what follows in a line (boxes) is passed over."""
    lines = (_SEPARATOR.split(line.strip()) for line in data.decode(errors="replace").splitlines())
    return ImageList(location, {stem(words[0]): words[1] for words in lines if len(words) > 1})


def stem(name: str) -> str:
    """Return the name of an image without folders and suffix."""
    file = name.rpartition("/")[2]
    suffix = next((suffix for suffix in SUFFIXES if file.lower().endswith(suffix)), "")
    return file[: len(file) - len(suffix)]
