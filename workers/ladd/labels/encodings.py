"""Encodings of dense labels: fewer bytes than float32, decoded with a few lines of numpy.

Codes are log-probabilities in equal steps below the largest of a label, 0 for the largest itself. Decoding divides by
the sum, so that every label is a distribution again; no class gets probability 0, so the KL to float32 is finite.
With steps of s nats, a label [C] decodes to q with KL(p, q) <= s^2 / 8 + C e^-span (Hoeffding's lemma for rounding,
clipping at the span for the rest), and about s^2 / 24 when rounding errors are uniform.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from method.encodings import (
    KL_LIMIT,
    PATTERN,
    UINT4_SPAN,
    UINT4_STEPS,
    UINT8_SPAN,
    UINT8_STEPS,
    classes_kept,
)

Labels = NDArray[np.float32]
Members = dict[str, NDArray[Any]]
"""The arrays of an encoding by the names they have in the archive."""

FLOAT16_TINIEST = 2.0**-24
"""The smallest float16 above 0."""
ALWAYS_COMPARED = ("float32", "float16", "uint8", "uint4", "topk:10")
"""Encodings that the storage table shows of every set; top-k only where there are more classes."""


class EncodingRefusedError(Exception):
    """Top-k would change the dense labels more than `KL_LIMIT` allows."""

    def __init__(self, encoding: str, kl: float) -> None:
        self.encoding, self.kl = encoding, kl
        super().__init__(
            f"encoding {encoding} loses too much: mean KL to float32 is {kl:.3g} nats, the limit is {KL_LIMIT}; "
            "take a larger K, or uint8"
        )


@dataclass(frozen=True)
class Encoding:
    """One way to write dense labels float32 [M, V, C].

    `decode` takes what `encode` gave and C, and returns float32 [M, V, C]; `readme` are the lines that do the same in
    the archive's README, from `data` to `dense`, with {classes} for C.
    """

    encode: Callable[[Labels], Members]
    decode: Callable[[Mapping[str, NDArray[Any]], int], Labels]
    readme: str


def encoding_of(name: str) -> Encoding:
    """Return an encoding by name: float32, float16, uint8, uint4 or topk:K. Raises ValueError for another name."""
    if name in _FIXED:
        return _FIXED[name]
    if re.fullmatch(PATTERN, name) and (kept := classes_kept(name)):
        return _topk(kept)
    raise ValueError(f"encoding must be {', '.join(_FIXED)} or topk:K with K of at least 1; got {name!r}")


def compared(chosen: str, classes: int) -> list[str]:
    """Names of the encodings that are compared for a set of `classes` classes: the usual ones and the chosen one."""
    usual = [name for name in ALWAYS_COMPARED if (classes_kept(name) or 0) < classes]
    return usual if chosen in usual else [*usual, chosen]


def divergence(labels: Labels, decoded: Labels) -> tuple[float, float]:
    """Return the means over views of KL(labels, decoded) in nats and of the total variation, half the L1 distance."""
    kl = variation = 0.0
    for p, q in zip(labels, decoded, strict=True):
        p, q = p.astype(np.float64), q.astype(np.float64)
        p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
        kl += float((p * np.log(np.where(p > 0, p, 1) / np.where(p > 0, q, 1))).sum())
        variation += float(np.abs(p - q).sum() / 2)
    views = labels.shape[0] * labels.shape[1]
    return max(0.0, kl / views), variation / views


def decode_checked(name: str, labels: Labels) -> Labels:
    """Return what a reader decodes of labels in this encoding.

    Raises EncodingRefusedError for top-k whose mean KL to float32 is above `KL_LIMIT`.
    """
    encoding = encoding_of(name)
    decoded = encoding.decode(encoding.encode(labels), labels.shape[2])
    if classes_kept(name) is not None:
        kl, _ = divergence(labels, decoded)
        if kl > KL_LIMIT:
            raise EncodingRefusedError(name, kl)
    return decoded


def _normalised(weights: Labels) -> Labels:
    normalised: Labels = weights / weights.sum(-1, keepdims=True)
    return normalised


def _to_codes(probabilities: Labels, span: float, steps: int) -> NDArray[np.uint8]:
    """Steps below the largest of the last axis, at most `steps`."""
    with np.errstate(divide="ignore"):
        below = np.log(probabilities.max(-1, keepdims=True)) - np.log(probabilities)
    codes: NDArray[np.uint8] = np.rint(np.minimum(below, span) * (steps / span)).astype(np.uint8)
    return codes


def _from_codes(codes: NDArray[Any], span: float, steps: int) -> Labels:
    weights: Labels = np.exp(codes * np.float32(-span / steps))
    return weights


def _encode_uint4(labels: Labels) -> Members:
    codes = _to_codes(labels, UINT4_SPAN, UINT4_STEPS)
    codes = np.pad(codes, [(0, 0), (0, 0), (0, codes.shape[2] % 2)])
    return {"dense_labels": codes[..., ::2] << 4 | codes[..., 1::2]}


def _decode_uint4(members: Mapping[str, NDArray[Any]], classes: int) -> Labels:
    pairs = members["dense_labels"].astype(np.uint8, copy=False)
    codes = np.stack([pairs >> 4, pairs & 15], -1).reshape(*pairs.shape[:2], -1)[..., :classes]
    return _normalised(_from_codes(codes, UINT4_SPAN, UINT4_STEPS))


def _topk(k: int) -> Encoding:
    """The K likeliest classes, likeliest first, with their codes; one more code is that of each class of the rest."""

    def encode(labels: Labels) -> Members:
        classes = labels.shape[2]
        if k >= classes:
            raise ValueError(f"encoding topk:{k} needs more than {k} classes; the dense labels have {classes}")
        order = np.argsort(-labels, axis=-1, kind="stable")[..., :k]
        top = np.take_along_axis(labels, order, -1)
        rest = np.maximum(0, 1 - top.sum(-1, keepdims=True)) / np.float32(classes - k)
        codes = _to_codes(np.concatenate([top, rest], -1), UINT8_SPAN, UINT8_STEPS)
        return {"dense_labels": codes, "dense_labels_classes": order.astype(np.uint8 if classes <= 256 else np.uint16)}

    def decode(members: Mapping[str, NDArray[Any]], classes: int) -> Labels:
        weights = _from_codes(members["dense_labels"], UINT8_SPAN, UINT8_STEPS)
        labels = np.repeat(weights[..., -1:], classes, axis=-1)
        np.put_along_axis(labels, members["dense_labels_classes"].astype(np.int64), weights[..., :-1], -1)
        return _normalised(labels)

    return Encoding(encode, decode, _TOPK_README)


_UINT8_README = f"""\
dense = np.exp(data["dense_labels"] * np.float32({-UINT8_SPAN:g} / {UINT8_STEPS}))
dense = dense / dense.sum(-1, keepdims=True)"""
_UINT4_README = f"""\
pairs = data["dense_labels"]
codes = np.stack([pairs >> 4, pairs & 15], -1).reshape(*pairs.shape[:2], -1)[..., :{{classes}}]
dense = np.exp(codes * np.float32({-UINT4_SPAN:g} / {UINT4_STEPS}))
dense = dense / dense.sum(-1, keepdims=True)"""
_TOPK_README = f"""\
weights = np.exp(data["dense_labels"] * np.float32({-UINT8_SPAN:g} / {UINT8_STEPS}))
dense = np.repeat(weights[..., -1:], {{classes}}, axis=-1)
np.put_along_axis(dense, data["dense_labels_classes"].astype(np.int64), weights[..., :-1], -1)
dense = dense / dense.sum(-1, keepdims=True)"""
_FLOAT16_README = """\
dense = data["dense_labels"].astype(np.float32)
dense = dense / dense.sum(-1, keepdims=True)"""

_FIXED = {
    "float32": Encoding(
        lambda labels: {"dense_labels": labels},
        lambda members, classes: members["dense_labels"].astype(np.float32, copy=False),
        'dense = data["dense_labels"]',
    ),
    "float16": Encoding(
        lambda labels: {"dense_labels": np.maximum(labels, FLOAT16_TINIEST).astype(np.float16)},
        lambda members, classes: _normalised(members["dense_labels"].astype(np.float32)),
        _FLOAT16_README,
    ),
    "uint8": Encoding(
        lambda labels: {"dense_labels": _to_codes(labels, UINT8_SPAN, UINT8_STEPS)},
        lambda members, classes: _normalised(_from_codes(members["dense_labels"], UINT8_SPAN, UINT8_STEPS)),
        _UINT8_README,
    ),
    "uint4": Encoding(_encode_uint4, _decode_uint4, _UINT4_README),
}
