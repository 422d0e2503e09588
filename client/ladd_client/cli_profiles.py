"""`ladd login`, `logout` and `profiles`: services and keys under names."""

import sys
from contextlib import closing
from typing import Annotated

import typer

from ladd_client import profiles
from ladd_client.errors import ClientError
from ladd_client.profiles import DEFAULT_PROFILE, DEFAULT_URL, Profile
from ladd_client.session import JsonOption, Session, somebody_is_there
from ladd_client.tables import text_table
from ladd_client.transport import Transport

profiles_app = typer.Typer()

ProfileOption = Annotated[str | None, typer.Option("--profile", help="Its name. Default: LADD_PROFILE, else default.")]


@profiles_app.command()
def login(context: typer.Context, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Keep a service's address and key for later calls; both are tried first.

    Asks for what --url and LADD_API_KEY do not say, without showing the key; where nobody can be asked, the key is the
    first line of standard input.
    """
    session: Session = context.obj
    name = profile or session.profile or DEFAULT_PROFILE
    kept = profiles.read()
    known = kept.get(name, Profile(DEFAULT_URL))
    url, key = session.url or known.url, session.api_key
    if somebody_is_there():
        url = session.url or typer.prompt("Address of the service", default=url, err=True)
        question = "API key (none: just Enter)"
        key = key or typer.prompt(question, default="", hide_input=True, show_default=False, err=True)
    else:
        key = key or sys.stdin.readline().strip()
    entered = Profile(url, key or None)
    with closing(Transport(entered.url, api_key=entered.api_key, timeout=10, attempts=2)) as transport:
        transport.request("GET", "/v1/jobs", repeatable=True, params={"limit": 1})
    path = profiles.write(kept | {name: entered})
    session.answer(f"{name}: {entered.url}, kept in {path}", as_json, profile=name, url=entered.url, path=str(path))


@profiles_app.command()
def logout(context: typer.Context, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Forget a profile with its key."""
    session: Session = context.obj
    name = profile or session.profile or DEFAULT_PROFILE
    kept = profiles.read()
    if name not in kept:
        raise ClientError(f"there is no profile {name!r}: ladd profiles lists those that there are")
    del kept[name]
    profiles.write(kept)
    session.answer(f"{name} forgotten", as_json, profile=name, forgotten=True)


@profiles_app.command("profiles")
def list_profiles(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the profiles, without their keys; the one in use has a star."""
    session: Session = context.obj
    used = session.profile or DEFAULT_PROFILE
    rows = []
    for name, profile in profiles.read().items():
        with_key = profile.api_key is not None
        if as_json:
            session.answer("", True, profile=name, url=profile.url, with_key=with_key, used=name == used)
        rows.append([name, profile.url, "yes" if with_key else "no", "*" if name == used else ""])
    if not as_json:
        typer.echo(text_table(["profile", "service", "key", "used"], rows))
