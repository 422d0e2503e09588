"""Tests lie where their room does."""

from pathlib import Path

TESTS = Path(__file__).parent
OF_NO_ROOM = {"benchmarks", "chaos", "compatibility", "docker", "docs", "end_to_end", "examples", "extending", "gpu"}
"""Folders of tests that are about more than one package, or about what is none."""
PARTS = {TESTS / "workers" / "ladd" / "importers" / "hostile"}
"""Folders that hold one subject of a room."""
CLIENT = Path("client", "ladd_client")
"""A distribution of its own, whose folder holds more than its package; its tests lie in `tests/client`."""


def test_every_test_lies_in_the_folder_of_its_room() -> None:
    folders = {path.parent for path in TESTS.glob("*/**/test_*.py")} - PARTS
    rooms = {folder for folder in folders if folder.relative_to(TESTS).parts[0] not in OF_NO_ROOM}
    assert rooms >= {TESTS / "client", TESTS / "service" / "http"}
    assert [room for room in rooms if not (_room(room) / "__init__.py").exists()] == []


def _room(tests: Path) -> Path:
    room = tests.relative_to(TESTS)
    return TESTS.parent / (CLIENT if room == Path("client") else room)
