"""The normalization of a set, from its metadata and its values."""

import numpy as np
import pytest

from api_schemas.datasets import ChannelStatistics, Normalization, NormalizationChoice
from api_schemas.problems import Reason
from method.normalizations import NORMALIZATIONS
from workers.ladd.importers.channel_summary import ChannelSummary
from workers.ladd.importers.normalization_choice import family_warnings, of_distilled, of_source
from workers.ladd.importers.reading.rejected import ImportRejected

CUSTOM = ChannelStatistics(mean=[0.5, 0.5, 0.5], std=[0.25, 0.25, 0.25])


def floats(minimum: float, maximum: float, channels: int = 3) -> ChannelSummary:
    summary = ChannelSummary(channels)
    values = np.full((1, channels, 8, 8), minimum, np.float64)
    values[:, :, 0, 0] = maximum
    summary.add(values)
    return summary


def pixels(channels: int = 3, low: int = 0, high: int = 255) -> ChannelSummary:
    summary = ChannelSummary(channels)
    summary.add(np.array([[[[low] * channels, [high] * channels]]], dtype=np.uint8))
    return summary


def distilled(choice: object, summary: ChannelSummary, eight_bit: bool = False) -> tuple[Normalization, list[str]]:
    return of_distilled(choice, summary, eight_bit, "images.pt")  # type: ignore[arg-type]


def refusal(choice: object, summary: ChannelSummary) -> Reason:
    with pytest.raises(ImportRejected) as caught:
        distilled(choice, summary)
    [reason] = caught.value.reasons
    return reason


@pytest.mark.parametrize("choice", ["auto", "none"])
@pytest.mark.parametrize(
    ("summary", "eight_bit"),
    [(pixels(), True), (floats(0, 1), False), (floats(-0.0019, 1.0019), False)],
    ids=["8-bit", "unit", "nearly"],
)
def test_plain_values_carry_no_normalization(choice: str, summary: ChannelSummary, eight_bit: bool) -> None:
    normalization, warnings = distilled(choice, summary, eight_bit)
    assert (normalization.name, normalization.mean, normalization.applied) == ("none", None, False)
    assert not warnings


@pytest.mark.parametrize("summary", [floats(-0.1, 1), floats(0, 1.1), floats(-255, 255)])
def test_other_values_must_be_named(summary: ChannelSummary) -> None:
    reason = refusal("auto", summary)
    assert reason.rule == "normalization_is_named"
    assert reason.location == "metadata.normalization"
    assert all(name in reason.message for name in NORMALIZATIONS)


@pytest.mark.parametrize("choice", ["auto", "cifar10", CUSTOM], ids=["auto", "named", "custom"])
@pytest.mark.parametrize("summary", [floats(0, 255), floats(3, 180.5)], ids=["all", "some"])
def test_pixels_that_nobody_divided_are_no_normalised_ones(choice: object, summary: ChannelSummary) -> None:
    reason = refusal(choice, summary)
    assert (reason.rule, reason.location) == ("unit_pixels", "images.pt")
    assert "send uint8, divide by 255, or give normalization {mean: [0, 0, 0], std: [0.00392157" in reason.message


def test_the_sender_can_say_that_values_are_255_times_pixels() -> None:
    scale = ChannelStatistics(mean=[0, 0, 0], std=[0.00392157] * 3)
    normalization, _ = distilled(scale, floats(0, 1 / 0.00392157))
    assert (normalization.applied, normalization.std) == (True, scale.std)
    assert distilled("none", floats(0, 255))[1]  # as they are, with a warning


def test_values_of_tanh_get_a_hint() -> None:
    assert "{mean: 0.5, std: 0.5}" in refusal("auto", floats(-1, 1)).message
    assert "{mean: 0.5, std: 0.5}" not in refusal("auto", floats(-2, 1)).message


@pytest.mark.parametrize(("mean", "std"), [([125.3] * 3, [63.0] * 3), ([0.5] * 3, [63.0] * 3), ([-0.5] * 3, [0.5] * 3)])
def test_statistics_in_another_unit_are_refused(mean: list[float], std: list[float]) -> None:
    reason = refusal(ChannelStatistics(mean=mean, std=std), floats(-1, 1))
    assert (reason.rule, reason.location) == ("unit_statistics", "metadata.normalization")
    assert str(mean[0]) in str(reason.value)


@pytest.mark.parametrize(("choice", "name"), [("cifar10", "cifar10"), ("glad_wp", "glad_wp"), (CUSTOM, "custom")])
def test_a_named_one_is_applied_to_values_outside_the_unit_range(choice: object, name: str) -> None:
    normalization, warnings = distilled(choice, floats(-1.5, 1.5))
    assert (normalization.name, normalization.applied) == (name, True)
    assert not warnings


@pytest.mark.parametrize(("summary", "eight_bit"), [(pixels(), True), (floats(0, 1), False)], ids=["8-bit", "unit"])
def test_a_named_one_is_recorded_but_not_applied_on_plain_values(summary: ChannelSummary, eight_bit: bool) -> None:
    normalization, warnings = distilled("cifar10", summary, eight_bit)
    assert normalization.applied is False
    assert (normalization.mean, normalization.std) == tuple(map(list, NORMALIZATIONS["cifar10"]))
    assert not warnings


