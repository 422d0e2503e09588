"""Encodings of dense labels by name, and how much a lossy one may lose."""

FIXED = ("float32", "float16", "uint8", "uint4")
"""All but float32 (the paper's) lose a little, and networks train on what is left."""
TOPK = "topk:"
"""Before K, the number of classes kept."""
PATTERN = rf"({'|'.join(FIXED)}|{TOPK}[1-9][0-9]{{0,3}})"

# Codes are log-probabilities in equal steps below the largest of a label: a span in nats, and how many steps it has.
UINT8_SPAN, UINT8_STEPS = 16.0, 255
"""Also of top-k. Steps of 0.063 nats: KL at most 5e-4 and mostly below 2e-4."""
UINT4_SPAN, UINT4_STEPS = 12.0, 15
"""Two codes a byte, the first in the upper half. Steps of 0.8 nats. Below 12 nats the 1,000 classes of ImageNet would
gain more by clipping than steps cost."""

KL_LIMIT = 0.05
"""Mean KL in nats above which top-k labels are refused.

Twice what uint4 loses on flat labels of 1,000 classes, and what top-3 loses on CIFAR-10 (`benchmarks/results`).
"""


def classes_kept(encoding: str) -> int | None:
    """Return K of `topk:K`, None for an encoding that keeps all classes."""
    return int(encoding.removeprefix(TOPK)) if encoding.startswith(TOPK) else None
