"""The processes of the local stack, with the settings that they start with."""

from pathlib import Path

import pytest

from service.core.foundation.settings import Settings
from stack import processes
from stack.processes import service_environment, services
from stack.state import prepare_state


def test_addresses_of_another_deployment_are_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {name for name in Settings.model_fields if name.endswith("_url")}
    assert ours
    for name in ours:
        monkeypatch.setenv(f"LADD_{name.upper()}", "https://elsewhere.example")
    for variable, value in service_environment(tmp_path, prepare_state(tmp_path)).items():
        monkeypatch.setenv(variable, value)
    settings = Settings()
    assert "elsewhere" not in str(settings.model_dump(include=ours))


def test_a_health_check_that_takes_too_long_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "HEALTH_SECONDS", 0.01)
    worker = next(each for each in services(tmp_path, prepare_state(tmp_path)) if each.name == "worker")
    assert worker.missing() == "its health check has not answered in 0.01 s"
