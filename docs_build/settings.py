"""Every environment variable, from the code that reads it."""

import json
from pathlib import Path

from docs_build.attribute_docs import attribute_docs
from docs_build.commands import command_line
from docs_build.markdown import code, prose, table
from docs_build.schemas import type_of
from service.core.foundation.settings import Settings


def service_settings() -> str:
    """Return the settings of front and workers, in the order of their class."""
    docs = attribute_docs(Settings)
    prefix = Settings.model_config["env_prefix"]
    schemas = Settings.model_json_schema(mode="serialization")["properties"]
    rows = [
        [code(f"{prefix}{name.upper()}"), type_of(schemas[name]), _default(field.default), prose(docs.get(name, ""))]
        for name, field in Settings.model_fields.items()
    ]
    return table(["variable", "type", "default", ""], rows)


def client_settings() -> str:
    """Return the variables in the place of which an option of `ladd` may be given."""
    rows = [
        [code(str(option.envvar)), code(option.opts[0]), prose(option.help)]
        for option in command_line().params
        if getattr(option, "envvar", None)
    ]
    return table(["variable", "option", ""], rows)


def _default(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Path):
        return code(f"~/{value.relative_to(Path.home())}")
    return code(value if isinstance(value, str) else json.dumps(value))
