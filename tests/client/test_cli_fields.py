"""Every field that the API takes can be given on the command line: by a flag, or by `--set`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ladd_client.api import LaddClient
from ladd_client.cli import app
from pydantic import BaseModel
from typer.main import get_command

from api_schemas.datasets import DatasetMetadata
from api_schemas.evaluation import EvaluationSpec
from api_schemas.jobs import (
    EvaluateParams,
    GenerateLabelsParams,
    LaddParams,
    SweepParams,
    TrainLabelerParams,
)
from api_schemas.labelers import LabelerRecipe
from api_schemas.recipes import RecipeOverrides

Ladd = Callable[..., Any]

METADATA: dict[str, Any] = {
    "name": "mine",
    "role": "distilled",
    "tags": {"run": "1"},
    "format": "idc",
    "normalization": {"mean": [0.5], "std": [0.25]},
    "class_map": ["cat", "dog"],
    "soft_labels": "logits",
    "learned_lr": 0.03,
    "distillation_flops": 1e15,
    "factor": 2,
    "resolution": 64,
    "resize": "squash",
    "experiment": 3,
}
"""A value for each field, but `source_dataset`, which must be there."""
OVERRIDES: dict[str, Any] = {
    "lr": {"ConvNetD3": 0.02},
    "momentum": 0.5,
    "weight_decay": 0.001,
    "epochs": 12,
    "real_epochs": 5,
    "batch_size": 8,
    "warmup_epochs": 3,
    "ema_beta": 0.9,
    "augmentation": "flip",
    "views": "sampled:2",
    "view_weight": 2.5,
    "precision": "fast",
    "deterministic": True,
    "seed_rule": 1,
    "micro_batch": 4,
    "optimizer": "adamw",
    "temperature": 4.0,
    "mix": "mixup",
}
EVALUATION: dict[str, Any] = {
    "arms": ["baseline", "ladd", "baseline_plus"],
    "architectures": ["ConvNetD3"],
    "trials": 2,
    "recipe": "mtt",
    "overrides": OVERRIDES,
    "seed": 4,
    "explained_images": 2,
    "keep_models": True,
    "curve_epochs": [4],
    "plus_dataset": "plus",
    "test_normalization": "as_published",
}
RECIPE: dict[str, Any] = {
    "architecture": "ConvNetD3",
    "epochs": 20,
    "lr": 0.02,
    "batch_size": 32,
    "momentum": 0.9,
    "weight_decay": 0.001,
    "checkpoint_epochs": [10, 20],
    "augmentation": "none",
    "normalization": "cifar10",
    "held_out": 0.0,
    "seed": 5,
}
PACKING: dict[str, Any] = {"encoding": "float16", "images": "png", "formats": ["mtt"], "reuse": "never"}
LABELLING: dict[str, Any] = {"epoch": 10, "temperature": 2.0, "views": {"n": 3, "ratio": 0.5}}
SETS: dict[str, Any] = {"dataset": None, "source_dataset": None}
"""To be filled in by the test."""
PARAMS: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {
    "train_labeler": (TrainLabelerParams, {"source_dataset": None, **RECIPE}),
    "generate_labels": (
        GenerateLabelsParams,
        {"dataset": None, "labeler": None, **LABELLING, **PACKING, "test_normalization": "as_published"},
    ),
    "evaluate": (
        EvaluateParams,
        {**SETS, "datasets": None, "protocol": "quick", "reuse": "never"}
        | {**EVALUATION, "arms": ["baseline", "baseline_plus"]},
    ),
    "ladd": (
        LaddParams,
        {**SETS, "protocol": "quick", "labeler": RECIPE, "labeler_seeds": 2, **LABELLING, **PACKING}
        | {"evaluation": EVALUATION},
    ),
    "sweep": (
        SweepParams,
        {
            **SETS,
            "protocol": "quick",
            "labeler": RECIPE,
            "n": [3, 5],
            "ratio": [0.5],
            "epochs": [10, 20],
            **PACKING,
            "evaluation": EVALUATION,
        },
    ),
}
PARTS: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (EvaluationSpec, EVALUATION),
    (RecipeOverrides, OVERRIDES),
    (LabelerRecipe, RECIPE),
    *PARAMS.values(),
]


def flags(command: str) -> set[str]:
    """Names of the options of a command, such as `run ladd`."""
    found: Any = get_command(app)
    for name in command.split():
        found = found.commands[name]
    return {option for parameter in found.params for option in parameter.opts}


@pytest.mark.parametrize(("model", "values"), PARTS, ids=lambda value: getattr(value, "__name__", ""))
def test_the_values_below_are_of_every_field(model: type[BaseModel], values: dict[str, Any]) -> None:
    # `reduction` is another name of `view_weight`, beside which it cannot be given.
    assert set(values) == set(model.model_fields) - ({"reduction"} if model is RecipeOverrides else set())


def test_every_field_of_the_metadata_is_sent_and_has_a_flag(ladd: Ladd, client: LaddClient, tmp_path: Path) -> None:
    assert set(METADATA) | {"source_dataset", "tags"} == set(DatasetMetadata.model_fields)
    file = tmp_path / "a.pt"
    file.write_bytes(b"a")
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in METADATA.items()}
    options = {f"--{name.replace('_', '-')}": text for name, text in texts.items() if name != "tags"}
    options["--tag"] = "run=1"
    assert options.keys() | {"--source-dataset", "--set"} <= flags("upload")
    by_flag = ladd("upload", str(file), *(part for option in options.items() for part in option), "--detach")
    by_set = ladd(
        "upload",
        str(file),
        *("--role", "source", "--detach"),
        *(part for name, text in texts.items() for part in ("--set", f"{name}={text}")),
    )
    for result in (by_flag, by_set):
        assert result.exit_code == 0, result.stderr
        sent = client.dataset(result.stdout.strip()).metadata.model_dump(mode="json", exclude_unset=True)
        assert sent == {"source_dataset": None, "tags": {}} | METADATA


@pytest.mark.parametrize("kind", PARAMS)
def test_every_param_of_a_job_can_be_set(ladd: Ladd, client: LaddClient, worker: Any, kind: str) -> None:
    distilled, source = worker.ready_pair()
    plus = worker.upload(source_dataset=source)
    worker.ingest(plus, images=4)
    _, values = PARAMS[kind]
    filled = {"dataset": distilled, "source_dataset": source}
    options = ["--source-dataset", source] if "source_dataset" in values else []
    options += ["--dataset", distilled] if "dataset" in values else []
    if kind == "generate_labels":
        worker.train_labeler(worker.start_ladd().id)
        [labeler] = client.labelers()
        filled["labeler"] = labeler.id
        options += ["--labeler", labeler.id]
    text = json.dumps({name: filled.get(name, value) for name, value in values.items()})
    expected = json.loads(text.replace('"plus"', json.dumps(plus.id)))
    for name in set(values) - set(filled) - {"datasets"}:
        value = expected[name]
        options += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    result = ladd("run", kind.replace("_", "-"), *options, "--detach", "--yes")
    assert result.exit_code == 0, result.stderr
    assert client.job(result.stdout.strip()).params == expected


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("imagenette", "imagenette"),
        ("imagefolder", "imagefolder"),
        ("cat,dog", ["cat", "dog"]),
        ("cat, big dog", ["cat", "big dog"]),
        ('["shark, white", "dog"]', ["shark, white", "dog"]),
        ('{"zz": "n02102040"}', {"zz": "n02102040"}),
    ],
)
def test_a_class_map_is_a_name_a_list_or_what_changes(
    ladd: Ladd, client: LaddClient, tmp_path: Path, text: str, sent: Any
) -> None:
    (tmp_path / "a.pt").write_bytes(b"a")
    result = ladd("upload", str(tmp_path / "a.pt"), "--role", "source", "--class-map", text, "--detach")
    assert client.dataset(result.stdout.strip()).metadata.class_map == sent


@pytest.mark.parametrize(("text", "message"), [("imagenete", "'imagenette'"), ("[cat]", "--class-map")])
def test_a_class_map_that_is_none_is_refused(ladd: Ladd, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.pt").write_bytes(b"a")
    result = ladd("upload", str(tmp_path / "a.pt"), "--role", "source", "--class-map", text)
    assert result.exit_code != 0
    assert message in result.stderr


def test_a_weight_by_name_goes_beside_what_is_set_by_field(ladd: Ladd, client: LaddClient, worker: Any) -> None:
    distilled, _ = worker.ready_pair()
    result = ladd(
        *("run", "ladd", "--dataset", distilled, "--trials", "1", "--epochs", "2", "--architecture", "ConvNetD3"),
        *("--reduction", "mean", "--set", "evaluation.overrides.lr=0.02", "--detach"),
    )
    assert result.exit_code == 0
    overrides = client.job(result.stdout.strip()).params["evaluation"]["overrides"]
    assert (overrides["reduction"], overrides["lr"]) == ("mean", 0.02)
    assert "view_weight" not in overrides
