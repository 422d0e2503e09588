"""The ports and secrets of one stack, kept in its directory so that its data is found again after a restart."""

import json
import secrets
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from stack.embedded import ADMIN_GRPC_OFFSET, S3_PORTS
from stack.ports import free_ports, is_free
from stack.private_file import write_private

FILE_NAME = "stack.json"


@dataclass(frozen=True)
class StackState:
    """Ports and secrets, drawn once per directory. All ports are on loopback."""

    api_port: int
    redis_port: int
    s3_ports: list[int]
    supervisord_port: int
    s3_access_key: str
    s3_secret_key: str = field(repr=False)
    redis_password: str = field(repr=False)
    supervisord_password: str = field(repr=False)

    @property
    def api_url(self) -> str:
        """Base URL of the service."""
        return f"http://127.0.0.1:{self.api_port}"

    def ports_are_free(self) -> bool:
        """Whether nobody listens on any of our ports."""
        ports = [self.api_port, self.redis_port, *self.s3_ports, self.supervisord_port]
        return all(is_free(port) for port in [*ports, self.s3_ports[-1] + ADMIN_GRPC_OFFSET])


def load_state(directory: Path) -> StackState | None:
    """The draw for the stack in `directory`; None when there has not been one."""
    path = directory / FILE_NAME
    return StackState(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def prepare_state(directory: Path) -> StackState:
    """The kept secrets, and the kept ports if they are still free; what is missing is drawn and kept."""
    kept = load_state(directory)
    if kept is not None and kept.ports_are_free():
        return kept
    api, redis, supervisord, *s3 = free_ports(3 + S3_PORTS)
    if kept is not None:
        state = replace(kept, api_port=api, redis_port=redis, s3_ports=s3, supervisord_port=supervisord)
    else:
        state = StackState(
            api_port=api,
            redis_port=redis,
            s3_ports=s3,
            supervisord_port=supervisord,
            s3_access_key=f"ladd{secrets.token_hex(8)}",
            s3_secret_key=secrets.token_urlsafe(32),
            redis_password=secrets.token_urlsafe(24),
            supervisord_password=secrets.token_urlsafe(24),
        )
    write_private(directory / FILE_NAME, json.dumps(asdict(state), indent=1))
    return state
