"""What a report calls the arithmetic of a row."""

from typing import Any

import pytest

from method.precisions import PRECISIONS, UNNAMED, arithmetic_in_words

PLAIN = {"dtype": "float32", "layout": "contiguous", "compiled": False}


@pytest.mark.parametrize(
    ("arithmetic", "words"),
    [
        (PLAIN, "IEEE float32"),
        (PLAIN | {"dtype": "tf32"}, "float32, TF32 convolutions"),
        (PLAIN | {"dtype": "bfloat16", "compiled": True}, "bfloat16, compiled"),
        # Trials that ran on unlike machines.
        ([PLAIN | {"dtype": "tf32"}, PLAIN, PLAIN], "float32, TF32 convolutions / IEEE float32"),
        (None, "-"),
    ],
)
def test_a_row_names_what_it_was_computed_in(arithmetic: Any, words: str) -> None:
    assert arithmetic_in_words({"name": "glad", "arithmetic": arithmetic}) == words


def test_a_row_of_a_first_version_does_not_say() -> None:
    assert arithmetic_in_words({"name": "glad"}) == "-"


def test_what_names_no_precision_is_exact() -> None:
    assert not PRECISIONS[UNNAMED].tf32
    assert next(iter(PRECISIONS)) == "published"
