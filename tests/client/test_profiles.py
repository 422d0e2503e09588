"""Where a client goes and with which key."""

import stat
from pathlib import Path

import pytest
from ladd_client import profiles
from ladd_client.errors import ClientError
from ladd_client.profiles import Profile, connection

WORK = Profile("https://ladd.example/api", "ladd_work")
HOME = Profile("http://nas:8000")


def test_profiles_are_kept_as_they_are_and_for_their_owner_alone() -> None:
    kept = {"default": HOME, 'wörk "1"\n': Profile("https://ä.example/😀", 'k"\\')}
    path = profiles.write(kept)
    assert path == profiles.config_path()
    assert profiles.read() == kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    profiles.write({"work": WORK})
    assert (profiles.read(), stat.S_IMODE(path.stat().st_mode)) == ({"work": WORK}, 0o600)
    assert [found.name for found in path.parent.iterdir()] == ["config.toml"]


def test_what_is_given_stands_over_the_environment_over_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connection(None, None, None) == Profile(profiles.DEFAULT_URL)
    profiles.write({"default": HOME, "work": WORK})
    assert connection(None, None, None) == HOME
    assert connection(None, None, "work") == WORK
    monkeypatch.setenv("LADD_PROFILE", "work")
    assert connection(None, None, None) == WORK
    assert connection(None, None, "default") == HOME
    monkeypatch.setenv("LADD_API_KEY", "ladd_env")
    assert connection(None, None, None) == Profile(WORK.url, "ladd_env")
    assert connection(None, "ladd_given", None) == Profile(WORK.url, "ladd_given")
    monkeypatch.setenv("LADD_URL", "http://other:1")
    assert connection(None, None, None) == Profile("http://other:1", "ladd_env")
    assert connection("http://given:2", None, None) == Profile("http://given:2", "ladd_env")
    # Neither the address nor the key that the shell was told is those of a profile that is named.
    assert connection(None, None, "default") == HOME


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://ladd.example:443/elsewhere", WORK.api_key),
        ("http://ladd.example", None),
        ("https://ladd.example:8443", None),
        ("https://ladd.example.evil.example", None),
        ("http://[::1", None),
    ],
)
def test_the_key_of_a_profile_goes_to_its_own_service_alone(url: str, key: str | None) -> None:
    profiles.write({"work": WORK})
    assert connection(url, None, "work").api_key == key


def test_a_profile_that_is_not_there_is_named_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles.write({"work": WORK})
    with pytest.raises(ClientError, match=r"no profile 'wrok' \(there are: work\): ladd login --profile wrok"):
        connection(None, None, "wrok")
    monkeypatch.setenv("LADD_PROFILE", "home")
    with pytest.raises(ClientError, match="no profile 'home'"):
        connection(None, None, None)


@pytest.mark.parametrize("text", ["profiles = 3", "[profiles.a]\nurl = 1\ntoken = 2", "[", "[profiles]\na = 1"])
def test_a_file_that_is_something_else_is_named(text: str) -> None:
    path = profiles.config_path()
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ClientError, match=f"{path} is not as `ladd login` writes it"):
        profiles.read()


def test_the_folder_is_that_of_xdg_or_of_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert profiles.config_path() == tmp_path / ".config" / "ladd" / "config.toml"
