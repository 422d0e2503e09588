"""Keys are the same strings in Python and in Lua, and stand in one module alone."""

import re
from pathlib import Path

import pytest

from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.redis_keys import Pattern

ROOT = Path(redis_keys.__file__).parents[3]
PATTERNS = {name: value for name, value in vars(redis_keys).items() if isinstance(value, Pattern)}


def test_lua_builds_the_same_keys(core: Core) -> None:
    assert "task" in PATTERNS
    for name, pattern in PATTERNS.items():
        parts = [f"part {number}" for number in range(pattern.text.count("{}"))]
        call = f"return keys.{name}({', '.join(f'ARGV[{number}]' for number in range(1, len(parts) + 1))})"
        assert core.redis.eval(redis_keys.lua(call) + call, 0, *parts) == pattern(*parts)
    call = "return {keys.READY, keys.JOBS}"
    assert core.redis.eval(redis_keys.lua(call) + call, 0) == ["ladd:ready", "ladd:jobs"]


def test_a_script_cannot_name_a_key_that_there_is_not() -> None:
    with pytest.raises(KeyError, match="tusk"):
        redis_keys.lua("return keys.tusk('a', 'b')")


def test_no_other_file_builds_a_key() -> None:
    files = [
        path for room in ("service", "workers") for path in (ROOT / room).rglob("*") if path.suffix in (".py", ".lua")
    ]
    builders = [path.name for path in files if re.search(r"""["']ladd:[a-z]""", path.read_text())]
    assert builders == ["redis_keys.py"]
