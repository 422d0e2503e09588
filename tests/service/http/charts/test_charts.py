"""Charts: marks where the numbers say, words for a screen reader, nothing of a user's that could be markup."""

import re
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from service.http.charts.bars import bars, stacked
from service.http.charts.curves import curves
from service.http.charts.dots import Dot, dots
from service.http.charts.heat_map import STEPS, heat_map, shade
from service.http.charts.svg import round_step, scale

EVIL = '<script>alert("x")</script>'


def drawn(chart: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(chart))


@pytest.mark.parametrize(("about", "step"), [(0.9, 1), (1.0, 1), (1.1, 2), (2.3, 5), (0.03, 0.05), (60, 100)])
def test_steps_are_round(about: float, step: float) -> None:
    assert round_step(about) == pytest.approx(step)


def test_a_scale_holds_its_values_between_round_ends() -> None:
    across = scale([47.3, 54.4], 100, 500)
    assert (across.low, across.high) == (46, 56)
    assert across(46) == 100
    assert across(51) == 300
    assert across.ticks() == [46, 48, 50, 52, 54, 56]
    assert scale([3, 3], 0, 1).low < 3 < scale([3, 3], 0, 1).high
    assert scale([2.0, 5.0], 0, 1, zero=True).low == 0


def test_dots_lie_by_value_with_their_intervals() -> None:
    chart = drawn(dots("Accuracy", "%", [Dot("baseline", 48, (47, 49)), Dot("ladd", 54, None, "ladd")]))
    first, second = chart.findall("circle")
    assert float(first.attrib["cx"]) < float(second.attrib["cx"])
    assert [each.attrib["class"] for each in chart.findall("line") if "interval" in each.attrib["class"]] == [
        "interval "
    ]
    title, told = chart.find("title"), chart.find("desc")
    assert title is not None
    assert told is not None
    assert title.text == "Accuracy"
    assert told.text == "Accuracy, %: baseline 48.00; ladd 54.00"


def test_differences_have_a_rule_at_zero_and_signs() -> None:
    text = str(dots("Difference", "points", [Dot("ladd", 5.4, (4.4, 6.4))], zero=True, signed=True))
    assert 'class="zero"' in text
    assert "+5.40" in text


def test_curves_go_through_their_points() -> None:
    chart = drawn(curves("Accuracy", "epoch", "%", {"val": [(1, 40), (2, 60)], "train": [(1, 50), (2, 70)]}, marked=2))
    paths = chart.findall("path")
    assert len(paths) == 2
    assert re.fullmatch(r"M[\d.]+ [\d.]+ L[\d.]+ [\d.]+", paths[0].attrib["d"])
    assert len(chart.findall("circle")) == 4
    assert [each.attrib["class"] for each in chart.findall("line")].count("marked") == 1


def test_bars_are_as_long_as_their_values() -> None:
    chart = drawn(bars("Label", [("cat", 0.5, "uploaded"), ("dog", 0.25, "other")], largest=1.0))
    first, second = chart.findall("rect")
    assert float(first.attrib["width"]) == 2 * float(second.attrib["width"])
    parts = drawn(stacked("Bytes", [("images", 75.0, "75 B"), ("labels", 25.0, "25 B")])).findall("rect")
    assert [float(part.attrib["width"]) for part in parts] == [360, 120]


def test_heat_maps_shade_by_value() -> None:
    assert [shade(value, 9.0) for value in (0.0, 1.0, 8.9, 9.0)] == [0, 1, 8, STEPS - 1]
    assert shade(0.0, 0.0) == 0
    chart = drawn(heat_map("Confusion", [[9, 0], [1, 9]], ["cat", "dog"]))
    assert [each.attrib["class"] for each in chart.findall("rect")] == ["heat-8", "heat-0", "heat-1", "heat-8"]


def test_names_are_no_markup() -> None:
    charts = [
        dots(EVIL, EVIL, [Dot(EVIL, 1, None)]),
        curves(EVIL, EVIL, EVIL, {EVIL: [(0, 1), (1, 2)]}),
        bars(EVIL, [(EVIL, 0.5, "")], 1.0),
        heat_map(EVIL, [[1.0]], [EVIL]),
    ]
    for chart in charts:
        assert "<script" not in str(chart)
        drawn(chart)
