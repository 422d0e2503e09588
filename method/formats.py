"""The formats of uploaded sets, by the name of what wrote them, and which module reads each."""

from dataclasses import dataclass

from method.registry import registry


@dataclass(frozen=True)
class Format:
    """One layout of files.

    module: of the importer, with `detect` and `read` (`workers.ladd.importers`).
    cifar100: the normalization by which its code base normalises CIFAR-100; None: it has none of its own.
    """

    name: str
    module: str
    cifar100: str | None = None


def _format(name: str, module: str, cifar100: str | None = None) -> Format:
    return Format(name, f"workers.ladd.importers.formats.{module}", cifar100)


FORMATS: dict[str, Format] = registry(
    (
        _format("ladd", "own_archive"),
        _format("mtt", "bare_tensors", "cifar100_mtt"),
        _format("ast", "bare_tensors", "cifar100_mtt"),
        _format("glad", "glad", "cifar100_mtt"),
        _format("tesla", "bare_tensors", "cifar100_mtt"),
        _format("datm", "bare_tensors", "cifar100_mtt"),
        _format("dc", "dc_dict", "cifar100"),
        _format("dsa", "dc_dict", "cifar100"),
        _format("dm", "dc_dict", "cifar100"),
        _format("idc", "idc", "cifar100_mtt"),
        _format("torch", "torch_contents"),
        _format("npz", "npz"),
        _format("safetensors", "safetensors_file"),
        _format("class_folders", "class_folders"),
        _format("sre2l", "class_folders"),
        _format("lpld", "class_folders"),
        _format("rded", "class_folders"),
    )
)
"""In the order in which they are tried; where several share a module, the contents decide, else the first is meant."""

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""Words for a split of a source set, in names of arrays and folders, in whatever case."""

AUTO = "auto"
"""In the place of a name: the layout is recognised."""