def test_values_may_be_taken_as_they_are() -> None:
    normalization, warnings = distilled("none", floats(-3, 3))
    assert (normalization.name, normalization.applied) == ("none", False)
    assert "outside [0, 1]" in warnings[0]


def test_values_beyond_black_and_white_are_warned_of() -> None:
    """CIFAR-10's white is (1 - 0.4914) / 0.2023 = 2.51 in the first channel."""
    _, warnings = distilled("cifar10", floats(-1, 2.6))
    [warning] = warnings
    assert "channel 0: [-1, 2.6] against [-2.43, 2.51]" in warning
    assert "channel 2" not in warning


def test_half_an_eight_bit_step_beyond_white_is_white() -> None:
    mean, std = CUSTOM.mean[0], CUSTOM.std[0]
    white = (1 - mean) / std
    assert not distilled(CUSTOM, floats(-white, white + 0.4 / 255 / std))[1]
    assert distilled(CUSTOM, floats(-white, white + 0.6 / 255 / std))[1]


@pytest.mark.parametrize("choice", ["auto", "none", "cifar10"])
def test_pixels_that_are_known_to_be_plain_carry_nothing(choice: NormalizationChoice) -> None:
    """IDC's leave [0, 1], yet the statistics are those to train with, not those to undo."""
    normalization, warnings = of_distilled(choice, floats(-0.3, 1.2), False, "data.pt", "IDC saves plain pixels")
    assert normalization.applied is False
    assert (normalization.mean is None) == (choice != "cifar10")
    assert "IDC saves plain pixels" in normalization.reason
    [warning] = warnings
    assert "outside [0, 1]" in warning


def test_the_mean_of_svhn_in_a_glad_set_shows() -> None:
    """GLaD-wp's white is (1 - 0.4377) / 0.229 = 2.46 in the first channel, ImageNet's 2.25."""
    mean, std = (np.array(values) for values in NORMALIZATIONS["glad_wp"])
    summary = ChannelSummary(3)
    summary.add(((np.array([0, 1])[:, None] - mean) / std).reshape(1, 2, 1, 3).transpose(0, 3, 1, 2))
    assert not distilled("glad_wp", summary)[1]
    [warning] = distilled("imagenet", summary)[1]
    assert "they stay within" in warning
    assert "glad_wp" in warning


@pytest.mark.parametrize(
    ("choice", "format", "instead"),
    [
        ("cifar100", "mtt", "cifar100_mtt"),
        ("cifar100", "idc", "cifar100_mtt"),
        ("cifar100_mtt", "dsa", "cifar100;"),
        # What GLaD decodes carries glad_wp, what it starts from and tests on carries imagenet: either may be meant.
        ("imagenet", "glad", None),
        ("glad_wp", "glad", None),
        ("cifar100", "dm", None),
        ("cifar100_mtt", "datm", None),
        ("cifar100", "npz", None),
        (CUSTOM, "mtt", None),
    ],
)
def test_names_under_which_code_bases_differ_are_warned_of(
    choice: NormalizationChoice, format: str, instead: str | None
) -> None:
    warnings = family_warnings(choice, format)
    assert [instead in warning for warning in warnings if instead] == [True] * (instead is not None)
    assert bool(warnings) == (instead is not None)


def test_cifar100_has_the_statistics_of_cifar10_in_the_family_of_mtt() -> None:
    assert NORMALIZATIONS["cifar100_mtt"] == NORMALIZATIONS["cifar10"] != NORMALIZATIONS["cifar100"]
    assert NORMALIZATIONS["tiny_imagenet"] == NORMALIZATIONS["imagenet"]


@pytest.mark.parametrize("choice", ["mnist", ChannelStatistics(mean=[0.5], std=[0.5])], ids=str)
def test_another_number_of_channels_is_refused(choice: object) -> None:
    assert refusal(choice, floats(-1, 1)).rule == "normalization_channels"


def test_an_unknown_name_is_refused() -> None:
    reason = refusal("cifar11", floats(-1, 1))
    assert (reason.rule, reason.value) == ("known_normalization", "cifar11")


def test_a_source_set_is_measured() -> None:
    normalization = of_source("auto", pixels(low=51, high=153))
    assert (normalization.name, normalization.applied) == ("measured", False)
    assert normalization.mean == pytest.approx([0.4] * 3)
    assert normalization.std == pytest.approx([0.2] * 3)


def test_a_source_set_may_be_named_or_left_alone() -> None:
    assert of_source("imagenet", pixels()).std == [0.229, 0.224, 0.225]
    assert of_source(CUSTOM, pixels()).name == "custom"
    assert of_source("none", pixels()).mean is None


def test_a_source_set_of_one_value_cannot_be_measured() -> None:
    with pytest.raises(ImportRejected) as caught:
        of_source("auto", pixels(low=7, high=7))
    assert caught.value.reasons[0].rule == "pixels_vary"


def test_images_that_were_unwhitened_are_pixels() -> None:
    normalization, warnings = of_distilled("zca", floats(-0.2, 1.3), False, "images.pt", "un-whitened")
    assert (normalization.name, normalization.mean, normalization.applied) == ("zca", None, False)
    assert "un-whitened" in normalization.reason
    assert ["outside [0, 1]" in warning for warning in warnings] == [True]
