"""The engine on one GPU, in one process: `engine`, `variants` or `evidence`, with what decides most first.

    benchmarks/gpu.sh engine|variants|evidence [--seconds S] [--out FOLDER] [--data FOLDER] [--smoke]

Needs torch, numpy, Pillow and safetensors; no installation, no package index. Every row is printed and written (JSON
and Markdown in --out) as soon as it is known; at the end, or when the time is up, comes the whole table, with what
there was no time for. Exit status: 0, or 1 when something failed, or 3 without CUDA.
"""

import argparse
import os
import sys
from pathlib import Path

# Whoever starts this has the checkout, and nothing of it is installed.
sys.path.insert(1, str(Path(__file__).parents[1]))

import gpu_engine
import gpu_evidence
import gpu_variants
import torch
from gpu_session import Session
from interleaved import TimeIsUp

SECTIONS = {"engine": gpu_engine.run, "variants": gpu_variants.run, "evidence": gpu_evidence.run}
SECONDS = 270.0
FAILED, NO_CUDA = 1, 3


def main() -> int:
    """Measure, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("section", choices=SECTIONS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="stop after so long; default: %(default)g")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results"))
    parser.add_argument("--data", type=Path, help="folder of the files that gpu_evidence.py names; evidence only")
    parser.add_argument("--smoke", action="store_true", help="tiny, on the CPU, without a limit: to see that it runs")
    asked = parser.parse_args()
    if not asked.smoke and not torch.cuda.is_available():
        print("there is no CUDA device here: nothing was measured (--smoke runs all of it on the CPU)")
        return NO_CUDA
    session = Session(asked.section, asked.out, None if asked.smoke else asked.seconds, asked.data, asked.smoke)
    try:
        SECTIONS[asked.section](session)
    except TimeIsUp:
        session.say("the time is up")
    print(session.text(), flush=True)
    return FAILED if session.failed else 0


if __name__ == "__main__":
    status = main()
    # Past threads that may still compile: nobody waits for them any more.
    sys.stdout.flush()
    os._exit(status)
