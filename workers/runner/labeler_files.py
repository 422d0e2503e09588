"""A labeler's document and files, as the science takes them."""

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from api_schemas.labelers import Labeler, LabelerImportKind, LabelerMetadata, TorchvisionImport, ZeroShotImport
from method.files import GRAPH
from workers.ladd.labeler.network import NetworkSpec, load_network


def network_of(labeler: Labeler, files: Mapping[str, Path], epoch: int) -> nn.Module:
    """The network of a labeler at a kept epoch; `files` holds at least that checkpoint and the graph."""
    checkpoint = next(row.checkpoint for row in labeler.epochs if row.epoch == epoch)
    assert checkpoint is not None
    channels, size, _ = labeler.image_shape
    if labeler.metadata is None:
        spec = NetworkSpec("trained", labeler.architecture, labeler.num_classes, channels, size, border=labeler.border)
    else:
        spec = spec_of(labeler.metadata, labeler.num_classes, channels, size, labeler.border)
    return load_network(spec, files[checkpoint], files.get(GRAPH))


def spec_of(metadata: LabelerMetadata, num_classes: int, channels: int, size: int, border: int) -> NetworkSpec:
    """The network that an import's metadata describes."""
    architecture: str | None = None
    if metadata.kind in (LabelerImportKind.WEIGHTS, LabelerImportKind.REPLAY_BUFFER):
        architecture = metadata.architecture
    elif isinstance(metadata, TorchvisionImport):
        architecture = metadata.model
    return NetworkSpec(
        kind=metadata.kind,
        architecture=architecture,
        num_classes=num_classes,
        channels=channels,
        size=size,
        class_map=metadata.class_map,
        input_size=metadata.input_size if isinstance(metadata, TorchvisionImport) else None,
        scale=metadata.scale if isinstance(metadata, ZeroShotImport) else None,
        border=border,
    )
