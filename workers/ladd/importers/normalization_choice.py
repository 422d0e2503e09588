"""The normalization that a set has or is to be trained with, by its sender's word and its values."""

from collections.abc import Sequence

from api_schemas.datasets import ChannelStatistics, Normalization, NormalizationChoice
from method.formats import FORMATS
from method.normalizations import NORMALIZATIONS, ZCA, unit_fault
from workers.ladd.engine.normalization import normalized_range
from workers.ladd.importers.channel_summary import ChannelSummary
from workers.ladd.importers.reading.rejected import rejected

FIELD = "metadata.normalization"
_TOLERANCE = 0.5 / 255
"""Half an 8-bit step, on the [0, 1] scale: values this far outside still round to a pixel."""
_UNDIVIDED = 10.0
"""Values of 0 and more that go above this are pixels from 0 to 255: white is below 3 under every named normalization,
and a set that leaves it so far has values as far below black."""


def of_source(choice: NormalizationChoice, train: ChannelSummary) -> Normalization:
    """Normalization to train with on a source set: as named, or measured from its train split.

    Raises ImportRejected with rule `known_normalization`, `unit_statistics`, `normalization_channels` or `pixels_vary`.
    """
    if choice == "none":
        return Normalization(name="none", mean=None, std=None, applied=False, reason="asked for in the metadata")
    if choice == "auto":
        mean, std = train.statistics()
        if min(std) == 0:
            raise rejected(
                "train", "pixels_vary", std, "a channel has the same value in every pixel of the train split"
            )
        reason = "mean and standard deviation over all pixels of the train split"
        return Normalization(name="measured", mean=mean, std=std, applied=False, reason=reason)
    name, mean, std = _named(choice, len(train.minimum))
    return Normalization(name=name, mean=mean, std=std, applied=False, reason="named in the metadata; pixels are 8-bit")


def of_distilled(
    choice: NormalizationChoice,
    summary: ChannelSummary,
    eight_bit: bool,
    location: str,
    unnormalized: str | None = None,
) -> tuple[Normalization, list[str]]:
    """Normalization of a distilled set and warnings about its values.

    Normalised tensors do not say with what: their sender must. `unnormalized` tells why values are plain pixels even
    where they leave [0, 1]: then a named normalization is the one to train with, not one to undo. Raises ImportRejected
    with rule `normalization_is_named` (values outside [0, 1] and choice `auto`), `unit_pixels` (pixels that nobody
    divided by 255), `known_normalization`, `normalization_channels`.
    """
    minimum, maximum = float(summary.minimum.min()), float(summary.maximum.max())
    in_unit_range = minimum >= -_TOLERANCE and maximum <= 1 + _TOLERANCE
    values = "values are 8-bit pixels" if eight_bit else f"values lie in [{minimum:.4g}, {maximum:.4g}]"
    plain = eight_bit or in_unit_range or unnormalized is not None
    doubts = [] if eight_bit or in_unit_range else [f"{values}, outside [0, 1], and are taken as they are"]
    if unnormalized is not None:
        values = f"{unnormalized}; {values}"
    if not plain and minimum >= -_TOLERANCE and _UNDIVIDED < maximum <= 255 + 255 * _TOLERANCE:
        if choice not in ("none", ZCA) and not _undoes_scale(choice):
            channels = len(summary.minimum)
            raise rejected(
                location,
                "unit_pixels",
                f"[{minimum:.6g}, {maximum:.6g}]",
                f"the values of {location} lie in [{minimum:.4g}, {maximum:.4g}], as pixels from 0 to 255 do, which no "
                "normalization makes: send uint8, divide by 255, or give normalization "
                f"{{mean: {[0] * channels}, std: {[round(1 / 255, 8)] * channels}}}",
            )
    elif choice == "auto" and not plain:
        hint = "; {mean: 0.5, std: 0.5} for each channel is usual for [-1, 1]" if maximum <= 1 and minimum >= -1 else ""
        raise rejected(
            FIELD,
            "normalization_is_named",
            f"[{minimum:.6g}, {maximum:.6g}]",
            f"the values of {location} lie outside [0, 1], so they are normalised; say with what: "
            f"{', '.join(NORMALIZATIONS)}, {{mean, std}}, or none to take them as they are{hint}",
        )
    reason = f"named in the metadata; {values}"
    if choice == ZCA:
        return Normalization(name=ZCA, mean=None, std=None, applied=False, reason=reason), doubts
    if choice in ("auto", "none"):
        how = "" if choice == "auto" else "asked for in the metadata; "
        return Normalization(name="none", mean=None, std=None, applied=False, reason=how + values), doubts
    name, mean, std = _named(choice, len(summary.minimum))
    normalization = Normalization(name=name, mean=mean, std=std, applied=not plain, reason=reason)
    return normalization, doubts if plain else _range_warnings(name, mean, std, summary)


