"""How the comparison of two arms ends."""

from typing import Literal

Verdict = Literal["better", "worse", "no evidence", "too few trials"]
