"""`python -m ...hostile.confined_run CONFINEMENT`: read the cases whose names come on standard input.

Runs them all in one process, under the limits of a runner that reads a small upload, and prints a JSON line for each:
its name, what there is to complain of, and how much its resident set has grown so far at the most, in KiB:
what torch takes before depends on its build.
"""

import json
import os
import re
import resource
import sys
import tempfile
import warnings
from pathlib import Path

from api_schemas.runner import Confinement
from workers.runner.confinement import confine


def main() -> None:
    """Read the cases, one folder each."""
    confinement = Confinement.model_validate_json(sys.argv[1])
    confine(confinement)
    import torch

    from tests.workers.ladd.importers.hostile.corpus import corpus
    from tests.workers.ladd.importers.hostile.outcome import complaints

    torch.set_num_threads(1)
    # As in the rest of the suite: what only warns is a defect too.
    warnings.simplefilter("error")
    cases = corpus()
    begun = resident_peak()
    with tempfile.TemporaryDirectory() as workplace:
        os.chdir(workplace)
        for line in sys.stdin:
            name = json.loads(line)
            with tempfile.TemporaryDirectory() as folder:
                found = complaints(cases[name], Path(folder), confinement)
            print(json.dumps([name, found, resident_peak() - begun]), flush=True)


def resident_peak() -> int:
    """Return the largest resident size so far, in KiB; not ru_maxrss, which begins at that of the parent."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
