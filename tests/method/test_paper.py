"""The paper's tables hold together: means of cells are the averages printed, and its text's numbers follow."""

import csv
import re
from collections import Counter
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from statistics import fmean

import pytest

from method.architectures import ARCHITECTURES, forward_flops
from method.arms import ARMS, TABLE_6
from method.class_maps import wnids
from method.layers import Shape
from method.paper import CAE, CELLS, CLAIMS, FIVE, FOUR, IMAGENET, METHODS, POINT, RESOLUTION, Cell, has_classes
from method.views import crop_offsets, crop_side

THREE = ("MTT", "AST", "GLaD-MTT")
SUBSETS = ("imagenette", "imagefruit", "imagewoof", "imagemeow", "imagesquawk")

BY_PLACE = {(cell.table, cell.method, cell.class_map, cell.ipc, cell.model, cell.arm): cell for cell in CELLS}


def cell(table: str, method: str, ipc: int, model: str, arm: str, class_map: str = "imagenette") -> Cell:
    return BY_PLACE[table, method, class_map, ipc, model, arm]


def gain(
    table: str, method: str, ipc: int, over: str = "baseline", class_map: str = "imagenette", model: str = ""
) -> float:
    """LADD's gain in percent of the other arm's accuracy."""
    name = model or ("4-CAE" if table == "Table 1" else "5-CAE")
    means = [cell(table, method, ipc, name, arm, class_map).mean for arm in ("ladd", over)]
    return 100 * (means[0] / means[1] - 1)


def test_every_cell_of_the_six_tables_is_there() -> None:
    assert len(BY_PLACE) == len(CELLS)
    # Table 6 has 35 cells by architecture and 7 averages, Table 2 30 and 6.
    assert Counter(cell.table for cell in CELLS) == {
        "Table 1": 3 * 4 * 3,
        "Table 2": 6 * (5 + 1),
        "Table 3": 6,
        "Table 4": 6 * 5,
        "Table 5": 6 * 2,
        "Table 6": 7 * (5 + 1),
    }
    assert {cell.table for cell in CELLS if cell.std is None} == {"Table 6"}
    assert {(cell.ipc, cell.model) for cell in CELLS if cell.table == "Table 1"} == {
        (ipc, "4-CAE") for ipc in (1, 5, 10, 20)
    }
    assert {(cell.class_map, cell.ipc, cell.model) for cell in CELLS if cell.table == "Table 4"} == {
        (subset, 5, "5-CAE") for subset in SUBSETS
    }
    assert {cell.method for cell in CELLS if cell.table == "Table 5"} == set(METHODS[:6])
    assert {cell.arm for cell in CELLS if cell.table == "Table 6"} == set(TABLE_6)


def test_table_1_has_its_overheads_and_table_3_its_compliance() -> None:
    overheads = {(cell.ipc, cell.arm, cell.overhead) for cell in CELLS if cell.overhead is not None}
    plus = {(1, "baseline_plus", 100.1), (5, "baseline_plus", 20.7), (10, "baseline_plus", 10.0)}
    assert overheads == plus | {(20, "baseline_plus", 5.0)} | {(ipc, "ladd", 2.5) for ipc in (1, 5, 10, 20)}
    assert [cell.compliant for cell in CELLS if cell.table == "Table 3"] == [True] * 5 + [False]
    assert all((cell.compliant is None) == (cell.table != "Table 3") for cell in CELLS)


def test_averages_of_tables_2_and_6_are_means_of_their_rows() -> None:
    compared = 0
    for average in CELLS:
        if average.model == "5-CAE" and average.table in ("Table 2", "Table 6"):
            rows = [cell(average.table, average.method, average.ipc, each, average.arm) for each in FIVE]
            mean = fmean(row.mean for row in rows)
            compared += 1
            if (average.method, average.table, average.arm) == ("MTT", "Table 2", "ladd"):
                spread = fmean(row.std or 0 for row in rows)
                assert [mean, spread] == pytest.approx([52.1, 1.0])
                assert (average.mean, average.std, average.remark) == (51.8, 1.3, "52.1 ± 1.0 by its rows")
                continue
            assert mean == pytest.approx(average.mean, abs=0.051)
            if average.std is not None:
                assert fmean(row.std or 0 for row in rows) == pytest.approx(average.std, abs=0.051)
    assert compared == 6 + 7


def test_means_over_four_networks_are_those_of_table_1() -> None:
    """At 10 IPC by the rows of Table 2, at 5 IPC by those of Table 6; one does not agree, and its remark says so."""
    off = []
    for method, table, ipc in (*((method, "Table 2", 10) for method in THREE), ("GLaD-MTT", "Table 6", 5)):
        for arm in ("baseline", "ladd"):
            printed = cell("Table 1", method, ipc, "4-CAE", arm)
            mean = fmean(cell(table, method, ipc, each, arm).mean for each in FOUR)
            if abs(mean - printed.mean) > 0.1:
                off.append((method, ipc, arm, round(mean, 1), printed.remark))
    assert off == [("MTT", 10, "baseline", 53.6, "53.6 ± 1.45 by the rows of Table 2")]


def test_a_number_in_two_tables_is_the_same() -> None:
    known: dict[tuple[object, ...], Cell] = {}
    for each in CELLS:
        place = (each.method, each.class_map, each.ipc, each.model, each.arm)
        first = known.setdefault(place, each)
        assert (first.mean, first.std) in ((each.mean, each.std), (each.mean, first.std)), place
    # Three sets of Table 4 are in Table 5, one of those in Table 6 as well.
    assert len(CELLS) - len(known) == 6 + 2


