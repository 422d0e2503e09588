"""The error for pretrained weights that cannot be fetched."""

import os
from pathlib import Path


class WeightsUnavailableError(Exception):
    """The weights of a pretrained network are neither in the cache nor to be downloaded."""

    def __init__(self, model: str, url: str, cause: Exception) -> None:
        cache = Path(os.environ.get("TORCH_HOME", "~/.cache/torch")) / "hub" / "checkpoints"
        super().__init__(
            f"the weights of {model} could not be downloaded from {url} ({cause}); a worker without network finds them "
            f"in {cache} of its home folder"
        )
        self.model = model
