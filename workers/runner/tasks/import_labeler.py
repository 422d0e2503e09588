"""Read a network that was trained elsewhere, re-write it in our own form, and test it on the source set's val split."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter
from safetensors.torch import save_file

from api_schemas.labelers import LabelerMetadata
from api_schemas.runner import DoneEvent, RunnerTask
from method.files import GRAPH, VAL_IMAGES, VAL_LABELS, checkpoint_file
from workers.ladd.engine.progress import counting
from workers.ladd.importers.labelers import READERS
from workers.ladd.importers.labelers.tested import ValSplit, check_network, measure_checkpoint
from workers.ladd.labeler.network import load_network
from workers.ladd.labels.class_agreement import compare_classes, permutation_warning
from workers.runner.labeler_files import spec_of
from workers.runner.reporter import Reporter
from workers.runner.uploaded_files import with_their_names

METADATA: TypeAdapter[LabelerMetadata] = TypeAdapter(LabelerMetadata)


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """Write a checkpoint for each epoch, and an exported network's graph; the result carries one row per epoch.

    Raises:
        ImportRejected: the files, or the network in them, break a rule.
        WeightsUnavailableError: pretrained weights cannot be fetched.
    """
    params, outputs = task.params, folder / "outputs"
    metadata = METADATA.validate_python(params["metadata"])
    spec = spec_of(metadata, params["num_classes"], params["channels"], params["size"], params.get("border", 0))
    options = metadata.model_dump() | {"class_names": params["class_names"]}
    imported = READERS[metadata.kind].read(with_their_names(task, folder), spec, options)
    if imported.class_map is not None:
        spec = replace(spec, class_map=imported.class_map)
    files = []
    graph = None
    if imported.graph is not None:
        graph = outputs / GRAPH
        graph.write_text(json.dumps(imported.graph))
        files.append(GRAPH)
    val = ValSplit(
        torch.from_numpy(_array(task, folder, VAL_IMAGES)),
        _array(task, folder, VAL_LABELS),
        params["num_classes"],
    )
    advance = counting(report.stage("import_labeler", "images"), len(imported.checkpoints) * len(val.labels))
    advance(0)
    rows: list[dict[str, Any]] = []
    warnings: list[str] = []
    flops = 0
    for epoch, weights in imported.checkpoints.items():
        checkpoint = checkpoint_file(epoch)
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, outputs / checkpoint)
        network = load_network(spec, outputs / checkpoint, graph)
        flops = check_network(network, val, spec.class_map)
        row, probabilities = measure_checkpoint(
            network, val, params["mean"], params["std"], task.device, advance, epoch, checkpoint
        )
        rows.append(asdict(row))
        files.append(checkpoint)
        report.metric("labeler_epoch", rows[-1])
        warning = permutation_warning(
            compare_classes(probabilities.numpy(), val.labels),
            params["class_names"],
            "the source set's val labels",
            "import it again with this list as class_map",
        )
        warnings += [f"epoch {epoch}: {warning}"] if warning is not None else []
    for warning in warnings:
        report.log(warning, "warning")
    result = {"epochs": rows, "forward_flops": flops, "class_map": spec.class_map, "warnings": warnings}
    return DoneEvent(event="done", files=files, result=result)


def _array(task: RunnerTask, folder: Path, file: str) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = np.load(folder / task.inputs["source"][file], mmap_mode="c", allow_pickle=False)
    return array
