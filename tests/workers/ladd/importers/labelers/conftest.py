"""Networks as their owners would send them, and the reason for which one is refused."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from api_schemas.problems import Reason
from workers.ladd.importers import ImportRejected
from workers.ladd.importers.labelers import READERS, ImportedNetwork
from workers.ladd.labeler.network import NetworkSpec

Reading = Callable[..., ImportedNetwork]
Refusal = Callable[..., Reason]
Rewrite = Callable[..., Path]


def spec(kind: str, **changed: Any) -> NetworkSpec:
    fields: dict[str, Any] = {
        "architecture": "ConvNetD3",
        "num_classes": 4,
        "channels": 3,
        "size": 16,
        "scale": 100.0,
    } | changed
    return NetworkSpec(kind, **fields)


@pytest.fixture(scope="session")
def spec_for() -> Callable[..., NetworkSpec]:
    """Four classes of 16 px in colour, unless said otherwise."""
    return spec


@pytest.fixture
def read() -> Reading:
    """Read `read(kind, path, ..., options={...}, num_classes=...)`."""

    def reading(kind: str, *files: Path, options: dict[str, Any] | None = None, **changed: Any) -> ImportedNetwork:
        return READERS[kind].read(files, spec(kind, **changed), options or {})

    return reading


@pytest.fixture
def refused(read: Reading) -> Refusal:
    """Read what must be refused; returns the one reason."""

    def refusing(*given: Any, **options: Any) -> Reason:
        with pytest.raises(ImportRejected) as caught:
            read(*given, **options)
        [reason] = caught.value.reasons
        return reason

    return refusing


class Small(nn.Module):
    """A classifier with what most have: convolution, norm, pooling, dropout, a list of tensors, a buffer."""

    offset: Tensor

    def __init__(self, features: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Dropout(0.5))
        self.head = nn.Linear(8, features)
        self.register_buffer("offset", torch.full((8,), 0.25), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        left, right = self.body(images).mean(dim=(2, 3)).chunk(2, dim=1)
        logits: Tensor = self.head(torch.cat([right, left], dim=1) + self.offset)
        return logits


def exported(folder: Path, network: nn.Module, *, batch: int | None = None, size: int = 16) -> Path:
    """Export a network for any batch size, or for one."""
    example = (torch.randn(batch or 2, 3, size, size),)
    shapes = None if batch else ({0: torch.export.Dim.DYNAMIC},)
    path = folder / "network.pt2"
    torch.export.save(torch.export.export(network, example, dynamic_shapes=shapes), path)
    return path


@pytest.fixture(scope="session")
def export() -> Callable[..., Path]:
    """Write `export(folder, network, batch=..., size=...)` as `.pt2`."""
    return exported


@pytest.fixture(scope="session")
def small() -> nn.Module:
    torch.manual_seed(0)
    network = Small().eval()
    torch.nn.init.normal_(network.body[1].running_mean)  # type: ignore[arg-type]
    return network


@pytest.fixture(scope="session")
def small_pt2(small: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network, exported for any batch size."""
    return exported(tmp_path_factory.mktemp("exported"), small)


@pytest.fixture
def rewritten(small_pt2: Path, tmp_path: Path) -> Rewrite:
    """Copy the small network's file with its graph changed: `rewritten(lambda document: ...)`, or members replaced."""

    def rewrite(change: Callable[[Any], None] | None = None, members: dict[str, bytes | None] | None = None) -> Path:
        path = tmp_path / "changed.pt2"
        with zipfile.ZipFile(small_pt2) as source, zipfile.ZipFile(path, "w") as target:
            for name in source.namelist():
                content: bytes | None = source.read(name)
                short = name.partition("/")[2]
                if short == "models/model.json" and change is not None:
                    document = json.loads(content or b"")
                    change(document)
                    content = json.dumps(document).encode()
                content = (members or {}).get(short, content)
                if content is not None:
                    target.writestr(name, content)
        return path

    return rewrite
