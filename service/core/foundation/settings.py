"""Settings of front and workers, read from environment variables that start with `LADD_`."""

import re
import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, FilePath, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from api_schemas.runner import TaskType

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

GIB = 1 << 30

ROOT_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
"""A path below which a service is reached."""

Queue = Literal["cpu", "gpu", "io"]
QUEUES: tuple[Queue, ...] = get_args(Queue)
"""The queues that tasks wait in. `io`: takes seconds and somebody waits for it, so it stands behind no training."""


def _are_queues(names: str) -> str:
    named = {name.strip() for name in names.split(",")} - {""}
    if not named or not named <= set(QUEUES):
        unknown = ", ".join(sorted(named - set(QUEUES))) or "an empty name"
        raise ValueError(f"tasks wait in {', '.join(QUEUES)}: name some of these; {unknown} is none")
    return names


Network = IPv4Network | IPv6Network
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def _networks(text: str) -> tuple[Network, ...]:
    if text.lower() in ("true", "false"):
        return EVERYWHERE if text.lower() == "true" else ()
    return tuple(ip_network(name.strip()) for name in text.split(","))


def _are_networks(text: str) -> str:
    try:
        _networks(text)
    except ValueError as error:
        raise ValueError(f"true, false, or networks like 10.0.0.0/8,127.0.0.1, separated by commas: {error}") from None
    return text


def _is_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address begins with http:// or https:// and names a host")
    return url


def _is_redis(url: str) -> str:
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise ValueError("the address of Redis begins with redis://, rediss:// (TLS) or unix://")
    return url


def _is_root_path(path: str) -> str:
    root = path.rstrip("/")
    if root and not ROOT_PATH.fullmatch(root):
        raise ValueError("a path begins with / and has letters, digits and . _ ~ - between its slashes, as /ladd has")
    return root


def _are_proxies(addresses: str) -> str:
    for address in addresses.split(","):
        try:
            ip_network(address.strip())
        except ValueError as error:
            raise ValueError(f"name proxies by their IP addresses or networks, separated by commas: {error}") from None
    return addresses


