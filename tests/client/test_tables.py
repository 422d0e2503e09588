"""Tables and reports as the terminal shows them."""

from typing import Any

from ladd_client.tables import printable, report_text, tables_text, text_table

from api_schemas.cost import Cost, CostParts, JobCost
from api_schemas.evaluation import FlopCount, Report
from api_schemas.report_tables import measured

FLOPS = FlopCount(labelling=2_150_000_000_000, labeler_training=None, deployment=None)
PARTS = CostParts(labelling=Cost(flops=0, bytes=1 << 20, seconds=4.0), labeler_training=None, deployment=None)
COST = JobCost(predicted=PARTS, counted=PARTS)


def test_text_table_aligns_first_column_left_and_others_right() -> None:
    assert text_table(["name", "n"], [["a", "1"], ["bcdef", "1,000"]]).splitlines() == [
        "name       n",
        "-----  -----",
        "a          1",
        "bcdef  1,000",
    ]


def test_what_a_terminal_would_obey_is_escaped() -> None:
    table = text_table(["name", "n"], [["\x1b[2Ja\x9b1m\u202eb", "1\n2"], ["日本 é 🙂", "3"]])
    assert "\\x1b[2Ja\\x9b1m\\u202eb" in table
    assert "1\\n2" in table
    assert "日本 é 🙂" in table
    assert printable("\x1b]0;owned\x07\ntwo\tlines\r") == "\\x1b]0;owned\\x07\ntwo\\tlines\\r"


def test_absent_parts_leave_no_gap() -> None:
    assert tables_text(measured(None, None, None, None, intervals=False)) == ""
    assert tables_text(measured(None, None, FLOPS, None, intervals=False)).splitlines() == [
        "FLOPs (1 multiply-add = 2)",
        "part         PFLOP",
        "---------  -------",
        "labelling  0.00215",
    ]


def test_a_report_ends_with_where_it_ran_and_its_notes() -> None:
    nothing: dict[str, Any] = {"evaluation": None, "labelling": None, "storage": None}
    report = Report(
        job="job_" + "0" * 26,
        kind="ladd",
        params={},
        flops=FLOPS,
        cost=COST,
        versions={"torch": "2.13.0", "numpy": "2.3"},
        hardware="2 CPU cores",
        notes=["JPEG copy"],
        figures=[],
        points=[],
        paper=[],
        **nothing,
    )
    tables = tables_text(measured(None, None, FLOPS, COST, intervals=False))
    assert report_text(report) == f"{tables}\n\n2 CPU cores; torch 2.13.0, numpy 2.3\nnote: JPEG copy"
