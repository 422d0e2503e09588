"""Rows of labels are told apart as probabilities, logits or regression targets."""

import numpy as np
import pytest
from numpy.typing import NDArray

from api_schemas.problems import Reason
from workers.ladd.importers import ImportOptions, ImportRejected
from workers.ladd.importers.soft_labels import FIELD, ReadLabels, read_labels

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], np.float32)
LOGITS = np.array([[2.0, -1.0, 0.5], [-3.0, 0.0, 4.0]], np.float32)
SHARES = np.array([[7.0, 2.0, 1.0], [1.0, 1.0, 8.0]], np.float32)
"""Ten times the probabilities: positive logits look the same."""


def labels(values: NDArray[np.generic], **options: object) -> ReadLabels:
    return read_labels(values, "labels.pt", ImportOptions(**{"name": "set", "role": "distilled", **options}))


def refusal(values: NDArray[np.generic], **options: object) -> Reason:
    with pytest.raises(ImportRejected) as caught:
        labels(values, **options)
    return caught.value.reasons[0]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rows_that_sum_to_one_are_probabilities(dtype: type[np.floating]) -> None:
    read = labels(PROBABILITIES.astype(dtype))
    assert read.soft is not None
    assert read.soft.kind == "probabilities"
    assert read.soft.probabilities.dtype == np.float32
    np.testing.assert_allclose(read.soft.probabilities, PROBABILITIES, atol=1e-3)
    assert read.hard.tolist() == [0, 2]
    assert "probabilities" in read.reason


def test_rows_with_negative_values_are_logits() -> None:
    read = labels(LOGITS)
    assert read.soft is not None
    assert read.soft.kind == "logits"
    np.testing.assert_allclose(read.soft.probabilities, softmax(LOGITS), rtol=1e-6)
    assert read.hard.tolist() == [0, 2]


def test_large_logits_do_not_overflow() -> None:
    read = labels(np.array([[1e4, -1e4]], np.float32))
    assert read.soft is not None
    assert read.soft.probabilities.tolist() == [[1, 0]]


def test_what_could_be_either_is_not_guessed() -> None:
    reason = refusal(SHARES)
    assert (reason.rule, reason.location) == ("one_reading", FIELD)
    assert reason.value == "probabilities | logits | targets"
    assert "row sums 10 to 10" in reason.message


@pytest.mark.parametrize("values", [SHARES, PROBABILITIES, LOGITS], ids=["shares", "probabilities", "logits"])
def test_the_metadata_can_say_logits(values: NDArray[np.float32]) -> None:
    read = labels(values, soft_labels="logits")
    assert read.soft is not None
    np.testing.assert_allclose(read.soft.probabilities, softmax(values), rtol=1e-6)


def test_the_metadata_can_say_probabilities() -> None:
    read = labels(SHARES, soft_labels="probabilities")
    assert read.soft is not None
    np.testing.assert_allclose(read.soft.probabilities, PROBABILITIES, rtol=1e-6)


@pytest.mark.parametrize(("format", "values"), [("tesla", LOGITS), ("datm", PROBABILITIES), ("datm", SHARES)])
def test_a_format_that_the_values_contradict_is_not_believed(format: str, values: NDArray[np.float32]) -> None:
    assert refusal(values, format=format).rule == "one_reading"
    assert labels(values, format=format, soft_labels="logits").soft is not None


def test_negative_probabilities_are_refused() -> None:
    assert refusal(LOGITS, soft_labels="probabilities").rule == "probabilities_not_negative"


def test_probabilities_that_are_all_zero_are_refused() -> None:
    reason = refusal(np.zeros((2, 3)), soft_labels="probabilities")
    assert (reason.rule, reason.value) == ("probabilities_sum", "0 in row 0")


CLASSES = np.array([3, 0, 9, 3, 7])
ONE_HOT = np.eye(10, dtype=np.float32)[CLASSES]
SOLVED = ONE_HOT - 0.1 + np.random.default_rng(0).normal(0, 0.05, ONE_HOT.shape).astype(np.float32)
"""As kernel methods solve them: near one-hot less the mean."""


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    "values",
    [ONE_HOT - 0.1, 2 * ONE_HOT - 1, 0.5 * (ONE_HOT - 0.1), SOLVED],
    ids=["centred", "signs", "scaled", "solved"],
)
def test_regression_targets_stand_for_their_class_with_a_warning(
    values: NDArray[np.float32], dtype: type[np.floating]
) -> None:
    read = labels(values.astype(dtype))
    assert (read.hard.tolist(), read.soft, read.target_columns) == (CLASSES.tolist(), None, 10)
    [warning] = read.warnings
    assert "labels.pt" in warning
    assert "soft_labels says otherwise: logits" in warning
    assert "targets" in read.reason


def test_two_classes_in_signs_are_targets() -> None:
    read = labels(np.array([[1, -1], [-1, 1], [1, -1]], np.float32))
    assert (read.hard.tolist(), read.soft) == ([0, 1, 0], None)


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0.4, 0.35, -0.1], [0.9, -0.1, -0.1]], np.float32),
        np.array([[0.9, -0.2], [-0.1, 1.2]], np.float32),
    ],
    ids=["one row has two", "two columns of different values"],
)
def test_flat_rows_without_a_clear_maximum_are_not_guessed(values: NDArray[np.float32]) -> None:
    reason = refusal(values)
    assert (reason.rule, reason.location) == ("one_reading", FIELD)
    assert "logits" in str(reason.value)
    assert "targets" in str(reason.value)


def test_the_metadata_can_say_targets() -> None:
    read = labels(np.array([[0.4, 0.35, -0.1], [-0.1, -0.1, 0.9]], np.float32), soft_labels="targets")
    assert (read.hard.tolist(), read.soft) == ([0, 2], None)
    [warning] = read.warnings
    assert "in 1 of 2 rows it stands hardly above the others" in warning


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_logarithms_of_smoothed_labels_are_logits(smoothing: float) -> None:
    smooth = (1 - smoothing) * ONE_HOT + smoothing / 10
    read = labels(np.log(smooth))
    assert read.soft is not None
    np.testing.assert_allclose(read.soft.probabilities, smooth, rtol=1e-5)


def test_the_metadata_can_say_that_flat_rows_are_logits() -> None:
    read = labels(ONE_HOT - 0.1, soft_labels="logits")
    assert read.soft is not None
    np.testing.assert_allclose(read.soft.probabilities, softmax(ONE_HOT - 0.1), rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    broken = LOGITS.copy()
    broken[1, 2] = value
    reason = refusal(broken)
    assert (reason.rule, reason.value) == ("finite_values", f"{value} in row 1")


def test_a_source_set_has_class_indices() -> None:
    assert refusal(PROBABILITIES, role="source").rule == "distilled_only"


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_class_indices_stay_hard(shape: tuple[int, ...]) -> None:
    read = labels(np.array([2, 0, 1]).reshape(shape))
    assert (read.hard.tolist(), read.soft) == ([2, 0, 1], None)
