"""A training that its learning rate has blown up."""


class TrainingDivergedError(ValueError):
    """The numbers of an epoch are not finite any more; `lr` is the learning rate that was asked for."""

    def __init__(self, lr: float, epoch: int, what: str, value: float) -> None:
        super().__init__(f"lr must let the training converge; with {lr} the {what} of epoch {epoch} is {value}")
        self.lr = lr
