"""Those who follow a training while it runs."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Listener:
    """Callbacks of a training.

    `on_epoch(done, total, loss)`: of each epoch, once its loss is known. `on_images`: how many images and views a
    micro-batch has forwarded; less than zero when a step begins anew. `on_checkpoint`: the training can go on from what
    lies in its folder of checkpoints; `wants_checkpoint` is asked after each micro-batch whether that is to be so right
    now. `log`: a line for people.
    """

    on_epoch: Callable[[int, int, float], None] = lambda done, total, loss: None
    on_images: Callable[[int], None] = lambda images: None
    on_checkpoint: Callable[[], None] = lambda: None
    wants_checkpoint: Callable[[], bool] = lambda: False
    log: Callable[[str], None] = lambda message: None


SILENT = Listener()
