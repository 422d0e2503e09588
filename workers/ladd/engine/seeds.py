"""Where every random number comes from: a generator of its own for each purpose, derived from one seed by name."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from method.seed_rules import SEED_RULE


def derive_seed(seed: int, *path: str | int) -> int:
    """Return a seed in [0, 2^32) for what `path` names: the first 4 bytes of SHA-256 over "seed/path/...".

    32 bits, because that is what torch's CPU generator takes in.
    """
    text = "/".join(str(part) for part in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def trial_seed(seed: int, trial: int, architecture: str, rule: int = SEED_RULE) -> int:
    """Return the seed of a trial by a rule of `method.seed_rules`: a function of the evaluation's seed, the trial's
    number, counted from 0, and the architecture.

    It depends neither on how trials are spread over machines nor on the arm: in trial k, every arm starts from the
    same weights.
    """
    return derive_seed(seed, "trial", trial, *([architecture] if rule > 1 else []))


def generator(seed: int, *path: str | int) -> torch.Generator:
    """Return a CPU generator for what `path` names; results do not depend on the kind of device computed on."""
    return torch.Generator().manual_seed(derive_seed(seed, *path))


@contextmanager
def seeded_dropout(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators for the block, and give them back as they were.

    Dropout draws from them, in the order in which the rows are forwarded: its masks, unlike everything else, change
    with the device kind and with the micro-batch.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


class DropoutState(NamedTuple):
    """Where torch's global generators stand: that of the CPU, and that of the GPU computed on, if it is one."""

    cpu: Tensor
    gpu: Tensor | None

    @classmethod
    def now(cls, device: torch.device) -> "DropoutState":
        """Return the present state."""
        return cls(torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None)

    def restore(self, device: torch.device) -> None:
        """Set the generators back to this state."""
        torch.set_rng_state(self.cpu)
        if self.gpu is not None and device.type == "cuda":
            torch.cuda.set_rng_state(self.gpu, device)
