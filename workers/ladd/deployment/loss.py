"""The loss of each row of a step: cross-entropy, or with a temperature the divergence from the labeler's answer.

Without a temperature it is CE(h(x), y) for every kind of label, as Eq. 5 has it. With T, of SRe2L's and RDED's
students, the labeler's answer p has the loss KL(softmax(log p / T), softmax(h(x) / T)), without the factor T^2
(`validation/main.py`); the set's own labels keep their cross-entropy. The log-probabilities are the labeler's logits
but for a constant, which the softmax does not see, so a stored label is re-tempered exactly, as far as its encoding
kept it: classes beyond top-k share what is left, and of uint8 none is more than 16 nats below the largest.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LABEL_RULE = (
    "the labeler's answers, re-tempered as softmax(log p / T) as far as their encoding kept them, against those of the "
    "network at T, without T^2; own labels by cross-entropy"
)
"""Goes into the results of trainings with a temperature."""


def tempered(probabilities: Tensor, temperature: float) -> Tensor:
    """Return softmax(log p / T) of distributions p over the last axis; 0 stays 0."""
    return (probabilities.log() / temperature).softmax(dim=-1)


def beside(own: Tensor | None, soft: Tensor | None) -> Tensor:
    """Return targets [R, 2 C] of both losses of a row: own label and tempered answer, zeros for the one it has not."""
    there = own if own is not None else soft
    assert there is not None
    return torch.cat([torch.zeros_like(there) if each is None else each.to(there) for each in (own, soft)], dim=1)


def row_losses(logits: Tensor, wanted: Tensor, temperature: float | None) -> Tensor:
    """Return the loss [R] of logits [R, C] with targets [R, C], or as `beside` has them where there is a temperature.

    A row of zeros has no loss.
    """
    if temperature is None:
        return F.cross_entropy(logits, wanted, reduction="none")
    own, soft = wanted.chunk(2, dim=1)
    divergence = F.kl_div((logits / temperature).log_softmax(dim=1), soft, reduction="none").sum(dim=1)
    return F.cross_entropy(logits, own, reduction="none") + divergence
