"""Every fenced block of the docs is one that some test here runs or reads; commands are those that there are.

Python is run by `test_python_blocks.py`; the calls of README and tutorial on a whole stack by `tests/end_to_end`.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from docs_build.hooks import filled
from tests.docs.blocks import ROOT, Block, blocks, blocks_of
from tests.docs.known_programs import check
from tests.docs.shell import programs, typed

SHELL = ("sh", "console")
RUN = ("python",)
READ: dict[str, Callable[[str], object]] = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
SHOWN = ("text", "caddy", "http", "nginx")
"""Neither run nor read: output, trees of files, messages, and configuration of programs that the tests have not got."""


def test_every_block_is_of_a_kind_that_is_looked_at() -> None:
    known = {*SHELL, *RUN, *READ, *SHOWN}
    assert {str(block): block.language for block in blocks() if block.language not in known} == {}


@pytest.mark.parametrize("block", blocks(*READ), ids=str)
def test_documents_can_be_read(block: Block) -> None:
    READ[block.language](block.text)


@pytest.mark.parametrize("block", blocks(*SHELL), ids=str)
def test_a_shell_can_read_it(block: Block) -> None:
    text = block.text if block.language == "sh" else "\n".join(command.text for command in typed(block))
    checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("block", blocks(*SHELL), ids=str)
def test_commands_are_those_that_there_are(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    for command, program in programs(block):
        check(command, program)


@pytest.mark.parametrize("block", blocks(*SHELL), ids=str)
def test_variables_are_settings(block: Block) -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    known = set(re.findall(r"LADD_[A-Z0-9_]+", filled(page)))
    assert set(re.findall(r"LADD_[A-Z0-9_]*[A-Z0-9]", block.text)) <= known


def python_calls() -> Iterator[tuple[str, ...]]:
    """Each program in Python that the docs start with flags: how it is started, and the flags."""
    for block in blocks(*SHELL):
        for _, program in programs(block):
            words = program.arguments
            if program.name.startswith("python") and (flags := [word for word in words if word.startswith("--")]):
                yield (*words[: words.index(flags[0])], *(flag.partition("=")[0] for flag in flags))


@pytest.mark.slow
@pytest.mark.parametrize("call", dict.fromkeys(python_calls()), ids=" ".join)
def test_programs_know_their_flags(call: tuple[str, ...]) -> None:
    flags = [word for word in call if word.startswith("--")]
    told = subprocess.run(
        [sys.executable, *call[: -len(flags)], "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert [flag for flag in flags if not re.search(rf"{flag}\b", told)] == []


@pytest.mark.slow
def test_programs_on_the_command_line_print_what_is_shown() -> None:
    run = [
        (command, program)
        for block in blocks("console")
        for command, program in programs(block)
        if "-c" in program.words
    ]
    assert run
    for command, program in run:
        printed = subprocess.run(
            [sys.executable, *program.arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert printed.stdout == command.shown


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ladd uplaod x.npz", "No such command"),
        ("ladd jobs --stat running", "No such option"),
        ("curl $LADD_URL/v1/job", "there is no GET /v1/job"),
        ("""curl $LADD_URL/v1/jobs -d '{"kind": "lad"}'""", "curl"),
        ("make dmeo", "dmeo"),
        ("python -m service.htp", "service.htp"),
        ("python examples/dmeo.py", "dmeo"),
    ],
)
def test_what_is_not_there_is_seen(line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [block] = blocks_of("a page", f"```sh\n{line}\n```\n")
    [(command, program)] = programs(block)
    with pytest.raises(Exception, match=said):
        check(command, program)
