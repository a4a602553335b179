#!/bin/bash
#BSUB -J "r.1.array3[1-3]%2"
#BSUB -o "/farm/r/logs/1/array3/%J.%I.out"
#
# Run r, submission 1: 3 shards in 3 elements (part 3 of 3). Submit it by
#   bsub < /farm/r/lsf_array_job.3.sh
# Element N (from 1) runs shard 6 + N.
# What a shard prints is in its own directory, below shards/.
run=/farm/r
node=${LSB_HOSTS-} node=${node%% *}
fail() {
  printf 'farmhand: element %s on %s: %s\n' "${LSB_JOBINDEX:--}" "${node:-$HOSTNAME}" "$1" >&2
  exit 91
}
case ${LSB_JOBINDEX-} in
  '' | 0 | *[!0-9]*) fail "not an element of a job array (LSB_JOBINDEX is '${LSB_JOBINDEX-}'): was it submitted by bsub < lsf_array_job.3.sh, and has LSF taken the array for one job?" ;;
esac
[ "$LSB_JOBINDEX" -le 3 ] ||
  fail "this array has the elements 1 to 3 (was -J given by hand?)"
[ -r "$run/plan/shard.sh" ] ||
  fail "$run/plan/shard.sh cannot be read: is the run directory on a filesystem of this host, and was it moved?"
shards=("$((7 + LSB_JOBINDEX - 1))")
restarts=0
[ "${LSB_RESTART-}" != Y ] || restarts=1
unset LSB_INTERACTIVE "${!BSUB_@}" # what bsub typed inside another job hands on of that job
fh_node=$node fh_array=${LSB_JOBNAME-} \
  exec /bin/bash "$run/plan/shard.sh" 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 1 lsf \
  "${LSB_JOBID-}[$LSB_JOBINDEX]" "$restarts" 0 "${shards[@]}"
