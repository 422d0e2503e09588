"""The params of a job as the command line gives them: a file, over which flags stand, over which `--set` stands."""

import json
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

ParamsOption = Annotated[
    typer.FileText | None,
    typer.Option(help="A JSON file with params, over which flags and --set stand; - for standard input."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="PATH=JSON for any other field, e.g. evaluation.overrides.lr=0.01. Repeatable."),
]
TagOption = Annotated[list[str] | None, typer.Option("--tag", help="NAME=VALUE. Repeatable.")]


class KindGroup(TyperGroup):
    """Commands that may be named as the API names their kinds: `train_labeler` is `train-labeler`."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Find a command."""
        return super().get_command(ctx, cmd_name.replace("_", "-"))


def object_of(file: typer.FileText | None) -> dict[str, Any]:
    """Return the JSON object of a file. Raises `typer.BadParameter` for one that holds none."""
    if file is None:
        return {}
    try:
        found = json.loads(file.read())
    except ValueError as error:
        raise typer.BadParameter(f"{file.name} is not JSON: {error}", param_hint="--params") from error
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{file.name} holds no JSON object", param_hint="--params")
    return found


def tags_of(given: list[str] | None) -> dict[str, str]:
    """`NAME=VALUE` options as a dictionary."""
    return dict(pair(entry, "--tag") for entry in given or [])


def pair(text: str, option: str) -> tuple[str, str]:
    """Both sides of the first `=`. Raises `typer.BadParameter` naming `option` where there is none."""
    name, separator, value = text.partition("=")
    if not separator:
        raise typer.BadParameter(f"{text!r} has no '='", param_hint=option)
    return name, value


def first(given: list[str] | None) -> str | None:
    """Return the first of what was given, None of nothing."""
    return given[0] if given else None


def number_or_auto(text: str | None) -> Any:
    """`auto` as it is, else the number; what is neither is left for the request's own check to name."""
    try:
        return None if text is None else json.loads(text)
    except json.JSONDecodeError:
        return text


def without_missing(document: dict[str, Any]) -> dict[str, Any]:
    """Drop what was not given (None and emptied objects), so that the server fills in its defaults."""
    kept = {
        name: without_missing(value) if isinstance(value, dict) else value
        for name, value in document.items()
        if value is not None
    }
    return {name: value for name, value in kept.items() if value != {}}


def merged(document: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`document` with what `over` says, object by object."""
    both = {
        name: merged(document[name], value)
        for name, value in over.items()
        if isinstance(value, dict) and isinstance(document.get(name), dict)
    }
    return document | over | both


def assigned(document: dict[str, Any], assignments: list[str] | None) -> dict[str, Any]:
    """`document` with the values of `--set PATH=JSON` in it; what is no JSON is a text.

    Raises `typer.BadParameter` for a path through something that is not an object.
    """
    for assignment in assignments or []:
        path, text = pair(assignment, "--set")
        *parents, last = path.split(".")
        inner = document
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise typer.BadParameter(f"{path}: {parent} is not an object", param_hint="--set")
        try:
            inner[last] = json.loads(text)
        except json.JSONDecodeError:
            inner[last] = text
    return document
