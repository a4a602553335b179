#!/bin/bash
# Shard s2 (number 2) of the run r, submission 1. Start it by any of
#   nohup ./batchScript.sh &        bash batchScript.sh        bash < batchScript.sh
run=/farm/r
if [ ! -r "$run/plan/shard.sh" ]; then
  echo "farmhand: this script belongs to the run at $run, and there is no plan there." >&2
  echo "  to do: if the run was moved, start it from its new place: farmhand run NEW-PLACE" >&2
  exit 91
fi
exec /bin/bash "$run/plan/shard.sh" PLAN-ID 1 nohup - 0 0 2 </dev/null
