"""The docstrings that stand below attributes, which Python itself does not keep."""

import ast
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from itertools import pairwise


def attribute_docs(cls: type) -> Mapping[str, str]:
    """Return the docstring below each attribute of a class of a module, by the attribute's name, where there is one."""
    return _docs(cls.__module__).get(cls.__name__, {})


@cache
def _docs(module: str) -> Mapping[str, Mapping[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: _of_class(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _of_class(definition: ast.ClassDef) -> Mapping[str, str]:
    docs = {}
    for statement, below in pairwise(definition.body):
        match statement, below:
            case (
                ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)),
                ast.Expr(ast.Constant(str(doc))),
            ):
                docs[name] = inspect.cleandoc(doc)
    return docs
