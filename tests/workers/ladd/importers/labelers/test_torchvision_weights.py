"""Pretrained networks of torchvision, from its cache: a test downloads nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from workers.ladd.importers.labelers.torchvision_weights import WeightsUnavailableError
from workers.ladd.labeler.network import load_network
from workers.ladd.models.torchvision_import import import_torchvision

MODEL = "squeezenet1_1"
NAMES = ["tench", "goldfish", "golden retriever", "toaster"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of torch.hub, and no way to the network."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    # The opener that urlopen keeps has the proxies of its first use; one of ours must not be left to other tests.
    monkeypatch.setattr("urllib.request._opener", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def options(**given: Any) -> dict[str, Any]:
    return {"model": MODEL, "class_names": NAMES} | given


def test_weights_come_with_the_outputs_of_the_classes(read: Any, spec_for: Any, cache: Path, tmp_path: Path) -> None:
    models = import_torchvision("torchvision.models")
    weights = models.get_model_weights(MODEL).DEFAULT
    network = models.get_model(MODEL, weights=None).eval()
    torch.save(network.state_dict(), cache / Path(weights.url).name)
    found = read("torchvision", options=options())
    assert found.class_map == [0, 1, 207, 859]
    save_file(dict(found.checkpoints[1]), tmp_path / "weights")
    spec = spec_for("torchvision", architecture=MODEL, class_map=found.class_map, input_size=64)
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        logits = load_network(spec, tmp_path / "weights")(images)
        resized = torch.nn.functional.interpolate(images, (64, 64), mode="bilinear", align_corners=False)
        assert torch.equal(logits, network(resized)[:, [0, 1, 207, 859]])


def test_an_unknown_model_is_refused(refused: Any, cache: Path) -> None:
    reason = refused("torchvision", options=options(model="resnet19"))
    assert (reason.location, reason.rule) == ("metadata.model", "known_model")
    assert "resnet18" in reason.message


def test_unknown_class_names_need_a_class_map(refused: Any, cache: Path) -> None:
    reason = refused("torchvision", options=options(class_names=["tench", "n01440764"]))
    assert (reason.location, reason.rule, reason.value) == (
        "metadata.class_map",
        "class_map_is_given",
        "n01440764",
    )


def test_weights_that_cannot_be_fetched_are_no_fault_of_the_sender(read: Any, cache: Path) -> None:
    with pytest.raises(WeightsUnavailableError, match=r"could not be downloaded from https://download\.pytorch"):
        read("torchvision", options=options())
