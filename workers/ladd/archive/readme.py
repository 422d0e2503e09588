"""The README inside an archive, in whatever form: how to train on it with Eq. 5, in lines that run as they stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from method.normalizations import ZCA
from workers.ladd.archive.image_files import IMAGE_FILES
from workers.ladd.labels.views import ViewGrid
from workers.ladd.sets.whitening import EPSILON

_TEXT = """\
# Label-augmented dataset

{holds}. Dense labels are the labeler's softmax for each of {count} local views, below float32 [images, views, classes];
full labels that for each whole image [images, classes] (for comparisons: Eq. 5 does not use it).
View j is cut at row j // {n} and column j % {n} of a grid: {side} of {size} px a side, from pixels {offsets}
of either axis. {manifest} says that as well, names the classes in label order, and where all of it comes from.
Training (Eq. 5 of Kang, Lim and Shim, "Label-Augmented Dataset Distillation", WACV 2025):

```python
import numpy as np, torch, torch.nn.functional as F{imports}

{read}
y, dense = torch.from_numpy({targets}), torch.from_numpy(dense)
{load}
h = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(dense.shape[2]))  # your network
h(x)
optimizer = torch.optim.SGD(h.parameters(), lr=0.001, momentum=0.9, weight_decay=5e-4)
size, side, offsets = {size}, {side}, {offsets}
for epoch in range(1000):
    loss = F.cross_entropy(h(x), y)
    for j, (top, left) in enumerate((top, left) for top in offsets for left in offsets):
        view = x[:, :, top : top + side, left : left + side]
        view = F.interpolate(view, (size, size), mode="bilinear", align_corners=False, antialias=False)
        loss = loss + F.cross_entropy(h(view), dense[:, j])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```
"""


@dataclass(frozen=True)
class _Form:
    """How one form of the archive is read."""

    holds: str
    manifest: str
    read: str
    """Lines that make `dense`, and what the expressions below name."""
    images: str
    """Stored as arrays."""
    files: str
    """8-bit ones that are image files, in order; empty: they are arrays as well."""
    classes: str
    soft: str
    imports: str = ""


_FORMS = {
    "zip": _Form(
        holds="`{images}` and `labels.npy` are the distilled set, with `dense_labels.npy` and `full_labels.npy`",
        manifest="`manifest.json`",
        read='data = np.load("archive.zip")\n{decode}',
        images='data["images"]',
        files='[data[name] for name in sorted(data) if name.startswith("images/")]',
        classes='data["labels"]',
        soft='data["soft_labels"]',
    ),
    "mtt": _Form(
        holds="`images_best.pt`, `labels_best.pt` are the distilled set, with `dense_labels.pt` and `full_labels.pt`",
        manifest="`manifest.json`",
        imports=", io, zipfile",
        read="""\
members = zipfile.ZipFile("archive.mtt.zip")
names = [name for name in members.namelist() if name.endswith(".pt")]
data = {{name: torch.load(io.BytesIO(members.read(name)), weights_only=True).numpy() for name in names}}
dense = data["dense_labels.pt"]""",
        images='data["images_best.pt"]',
        files="",
        classes='data["labels_best.pt"]',
        soft='data["soft_labels.pt"]',
    ),
    "safetensors": _Form(
        holds="`images` and `labels` are the distilled set, with `dense_labels` and `full_labels`",
        manifest="`manifest` of the metadata",
        imports="\nfrom safetensors.numpy import load_file",
        read='data = load_file("archive.safetensors")\ndense = data["dense_labels"]',
        images='data["images"]',
        files="",
        classes='data["labels"]',
        soft='data["soft_labels"]',
    ),
    "webdataset": _Form(
        holds="A sample is an image, its class (`.cls`), and its `.dense_labels.npy` and `.full_labels.npy`",
        manifest="`__manifest__`",
        imports=", collections, io, tarfile",
        read="""\
