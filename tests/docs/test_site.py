"""The docs site is built strictly, asks nobody else for anything, and its tables have all that there is."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from api_schemas.problems import ErrorCode, ErrorOrigin
from docs_build.api import document, operations
from docs_build.attribute_docs import attribute_docs
from docs_build.commands import command_line, commands
from docs_build.hooks import MADE, filled
from docs_build.pictures import FOLDER, PICTURES
from docs_build.site import listing, place_of, relinked
from service.core.foundation.settings import Settings
from tests.docs.blocks import ROOT

READING = ("client", "docker", "examples", "service", "stack", "tests", "workers")
"""Rooms of code that may read the environment."""


def page(name: str) -> str:
    """A page of the reference with its tables."""
    return filled((ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8"))


def variables() -> Iterator[str]:
    """Every environment variable that code names."""
    for room in READING:
        for file in (ROOT / room).rglob("*.py"):
            yield from re.findall(r"\bLADD_[A-Z0-9_]*[A-Z0-9]\b", file.read_text(encoding="utf-8"))


def test_every_mark_of_a_page_is_made_and_every_table_has_its_place() -> None:
    marks = [
        mark
        for file in (ROOT / "docs").rglob("*.md")
        for mark in re.findall(r"<!-- made: (.+?) -->", file.read_text(encoding="utf-8"))
    ]
    assert sorted(marks) == sorted(MADE)


def test_every_setting_is_there() -> None:
    shown = page("settings")
    named = {f"LADD_{name.upper()}" for name in Settings.model_fields} | set(variables())
    assert [name for name in sorted(named) if f"`{name}`" not in shown] == []


def test_every_command_is_there_with_its_options() -> None:
    sections = dict(re.findall(r"^## (ladd.*)\n((?:(?!## ).*\n)*)", page("cli"), re.MULTILINE))
    assert list(sections) == [name for name, _ in commands(command_line())]
    for name, command in commands(command_line()):
        options = [option for each in command.params for option in each.opts if option.startswith("--")]
        assert [option for option in options if option not in sections[name]] == []


def test_every_code_is_there() -> None:
    shown = page("problems")
    assert [code for code in (*ErrorCode, *ErrorOrigin) if f"| `{code}` |" not in shown] == []


def test_every_route_and_document_is_there() -> None:
    routes, documents = page("api"), page("schemas")
    assert [path for method, path, _ in operations() if f"### {method} {path}\n" not in routes] == []
    assert [name for name in document()["components"]["schemas"] if f"## {name}\n" not in documents] == []


@pytest.mark.parametrize(
    ("cls", "names"), [(Settings, list(Settings.model_fields)), (ErrorCode, list(ErrorCode.__members__))]
)
def test_everything_is_told_what_it_is_for(cls: type, names: list[str]) -> None:
    assert [name for name in names if not attribute_docs(cls).get(name)] == []


def test_links_lead_to_the_places_in_the_site() -> None:
    text = "[a](../README.md#x), [b](decisions/), [c](method.md), [d](https://a.example/b), [e](#f), ![g](eq5.svg)"
    moved = text.replace("../README", "repository/README").replace("decisions/)", "decisions/index.md)")
    assert relinked("architecture.md", text) == moved
    assert relinked("repository/README.md", "[a](docs/method.md)") == "[a](../method.md)"
    assert (place_of("docs"), place_of("service/keys.py")) == ("README.md", "repository/service/keys.py")
    assert "](0001-" in listing("docs/decisions")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_as_it_is_drawn(name: str) -> None:
    """Otherwise: `python -m docs_build.pictures`."""
    assert (FOLDER / f"{name}.svg").read_text(encoding="utf-8") == PICTURES[name]()


@pytest.mark.slow
def test_the_site(tmp_path: Path) -> None:
    """Nothing is amiss for `--strict`; what pages load is in the site; the search knows the tables."""
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    for file in tmp_path.rglob("*.html"):
        html = file.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=\"?([^\s\">]+)", html)
        loaded += [
            link
            for rel, link in re.findall(r"<link rel=\"?(\w+)\"?[^>]*href=\"?([^\s\">]+)", html)
            if rel != "canonical"
        ]
        assert [link for link in loaded if re.match(r"(?:https?:)?//", link)] == [], file
    for sheet in tmp_path.rglob("*.css"):
        assert re.findall(r"url\([\"']?(?:https?:)?//|@import", sheet.read_text(encoding="utf-8")) == []
    found = json.loads((tmp_path / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    text = unescape(" ".join(f"{entry['title']} {entry['text']}" for entry in found))
    for wanted in ("LADD_QUOTA_STORED_BYTES", "ladd import-labeler", "job_not_retryable", "/v1/jobs/{job_id}/retry"):
        assert wanted in text


@pytest.mark.slow
def test_a_link_to_nowhere_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "README.md").write_text("# A page\n\n[nowhere](nowhere.md), [no anchor](#no-anchor)\n")
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:\n")[0]
    (tmp_path / "mkdocs.yml").write_text(config.replace("docs_build/hooks.py", str(ROOT / "docs_build" / "hooks.py")))
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(tmp_path / "mkdocs.yml")]
    built = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode != 0
    assert "nowhere.md" in built.stderr
    assert "no-anchor" in built.stderr
