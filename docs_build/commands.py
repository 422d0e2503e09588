"""The `ladd` command and all below it, from the program itself."""

from collections.abc import Iterator
from typing import Any

import typer.main
from ladd_client.cli import app

from docs_build.markdown import code, prose, table


def command_line() -> Any:
    """Return the program as its parser has it: a group with `commands`; typer brings the class."""
    return typer.main.get_command(app)


def commands(command: Any, name: str = "ladd") -> Iterator[tuple[str, Any]]:
    """Yield each command that can be given, the groups too, with its whole name."""
    yield name, command
    for word, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{name} {word}")


def reference() -> str:
    """Return every command with its usage, arguments and options."""
    return "\n".join(_section(name, command) for name, command in commands(command_line()))


def _section(name: str, command: Any) -> str:
    context = command.context_class(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    records = [record for each in command.get_params(context) if (record := each.get_help_record(context))]
    rows = [[code(given), prose(told)] for given, told in records]
    return f"## {name}\n\n{prose(command.help or '')}\n\n```text\n{usage}\n```\n\n{table(['', ''], rows)}"
