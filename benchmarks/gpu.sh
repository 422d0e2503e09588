#!/usr/bin/env bash
# Every engine benchmark on one CUDA machine in under nine minutes; what there was no time for is named in the tables.
#
#   benchmarks/gpu.sh [--device cuda|cpu] [--smoke] [--out FOLDER] [SECTION...]
#
# Needs this repository and a Python with torch, numpy, Pillow and safetensors ($PYTHON, else .venv, else python3);
# where there is none it makes .venv with them. Sections named on the command line share the time among them.
set -u
cd "$(dirname "$0")/.." || exit

device=cuda out=benchmarks/results smoke=()
while [ $# -gt 0 ]; do
    case $1 in
        --device) device=$2; shift 2 ;;
        --out) out=$2; shift 2 ;;
        --smoke) smoke=(--smoke); shift ;;
        --*) echo "unknown option $1" >&2; exit 2 ;;
        *) break ;;
    esac
done

python=${PYTHON:-.venv/bin/python}
[ -x "$(command -v "$python")" ] || python=python3
if ! "$python" -c 'import torch, numpy, PIL, safetensors'; then
    python3 -m venv .venv && .venv/bin/pip install --quiet -c constraints.txt torch numpy pillow safetensors || exit
    python=.venv/bin/python
fi

# Seconds each may take; what one leaves is the next one's.
sections=(machine_peak:40 deployment:190 step_variants:120 ladd_step:60 labeler:40 labelling:30 growth:40)
if [ $# -gt 0 ]; then
    sections=("${@/%/:$((520 / $#))}")
fi

export PYTHONPATH=$PWD
until=0 failed=0
for section in "${sections[@]}"; do
    name=${section%:*} until=$((until + ${section#*:}))
    echo "== $name (until $until s, now $SECONDS s)"
    limit=(--seconds $((until - SECONDS)))
    # A smoke run shows that all of it works, however slow the machine.
    [ ${#smoke[@]} -gt 0 ] && limit=("${smoke[@]}")
    "$python" "benchmarks/$name.py" --device "$device" --out "$out" "${limit[@]}" || failed=1
done
echo "== done after $SECONDS s"
exit $failed
