"""Encodings of dense labels by name, and how much a lossy one may lose."""

FIXED = ("float32", "float16", "uint8", "uint4")
"""All but float32 (the paper's) lose a little, and networks train on what is left."""
TOPK = "topk:"
"""Before K, the number of classes kept."""
PATTERN = rf"({'|'.join(FIXED)}|{TOPK}[1-9][0-9]{{0,3}})"

KL_LIMIT = 0.05
"""Mean KL in nats above which top-k labels are refused.

Twice what uint4 loses on flat labels of 1,000 classes, and what top-3 loses on CIFAR-10 (`benchmarks/results`).
"""


def classes_kept(encoding: str) -> int | None:
    """Return K of `topk:K`, None for an encoding that keeps all classes."""
    return int(encoding.removeprefix(TOPK)) if encoding.startswith(TOPK) else None
