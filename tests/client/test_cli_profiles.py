"""`ladd login`, `logout` and `profiles`."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from ladd_client import profiles
from ladd_client.profiles import Profile

from service.core.resources.api_keys import Scope

Ladd = Callable[..., Any]


@pytest.fixture
def key(make_key: Callable[..., str]) -> str:
    return make_key("acme", Scope.READ)


def test_a_key_that_was_entered_is_tried_kept_and_used(
    ladd: Ladd, key: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ladd("jobs").exit_code == 1
    refused = ladd("login", stdin="ladd_wrong\n")
    assert (refused.exit_code, "unauthenticated" in refused.stderr) == (1, True)
    assert profiles.read() == {}
    result = ladd("login", "--profile", "work", stdin=f"{key}\n")
    assert result.stdout == f"work: {server}, kept in {profiles.config_path()}\n"
    assert profiles.read() == {"work": Profile(server, key)}
    monkeypatch.delenv("LADD_URL")
    assert ladd("--profile", "work", "jobs").exit_code == 0
    monkeypatch.setenv("LADD_PROFILE", "work")
    assert ladd("jobs").exit_code == 0
    listed = [json.loads(line) for line in ladd("profiles", "--json").stdout.splitlines()]
    assert listed == [{"profile": "work", "url": server, "with_key": True, "used": True}]
    assert key not in ladd("profiles").stdout
    assert ladd("logout").stdout == "work forgotten\n"
    gone = ladd("jobs")
    assert (gone.exit_code, "ladd login --profile work" in gone.stderr) == (1, True)
    assert ladd("logout").exit_code == 1


def test_who_sits_there_is_asked_and_the_key_is_not_shown(
    ladd: Ladd, key: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LADD_URL")
    monkeypatch.setattr("ladd_client.cli_profiles.somebody_is_there", lambda: True)
    result = ladd("login", "--json", stdin=f"{server}\n{key}\n")
    # The runner shows what was typed, and an empty line where a terminal would show nothing.
    told = json.loads(result.stdout.splitlines()[-1])
    assert told == {"profile": "default", "url": server, "path": str(profiles.config_path())}
    assert key not in result.stdout + result.stderr
    assert profiles.read() == {"default": Profile(server, key)}
    assert ladd("jobs").exit_code == 0
    # Just Enter keeps the address.
    assert ladd("login", stdin=f"\n{key}\n").exit_code == 0


def test_a_service_without_keys_needs_none(ladd: Ladd, server: str) -> None:
    assert ladd("--url", server, "login", stdin="").exit_code == 0
    assert profiles.read() == {"default": Profile(server)}


def test_the_key_comes_from_the_environment(
    ladd: Ladd, make_key: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = make_key("acme", Scope.READ)
    refused = ladd("jobs")
    assert refused.exit_code == 1
    assert "(HTTP 401, unauthenticated)" in refused.stderr
    monkeypatch.setenv("LADD_API_KEY", secret)
    assert ladd("jobs").exit_code == 0
    lacking = ladd("cancel", f"job_{'0' * 26}")
    assert lacking.exit_code == 1
    assert "(HTTP 403, forbidden)" in lacking.stderr


def test_a_profile_named_on_the_line_stands_over_the_environment(
    ladd: Ladd, key: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.write({"work": Profile(server, key)})
    monkeypatch.setenv("LADD_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LADD_API_KEY", "ladd_of_another_service")
    assert ladd("--profile", "work", "jobs").exit_code == 0
