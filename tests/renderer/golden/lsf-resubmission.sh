#!/bin/bash
#BSUB -J "r.2.array1[1-2]"
#BSUB -o '/farm/"r"/logs/2/array1/%J.%I.out'
#BSUB -n 4
#BSUB -M 2048
#BSUB -R "select[hname!='n1' && hname!='n8' && hname!='n-9'] rusage[mem=512] span[hosts=1]"
#BSUB -rn
#
# Run r, submission 2: 2 shards in 2 elements. Submit it by
#   bsub < '/farm/"r"/resubmit-2/lsf_array_job.sh'
# Element N (from 1) runs the shards in line N of submissions/2.map.
# What a shard prints is in its own directory, below shards/.
run='/farm/"r"'
node=${LSB_HOSTS-} node=${node%% *}
fail() {
  printf 'farmhand: element %s on %s: %s\n' "${LSB_JOBINDEX:--}" "${node:-$HOSTNAME}" "$1" >&2
  exit 91
}
case ${LSB_JOBINDEX-} in
  '' | 0 | *[!0-9]*) fail "not an element of a job array (LSB_JOBINDEX is '${LSB_JOBINDEX-}'): was it submitted by bsub < lsf_array_job.sh, and has LSF taken the array for one job?" ;;
esac
[ "$LSB_JOBINDEX" -le 2 ] ||
  fail "this array has the elements 1 to 2 (was -J given by hand?)"
[ -r "$run/plan/shard.sh" ] ||
  fail "$run/plan/shard.sh cannot be read: is the run directory on a filesystem of this host, and was it moved?"
mapfile -t -s $((0 + LSB_JOBINDEX - 1)) -n 1 line <"$run/"submissions/2.map
read -r -a shards <<<"${line[0]-}"
[ -n "${shards[0]-}" ] || fail "no line for this element in $run/"submissions/2.map
restarts=0
[ "${LSB_RESTART-}" != Y ] || restarts=1
unset LSB_INTERACTIVE "${!BSUB_@}" # what bsub typed inside another job hands on of that job
fh_node=$node fh_array=${LSB_JOBNAME-} \
  exec /bin/bash "$run/plan/shard.sh" 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 2 lsf \
  "${LSB_JOBID-}[$LSB_JOBINDEX]" "$restarts" 0 "${shards[@]}"
