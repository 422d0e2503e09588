"""`python -m service.keys`: make, list and revoke API keys, with the settings of the environment."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated

import typer
from pydantic import ValidationError
from redis.exceptions import RedisError

from service.core.clients import Core, open_core
from service.core.foundation.errors import ServiceError
from service.core.foundation.settings import settings_of_environment
from service.core.foundation.tenants import DEFAULT, NAME
from service.core.resources import api_keys
from service.core.resources.api_keys import ApiKey, Scope

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="API keys of the LADD service.")


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What the key is for, in your words.")],
    tenant: Annotated[str, typer.Option(help="Whose things the key sees and makes.")] = DEFAULT,
    scopes: Annotated[str, typer.Option(help="Some of read, write, admin, separated by commas.")] = "read,write",
) -> None:
    """Make a key and print it; it is shown this once."""
    if not re.fullmatch(NAME, tenant):
        message = f"{tenant!r} is not of lower-case letters, digits and hyphens, at most 63"
        raise typer.BadParameter(message, param_hint="--tenant")
    with _core() as core:
        key, secret = api_keys.create(core, tenant, name, _scopes(scopes))
        unseen = api_keys.seen_by_no_key(core, DEFAULT)
    if unseen:
        typer.echo(
            f"Warning: tenant {DEFAULT!r}, to which all belongs that is made without a key, has "
            f"{', '.join(f'{what}: {count:,}' for what, count in unseen.items())}, and no key of its own: nobody but "
            "an admin sees these from now on. A key made without --tenant shows them.",
            err=True,
        )
    typer.echo(f"{_line(key)}\nIt is shown this once:", err=True)
    typer.echo(secret)


@app.command("list")
def list_() -> None:
    """List every key, revoked ones included."""
    with _core() as core:
        for key in api_keys.stored(core.storage):
            typer.echo(_line(key))


@app.command()
def revoke(key: Annotated[str, typer.Argument(metavar="KEY", help="Its id, key_..., as `list` shows it.")]) -> None:
    """Make a key useless, within seconds on every front."""
    with _core() as core:
        typer.echo(_line(api_keys.revoke(core, key)))


def _scopes(text: str) -> set[Scope]:
    named = {scope.strip() for scope in text.split(",")}
    if unknown := named - set(Scope):
        message = f"{', '.join(sorted(unknown))!r}: scopes are {', '.join(Scope)}"
        raise typer.BadParameter(message, param_hint="--scopes")
    return {Scope(scope) for scope in named}


def _line(key: ApiKey) -> str:
    state = "active" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
    return f"{key.id}  {key.created_at:%Y-%m-%d %H:%M}  {key.tenant}  {','.join(key.scopes)}  {state}  {key.name}"


@contextmanager
def _core() -> Iterator[Core]:
    """Open the core; what cannot be done is told in a line, not in a traceback."""
    try:
        with closing(open_core(settings_of_environment())) as core:
            core.storage.ensure_bucket()
            yield core
    except (ServiceError, RedisError, ValidationError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
