"""Ids have the shape of the contract, sort by time, and follow from their parts."""

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from service.core.foundation.ids import derived_id, new_id


def test_new_ids_sort_by_time_and_differ() -> None:
    first = new_id("ds")
    time.sleep(0.002)
    later = [new_id("ds") for _ in range(100)]
    assert all(first < id for id in later)
    assert len(set(later)) == 100
    assert all(re.fullmatch("ds_[0-9a-hjkmnp-tv-z]{26}", id) for id in later)


@given(st.lists(st.text(max_size=5), max_size=3), st.lists(st.text(max_size=5), max_size=3))
def test_derived_ids_are_equal_for_equal_parts_alone(one: list[str], other: list[str]) -> None:
    assert re.fullmatch("lb_[0-9a-z]{26}", derived_id("lb", *one))
    assert (derived_id("lb", *one) == derived_id("lb", *other)) == (one == other)
