"""Streams of random numbers by seed and name."""

import pytest
import torch

from workers.ladd.engine.seeds import derive_seed, generator, seeded_dropout, trial_seed


def test_seeds_are_the_documented_function_of_their_names() -> None:
    # First four bytes of `printf '0/trial/0' | sha256sum` and of `printf '7/order' | sha256sum`.
    assert trial_seed(0, 0, "ViT", rule=1) == 0xCDB2209D
    assert derive_seed(7, "order") == 0x9E33B9E6


def test_trials_of_different_architectures_are_different_draws() -> None:
    # First four bytes of `printf '0/trial/0/ViT' | sha256sum`.
    assert trial_seed(0, 0, "ViT") == 0x82E32BAC
    assert trial_seed(0, 0, "ViT") != trial_seed(0, 0, "VGG11")


def test_different_names_and_seeds_give_different_streams() -> None:
    seeds = [derive_seed(seed, *path) for seed in range(20) for path in ((), ("a",), ("b",), ("a", 1), ("a", 2))]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**32 for seed in seeds)
    first, again, other = (torch.rand(3, generator=generator(1, name)) for name in ("a", "a", "b"))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_dropout_is_repeatable_and_the_global_generator_is_given_back() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    masks = []
    for seed in (1, 1, 2):
        with seeded_dropout(seed, torch.device("cpu")):
            masks.append(torch.nn.functional.dropout(torch.ones(64)))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(KeyError), seeded_dropout(1, torch.device("cpu")):
        raise KeyError
    assert torch.equal(torch.get_rng_state(), before)