def family_warnings(choice: NormalizationChoice, format: str) -> list[str]:
    """Return what speaks against a named normalization for a set of this format: code bases differ under one name."""
    own = FORMATS[format].cifar100 if format in FORMATS else None
    if choice == "cifar100" and own == "cifar100_mtt":
        return [
            f"{format} normalises CIFAR-100 with CIFAR-10's statistics: cifar100_mtt; cifar100 is DC's, DSA's and DM's"
        ]
    if choice == "cifar100_mtt" and own == "cifar100":
        return [f"{format} normalises CIFAR-100 with its own statistics: cifar100; cifar100_mtt is MTT's"]
    return []


def _undoes_scale(choice: NormalizationChoice) -> bool:
    """Tell whether the sender's own statistics say that the values are pixels from 0 to 255."""
    return isinstance(choice, ChannelStatistics) and max(choice.std) <= 2 / 255


def _named(choice: NormalizationChoice, channels: int) -> tuple[str, list[float], list[float]]:
    if isinstance(choice, str):
        if choice not in NORMALIZATIONS:
            raise rejected(
                FIELD, "known_normalization", choice, f"normalizations are auto, none, {', '.join(NORMALIZATIONS)}"
            )
        name, (mean, std) = str(choice), NORMALIZATIONS[choice]
    else:
        name, mean, std = "custom", tuple(choice.mean), tuple(choice.std)
        if (fault := unit_fault(mean, std)) is not None:
            raise rejected(FIELD, "unit_statistics", f"mean {choice.mean}, std {choice.std}", fault)
    if not len(mean) == len(std) == channels:
        raise rejected(
            FIELD,
            "normalization_channels",
            f"{name}: {len(mean)} channels",
            f"normalization {name} has {len(mean)} channels, the images have {channels}",
        )
    return name, list(mean), list(std)


def _range_warnings(name: str, mean: Sequence[float], std: Sequence[float], summary: ChannelSummary) -> list[str]:
    """Pixel-space methods (MTT, AST) do not bound their pixels, so this is legitimate; a wrong name shows here too."""
    outside = _outside(mean, std, summary)
    if not outside:
        return []
    fitting = [
        other
        for other, statistics in NORMALIZATIONS.items()
        if len(statistics[0]) == len(mean) and not _outside(*statistics, summary)
    ]
    hint = f"; they stay within {', '.join(fitting)}" if fitting else ""
    return [
        f"values exceed what {name} makes of black and white pixels ({'; '.join(outside)}): "
        f"usual for sets optimised in pixel space, else a sign of another normalization{hint}"
    ]


def _outside(mean: Sequence[float], std: Sequence[float], summary: ChannelSummary) -> list[str]:
    """Say in which channels values lie beyond black or white under these statistics."""
    return [
        f"channel {channel}: [{low:.3g}, {high:.3g}] against [{black:.3g}, {white:.3g}]"
        for channel, (low, high, (black, white), s) in enumerate(
            zip(summary.minimum, summary.maximum, normalized_range(mean, std), std, strict=True)
        )
        if low < black - _TOLERANCE / s or high > white + _TOLERANCE / s
    ]
