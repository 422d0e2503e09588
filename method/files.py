"""Names of files: of stored sets, of labelers, and in the archive."""

IMAGES = "images.npy"
"""Of a distilled set: uint8 [M, H, W, C], or float32 [M, C, H, W] as uploaded."""
LABELS = "labels.npy"
"""Its classes, int64 [M]."""
SOFT_LABELS = "soft_labels.npy"
"""Soft labels that a set was distilled with, float32 [M, C], which take the place of the classes in every arm."""
FULL_LABELS = "full_labels.npy"
"""The labeler's soft labels of the whole images, float32 [M, C]."""
DENSE_LABELS = "dense_labels.npy"
"""Those of their views, float32 [M, N^2, C]."""
WHITENING = "zca.safetensors"
"""ZCA fitted to the source set, for a set that was distilled in whitened space."""
DISTILLED_FILES = (IMAGES, LABELS)

TRAIN_IMAGES, TRAIN_LABELS = "train_images.npy", "train_labels.npy"
VAL_IMAGES, VAL_LABELS = "val_images.npy", "val_labels.npy"
SOURCE_FILES = (TRAIN_IMAGES, TRAIN_LABELS, VAL_IMAGES, VAL_LABELS)
"""Of a source set: images uint8 [n, H, W, C], classes int64 [n]."""

PREVIEW = "preview.png"
"""The first images of a set."""

LABELLING = "labelling.json"
"""The result of the task that wrote the dense labels: whoever reuses them has it as well."""

ARCHIVE = "archive.zip"
"""The archive of a label-augmented set; its other forms are stored as `archive.<format>`."""
ARCHIVE_ENDINGS = {
    "zip": "zip",
    "mtt": "mtt.zip",
    "safetensors": "safetensors",
    "webdataset": "tar",
    "parquet": "parquet",
}
"""{form of the archive: how the name of its download ends}."""

EXPORT_ENDINGS = {"npz": "npz", "mtt": "mtt.zip", "png": "png.zip"}
"""{layout of a plain set: how the name of its download ends}."""

GRAPH = "program.json"
"""The graph of an exported network."""


MODEL = "network.safetensors"
"""The network of a trial."""


def checkpoint_file(epoch: int) -> str:
    """Return the file of a labeler's weights after an epoch."""
    return f"epoch_{epoch:03d}.safetensors"
