"""Notes of a report on the bytes of its dense labels, and the encoding that is advised."""

from collections.abc import Sequence

from api_schemas.evaluation import EncodingCost

LARGE_OVERHEAD = 0.1
"""Zipped labels over zipped images above which the report speaks of it; the paper's own sets are at 0.02."""
KL_WITHIN_NOISE = 0.01
"""Mean KL in nats up to which a loss counts as within the noise of training.

No encoding below it cost CIFAR-10 accuracy that paired trials could tell from 0 (`benchmarks/results/encodings.md`).
"""


def storage_notes(encoding: str, costs: Sequence[EncodingCost]) -> list[str]:
    """Return notes on the encoding in use, given the rows of `encoding_costs`; none where there is nothing to say."""
    by_name = {cost.encoding: cost for cost in costs}
    if (used := by_name.get(encoding)) is None:
        return []
    notes = []
    if used.kl > KL_WITHIN_NOISE:
        notes.append(
            f"encoding {encoding} changes the dense labels by a mean KL of {used.kl:.2g} nats, above "
            f"{KL_WITHIN_NOISE:g}: compare accuracies with those of float32 before relying on it."
        )
    cheapest = min((cost for cost in costs if cost.kl <= KL_WITHIN_NOISE), key=lambda cost: cost.bytes)
    if used.overhead_zipped > LARGE_OVERHEAD and cheapest.bytes < used.bytes:
        notes.append(
            f"{encoding} dense labels add {used.overhead_zipped:+.0%} to the zipped images "
            f"({used.overhead_jpeg:+.0%} to JPEG files); {cheapest.encoding} would add "
            f"{cheapest.overhead_zipped:+.0%} at a mean KL of {cheapest.kl:.2g} nats. It is the smallest of "
            f"those compared whose mean KL to float32 is at most {KL_WITHIN_NOISE:g} nats, which counts as noise."
        )
    return notes
