"""`docs/security.md` claims nothing without a test."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_claim_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = page.split("## What stands in the way", 1)[1].split("\n\n")[1].splitlines()[2:]
    assert len(table) > 10
    for row in table:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
        assert named, row
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"
