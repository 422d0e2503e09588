"""Tables take entries of installed packages, and no name twice; fields that name entries follow the table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, ValidationError

from api_schemas.registered import STORED, Registered
from method.registry import registry


@dataclass(frozen=True)
class Entry:
    name: str


def test_names_are_given_once() -> None:
    assert list(registry([Entry("a"), Entry("b")])) == ["a", "b"]
    with pytest.raises(ValueError, match="the name 'a' is taken"):
        registry([Entry("a"), Entry("b"), Entry("a")])


def test_an_installed_package_adds_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy_entries.py").write_text("class Toy:\n    name = 'toy'\n\nTOY = Toy()\n")
    metadata = tmp_path / "toy-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ladd.toys]\ntoy = toy_entries:TOY\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(registry([Entry("a")], group="ladd.toys")) == ["a", "toy"]
    with pytest.raises(ValueError, match="the name 'toy' is taken"):
        registry([Entry("toy")], group="ladd.toys")


def test_a_field_follows_the_table() -> None:
    table = registry([Entry("a"), Entry("b")])
    names = Registered("Letter", table, "A letter.", besides=["auto"])

    class Sent(BaseModel):
        letter: Annotated[str, names]
        shown: Annotated[str, names.shown()] = "gone"

    with pytest.raises(ValidationError, match="Input should be 'auto', 'a' or 'b'"):
        Sent.model_validate({"letter": "c"})
    assert Sent.model_validate({"letter": "c"}, context=STORED).letter == "c"
    table["c"] = Entry("c")
    assert Sent.model_validate({"letter": "c"}).letter == "c"
    schema = Sent.model_json_schema()
    assert schema["properties"]["letter"] == {"$ref": "#/$defs/Letter"}
    assert schema["$defs"]["Letter"] == {
        "title": "Letter",
        "description": "A letter.",
        "enum": ["auto", "a", "b", "c"],
        "type": "string",
    }
