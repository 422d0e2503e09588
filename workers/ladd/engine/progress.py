"""How much of a computation is done."""

from collections.abc import Callable


def counting(progress: Callable[[int, int], None], total: int, done: int = 0) -> Callable[[int], None]:
    """Return a function to tell how much more is done; it tells `progress` how much that is in all, of `total`."""

    def advance(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    return advance
