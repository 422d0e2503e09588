"""The compose file and the images start the same commands as the local stack, with names that exist in the code."""

import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from service.core.foundation.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ["api", "worker", "worker-gpu"]
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """(instruction, arguments) of each line, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", dockerfile.read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def arguments(dockerfile: Path, instruction: str) -> list[str]:
    return [argument for name, argument in instructions(dockerfile) if name == instruction]


def ladd_variables(text: str) -> set[str]:
    return set(re.findall(r"LADD_[A-Z0-9_]+", text))


def module_of(command: list[str]) -> str:
    assert command[:2] == ["python", "-m"]
    return command[2]


def test_every_service_of_the_design_is_there() -> None:
    assert set(SERVICES) == {"redis", "s3", "api", "worker", "worker-gpu"}


def test_the_gpu_worker_does_not_compute_on_a_cpu_unasked() -> None:
    environments = {name: SERVICES[name]["environment"] for name in ("worker", "worker-gpu")}
    assert environments["worker-gpu"]["LADD_WORKER_DEVICE"] == "cuda"
    assert "LADD_WORKER_DEVICE" not in environments["worker"]


@pytest.mark.parametrize(
    ("service", "module"), [("api", "service.http"), ("worker", "workers"), ("worker-gpu", "workers")]
)
def test_services_run_the_commands_of_the_local_stack(service: str, module: str) -> None:
    assert module_of(SERVICES[service]["command"]) == module
    assert importlib.util.find_spec(f"{module}.__main__") is not None
    dockerfile = ROOT / SERVICES[service]["build"]["dockerfile"]
    [command] = arguments(dockerfile, "CMD")
    assert yaml.safe_load(command) == SERVICES[service]["command"]


@pytest.mark.parametrize(
    "path", ["docker-compose.yml", "docker/env.example", *(f"docker/{path.name}" for path in DOCKERFILES)]
)
def test_every_variable_is_a_setting(path: str) -> None:
    known = {f"LADD_{name.upper()}" for name in Settings.model_fields}
    used = ladd_variables((ROOT / path).read_text())
    assert used
    assert used <= known


@pytest.mark.parametrize("service", OURS)
def test_settings_accept_what_compose_sets(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filled = {
        name: re.sub(r"\$\{\w+:[-?]([^}]*)\}", r"\1", str(value))
        for name, value in SERVICES[service]["environment"].items()
    }
    for name, value in filled.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.redis_url == "redis://redis:6379/0"
    assert settings.s3_endpoint_url == "http://s3:8333"
    assert settings.s3_public_endpoint_url == "http://localhost:8333"
    assert set(settings.worker_queues.split(",")) <= {"cpu", "gpu", "io"}


def test_env_example_names_what_compose_asks_for() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    lines = (ROOT / "docker" / "env.example").read_text().splitlines()
    assert asked == ladd_variables("\n".join(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize("service", OURS)
def test_every_setting_of_the_env_file_reaches_ours(service: str) -> None:
    assert SERVICES[service]["env_file"] == [".env"]
    # What the service names itself hides what the file says, so it is no more than what has to be so here.
    own = {name for name, value in SERVICES[service]["environment"].items() if "${" not in str(value)}
    fixed = {"LADD_REDIS_URL", "LADD_S3_ENDPOINT_URL", "LADD_S3_BUCKET"}
    here = {
        "api": {"LADD_HOST", "LADD_PORT"},
        "worker": {"LADD_DATA_DIR"},
        "worker-gpu": {"LADD_DATA_DIR", "LADD_WORKER_QUEUES"},
    }
    assert own - {"LADD_WORKER_DEVICE"} == fixed | here[service]


@pytest.mark.parametrize("service", SERVICES)
def test_logs_are_rotated(service: str) -> None:
    options = SERVICES[service]["logging"]["options"]
    assert set(options) == {"max-size", "max-file"}


def test_addresses_point_at_services_and_at_the_ports_they_listen_on() -> None:
    environment = SERVICES["api"]["environment"]
    redis, s3 = urlsplit(environment["LADD_REDIS_URL"]), urlsplit(environment["LADD_S3_ENDPOINT_URL"])
    assert {redis.hostname, s3.hostname} <= set(SERVICES)
    assert redis.port == 6379  # valkey-server's default, which its command leaves alone
    assert not any(argument.startswith("--port") for argument in SERVICES["redis"]["command"])
    assert f"-s3.port={s3.port}" in SERVICES["s3"]["command"]
    assert SERVICES["s3"]["ports"] == [f"127.0.0.1:{s3.port}:{s3.port}"]
    assert f"localhost:{s3.port}" in environment["LADD_S3_PUBLIC_ENDPOINT_URL"]

    port = environment["LADD_PORT"]
    assert SERVICES["api"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert arguments(ROOT / "docker" / "api.Dockerfile", "EXPOSE") == [str(port)]
    # Inside a container, loopback would be reachable from nowhere else.
    assert environment["LADD_HOST"] == "0.0.0.0"


def test_the_api_is_probed_at_a_route_it_has() -> None:
    from service.http.app import create_app

    *_, program = SERVICES["api"]["healthcheck"]["test"]
    found = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", program)
    assert found is not None
    port, route = found.groups()
    assert int(port) == SERVICES["api"]["environment"]["LADD_PORT"]
    assert route in create_app().openapi()["paths"]
    compile(program, "healthcheck", "exec")


@pytest.mark.parametrize("service", ["worker", "worker-gpu"])
def test_workers_are_probed_by_a_module_that_exists(service: str) -> None:
    command = SERVICES[service]["healthcheck"]["test"]
    assert command[0] == "CMD"
    assert importlib.util.find_spec(module_of(command[1:])) is not None


def test_ours_wait_for_servers_that_are_healthy() -> None:
    for service in OURS:
        for server, condition in SERVICES[service]["depends_on"].items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[server]


def test_redis_keeps_everything() -> None:
    command = SERVICES["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options == {"--appendonly": "yes", "--appendfsync": "everysec", "--maxmemory-policy": "noeviction"}


def test_s3_starts_only_with_credentials_and_shares_those_of_ours() -> None:
    theirs, ours = SERVICES["s3"]["environment"], SERVICES["api"]["environment"]
    assert theirs["AWS_ACCESS_KEY_ID"] == ours["LADD_S3_ACCESS_KEY"]
    assert theirs["AWS_SECRET_ACCESS_KEY"] == ours["LADD_S3_SECRET_KEY"]
    assert all(":?" in value for value in theirs.values())


def test_only_the_gpu_profile_reserves_devices() -> None:
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]
    [device] = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert SERVICES["worker-gpu"]["environment"]["LADD_WORKER_QUEUES"] == "gpu"
    assert all("profiles" not in SERVICES[name] and "deploy" not in SERVICES[name] for name in ["api", "worker"])


def test_named_volumes_are_declared() -> None:
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])


def test_workers_keep_their_data_where_the_volume_is() -> None:
    [environment] = arguments(ROOT / "docker" / "worker.Dockerfile", "ENV")
    data = dict(pair.split("=") for pair in environment.split())["LADD_DATA_DIR"]
    assert arguments(ROOT / "docker" / "worker.Dockerfile", "VOLUME") == [data]
    for service in ["worker", "worker-gpu"]:
        assert SERVICES[service]["environment"]["LADD_DATA_DIR"] == data
        [volume] = SERVICES[service]["volumes"]
        assert volume.partition(":")[2] == data


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_images_are_pinned_and_not_root(dockerfile: Path) -> None:
    [base] = {stage.partition(" AS ")[0] for stage in arguments(dockerfile, "FROM")}
    assert re.fullmatch(r"python:3\.1[1-3]\.\d+-slim-\w+", base)
    order = [name for name, _ in instructions(dockerfile)]
    [user] = arguments(dockerfile, "USER")
    assert user != "root"
    assert order.index("USER") < order.index("CMD")
    assert f" {user}" in " ".join(arguments(dockerfile, "RUN"))
    for service in ("redis", "s3"):
        assert re.search(r":\d+\.\d+", SERVICES[service]["image"])


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_copied_paths_exist_and_reach_the_build(dockerfile: Path) -> None:
    ignore = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert ignore[0] == "*"
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    for copy in arguments(dockerfile, "COPY"):
        *sources, _ = copy.split()
        if sources[0].startswith("--from="):  # out of an earlier stage
            continue
        for source in sources:
            assert (ROOT / source).exists(), source
            assert source.partition("/")[0] in allowed


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_dependencies_are_installed_before_the_sources_are_copied(dockerfile: Path, tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    steps = instructions(dockerfile)
    fetching, installing = (
        next(number for number, (name, text) in enumerate(steps) if name == "RUN" and words in text)
        for words in ("-r requirements.txt", "--no-deps ./client .")
    )
    copied = {
        part: number
        for number, (name, text) in enumerate(steps)
        if name == "COPY" and not text.startswith("--from=")
        for part in text.split()[:-1]
    }
    before = {part for part, number in copied.items() if number < fetching}
    assert before == {"pyproject.toml", "client/pyproject.toml", "constraints.txt"}
    after = {part for part, number in copied.items() if fetching < number < installing}
    assert {project["readme"], *project["license-files"], "service", "method"} <= after

    # The program that writes the list, as the shell of the image reads it.
    program, _, rest = steps[fetching][1].partition(" > requirements.txt")
    words = shlex.split(program)
    assert words[:2] == ["python", "-c"]
    listed = subprocess.run(
        [sys.executable, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    extra = project["optional-dependencies"]["worker"] if dockerfile.name.startswith("worker") else []
    client = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]
    others = [name for name in project["dependencies"] if name != f"ladd-client=={client['version']}"]
    assert len(others) == len(project["dependencies"]) - 1
    assert listed == [*client["dependencies"], *others, *extra]
    install = shlex.split(rest.partition("pip install")[2].partition("&&")[0])
    assert install[install.index("-c") + 1] == "constraints.txt"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_images_hold_the_packages_that_their_command_imports(dockerfile: Path) -> None:
    [command] = arguments(dockerfile, "CMD")
    copied = set(" ".join(arguments(dockerfile, "COPY")).split())
    rooms = "api_schemas|service|stack|workers"
    packages = {module_of(yaml.safe_load(command)).partition(".")[0]}
    while True:
        imported = {
            name
            for package in packages
            for path in (ROOT / package).rglob("*.py")
            for name in re.findall(rf"^\s*(?:from|import) ({rooms})\b", path.read_text(), re.M)
        }
        if imported <= packages:
            break
        packages |= imported
    assert packages <= copied


def test_files_beside_the_code_are_installed_with_it() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    declared = [
        f"{package.replace('.', '/')}/{pattern}"
        for package, patterns in tools.get("package-data", {}).items()
        for pattern in patterns
    ]
    for package in ("service", "workers"):
        for path in (ROOT / package).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and path.suffix != ".py" and "__pycache__" not in name:
                assert any(fnmatch(name, pattern) for pattern in declared), name
