"""A labeler's network from its stored files, whichever way it came: images in, one logit for each class out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from workers.ladd.labeler.graph import GraphNetwork
from workers.ladd.models import build_model
from workers.ladd.models.torchvision_import import import_torchvision

CLASS_EMBEDDINGS = "class_embeddings"
"""Name of a zero-shot labeler's embeddings among its tensors."""


@dataclass(frozen=True)
class NetworkSpec:
    """`kind`: `trained`, or one of `imported_labelers.READERS`. `architecture`: of `models`, or torchvision's name.

    `class_map` is the network's output for each class, None: output i is class i. `input_size`: side in pixels that
    images are resized to first, None: as they are. `scale`: of a zero-shot labeler's cosines. `border`: of a network of
    ours, see `build_model`.
    """

    kind: str
    architecture: str | None
    num_classes: int
    channels: int
    size: int
    class_map: Sequence[int] | None = None
    input_size: int | None = None
    scale: float | None = None
    border: int | None = None


def build_own(spec: NetworkSpec) -> nn.Module:
    """Return the network of one of our architectures, freshly initialised."""
    assert spec.architecture is not None
    return build_model(
        spec.architecture,
        num_classes=spec.num_classes,
        channels=spec.channels,
        size=spec.size,
        seed=0,
        border=spec.border,
    )


def load_network(spec: NetworkSpec, weights: Path, graph_file: Path | None = None) -> nn.Module:
    """Return the network with its weights (safetensors), for evaluation; `graph_file` is that of an exported one."""
    tensors = load_file(weights)
    graph = None if graph_file is None else json.loads(graph_file.read_bytes())
    network = _bare(spec, tensors, graph)
    if spec.class_map is not None or spec.input_size is not None:
        network = _Fitted(network, spec.class_map, spec.input_size)
    return network.eval()


def _bare(spec: NetworkSpec, tensors: Mapping[str, Tensor], graph: Mapping[str, object] | None) -> nn.Module:
    if graph is not None:
        if spec.kind != "zero_shot":
            return GraphNetwork(graph, tensors)
        assert spec.scale is not None
        encoder = GraphNetwork(graph, {name: tensor for name, tensor in tensors.items() if name != CLASS_EMBEDDINGS})
        return ZeroShot(encoder, tensors[CLASS_EMBEDDINGS], spec.scale)
    if spec.kind == "torchvision":
        network: nn.Module = import_torchvision("torchvision.models").get_model(spec.architecture, weights=None)
    else:
        network = build_own(spec)
    network.load_state_dict(tensors)
    return network


class _Fitted(nn.Module):
    """A network with its outputs in the order of a set's classes, on images resized (bilinear) to what it takes."""

    class_map: Tensor | None

    def __init__(self, network: nn.Module, class_map: Sequence[int] | None, input_size: int | None) -> None:
        super().__init__()
        self.network = network
        self.input_size = input_size
        self.register_buffer("class_map", None if class_map is None else torch.tensor(class_map), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, C] of images [B, channels, H, W]."""
        if self.input_size is not None:
            size = (self.input_size, self.input_size)
            images = F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=False)
        logits: Tensor = self.network(images)
        return logits if self.class_map is None else logits[:, self.class_map]


class ZeroShot(nn.Module):
    """CLIP's classifier (Radford et al. 2021, section 3.1.2): scale * cosine of image and class embeddings [C, D]."""

    embeddings: Tensor

    def __init__(self, encoder: nn.Module, embeddings: Tensor, scale: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.scale = scale
        self.register_buffer("embeddings", F.normalize(embeddings, dim=1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, C] of images [B, channels, H, W]."""
        features: Tensor = self.encoder(images)
        return self.scale * F.normalize(features, dim=1) @ self.embeddings.T
