"""Networks come back from their stored files as they were."""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from workers.ladd.labeler.network import NetworkSpec, build_own, load_network


def test_a_trained_network_comes_back_in_evaluation_mode(tmp_path: Path) -> None:
    spec = NetworkSpec("trained", "AlexNet", num_classes=3, channels=1, size=32)
    network = build_own(spec)
    torch.nn.init.ones_(list(network.parameters())[-1])
    save_file(network.state_dict(), tmp_path / "w")
    loaded = load_network(spec, tmp_path / "w")
    assert not loaded.training
    images = torch.randn(2, 1, 32, 32)
    with torch.inference_mode():
        assert torch.equal(loaded(images), network.eval()(images))


def test_a_class_map_puts_outputs_in_the_order_of_the_classes(tmp_path: Path) -> None:
    plain = NetworkSpec("weights", "ConvNetD3", num_classes=3, channels=3, size=16)
    mapped = NetworkSpec("weights", "ConvNetD3", num_classes=3, channels=3, size=16, class_map=[2, 0, 1])
    save_file(build_own(plain).state_dict(), tmp_path / "w")
    images = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        logits = load_network(plain, tmp_path / "w")(images)
        assert torch.equal(load_network(mapped, tmp_path / "w")(images), logits[:, [2, 0, 1]])


def test_a_network_of_before_there_was_a_border_answers_as_it_did(tmp_path: Path) -> None:
    """At 32 px its weights have the same shapes with a border: the mark alone tells."""
    before = NetworkSpec("trained", "ConvNetD3", num_classes=3, channels=1, size=32, border=0)
    network = build_own(before).eval()
    save_file(network.state_dict(), tmp_path / "w")
    images = torch.randn(2, 1, 32, 32)
    with torch.inference_mode():
        assert torch.equal(load_network(before, tmp_path / "w")(images), network(images))
        now = load_network(replace(before, border=2), tmp_path / "w")
        assert not torch.allclose(now(images), network(images))
