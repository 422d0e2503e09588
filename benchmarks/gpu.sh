#!/usr/bin/env bash
# The engine on a CUDA machine, in at most 4.5 minutes a section: see benchmarks/gpu.py.
#
#   benchmarks/gpu.sh engine|variants|evidence [--seconds S] [--out FOLDER] [--data FOLDER] [--smoke]
#
# Needs this repository and a Python with torch, numpy, Pillow and safetensors: $PYTHON, else .venv, else python3.
set -u
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$here/../.venv/bin/python}
[ -x "$(command -v "$python")" ] || python=python3
exec "$python" "$here/gpu.py" "$@"
