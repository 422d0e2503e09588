"""Settings come from the environment; secrets do not show."""

import re

import pytest
from pydantic import ValidationError

from api_schemas.runner import TaskType
from service.core.foundation.settings import Settings, settings_of_environment


def test_environment_sets_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADD_REDIS_URL", "redis://:hidden@elsewhere:1/2")
    monkeypatch.setenv("LADD_S3_SECRET_KEY", "hidden")
    monkeypatch.setenv("LADD_S3_ENDPOINT_URL", "")
    monkeypatch.setenv("LADD_TASK_TIMEOUT_SECONDS", '{"ingest": 60}')
    monkeypatch.setenv("LADD_TASK_STALL_SECONDS", '{"report": 60}')
    settings = Settings()
    assert settings.redis_url == "redis://:hidden@elsewhere:1/2"
    assert settings.s3_endpoint_url is None
    assert "hidden" not in repr(settings)
    assert settings.task_timeout_seconds == {TaskType.INGEST: 60}
    assert settings.task_stall_seconds == {TaskType.REPORT: 60}


@pytest.mark.parametrize(("field", "value"), [("LADD_LEASE_SECONDS", "0"), ("LADD_PORT", "70000")])
def test_impossible_values_are_refused(monkeypatch: pytest.MonkeyPatch, field: str, value: str) -> None:
    monkeypatch.setenv(field, value)
    with pytest.raises(ValidationError, match=field.removeprefix("LADD_").lower()):
        Settings()


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("LADD_WORKER_QUEUES", "cpu,gppu", "gppu"),
        ("LADD_WORKER_QUEUES", " , ", "name some of these"),
        ("LADD_S3_ENDPOINT_URL", "s3.example:9000", "http://"),
        ("LADD_S3_PUBLIC_ENDPOINT_URL", "files.example", "http://"),
        ("LADD_S3_PUBLIC_ENDPOINT_URL", "https://", "names a host"),
        ("LADD_REDIS_URL", "hidden@redis.example:6379", "redis://"),
    ],
)
def test_names_and_addresses_are_checked_at_the_start(
    monkeypatch: pytest.MonkeyPatch, field: str, value: str, told: str
) -> None:
    monkeypatch.setenv(field, value)
    with pytest.raises(ValidationError, match=field.removeprefix("LADD_").lower()) as caught:
        Settings()
    assert told in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("LADD_S3_PUBLIC_ENDPOINT_URL", "hidden.example", "LADD_S3_PUBLIC_ENDPOINT_URL: an address begins with http"),
        ("LADD_REDIS_URL", "hidden@redis.example", "LADD_REDIS_URL: the address of Redis begins with redis://"),
        ("LADD_PORT", "70000", "LADD_PORT: Input should be less than or equal to 65535, not '70000'"),
        ("LADD_TASK_TIMEOUT_SECONDS", "hidden", "task_timeout_seconds"),
    ],
)
def test_a_program_ends_naming_the_variable(monkeypatch: pytest.MonkeyPatch, field: str, value: str, told: str) -> None:
    monkeypatch.setenv(field, value)
    with pytest.raises(SystemExit) as caught:
        settings_of_environment()
    assert told in str(caught.value.code)
    assert "hidden" not in str(caught.value.code)


@pytest.mark.parametrize(("given", "root"), [("/ladd", "/ladd"), ("/a/b/", "/a/b"), ("/", "")])
def test_a_root_path_ends_in_no_slash(monkeypatch: pytest.MonkeyPatch, given: str, root: str) -> None:
    monkeypatch.setenv("LADD_ROOT_PATH", given)
    assert Settings().root_path == root


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LADD_ROOT_PATH", "ladd"),
        ("LADD_ROOT_PATH", "//elsewhere.example"),
        ("LADD_ROOT_PATH", "/a b"),
        ("LADD_FORWARDED_ALLOW_IPS", "*"),
        ("LADD_FORWARDED_ALLOW_IPS", "10.0.0.1, nginx"),
    ],
)
def test_a_prefix_and_proxies_are_named_plainly(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=f"{name}: .*not '{re.escape(value)}'"):
        settings_of_environment()
