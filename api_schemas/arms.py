"""Names of arms, the ways to train that an evaluation compares."""

from typing import Annotated

from api_schemas.registered import Registered
from method.arms import ARMS

_ARM = Registered(
    "ArmName",
    ARMS,
    """\
One way to train: the seven rows of the paper's Table 6, and controls.

`baseline`: full images with hard labels; `full_`, `sub_`: full images, local views; `soft`, `hard`, `both`: with
what the labeler says of them, with the class, with the sum of both losses; `ladd`: `baseline` and `sub_soft`.
`baseline_best_lr`, `ladd_best_lr`: at 1, 3, 10 and 30, and at 0.1, 0.3, 1 and 3 times the recipe's learning rate, of
which each trial keeps the one that is best on images of the source set's train split; `baseline_matched`: for as many
epochs as make as many forwards as `ladd` makes.

Controls on other images: `random`: as `baseline`, on as many images of each class picked at random from the source
set's train split; `random_ladd`: as `ladd`, on those; `real`: as `baseline`, on the whole train split, for
`overrides.real_epochs`; `baseline_plus`: as `baseline`, on `plus_dataset`. `_noaug`: the same without augmentation
and mixtures.

`online`, a ceiling: full images with what the labeler says of each as it is augmented, asked at every step.""",
)
ArmName = Annotated[str, _ARM]
"""A name of `method.arms`."""
ShownArm = Annotated[str, _ARM.shown()]
"""The same in an answer: one of a later version, too."""