_D5 = Shape(num_classes=10, channels=3, size=RESOLUTION)
RECOMPUTED: dict[tuple[str, float], Callable[[], float]] = {
    # 25 labels of 10 classes in float32, on the bytes of an image.
    ("Table 1", 2.5): lambda: 100 * 25 * 10 * 4 / (3 * RESOLUTION**2),
    ("Table 1", 15): lambda: fmean(gain("Table 1", method, 5) for method in THREE),
    ("Table 1", 13.2): lambda: fmean(gain("Table 1", method, 5, "baseline_plus") for method in THREE),
    ("Table 1", 12.9): lambda: fmean(gain("Table 1", method, 5, "baseline_plus") for method in THREE),
    ("Table 1", 3): lambda: sum(gain("Table 1", method, 1, "baseline_plus") < 0 for method in THREE),
    ("Table 1", 40): lambda: 100.1 / 2.5,
    ("Table 1", 87): lambda: 100 * (1 - 2.5 / 20.7),
    ("Table 1", 8): lambda: 20.7 / 2.5,
    ("Table 2", 31): lambda: gain("Table 2", "GLaD-MTT", 10, model="ViT"),
    ("Table 4", 14.9): lambda: fmean(
        fmean(gain("Table 4", method, 5, class_map=subset) for subset in SUBSETS) for method in THREE
    ),
    ("Table 6", 7): lambda: cell("Table 6", "GLaD-MTT", 5, "5-CAE", "sub_soft").mean - 44.2,
    ("Table 6", 2.8): lambda: 53.9 - cell("Table 6", "GLaD-MTT", 5, "5-CAE", "sub_soft").mean,
    ("Figure 2", 0.002): lambda: 10 * 5 * 25 * forward_flops("ConvNetD5", _D5) / 1e15,
    ("Figure 4", 24): lambda: max(56 - 32, 60 - 36, 40 - 32, 56 - 40),
    ("", 25): lambda: POINT[0] ** 2,
    ("", 80): lambda: crop_side(POINT[1], RESOLUTION),
    ("", 12): lambda: crop_offsets(POINT[0], POINT[1], RESOLUTION)[1],
    ("", 49000): lambda: 3 * RESOLUTION**2,
}


def test_the_numbers_of_the_text_are_recomputed() -> None:
    given = {(claim.experiment, claim.value): claim.recomputed for claim in CLAIMS if claim.recomputed is not None}
    assert set(given) == set(RECOMPUTED)
    for place, recompute in RECOMPUTED.items():
        digits = len(f"{given[place]:g}".partition(".")[2])
        assert round(recompute(), digits) == given[place], place


def test_what_does_not_agree_has_a_remark() -> None:
    for claim in CLAIMS:
        if claim.recomputed is not None and claim.value < 49_000:
            unit = 10.0 ** -len(f"{claim.value:g}".partition(".")[2])
            assert abs(claim.recomputed - claim.value) <= unit / 2 or claim.remark, claim


def test_names_are_those_of_the_tables_of_method() -> None:
    assert {cell.method for cell in CELLS} == set(METHODS)
    assert {cell.arm for cell in CELLS} <= {*ARMS, ""}
    assert {cell.model for cell in CELLS} <= {*ARCHITECTURES, *CAE}
    assert [cell.method for cell in CELLS if not cell.arm] == ["SRe2L"]


def test_a_source_set_is_known_by_its_classes() -> None:
    woof = wnids("imagewoof")
    assert has_classes("imagewoof", woof)
    assert has_classes("imagewoof", sorted(woof))
    assert has_classes("imagenette", ["tench", *wnids("imagenette")[1:]])
    assert not has_classes("imagenette", woof)
    assert not has_classes("imagewoof", woof[:9])
    assert not has_classes("imagewoof", [str(label) for label in range(10)])
    lines = csv.DictReader((resources.files("method") / "data" / "imagenet_classes.csv").read_text().splitlines())
    everything = [line["wnid"] for line in lines]
    assert has_classes(IMAGENET, everything)
    assert not has_classes(IMAGENET, everything[1:])
    assert not has_classes(IMAGENET, woof)


def section(title: str) -> str:
    """Return a section of docs/paper.md."""
    page = (Path(__file__).parents[2] / "docs" / "paper.md").read_text(encoding="utf-8")
    return re.split(r"\n##+ ", page.partition(f"# {title}\n")[2])[0]


@pytest.mark.parametrize("number", range(1, 7))
def test_the_page_has_every_cell(number: int) -> None:
    table = f"Table {number}"
    shown = re.findall(r"(?<=\| )(\d+\.\d)(?: ± (\d\.\d))?(?= \|)", section(table))
    cells = [each for each in CELLS if each.table == table]
    assert Counter(shown) == Counter((f"{each.mean}", "" if each.std is None else f"{each.std}") for each in cells)
    overheads = {f"{each.overhead} %" for each in cells if each.overhead is not None}
    assert set(re.findall(r"\d+\.\d %", section(table))) == overheads


def test_the_page_has_every_claim_and_slip() -> None:
    claims, slips = section("Claims"), section("Where the paper disagrees with itself")
    for claim in CLAIMS:
        assert f"{claim.value:g} {claim.unit}".strip() in claims, claim
        assert claim.recomputed is None or f"{claim.recomputed:g}" in claims, claim
    assert "52.1 ± 1.0" in slips
    assert "53.6 ± 1.45" in slips
