"""Labels that the labeler gives while a network is trained, of the very rows that it is trained on.

That is how RDED trains its students (`validation/main.py`), the last row of the paper's Table 3: knowledge
distillation, no use of a distilled set by itself, and so a ceiling for labels that are stored.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workers.ladd.engine.normalization import Statistics, renormalize

LABELER_RULE = "the labeler is asked about every row, augmented and mixed, at every step"
"""Goes into the results of such trainings."""


@dataclass(frozen=True)
class LiveLabeler:
    """A labeler's network at hand.

    `forward_flops` of one image (1 MAC = 2); `temperature`: that the set's dense labels were written with; `of_rows`:
    the normalization of the rows that are trained on, `own` that of the images the labeler was trained on.
    """

    network: nn.Module
    forward_flops: int
    temperature: float
    of_rows: Statistics
    own: Statistics

    def to(self, device: torch.device) -> "LiveLabeler":
        """Move the network to `device`, for evaluation, and return this labeler."""
        self.network.to(device).eval()
        return self

    @torch.no_grad()
    def answers(self, rows: Tensor) -> Tensor:
        """Return the probabilities float [R, C] of rows [R, channels, H, W]."""
        logits: Tensor = self.network(renormalize(rows, self.of_rows, self.own))
        return (logits / self.temperature).softmax(dim=1)
