"""The tables of the evidence are those of the kept answers, and compare only networks that have learned."""

import json

from evidence import ARTEFACT, RESULTS, table


def test_the_tables_are_written_from_the_kept_answers_alone() -> None:
    text = table(json.loads(RESULTS.read_text()))
    assert text == RESULTS.with_suffix(".md").read_text()
    differences = [part.split("\n\n")[0] for part in text.split("| minus baseline |")[1:]]
    assert len(differences) == 5
    assert all("2-CAE" in part and ARTEFACT not in part for part in differences)


def test_a_run_that_was_cut_off_has_what_there_is() -> None:
    kept = json.loads(RESULTS.read_text())
    kept["trials"]["DC"] = {"ConvNetD3": {arm: kept["trials"]["DC"]["ConvNetD3"][arm] for arm in ("baseline", "ladd")}}
    del kept["trials"]["DC"]["ConvNetD3"]["ladd"]["0"], kept["trials"]["DC"]["ConvNetD3"]["ladd"]["1"]
    del kept["trials"]["DC"]["ConvNetD3"]["ladd"]["2"]
    of_dc = table(kept).partition("## DC")[2].partition("## DSA")[0]
    assert "(n = 2)" in of_dc
    assert "| ConvNetD3 | - | - | - | +3.23 too few trials |" in of_dc


def test_the_mean_over_networks_is_that_of_all_that_are_shown() -> None:
    kept = json.loads(RESULTS.read_text())
    kept["trials"]["DC"]["ConvNetD4"]["full_soft"] = {}
    of_dc = table(kept).partition("## DC")[2].partition("## DSA")[0]
    [cae] = [line for line in of_dc.splitlines() if "2-CAE" in line]
    assert cae.startswith("| 2-CAE | - |")
    assert cae.count("| - ") == 1
