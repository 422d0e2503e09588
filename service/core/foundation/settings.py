"""Settings of front and workers, read from environment variables that start with `LADD_`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from api_schemas.runner import TaskType

GIB = 1 << 30


class Settings(BaseSettings):
    """The choices of a deployment: each field is set by `LADD_` and its name, an empty value leaves the default."""

    model_config = SettingsConfigDict(env_prefix="LADD_", env_ignore_empty=True, frozen=True)

    redis_url: Annotated[str, Field(repr=False)] = "redis://127.0.0.1:6379/0"
    """Redis (>= 6.2, `noeviction`, no cluster): live jobs, the index of the catalogue, and Celery's queues."""

    s3_endpoint_url: str | None = None
    """Object storage as front and workers reach it; None: AWS."""
    s3_public_endpoint_url: str | None = None
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
    worker_queues: str = "cpu,gpu"
    """Queues that a worker takes tasks from, separated by commas: `gpu` (trainings, labels), `cpu` (large uploads) and
    `io` (small uploads, reports), which comes with `cpu` and has a slot of its own beside others."""
    worker_slots: Annotated[int, Field(ge=1)] | None = None
    """Tasks that a worker runs at a time; None: the number of GPUs, or of CPU cores where there is none."""
    events_kept: Annotated[int, Field(ge=100)] = 10_000
    """Newest events kept of each job."""
    task_timeout_seconds: dict[TaskType, Annotated[int, Field(ge=1)]] = {}
    """Longest run of one attempt by task type, e.g. `{"ingest": 600}`; types left out keep the default of
    `service.core.kinds.task_types`."""
    task_stall_seconds: dict[TaskType, Annotated[int, Field(ge=1)]] = {}
    """Longest time without progress by task type, after which the attempt is ended; given as `task_timeout_seconds`."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe messages that are logged."""
