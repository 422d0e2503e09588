"""Names inside archives."""

import re

from workers.ladd.importers.reading.rejected import rejected

_DRIVE = re.compile(r"^[A-Za-z]:")


def is_litter(name: str) -> bool:
    """Tell whether a member is none of the sender's: hidden, or what macOS adds."""
    return any(part == "__MACOSX" or (part.startswith(".") and part != ".") for part in name.split("/"))


def check_member_name(archive: str, name: str) -> None:
    """Raise ImportRejected unless `name` is a relative path in UTF-8 that stays inside the archive.

    Class folders become names of classes, and those go into JSON.
    """
    parts = name.split("/")
    if not name or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or _DRIVE.match(name):
        raise rejected(
            archive,
            "no_path_tricks",
            ascii(name),
            f"member {ascii(name)[:200]} is not a plain relative path (no leading '/', '..', backslash or drive)",
        )
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise rejected(archive, "utf8_names", ascii(name), f"the name of member {ascii(name)[:200]} is not UTF-8")
