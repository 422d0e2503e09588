"""The programs of the docs' shell blocks: each line is held against the program, the API, or the files there are."""

import json
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from jsonschema_rs import validator_for
from ladd_client.labeler_calls import LABELER_METADATA

from docs_build.api import document, operations
from docs_build.commands import command_line, commands
from tests.docs.blocks import ROOT
from tests.docs.shell import Program, Typed

NOT_OURS = {"cd", "cp", "docker", "eval", "export", "git", "head", "mkdir", "pip", "pip-audit", "tar", "unzip"}
"""Programs of which only the files are looked at that they name."""
BESIDES = {"/", "/docs", "/metrics", "/openapi.json"}
"""Paths that the OpenAPI document leaves out."""
WITH_BODY = ("-d", "--data", "--data-binary", "-F")
SHORTENED = re.compile(r"\b([a-z]+)_\.\.\.")


def check(command: Typed, program: Program) -> None:
    """Fail where a program is not known or would not take its line. Files are made in the working directory."""
    if program.name in CHECKS:
        CHECKS[program.name](command, program)
    elif program.name and program.name not in NOT_OURS:
        assert is_ours(program.words[0]), f"no test knows {program.words[0]}"
        script = (ROOT / program.words[0]).read_text(encoding="utf-8")
        assert [word for word in program.arguments if word.startswith("--") and word not in script] == [], command.text
    for word in program.words:
        assert not looks_like_ours(word) or is_ours(word), f"there is no {word}"


def is_ours(word: str) -> bool:
    return (ROOT / word).exists()


def looks_like_ours(word: str) -> bool:
    """Tell whether a word names a file below a folder of the repository."""
    folder, slash, _ = word.removeprefix("./").partition("/")
    return bool(slash and folder) and folder != ".venv" and "://" not in word and (ROOT / folder).is_dir()


def check_make(command: Typed, program: Program) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {word for word in program.arguments if "=" not in word} <= targets, command.text


def check_ladd(command: Typed, program: Program) -> None:
    """Parse the line as the program would, with the files that it names."""
    parser = command_line()
    for _, each in commands(parser):
        each.callback = lambda **given: None
    for word in program.arguments:
        if re.fullmatch(r"[\w-]+\.\w+", word):
            Path(word).touch()
    assert parser.main(list(program.arguments), "ladd", standalone_mode=False) in (None, 0), command.text
    if program.arguments[0] == "import-labeler":
        LABELER_METADATA.validate_json(in_full(program.arguments[1]))


def check_python(command: Typed, program: Program) -> None:
    """The module or script is there, code that is given compiles."""
    kind, *rest = program.arguments
    if kind == "-m":
        assert find_spec(rest[0]) is not None, command.text
    elif kind in ("-c", "-"):
        compile(rest[0] if kind == "-c" else program.stdin or "", command.text, "exec")
    else:
        assert is_ours(kind), command.text


def check_curl(command: Typed, program: Program) -> None:
    """The route takes this method, and a body of JSON is one that it takes; a refusal where one is shown."""
    arguments = program.arguments
    [url] = [word for word in arguments if word.startswith(("$LADD_URL", "$URL", "http", "<"))]
    if url.startswith("<"):
        return  # a link that the service has made
    path = re.sub(r"^(\$\w+|https?://[^/]+)", "", url).partition("?")[0]
    sent = [(flag, value) for flag, value in pairwise(arguments) if flag in WITH_BODY]
    method = arguments[arguments.index("-X") + 1] if "-X" in arguments else "POST" if sent else "GET"
    if path in BESIDES:
        return
    found = [operation for verb, template, operation in operations() if verb == method and matches(template, path)]
    assert found, f"{command.text}: there is no {method} {path}"
    for flag, value in sent:
        schema = body_schema(found[0], flag)
        if flag == "-F" and not value.startswith("metadata="):
            continue
        is_valid = validator_for(schema).is_valid(json.loads(in_full(value.removeprefix("metadata="))))
        assert is_valid == ('"status": 422' not in command.shown), command.text


def matches(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) is not None


def body_schema(operation: dict[str, Any], flag: str) -> dict[str, Any]:
    content = operation["requestBody"]["content"]
    schema = (
        content["multipart/form-data"]["schema"]["properties"]["metadata"]
        if flag == "-F"
        else content["application/json"]["schema"]
    )
    return {**schema, "components": document()["components"]}


def in_full(text: str) -> str:
    """Write out the ids that are shortened."""
    return SHORTENED.sub(lambda found: f"{found[1]}_{'0' * 26}", text)


CHECKS: Mapping[str, Callable[[Typed, Program], None]] = {
    "curl": check_curl,
    "ladd": check_ladd,
    "make": check_make,
    "python": check_python,
}
