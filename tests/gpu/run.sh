#!/usr/bin/env bash
# Checks the whole project on this machine's accelerator in about ten minutes: the numbers of every task against the CPU's,
# speed, host waits, resuming, two devices together. Ends with a table, which is also written to gpu-report.md.
#   tests/gpu/run.sh [--device cuda|mps|cpu|pretend] [--minutes 10] [--output gpu-report.md] [--only NAME …]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
python=$root/.venv/bin/python
[ -x "$python" ] || python=$(command -v python3)
export PYTHONPATH=$root:$root/tests/helpers:$root/tests/gpu${PYTHONPATH:+:$PYTHONPATH}
exec "$python" -W ignore "$root/tests/gpu/check.py" "$@"
