"""`python -m service.keys`, and the front that asks for it before it listens to other machines."""

import re
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from typer.testing import CliRunner

from service.core.clients import Core
from service.core.resources import api_keys
from service.core.resources.api_keys import Scope
from service.http.__main__ import main as serve
from service.keys import app
from tests.service.core.hand import Hand


@pytest.fixture(autouse=True)
def environment(core: Core, monkeypatch: pytest.MonkeyPatch, forget_keys: None) -> None:
    settings = core.settings
    assert settings.s3_secret_key is not None
    for name in ("redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key"):
        monkeypatch.setenv(f"LADD_{name.upper()}", getattr(settings, name))
    monkeypatch.setenv("LADD_S3_SECRET_KEY", settings.s3_secret_key.get_secret_value())


@pytest.fixture
def hand(core: Core, tmp_path: Path) -> Hand:
    return Hand(core, tmp_path)


def run(*arguments: str, code: int = 0) -> tuple[str, str]:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def test_a_key_is_made_listed_and_revoked(core: Core) -> None:
    out, err = run("create", "--name", "laptop", "--tenant", "acme", "--scopes", "read, admin")
    secret = out.strip()
    (key,) = api_keys.stored(core.storage)
    assert api_keys.indexed(core) == {api_keys.digest_of(secret): key}
    assert (key.name, key.tenant, key.scopes) == ("laptop", "acme", [Scope.ADMIN, Scope.READ])
    assert secret not in err
    listed, _ = run("list")
    assert re.fullmatch(rf"{key.id}  \S+ \S+  acme  admin,read  active  laptop\n", listed)
    assert secret not in listed
    revoked, _ = run("revoke", key.id)
    assert " revoked " in revoked
    assert run("list")[0] == revoked


def test_a_key_that_leaves_what_was_made_before_to_nobody_warns(core: Core, hand: Any) -> None:
    assert "Warning" not in run("create", "--name", "empty", "--tenant", "acme")[1], "there is nothing yet"
    hand.upload()
    _, warned = run("create", "--name", "first", "--tenant", "acme")
    assert "has datasets: 1, jobs: 1, and no key of its own" in warned
    assert "without --tenant" in warned
    own, said = run("create", "--name", "own")
    assert "Warning" not in said
    assert own.startswith("ladd_")
    assert "Warning" not in run("create", "--name", "another", "--tenant", "acme")[1]
    run("revoke", next(key.id for key in api_keys.stored(core.storage) if key.name == "own"))
    assert "Warning" in run("create", "--name", "last", "--tenant", "acme")[1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["create", "--name", "x", "--scopes", "read,sing"], 2, "sing"),
        (["create", "--name", "x", "--tenant", "Acme Inc"], 2, "Acme Inc"),
        (["create", "--name", " "], 1, "name"),
        (["revoke", "key_none"], 1, "key_none"),
    ],
)
def test_what_is_refused_makes_no_key(arguments: list[str], code: int, message: str, core: Core) -> None:
    _, err = run(*arguments, code=code)
    assert message in err
    assert "Traceback" not in err
    assert api_keys.stored(core.storage) == []


def test_other_machines_are_not_listened_to_without_a_key(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    listening: list[str] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, host, **_: listening.append(host))
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        monkeypatch.setenv("LADD_HOST", host)
        with pytest.raises(SystemExit, match=r"service\.keys create"):
            serve()
    for host in ("127.0.0.1", "::1", "localhost"):
        monkeypatch.setenv("LADD_HOST", host)
        serve()
    api_keys.create(core, "default", "first", [Scope.READ])
    # Redis may have lost it.
    core.redis.flushall()
    monkeypatch.setenv("LADD_HOST", "0.0.0.0")
    serve()
    monkeypatch.setenv("LADD_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(SystemExit, match="cannot tell"):
        serve()
    assert listening == ["127.0.0.1", "::1", "localhost", "0.0.0.0"]
