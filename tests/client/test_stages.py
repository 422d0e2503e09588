"""Bars and lines of stages, on a terminal and in a file."""

import io
import re

import pytest
from ladd_client.stages import StageBoard, amount
from rich.console import Console

from api_schemas.report_tables import clock


def plain() -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(file=output, width=120, force_terminal=False), output


def test_a_finished_stage_leaves_one_line() -> None:
    console, output = plain()
    with StageBoard(console) as board, board.stage("dense labels") as stage:
        stage.update(10, 40, "images", rate=20.0, eta_seconds=1.5)
        stage.note = "25 views each"
        stage.update(40, 40, "images")
    [line] = output.getvalue().splitlines()
    assert re.fullmatch(r"  dense labels     (━+|#+) \d+\.\d s  40 images  25 views each", line)


def test_a_failed_stage_says_so_and_lets_the_exception_through() -> None:
    console, output = plain()
    with StageBoard(console) as board, pytest.raises(OSError, match="gone"):
        upload_half(board)
    [line] = output.getvalue().splitlines()
    assert line.endswith("failed")
    bar = line.split()[1]
    assert bar.count("━") == bar.count("─") == 12


def upload_half(board: StageBoard) -> None:
    with board.stage("upload") as stage:
        stage.update(1, 2, "images")
        raise OSError("gone")


def test_a_stage_without_numbers_is_fine() -> None:
    console, output = plain()
    with StageBoard(console) as board, board.stage("start") as stage:
        stage.update(0, 0, "images")
    assert "start" in output.getvalue()


def test_a_terminal_shows_the_moving_bar_and_its_numbers() -> None:
    output = io.StringIO()
    console = Console(file=output, width=120, force_terminal=True)
    with StageBoard(console) as board, board.stage("[evaluate]") as stage:
        stage.update(1_000, 4_000, "forwards", rate=250.0, eta_seconds=95)
        board.refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.getvalue())
    assert "1,000/4,000 forwards, 250 forwards/s, 1 min 35 s left" in shown
    assert "[evaluate]" in shown
    assert "25%" in shown


def test_transfers_are_in_mebibytes() -> None:
    console, output = plain()
    with StageBoard(console) as board, board.stage("upload") as stage:
        stage.bytes(3 << 20, 3 << 20)
    assert "3.0 MiB" in output.getvalue()


def test_amounts_and_durations_read_well() -> None:
    assert amount(1234.4, "images") == "1,234 images"
    assert amount(12, "") == "12"
    assert clock(4.24) == "4.2 s"
    assert clock(187) == "3 min 07 s"
    assert clock(7_560) == "2 h 06 min"
    assert clock(2 * 86_400) == "2 days"
    assert clock(49.3 * 86_400) == "49 days"