data = collections.defaultdict(list)
with tarfile.open("archive.tar") as tar:
    for member in tar:
        if not member.name.startswith("__"):  # about the set, not of it
            content = io.BytesIO(tar.extractfile(member).read())
            data[member.name.partition(".")[2]].append(np.load(content) if member.name.endswith(".npy") else content)
dense = np.stack(data["dense_labels.npy"])""",
        images='np.stack(data["image.npy"])',
        files='[file.getvalue() for file in data["png"]]',
        classes='np.array([int(text.getvalue()) for text in data["cls"]])',
        soft='np.stack(data["soft_labels.npy"])',
    ),
    "parquet": _Form(
        holds="A row is an `image`, its `label`, and its `dense_labels` and `full_labels`",
        manifest="`ladd_manifest` of the schema's metadata",
        imports="\nimport pyarrow.parquet",
        read="""\
data = pyarrow.parquet.read_table("archive.parquet").to_pydict()
dense = np.array(data["dense_labels"], np.float32)""",
        images='np.array(data["image"], np.float32)',
        files='[image["bytes"] for image in data["image"]]',
        classes='np.array(data["label"])',
        soft='np.array(data["soft_labels"], np.float32)',
    ),
}


def geometry(grid: ViewGrid, size: int) -> dict[str, Any]:
    """Return where the views of images of `size` pixels a side are cut, as the manifest has it."""
    return {"size": size, "side": grid.crop_side(size), "offsets": list(grid.offsets(size))}


def archive_readme(form: str, manifest: Mapping[str, Any], *, soft: bool, decode: str = "") -> str:
    """Return the README for a form of the archive with this manifest, its `arrays` included.

    `decode` are the lines that make the array `dense` of the zip's `data`. `soft`: the images have soft labels, which
    are trained on in the place of their classes.
    """
    told, views = _FORMS[form], manifest["views"]
    normalization, eight_bit = manifest["normalization"], manifest["arrays"]["images"]["dtype"] == "uint8"
    files = eight_bit and bool(told.files) and (form != "zip" or manifest["image_format"] in IMAGE_FILES)
    if form == "mtt" and eight_bit:
        # Pixels are written as floats, which carry the normalization where there is one.
        normalization, eight_bit = {**normalization, "applied": normalization["mean"] is not None}, False
    imports = told.imports + ("\nfrom PIL import Image" if files else "")
    if files and ", io" not in imports:
        imports = ", io" + imports
    return _TEXT.format(
        holds=told.holds.format(images=f"images/*.{manifest['image_format']}" if files else "images.npy"),
        manifest=told.manifest,
        imports=imports,
        read=told.read.format(decode=decode),
        targets=told.soft if soft else told.classes,
        load="\n".join(_load_lines(told, eight_bit, files, normalization)),
        count=views["n"] ** 2,
        n=views["n"],
        **geometry(ViewGrid(**views), manifest["arrays"]["images"]["shape"][2]),
    )


def _load_lines(told: _Form, eight_bit: bool, files: bool, normalization: Mapping[str, Any]) -> list[str]:
    name, mean, std = normalization["name"], normalization["mean"], normalization["std"]
    lines = []
    read = told.images
    if files:
        lines += [
            f"files = {told.files}",
            "pixels = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])",
        ]
        read = "pixels.reshape(*pixels.shape[:3], -1)"
    scaled = ".permute(0, 3, 1, 2).float() / 255" if eight_bit else ""
    note = f"  # normalised already ({name})" if normalization["applied"] else ""
    lines.append(f"x = torch.from_numpy({read}){scaled}{note}")
    if name == ZCA:
        lines.append(
            f"# Distilled under ZCA: whiten x, and the test images, as fitted to the source set (eps {EPSILON})."
        )
    elif mean is not None and not normalization["applied"]:
        lines += [
            f"mean, std = torch.tensor({mean}).view(1, -1, 1, 1), torch.tensor({std}).view(1, -1, 1, 1)",
            "x = (x - mean) / std",
        ]
    if test := normalization.get("test"):
        lines.append(f"# Test images, as published, with other statistics: mean {test['mean']}, std {test['std']}.")
    return lines
