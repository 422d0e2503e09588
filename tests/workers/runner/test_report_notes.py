"""The notes of a report on the bytes of its dense labels."""

from api_schemas.storage import EncodingCost
from workers.runner.report_notes import KL_WITHIN_NOISE, storage_notes


def cost(encoding: str, overhead: float, kl: float) -> EncodingCost:
    return EncodingCost(
        encoding=encoding,
        bytes=round(overhead * 1e6),
        overhead_raw=overhead,
        overhead_zipped=overhead,
        overhead_jpeg=8 * overhead,
        kl=kl,
        total_variation=0.0,
    )


COSTS = [
    cost("float32", 0.66, 0),
    cost("float16", 0.33, 1e-7),
    cost("uint8", 0.14, 1e-4),
    cost("uint4", 0.08, 3 * KL_WITHIN_NOISE),
]


def test_the_smallest_encoding_within_noise_is_advised() -> None:
    (note,) = storage_notes("float32", COSTS)
    assert "float32 dense labels add +66% to the zipped images (+528% to JPEG files); uint8 would add +14%" in note
    assert "mean KL to float32 is at most 0.01 nats" in note


def test_nothing_is_said_of_a_small_overhead_or_of_the_advised_encoding() -> None:
    assert storage_notes("float32", [cost("float32", 0.02, 0), cost("uint8", 0.005, 1e-4)]) == []
    assert storage_notes("uint8", COSTS) == []


def test_a_loss_above_the_noise_is_named() -> None:
    (note,) = storage_notes("uint4", COSTS)
    assert "encoding uint4 changes the dense labels by a mean KL of 0.03 nats, above 0.01" in note


def test_sets_without_the_comparison_have_no_notes() -> None:
    assert storage_notes("float32", []) == []
