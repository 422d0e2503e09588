"""Round trips of every encoding, with the error bounds that the module states."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from method.encodings import KL_LIMIT, UINT4_SPAN, UINT4_STEPS, UINT8_SPAN, UINT8_STEPS
from workers.ladd.labels.encodings import (
    FLOAT16_TINIEST,
    EncodingRefusedError,
    Labels,
    compared,
    decode_checked,
    divergence,
    encoding_of,
)

NAMES = ["float32", "float16", "uint8", "uint4", "topk:1", "topk:3"]


def softmax(logits: np.ndarray) -> Labels:
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    labels: Labels = (weights / weights.sum(-1, keepdims=True)).astype(np.float32)
    return labels


@st.composite
def dense_labels(draw: st.DrawFn) -> Labels:
    """Labels [2, 3, C] from flat to one-hot, some with probabilities that float32 rounds to 0."""
    classes = draw(st.integers(4, 300))
    temperature = draw(st.floats(0, 100))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    return softmax(generator.normal(size=(2, 3, classes)) * temperature)


def decoded(name: str, labels: Labels) -> Labels:
    encoding = encoding_of(name)
    return encoding.decode(encoding.encode(labels), labels.shape[2])


@given(dense_labels(), st.sampled_from(NAMES))
def test_what_is_decoded_is_a_distribution_without_zeros(labels: Labels, name: str) -> None:
    found = decoded(name, labels)
    assert found.dtype == np.float32
    assert found.shape == labels.shape
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    assert name == "float32" or found.min() > 0


@given(dense_labels())
def test_float32_is_exact(labels: Labels) -> None:
    np.testing.assert_array_equal(decoded("float32", labels), labels)
    assert divergence(labels, labels) == (0, 0)


@given(dense_labels())
def test_float16_keeps_eleven_bits(labels: Labels) -> None:
    clipped = 2 * FLOAT16_TINIEST * labels.shape[2]
    np.testing.assert_allclose(decoded("float16", labels), labels, rtol=2**-10 + clipped, atol=2 * FLOAT16_TINIEST)
    kl, variation = divergence(labels, decoded("float16", labels))
    assert kl <= 2**-20 + clipped
    assert variation <= 2**-10 + clipped


@pytest.mark.parametrize(
    ("name", "span", "steps"), [("uint8", UINT8_SPAN, UINT8_STEPS), ("uint4", UINT4_SPAN, UINT4_STEPS)]
)
@given(labels=dense_labels())
def test_codes_err_by_half_a_step_within_the_span(name: str, span: float, steps: int, labels: Labels) -> None:
    found = decoded(name, labels)
    step, clipped = span / steps, labels.shape[2] * np.exp(-span)
    with np.errstate(divide="ignore"):
        below = np.log(labels) - np.log(labels.max(-1, keepdims=True))
    error = np.log(found) - np.log(found.max(-1, keepdims=True)) - below
    assert np.abs(error[below >= -span]).max() <= step / 2 + 1e-4
    kl, variation = divergence(labels, found)
    assert kl <= step**2 / 8 + clipped + 1e-6
    assert variation <= step / 4 + clipped + 1e-6


@given(dense_labels(), st.integers(1, 3))
def test_top_k_keeps_the_likeliest_and_spreads_the_rest(labels: Labels, k: int) -> None:
    found = decoded(f"topk:{k}", labels)
    order = np.argsort(-labels, -1, kind="stable")
    top, rest = np.take_along_axis(found, order[..., :k], -1), np.take_along_axis(found, order[..., k:], -1)
    assert (rest == rest[..., :1]).all()
    # What stays when rounding by half a step is taken away: the best label that is even over the rest.
    step, classes = UINT8_SPAN / UINT8_STEPS, labels.shape[2]
    ideal = np.take_along_axis(labels, order[..., :k], -1)
    even = (1 - ideal.sum(-1, keepdims=True)) / (classes - k)
    slack = 2 * classes * np.exp(-UINT8_SPAN) + 1e-5
    np.testing.assert_allclose(top, ideal, rtol=step + slack, atol=slack)
    np.testing.assert_allclose(rest[..., :1], even, rtol=step + slack, atol=slack)


def test_sizes() -> None:
    labels = softmax(np.random.default_rng(0).normal(size=(4, 5, 301)))
    sizes = {name: sum(array.nbytes for array in encoding_of(name).encode(labels).values()) for name in NAMES}
    views = 4 * 5
    assert sizes == {
        "float32": views * 1204,
        "float16": views * 602,
        "uint8": views * 301,
        "uint4": views * 151,
        "topk:1": views * (2 + 2),
        "topk:3": views * (4 + 6),
    }


def test_top_k_above_the_limit_is_refused_with_its_kl() -> None:
    flat = softmax(np.random.default_rng(0).normal(size=(2, 3, 20)) * 2)
    peaked = softmax(np.random.default_rng(0).normal(size=(2, 3, 20)) * 100)
    kl, _ = divergence(flat, decoded("topk:1", flat))
    assert kl > KL_LIMIT
    with pytest.raises(EncodingRefusedError, match=rf"topk:1 .* {kl:.3g} nats, the limit is {KL_LIMIT}"):
        decode_checked("topk:1", flat)
    for name, labels in (("topk:1", peaked), ("topk:15", flat), ("uint4", flat)):
        np.testing.assert_array_equal(decode_checked(name, labels), decoded(name, labels))


def test_top_k_needs_more_classes() -> None:
    with pytest.raises(ValueError, match="topk:5 needs more than 5 classes"):
        encoding_of("topk:5").encode(softmax(np.zeros((1, 1, 5))))


@pytest.mark.parametrize("name", ["float64", "topk", "topk:", "topk:0", "topk:x", "topk:-1"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(ValueError, match="encoding must be"):
        encoding_of(name)


def test_top_k_is_compared_where_it_fits() -> None:
    assert compared("uint8", 10) == ["float32", "float16", "uint8", "uint4"]
    assert compared("topk:3", 100) == ["float32", "float16", "uint8", "uint4", "topk:10", "topk:3"]
