"""Scripts of `benchmarks/` import each other as they do when one of them is started: its folder comes first."""

import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

sys.path.insert(0, str(BENCHMARKS))
