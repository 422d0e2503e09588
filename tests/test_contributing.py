"""The docs name files, tests, modules, commands and rooms that are there, and CONTRIBUTING's cheap rules hold.

Decisions and the changelog tell of the past, and are left out.
"""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from os.path import normpath
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    "CONTRIBUTING.md",
    "README.md",
    "benchmarks/README.md",
    "examples/fashion_mnist_dm_ipc10/README.md",
    "examples/fashion_mnist_source/README.md",
]
PAGES += sorted(
    str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "decisions"
)

OF_OTHERS = {"distill/evaluation.py", "buffer.py", "argument.py", "validation/main.py", "validate/train_FKD.py"}
"""Files that the docs name of DATM, MTT, RDED and SRe2L."""
OF_READERS = {"my_student/facts.py", "my_student/network.py"}
"""Files that a page tells its reader to write."""
RULED_OUT = {"utils.py", "helpers.py", "common.py"}


@cache
def tracked() -> frozenset[str]:
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    return frozenset(file for file in files.stdout.decode().splitlines() if (ROOT / file).exists())


@cache
def there() -> frozenset[str]:
    """Files, and the folders that hold them."""
    return tracked() | {str(folder) for file in tracked() for folder in Path(file).parents}


@cache
def top() -> frozenset[str]:
    return frozenset(file.split("/")[0] for file in tracked() if "/" in file)


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def is_there(page: str, path: str) -> bool:
    """Tell whether a path leads somewhere, from the root or from the page; `<name>` stands for any name."""
    if "<" in path or "*" in path:
        pattern = re.sub(r"<\w+>|\*", "*", path).rstrip("/")
        return any(Path(file).match(pattern) for file in tracked())
    found = {normpath(path), normpath(Path(page).parent / path)}
    return bool(found & there())


def named_files(page: str) -> Iterator[str]:
    """Code files wherever they stand, and in backticks or links whatever begins with a folder of ours."""
    content = text(page)
    yield from re.findall(r"(?<![\w/.<>*-])[\w<>*-][\w./<>*-]*\.(?:py|lua)\b(?![\w/])", content)
    for quoted in re.findall(r"`([\w./<>*-]+)(?:::\w+|\[\w+\])?`", content):
        if "/" in quoted and quoted.split("/")[0] in top():
            yield quoted
    for link in re.findall(r"\]\(([^)#\s]+)", content):
        if "://" not in link:
            yield link


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page: str) -> None:
    names = {Path(file).name for file in tracked()}
    for path in named_files(page):
        if path not in OF_OTHERS | OF_READERS | RULED_OUT:
            assert is_there(page, path) or ("/" not in path and path in names), f"{page}: {path}"


@pytest.mark.parametrize("page", PAGES)
def test_tests_that_a_page_names_are_there(page: str) -> None:
    for path, name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", text(page)):
        assert f"def {name}(" in text(path), f"{page}: {path}::{name}"


@pytest.mark.parametrize("page", PAGES)
def test_modules_that_a_page_names_are_there(page: str) -> None:
    rooms = "api_schemas|client|method|service|stack|workers"
    for name in re.findall(rf"(?:`|python -m |from )((?:{rooms})(?:\.\w+)+)(?=[`\s])", text(page)):
        parts = name.split(".")
        while f"{'/'.join(parts)}.py" not in tracked() and "/".join(parts) not in there():
            parts.pop()
        attributes = name.split(".")[len(parts) :]
        assert len(attributes) <= 1, f"{page}: {name}"
        assert not attributes or hasattr(import_module(".".join(parts)), attributes[0]), f"{page}: {name}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_a_page_names_are_in_the_makefile(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    for target in re.findall(r"(?:`|^\$? ?)make ([a-z-]+)", text(page), re.MULTILINE):
        assert target in targets, f"{page}: make {target}"


@pytest.mark.slow
def test_registries_are_where_the_page_says() -> None:
    named = re.findall(r"`(\w+)`\s+(?:of|in)\s+`([\w/]+)\.py`", text("CONTRIBUTING.md"))
    assert len(named) > 10
    for name, path in named:
        assert hasattr(import_module(path.replace("/", ".").removesuffix(".__init__")), name), f"{name} of {path}.py"


def packages(house: str) -> set[str]:
    return {file.split("/")[2] for file in tracked() if re.fullmatch(rf"{house}/\w+/__init__\.py", file)}


def layers(house: str) -> dict[str, int]:
    """The layer of each room by the contract, lowest first; modules that are layers on their own do not count."""
    settings: dict[str, Any] = tomllib.loads(text("pyproject.toml"))
    [contract] = [
        contract
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers" and contract["containers"] == [house.replace("/", ".")]
    ]
    rooms = [re.findall(r"\w+", layer) for layer in reversed(contract["layers"])]
    rooms = [kept for layer in rooms if (kept := [room for room in layer if room in packages(house)])]
    return {room: number for number, layer in enumerate(rooms, 1) for room in layer}


@pytest.mark.parametrize("house", ["service/core", "workers/ladd"])
def test_the_tables_of_rooms_are_the_rooms(house: str) -> None:
    rows = re.findall(rf"^\| (\d+) \| `{house}/(\w+)/` \|", text("CONTRIBUTING.md"), re.MULTILINE)
    assert {room: int(layer) for layer, room in rows} == layers(house)
    assert {room for _, room in rows} == packages(house)
    assert len(rows) == len(packages(house))


def test_all_top_level_rooms_are_listed() -> None:
    settings: dict[str, Any] = tomllib.loads(text("pyproject.toml"))
    listed = set(re.findall(r"^\| `(?:client/)?(\w+)/", text("CONTRIBUTING.md"), re.MULTILINE))
    assert listed == set(settings["tool"]["importlinter"]["root_packages"])


def test_the_walk_names_each_room_once() -> None:
    page = text("docs/architecture.md")
    rooms = [f"{house}/{room}" for house in ("service/core", "workers/ladd") for room in packages(house)]
    rooms += [
        "method",
        "api_schemas",
        "client/ladd_client",
        "stack",
        "service/http",
        "workers/supervisor",
        "workers/runner",
    ]
    assert {room: page.count(f"`{room}/`") for room in rooms} == dict.fromkeys(rooms, 1)


def test_files_are_short_and_named_for_what_they_hold() -> None:
    for file in tracked():
        if file.endswith(".py"):
            assert Path(file).name not in RULED_OUT, file
            assert len(text(file).splitlines()) <= 350, file


def test_every_test_file_says_what_it_is_for() -> None:
    for file in tracked():
        if re.fullmatch(r"tests/.*test_\w+\.py", file):
            assert text(file).startswith(('"""', 'r"""')), file
