"""Weights of one of our architectures, in the forms that people keep them in."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from workers.ladd.models import build_model

Weights = dict[str, Tensor]


@pytest.fixture(scope="module")
def weights() -> Weights:
    return dict(build_model("ConvNetD3", num_classes=4, channels=3, size=16, seed=5).state_dict())


def as_safetensors(weights: Weights, path: Path) -> None:
    save_file(weights, path)


def as_state_dict(weights: Weights, path: Path) -> None:
    torch.save(build_model("ConvNetD3", num_classes=4, channels=3, size=16, seed=5).state_dict(), path)


def as_checkpoint(weights: Weights, path: Path) -> None:
    torch.save({"state_dict": weights, "epoch": 10}, path)


def as_parallel(weights: Weights, path: Path) -> None:
    torch.save({f"module.{name}": tensor for name, tensor in weights.items()}, path)


def as_compiled(weights: Weights, path: Path) -> None:
    torch.save({f"module._orig_mod.{name}": tensor for name, tensor in weights.items()}, path)


def as_compiled_safetensors(weights: Weights, path: Path) -> None:
    save_file({f"_orig_mod.{name}": tensor for name, tensor in weights.items()}, path)


def as_member(*names: str) -> Callable[[Weights, Path], None]:
    def write(weights: Weights, path: Path) -> None:
        content: object = dict(weights)
        for name in names:
            content = {name: content, "epoch": 3, "optimizer": {"state": {}}}
        torch.save(content, path)

    return write


def as_lightning(weights: Weights, path: Path) -> None:
    torch.save({"state_dict": {f"net.{name}": tensor for name, tensor in weights.items()}, "epoch": 1}, path)


def with_counters(weights: Weights, path: Path) -> None:
    torch.save(weights | {"features.1.num_batches_tracked": torch.tensor(7)}, path)


FORMS = [
    as_compiled,
    as_compiled_safetensors,
    as_lightning,
    with_counters,
    *(as_member(name) for name in ("model", "model_state_dict", "net", "network", "net_parameters")),
    as_member("state_dict", "model"),
]


def as_halves(weights: Weights, path: Path) -> None:
    save_file({name: tensor.double() for name, tensor in weights.items()}, path)


@pytest.mark.parametrize("write", [as_safetensors, as_state_dict, as_checkpoint, as_parallel, as_halves, *FORMS])
def test_weights_are_read(read: Any, weights: Weights, tmp_path: Path, write: Callable[[Weights, Path], None]) -> None:
    write(weights, tmp_path / "weights.pt")
    found = read("weights", tmp_path / "weights.pt")
    assert found.graph is None
    assert list(found.checkpoints) == [1]
    assert set(found.checkpoints[1]) == set(weights)
    for name, tensor in found.checkpoints[1].items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, weights[name])


def test_weights_of_another_network_are_refused_by_name_and_shape(
    refused: Any, weights: Weights, tmp_path: Path
) -> None:
    changed = dict(weights)
    first, *_, last = changed
    del changed[first]
    changed["more"] = torch.zeros(1)
    changed[last] = torch.zeros(7)
    save_file(changed, tmp_path / "weights.safetensors")
    reason = refused("weights", tmp_path / "weights.safetensors")
    assert (reason.location, reason.rule) == ("weights.safetensors", "tensors_match_architecture")
    for part in (f"missing: {first}", "unexpected: more", f"misshapen: {last} [7] instead of [4]", "ConvNetD3"):
        assert part in reason.message


@pytest.mark.parametrize(
    ("tensor", "rule"),
    [
        (torch.tensor([1.0, torch.inf, 0.0, 0.0]), "finite_values"),
        (torch.zeros(4, dtype=torch.int64), "float_tensor"),
    ],
)
def test_weights_must_be_finite_floats(
    refused: Any, weights: Weights, tmp_path: Path, tensor: Tensor, rule: str
) -> None:
    name = list(weights)[-1]
    save_file(weights | {name: tensor}, tmp_path / "w")
    reason = refused("weights", tmp_path / "w")
    assert (reason.location, reason.rule) == (f"w/{name}", rule)


def test_two_state_dicts_are_not_chosen_between(refused: Any, weights: Weights, tmp_path: Path) -> None:
    torch.save({"model": weights, "state_dict": weights}, tmp_path / "w.pt")
    reason = refused("weights", tmp_path / "w.pt")
    assert (reason.rule, reason.value) == ("one_reading", "state_dict | model")


def test_a_refusal_shows_what_the_file_holds(refused: Any, weights: Weights, tmp_path: Path) -> None:
    torch.save({"ema": dict(list(weights.items())[:1]), "epoch": 3}, tmp_path / "w.pt")
    reason = refused("weights", tmp_path / "w.pt")
    assert reason.rule == "named_tensors"
    assert "w.pt holds a dict of 2 (ema: a dict of 1 (features.0.weight: float32 [128, 3, 3, 3])" in reason.message
    assert "model_state_dict" in reason.message


def test_a_whole_pickled_network_is_refused(refused: Any, tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "network.pt")
    assert refused("weights", tmp_path / "network.pt").rule == "no_code_in_pickle"


@pytest.mark.parametrize("content", [[torch.zeros(2)], {"epoch": 3}, {}, {1: torch.zeros(2)}])
def test_what_is_no_state_dict_is_refused(refused: Any, tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pt")
    assert refused("weights", tmp_path / "w.pt").rule == "named_tensors"


def test_bare_pickles_and_other_bytes_are_refused(refused: Any, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(pickle.dumps({"a": 1}))
    assert refused("weights", path).rule == "torch_zip_format"
    path.write_bytes(b"12345678{no json")
    assert refused("weights", path).rule == "readable_tensor_file"
