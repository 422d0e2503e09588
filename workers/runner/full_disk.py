"""How a full disk shows itself."""

import errno

ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

MESSAGES = (
    # safetensors, which is Rust.
    "os error 28",
    "os error 27",
    # torch.save, which does not tell why: the writing, and the closing of a file that came out shorter.
    "PytorchStreamWriter failed writing",
    "unexpected pos",
)
"""Of what is no OSError there are only texts."""


def is_full_disk(error: BaseException) -> bool:
    """Tell whether an exception says that a file could not grow: no space, a quota, a limit of the process."""
    if isinstance(error, OSError):
        return error.errno in ERRORS
    return any(text in str(error) for text in MESSAGES)
