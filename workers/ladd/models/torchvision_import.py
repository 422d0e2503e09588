"""Import torchvision, also where its compiled part does not fit this build of torch.

A torchvision wheel built for CUDA, beside a CPU torch, fails to import with `operator torchvision::nms does not
exist`: its compiled operators are not loaded, yet Python code registers rules for them. Once their schemas are
declared the import works, and everything written in Python (transforms, models, data sets) with it.
"""

import importlib
from types import ModuleType

import torch

_MISSING_OPERATOR = "operator torchvision::nms does not exist"
_OPERATORS = ("nms", "qnms")

_libraries: list[torch.library.Library] = []
"""Keeps the declarations alive: torch withdraws them with the object."""


def import_torchvision(name: str = "torchvision") -> ModuleType:
    """Return torchvision, or a module of it, after making its import work where it does not by itself."""
    try:
        return importlib.import_module(name)
    except RuntimeError as error:
        if _MISSING_OPERATOR not in str(error):
            raise
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in _OPERATORS:
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    _libraries.append(library)
    return importlib.import_module(name)
