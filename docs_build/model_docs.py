"""The docstrings of the fields of the wire's models, which are not sent with the OpenAPI document."""

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from pydantic import BaseModel

import api_schemas
from docs_build.attribute_docs import attribute_docs


def field_docs(name: str) -> Mapping[str, str]:
    """Return the docstrings of the fields of a model, its bases' too; {} for what is no model of ours."""
    model = _models().get(name.removesuffix("-Input").removesuffix("-Output"))
    classes = [] if model is None else [base for base in reversed(model.__mro__) if base.__module__.startswith("api_")]
    return {field: doc for cls in classes for field, doc in attribute_docs(cls).items()}


@cache
def _models() -> Mapping[str, type[BaseModel]]:
    for module in pkgutil.iter_modules(api_schemas.__path__):
        import_module(f"{api_schemas.__name__}.{module.name}")
    return {model.__name__: model for model in _below(BaseModel)}


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in model.__subclasses__():
        yield each
        yield from _below(each)
