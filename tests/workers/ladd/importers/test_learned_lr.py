import numpy as np
import pytest

from workers.ladd.importers.learned_lr import choose_learned_lr, stored_number
from workers.ladd.importers.reading.rejected import ImportRejected


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_number_comes_out_as_the_decimal_it_stands_for(dtype: type[np.floating]) -> None:
    assert stored_number(np.array(0.02, dtype)) == 0.02
    assert stored_number(np.array([0.02], dtype)) == 0.02


def test_the_file_serves_where_the_metadata_are_silent() -> None:
    warnings: list[str] = []
    assert choose_learned_lr(None, ("lr.pt", 0.02), warnings) == 0.02
    assert choose_learned_lr(None, None, warnings) is None
    assert choose_learned_lr(0.5, None, warnings) == 0.5
    assert not warnings


@pytest.mark.parametrize("stored", [0.03, -1.0, float("nan")])
def test_the_metadata_win_and_a_disagreement_is_warned_of(stored: float) -> None:
    warnings: list[str] = []
    assert choose_learned_lr(0.02, ("lr.pt", stored), warnings) == 0.02
    [warning] = warnings
    assert "lr.pt" in warning


def test_agreement_up_to_rounding_is_no_disagreement() -> None:
    warnings: list[str] = []
    assert choose_learned_lr(0.0213, ("lr.pt", 0.02130001), warnings) == 0.0213
    assert not warnings


@pytest.mark.parametrize("stored", [-0.01, 0, 1e4, float("nan"), float("inf")])
def test_a_rate_that_cannot_be_used_is_refused(stored: float) -> None:
    with pytest.raises(ImportRejected) as caught:
        choose_learned_lr(None, ("lr_best.pt", stored), [])
    [reason] = caught.value.reasons
    assert (reason.rule, reason.location) == ("learned_lr_range", "lr_best.pt")
    assert reason.value == str(stored)
