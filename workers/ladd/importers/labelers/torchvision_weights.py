"""Pretrained networks of torchvision, downloaded by torch.hub into its cache, or found there."""

import os
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

from workers.ladd.importers.labelers.imported_network import ImportedNetwork
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.labeler.network import NetworkSpec
from workers.ladd.models.torchvision_import import import_torchvision


class WeightsUnavailableError(Exception):
    """The weights of a pretrained network are neither in the cache nor to be downloaded."""

    def __init__(self, model: str, url: str, cause: Exception) -> None:
        cache = Path(os.environ.get("TORCH_HOME", "~/.cache/torch")) / "hub" / "checkpoints"
        super().__init__(
            f"the weights of {model} could not be downloaded from {url} ({cause}); a worker without network finds them "
            f"in {cache} of its home folder"
        )
        self.model = model


def read(files: Sequence[Path], spec: NetworkSpec, options: Mapping[str, Any]) -> ImportedNetwork:
    """Fetch the default weights of `options["model"]` and find its output for each class.

    The file's digest is checked as torch.hub does, and it is read without unpickling code. Raises ImportRejected with
    rule `known_model` or `class_map_is_given`, and WeightsUnavailableError where they can neither be downloaded nor
    found.
    """
    models = import_torchvision("torchvision.models")
    name = options["model"]
    known = models.list_models(module=models)
    if name not in known:
        raise rejected("metadata.model", "known_model", name, f"torchvision's classifiers are {', '.join(known)}")
    weights = models.get_model_weights(name).DEFAULT
    class_map = spec.class_map or _by_name(name, weights.meta["categories"], options["class_names"])
    try:
        state = weights.get_state_dict(progress=False, check_hash=True, map_location="cpu", weights_only=True)
    except (OSError, HTTPException) as error:
        raise WeightsUnavailableError(name, weights.url, error) from error
    return ImportedNetwork({1: dict(state)}, class_map=class_map)


def _by_name(model: str, categories: Sequence[str], class_names: Sequence[str]) -> list[int]:
    unknown = [name for name in class_names if name not in categories]
    if unknown:
        raise rejected(
            "metadata.class_map",
            "class_map_is_given",
            unknown[0],
            f"{len(unknown)} class names of the source set, such as {unknown[0]!r}, are not among the "
            f"{len(categories)} categories of {model}; give its output for each class in class_map",
        )
    return [categories.index(name) for name in class_names]
