"""Where the service is and with which key: flag or argument, else environment, else a profile, else this machine."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from ladd_client.auth import origin
from ladd_client.errors import ClientError

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_PROFILE = "default"


@dataclass(frozen=True)
class Profile:
    """A service and the key for it, None where it wants none."""

    url: str
    api_key: str | None = None


def connection(url: str | None, api_key: str | None, profile: str | None) -> Profile:
    """Choose each of the two: as given, else of the profile that is given, else LADD_URL and LADD_API_KEY, else of the
    profile that LADD_PROFILE names, or of `default`, which need not be there; else `DEFAULT_URL`.

    A profile's key is for its own service alone: it is left out where the address is another. Raises `ClientError` for
    a profile that is not there.
    """
    chosen = _chosen(profile or os.environ.get("LADD_PROFILE") or None)
    # A profile that is named here and now comes before what the shell was once told.
    environment = {} if profile else os.environ
    address = url or environment.get("LADD_URL") or chosen.url
    key = api_key or environment.get("LADD_API_KEY") or None
    if key is None and _same_service(address, chosen.url):
        key = chosen.api_key
    return Profile(address, key)


def read() -> dict[str, Profile]:
    """Return the profiles by name. Raises `ClientError` for a file that holds something else."""
    path = config_path()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: Profile(**given) for name, given in document.get("profiles", {}).items()}
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ClientError(f"{path} is not as `ladd login` writes it ({error}): mend it, or remove it") from error


def write(profiles: Mapping[str, Profile]) -> Path:
    """Write the profiles, readable for their owner alone, and return the file; the old one stays until all is there."""
    path = config_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = ["# Written by `ladd login`."]
    for name, profile in profiles.items():
        lines += ["", f"[profiles.{_quoted(name)}]", f"url = {_quoted(profile.url)}"]
        lines += [] if profile.api_key is None else [f"api_key = {_quoted(profile.api_key)}"]
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    new.replace(path)
    return path


def config_path() -> Path:
    """Where profiles are kept: `ladd/config.toml` in XDG_CONFIG_HOME, by default `~/.config`."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "ladd" / "config.toml"


def _chosen(name: str | None) -> Profile:
    found = read()
    if name is not None and name not in found and name != DEFAULT_PROFILE:
        there = ", ".join(found) or "none"
        raise ClientError(f"there is no profile {name!r} (there are: {there}): ladd login --profile {name}")
    return found.get(name or DEFAULT_PROFILE, Profile(DEFAULT_URL))


def _quoted(text: str) -> str:
    """Return a text as TOML has it, which is as JSON has it."""
    return json.dumps(text, ensure_ascii=False)


def _same_service(one: str, other: str) -> bool:
    try:
        return origin(httpx.URL(one)) == origin(httpx.URL(other))
    except httpx.InvalidURL:
        return False
