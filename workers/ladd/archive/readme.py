"""The README inside an archive: how to train on it with Eq. 5, in lines that run as they stand."""

from collections.abc import Mapping
from typing import Any

from method.normalizations import ZCA
from workers.ladd.archive.image_files import IMAGE_FILES
from workers.ladd.labels.views import ViewGrid
from workers.ladd.sets.whitening import EPSILON

_TEXT = """\
# Label-augmented dataset

`{images}` and `labels.npy` are the distilled set, `dense_labels.npy` holds the labeler's softmax for each local view,
below decoded to `dense` float32 [images, {count} views, classes], `full_labels.npy` [images, classes] that for each
whole image (for comparisons: Eq. 5 does not use it), `manifest.json` says where all of it comes from.
Training (Eq. 5 of Kang, Lim and Shim, "Label-Augmented Dataset Distillation", WACV 2025):

```python
import numpy as np, torch, torch.nn.functional as F{imports}

data = np.load("archive.zip")
{decode}
y, dense = torch.from_numpy(data["{targets}"]), torch.from_numpy(dense)
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


def archive_readme(
    eight_bit: bool,
    image_format: str,
    size: int,
    grid: ViewGrid,
    normalization: Mapping[str, Any],
    decode: str,
    *,
    soft: bool,
) -> str:
    """Return the README for images of `size` pixels a side, with this archive's own views and normalization.

    `decode` are the lines that make the array `dense` of `data`. `soft`: the images have soft labels, which are trained
    on in the place of their classes.
    """
    files = image_format in IMAGE_FILES
    return _TEXT.format(
        images=f"images/*.{image_format}" if files else "images.npy",
        imports=", io\nfrom PIL import Image" if files else "",
        count=grid.count,
        targets="soft_labels" if soft else "labels",
        decode=decode,
        load="\n".join(_load_lines(eight_bit, files, normalization)),
        size=size,
        side=grid.crop_side(size),
        offsets=list(grid.offsets(size)),
    )


def _load_lines(eight_bit: bool, files: bool, normalization: Mapping[str, Any]) -> list[str]:
    name, mean, std = normalization["name"], normalization["mean"], normalization["std"]
    lines = []
    read = 'data["images"]'
    if files:
        lines += [
            'files = [io.BytesIO(data[name]) for name in sorted(data) if name.startswith("images/")]',
            "pixels = np.stack([np.asarray(Image.open(file)) for file in files])",
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
    return lines
