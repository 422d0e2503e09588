"""All bad uploads, and what reads them."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from tests.workers.ladd.importers.hostile.array_cases import array_cases
from tests.workers.ladd.importers.hostile.case import Case
from tests.workers.ladd.importers.hostile.damage import damage_cases
from tests.workers.ladd.importers.hostile.image_cases import image_cases
from tests.workers.ladd.importers.hostile.labeler_cases import labeler_cases
from tests.workers.ladd.importers.hostile.nested_cases import nested_cases
from tests.workers.ladd.importers.hostile.own_cases import own_cases
from tests.workers.ladd.importers.hostile.tar_cases import tar_cases
from tests.workers.ladd.importers.hostile.tensor_cases import tensor_cases
from tests.workers.ladd.importers.hostile.valid_files import LABELER
from tests.workers.ladd.importers.hostile.value_cases import value_cases
from tests.workers.ladd.importers.hostile.zip_cases import zip_cases
from workers.ladd.importers import ImportOptions
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.importers.labelers import READERS
from workers.ladd.importers.labelers.tested import ValSplit, check_network, measure_checkpoint
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.labeler.network import NetworkSpec, load_network

SOURCES = (
    damage_cases,
    zip_cases,
    tar_cases,
    tensor_cases,
    array_cases,
    nested_cases,
    own_cases,
    image_cases,
    value_cases,
    labeler_cases,
)
HEAVY = ("100 MiB", "bomb", "5,001", "20,000", "1,000,000", "50,000 tensors", "no_such_model")
"""Words in the names of those that take seconds to make or to read."""


def light() -> list[str]:
    """Return the names of those that take milliseconds."""
    return [name for name in corpus() if not any(word in name for word in HEAVY)]


@cache
def corpus() -> Mapping[str, Case]:
    """Return every case by its name, which is its own."""
    cases = [case for source in SOURCES for case in source()]
    named = {case.name: case for case in cases}
    assert len(named) == len(cases), "two cases have one name"
    return named


def run(case: Case, files: Sequence[Path], out: Path) -> None:
    """Read an upload as the runner does; raises what the reader raises."""
    if not case.reader.startswith("labeler:"):
        options = {"name": "set", "role": "distilled", "format": case.reader, "normalization": "none", **case.options}
        try:
            told = ImportOptions(**options)
        except ValidationError as error:
            # The front checks the metadata by the same fields: no reader is asked.
            (first, *_) = error.errors()
            raise rejected("metadata", first["type"], first["input"], first["msg"]) from error
        import_dataset(files, told, out, lambda done, total: None)
        return
    kind = case.reader.removeprefix("labeler:")
    spec = NetworkSpec(kind, "ConvNetD3", LABELER["num_classes"], LABELER["channels"], LABELER["size"], scale=100.0)
    imported = READERS[kind].read(files, spec, case.options)
    for weights in imported.checkpoints.values():
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, out / "weights.safetensors")
        graph_file = out / "program.json" if imported.graph is not None else None
        if graph_file is not None:
            graph_file.write_text(json.dumps(imported.graph))
        network = load_network(spec, out / "weights.safetensors", graph_file)
        val = ValSplit(torch.zeros(3, 16, 16, 3, dtype=torch.uint8), np.zeros(3, np.int64), 4)
        check_network(network, val, None)
        measure_checkpoint(network, val, [0.5] * 3, [0.5] * 3, "cpu", lambda images: None)
