#!/usr/bin/env bash
# The whole round trip on this machine; every command is shown before it runs. `make demo` calls
# this with farmhand and nextstat on PATH. Each time is a run of its own, in demo-runs/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

example=examples/unbinned-toys
run_id=toys-$(date -u +%Y%m%dT%H%M%S)-$$
run=demo-runs/$run_id

show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

show python $example/make_data.py
show farmhand render $example/farmhand.yaml --scheduler local --out-dir demo-runs --run-id "$run_id"
show farmhand run "$run"
show farmhand check "$run"
show farmhand merge "$run"
printf '\nThe same study in one piece, to compare:\n'
show nextstat unbinned-fit-toys --config $example/specs/spec.json --n-toys 400 --seed 42 \
  --threads 1 --output "$run/unsharded.json"
show python $example/compare.py "$run/merged.json" "$run/unsharded.json"
