"""`docs/rules.md` lists every rule that the code can name in a refusal, and no other: clients may switch on them."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from api_schemas.datasets import DatasetRole

ROOT = Path(__file__).parents[3]
MAKERS = {"rejected": 1, "reason": 1, "Reason": None, "RejectionReason": None}
"""The functions that make a reason, and the position of the rule among their arguments; None: by its name alone."""
OF_PYDANTIC = "service/http/validation.py"
"""Hands on the names that pydantic has for what breaks a schema."""

Function = ast.FunctionDef | ast.AsyncFunctionDef | None
Makers = Mapping[str, int | None]
Calls = list[tuple[Function, ast.Call]]


def test_the_page_lists_every_rule_and_no_other() -> None:
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert len(set(listed)) == len(listed)
    assert set(listed) == _rules_in_the_code()


def _rules_in_the_code() -> set[str]:
    modules = {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for room in ("service", "workers")
        for path in sorted((ROOT / room).rglob("*.py"))
        if not path.match(OF_PYDANTIC)
    }
    calls = {path: list(_calls(module)) for path, module in modules.items()}
    makers = {**MAKERS, **_that_pass_a_rule_on(calls.values())}
    found = set()
    for path, within in calls.items():
        for function, call in within:
            given = _given_to(call, makers)
            if given is not None and not _is_parameter(given, function):
                rules = set(_texts(given, function))
                assert rules, f"{path}:{call.lineno}: the rule cannot be read: {ast.unparse(given)}"
                found |= rules
    return found


def _calls(node: ast.AST, function: Function = None) -> Iterator[tuple[Function, ast.Call]]:
    """Yield the calls below a node with the function that they are in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield function, child
        yield from _calls(child, child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function)


def _that_pass_a_rule_on(calls: Iterable[Calls]) -> Makers:
    """Return the functions that hand a `rule` of theirs to one of `MAKERS`."""
    return {
        function.name: _parameters(function).index("rule")
        for within in calls
        for function, call in within
        if function is not None and _is_parameter(_given_to(call, MAKERS), function)
    }


def _given_to(call: ast.Call, makers: Makers) -> ast.expr | None:
    """Return what a call of a maker gives as the rule; None: it is another call."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else str(getattr(call.func, "id", ""))
    if name not in makers:
        return None
    position = makers[name]
    named = [keyword.value for keyword in call.keywords if keyword.arg == "rule"]
    return named[0] if named else call.args[position] if position is not None and position < len(call.args) else None


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [argument.arg for argument in function.args.args if argument.arg != "self"]


def _is_parameter(given: ast.expr | None, function: Function) -> bool:
    named = isinstance(given, ast.Name) and given.id == "rule"
    return named and function is not None and "rule" in _parameters(function)


def _texts(given: ast.expr, function: Function) -> Iterator[str]:
    """Yield what an expression may be: a text, one of two, one for each role, or what the function has assigned."""
    if isinstance(given, ast.Constant):
        yield str(given.value)
    elif isinstance(given, ast.IfExp):
        yield from _texts(given.body, function)
        yield from _texts(given.orelse, function)
    elif isinstance(given, ast.JoinedStr) and ast.unparse(given) == "f'is_{role}_set'":
        yield from (f"is_{role}_set" for role in DatasetRole)
    elif isinstance(given, ast.Name) and function is not None:
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
                names = [getattr(target, "id", None) for target in node.targets[0].elts]
                if given.id in names and isinstance(node.value, ast.Tuple):
                    yield from _texts(node.value.elts[names.index(given.id)], function)
