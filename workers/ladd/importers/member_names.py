"""Names inside archives."""

import re

from workers.ladd.importers.rejected import rejected

_DRIVE = re.compile(r"^[A-Za-z]:")


def check_member_name(archive: str, name: str) -> None:
    """Raise ImportRejected unless `name` is a relative path that stays inside the archive."""
    parts = name.split("/")
    if not name or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or _DRIVE.match(name):
        raise rejected(
            archive,
            "no_path_tricks",
            ascii(name),
            f"member {ascii(name)[:200]} is not a plain relative path (no leading '/', '..', backslash or drive)",
        )
