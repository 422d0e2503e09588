"""An entry in a table is all that an architecture, an arm, a recipe and a format take besides their own code.

A job kind is in tests/service/http/test_toy_kind.py, since it is asked for over HTTP.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from api_schemas.datasets import DatasetMetadata, DatasetRole
from api_schemas.evaluation import EvaluationSpec
from method.architectures import ARCHITECTURES
from method.arms import ARMS, Arm
from method.formats import FORMATS, Format
from method.recipes import RECIPES, RecipeRule
from tests.extending.toy_network import TOY
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.evaluation.trial import TestSet, evaluate_trial
from workers.ladd.importers import ImportOptions
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.labels.views import ViewGrid
from workers.ladd.recipes import resolve_recipe

ROOT = Path(__file__).parents[2]


@contextmanager
def added(table: dict[str, Any], entry: Any) -> Iterator[None]:
    table[entry.name] = entry
    try:
        yield
    finally:
        del table[entry.name]


def accuracy(architecture: str, arm: str, recipe: str) -> float:
    """Train and test on two classes that a line tells apart."""
    labels = torch.arange(8) % 2
    images = (labels * 2.0 - 1)[:, None, None, None].expand(-1, 1, 8, 8).contiguous()
    dense = torch.nn.functional.one_hot(labels, 2).float()[:, None].expand(-1, 4, -1).contiguous()
    result = evaluate_trial(
        TrainingSet(images, labels, dense, ViewGrid(n=2)),
        TestSet(np.full((2, 8, 8, 1), [[[[0]]], [[[255]]]], np.uint8), labels[:2].numpy(), (0.5,), (0.5,)),
        ARMS[arm],
        architecture,
        trial=0,
        recipe=resolve_recipe(recipe, architecture, {"epochs": 20, "augmentation": "none"}),
        seed=0,
        device="cpu",
        num_classes=2,
    )
    assert (result.arm, result.architecture, result.recipe["name"]) == (arm, architecture, recipe)
    return result.trial.accuracy


def test_an_architecture() -> None:
    with added(ARCHITECTURES, TOY):
        spec = EvaluationSpec.model_validate({"architectures": ["ToyLinear"]})
        assert spec.architectures == ["ToyLinear"]
        assert accuracy("ToyLinear", "ladd", "mtt") == 100
    with pytest.raises(ValidationError, match="Input should be 'ConvNetD3'"):
        EvaluationSpec.model_validate({"architectures": ["ToyLinear"]})


def test_an_architecture_of_an_installed_package(tmp_path: Path) -> None:
    metadata = tmp_path / "toy_student-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-student\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ladd.architectures]\ntoy = tests.extending.toy_network:TOY\n")
    code = (
        "import sys; from api_schemas.evaluation import EvaluationSpec; "
        "assert 'torch' not in sys.modules; "
        "EvaluationSpec.model_validate({'architectures': ['ToyLinear']}); "
        "from tests.extending.test_extending import accuracy; print(accuracy('ToyLinear', 'baseline', 'glad'))"
    )
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": "/usr/bin:/bin"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout) in (50.0, 100.0)


def test_an_arm() -> None:
    with added(ARMS, Arm("toy_views", full_images=None, views="both")), added(ARCHITECTURES, TOY):
        assert EvaluationSpec.model_validate({"arms": ["baseline", "toy_views"]}).arms == ["baseline", "toy_views"]
        assert ARMS["toy_views"].label_files == ["dense_labels.npy"]
        assert accuracy("ToyLinear", "toy_views", "mtt") == 100


def test_a_recipe() -> None:
    toy = RecipeRule(
        "toy", lr=0.05, slow_lr=0.01, learned_lr=False, schedule="step", batch_size=4, ema_beta=None, momentum=0.5
    )
    with added(RECIPES, toy), added(ARCHITECTURES, TOY):
        assert EvaluationSpec.model_validate({"recipe": "toy"}).recipe == "toy"
        assert accuracy("ToyLinear", "baseline", "toy") == 100


def test_a_format(tmp_path: Path) -> None:
    path = tmp_path / "set.toy"
    path.write_text("\n".join(f"{label} {' '.join(['7'] * 64)}" for label in (0, 1, 1, 0)))
    (tmp_path / "out").mkdir()
    with added(FORMATS, Format("toy", "tests.extending.toy_importer")):
        assert DatasetMetadata.model_validate({"name": "set", "role": "distilled", "format": "toy"}).format == "toy"
        options = ImportOptions(name="set", role=DatasetRole.DISTILLED)
        stats = import_dataset([path], options, tmp_path / "out", lambda done, total: None)
    assert (stats.detection.format, stats.detection.reason) == ("toy", "one file ends with .toy")
    assert (stats.num_images, stats.ipc, stats.image_shape) == (4, 2, [1, 8, 8])
