"""A stack keeps its ports and secrets, and keeps them to itself."""

import socket
import stat
from pathlib import Path

from stack.embedded import S3_PORTS, redis_command
from stack.state import FILE_NAME, load_state, prepare_state


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_drawn_is_kept(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None
    state = prepare_state(tmp_path)
    assert load_state(tmp_path) == state == prepare_state(tmp_path)
    assert len({state.api_port, state.redis_port, state.supervisord_port, *state.s3_ports}) == 3 + S3_PORTS


def test_files_with_secrets_are_private(tmp_path: Path) -> None:
    state = prepare_state(tmp_path)
    redis_command(tmp_path, state.redis_port, state.redis_password)
    for name in (FILE_NAME, "redis.conf"):
        assert mode(tmp_path / name) == 0o600
    assert not any(secret in repr(state) for secret in (state.s3_secret_key, state.redis_password))


def test_a_port_that_was_taken_meanwhile_is_replaced_and_secrets_stay(tmp_path: Path) -> None:
    state = prepare_state(tmp_path)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", state.redis_port))
        listener.listen()
        again = prepare_state(tmp_path)
    assert again.redis_port != state.redis_port
    assert (again.s3_secret_key, again.redis_password) == (state.s3_secret_key, state.redis_password)
    assert load_state(tmp_path) == again