class Settings(BaseSettings):
    """The choices of a deployment: each field is set by `LADD_` and its name, an empty value leaves the default."""

    # An address may hold a password: what was given stands in no error.
    model_config = SettingsConfigDict(env_prefix="LADD_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True)

    redis_url: Annotated[str, Field(repr=False), AfterValidator(_is_redis)] = "redis://127.0.0.1:6379/0"
    """Redis (>= 6.2, `noeviction`, no cluster): live jobs, the index of the catalogue, and Celery's queues."""
    redis_ca_file: FilePath | None = None
    """Certificates (PEM) that vouch for the server of a `rediss://` address; None: those that the system trusts."""

    s3_endpoint_url: Annotated[str, AfterValidator(_is_address)] | None = None
    """Object storage as front and workers reach it; None: AWS."""
    s3_public_endpoint_url: Annotated[str, AfterValidator(_is_address)] | None = None
    """The same storage as callers reach it, for links to down- and upload; None: `s3_endpoint_url`."""
    s3_bucket: str = "ladd"
    """The one bucket that holds everything."""
    s3_region: str = "us-east-1"
    """Region that requests are signed for."""
    s3_access_key: str | None = None
    """Access key; None: boto3's own chain (environment, profile, instance role)."""
    s3_secret_key: SecretStr | None = None
    """Secret key of `s3_access_key`."""

    data_dir: Path = Path.home() / ".cache" / "ladd"
    """Scratch folders and the cache of downloaded blobs of a worker."""
    host: str = "127.0.0.1"
    """Address that the front listens on."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    """Port that the front listens on."""
    root_path: Annotated[str, AfterValidator(_is_root_path)] = ""
    """Path below which a proxy offers the front, such as `/ladd`; it may pass it on or cut it off."""
    forwarded_allow_ips: Annotated[str, AfterValidator(_are_proxies)] = "127.0.0.1"
    """Proxies whose `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix` are believed: addresses and networks, separated
    by commas."""

    lease_seconds: Annotated[int, Field(ge=1)] = 30
    """How long a worker may be silent before its task is given to another."""
    max_attempts: Annotated[int, Field(ge=1)] = 3
    """How many workers may fail or be lost on one task before the task fails."""
    reaper_seconds: Annotated[float, Field(gt=0)] = 5
    """Pause between two looks for lost leases and lost wake-ups."""
    max_upload_bytes: Annotated[int, Field(ge=1)] = 8 * GIB
    """Largest body of an upload."""
    upload_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24
    """How long an upload in parts may take until it is used; unreferenced objects of that age are removed."""
    sweep_hours: Annotated[float, Field(gt=0)] = 1
    """Pause between two sweeps, which remove unreferenced objects and old jobs and sets as `retention_days` says."""
    queue_hours: Annotated[float, Field(gt=0)] | None = None
    """How long a job may wait for its first task to begin before it is `expired`; None: for ever."""
    retention_days: Annotated[float, Field(gt=0)] | None = None
    """How long finished jobs, and unused datasets and labelers, are kept; None: for ever."""
    import_memory_bytes: Annotated[int, Field(ge=GIB)] = 2 * GIB
    """Memory that a runner may use to read an upload, on top of twice the upload's size."""
    presign_seconds: Annotated[int, Field(ge=1, le=604_800)] = 900
    """How long a link to down- or upload works."""
    quota_queued_jobs: Annotated[int, Field(ge=1)] | None = 10_000
    """Jobs of one tenant that may wait to begin; None: any number, as with the other quotas."""
    quota_running_tasks: Annotated[int, Field(ge=1)] | None = None
    """Tasks of one tenant that may run at a time; the others wait."""
    quota_stored_bytes: Annotated[int, Field(ge=1)] | None = None
    """Bytes of datasets and labelers of one tenant above which it may neither upload nor start jobs."""
    quota_uploads_per_minute: Annotated[int, Field(ge=1)] | None = None
    """Uploads that one tenant may begin within a minute of the clock."""
    quota_webhooks: Annotated[int, Field(ge=1)] = 10
    """Webhooks that one tenant may have."""
    webhook_allow_private: Annotated[str, AfterValidator(_are_networks)] = "false"
    """Networks, between commas, that webhooks may lead to besides public addresses, also by http; `true`: any."""
    worker_queues: Annotated[str, AfterValidator(_are_queues)] = "cpu,gpu"
    """Queues that a worker takes tasks from, separated by commas: `gpu` (trainings, labels), `cpu` (large uploads) and
    `io` (small uploads, reports), which comes with `cpu` and has a slot of its own beside others."""
    worker_slots: Annotated[int, Field(ge=1)] | None = None
    """Tasks that a worker runs at a time; None: the number of GPUs, or of CPU cores where there is none."""
    worker_gpu_slots: Annotated[int, Field(ge=1)] | Literal["auto"] = 1
    """Tasks that a worker runs at a time on each GPU, unless `worker_slots` says how many in all. `auto`: one for every
    16 GiB of its memory, at most four; of trainings one more only as long as they get more done together."""
    worker_device: Literal["auto", "cuda", "cpu"] = "auto"
    """Device of a worker: `cuda` does not start without a GPU; `auto` takes the GPUs for the queue `gpu`, and the CPU
    only where there is nothing of NVIDIA."""
    events_kept: Annotated[int, Field(ge=100)] = 20_000
    """Events of a job from which on its history keeps no more logs and metrics, but of states and rows the newest twice
    as many. The largest job, 2,000 trainings, has about 12,000 events."""
    task_timeout_seconds: dict[TaskType, Annotated[int, Field(ge=1)]] = {}
    """Longest run of one attempt by task type, e.g. `{"ingest": 600}`; types left out keep the default of
    `service.core.kinds.task_types`."""
    task_stall_seconds: dict[TaskType, Annotated[int, Field(ge=1)]] = {}
    """Longest time without progress by task type, after which the attempt is ended; given as `task_timeout_seconds`."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe messages that are logged."""

    @property
    def webhook_networks(self) -> tuple[Network, ...]:
        """The networks of `webhook_allow_private`."""
        return _networks(self.webhook_allow_private)

    @property
    def redis_tls(self) -> dict[str, Any]:
        """Options of redis-py, and of Celery's transport, that verify certificate and name of the server; {}: no TLS.

        Celery would verify neither by itself. `ssl_...` options in the address come before these.
        """
        if not self.redis_url.startswith("rediss://"):
            return {}
        authorities = {} if self.redis_ca_file is None else {"ssl_ca_certs": str(self.redis_ca_file)}
        return {"ssl_cert_reqs": "required", "ssl_check_hostname": True, **authorities}


def settings_of_environment() -> Settings:
    """Return the settings; end the program where one is wrong, with its name, its value and what it should be.

    The values of addresses and keys, which may hold a secret, are not shown.
    """
    try:
        return Settings()
    except ValidationError as error:
        sys.exit("\n".join(_told(entry) for entry in error.errors()))
    except SettingsError as error:
        sys.exit(str(error))


def _told(entry: "ErrorDetails") -> str:
    field = ".".join(map(str, entry["loc"]))
    value = "" if field.endswith(("_url", "_key")) else f", not {str(entry['input'])[:200]!r}"
    return f"LADD_{field.upper()}: {entry['msg'].removeprefix('Value error, ')}{value}"
