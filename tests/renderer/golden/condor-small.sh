#!/bin/bash
# HTCondor starts this for each shard of the run r, submission 1:
#   condor_job.sh SHARD BLOCK NAME NATIVE_ID shared|transfer
shard=$1 block=$2 name=$3 native=$4 mode=$5
fail() {
  printf 'farmhand: shard %s on %s: %s\n' "$shard" "${HOSTNAME:-?}" "$1" >&2
  exit 91
}
[ $# -eq 5 ] || fail "called with $# words, not with 5: submit condor_job.sub or condor_job_transfer.sub"
# HTCondor gives a job no environment of its owner's unless asked.
export PATH=${PATH:-/usr/local/bin:/usr/bin:/bin} HOME=${HOME:-${_CONDOR_SCRATCH_DIR:-/tmp}}
# How often it was started before stands in the job's own ad.
restarts=0
if [ -r "${_CONDOR_JOB_AD-}" ]; then
  while read -r key _ value; do
    [ "$key" != NumShadowStarts ] || restarts=$((value - 1))
  done <"$_CONDOR_JOB_AD"
  [ "$restarts" -ge 0 ] || restarts=0
fi
case $mode in
  shared)
    run=/farm/r
    [ -r "$run/plan/shard.sh" ] ||
      fail "$run/plan/shard.sh cannot be read: is the run on a filesystem of this machine, and open to $(id -un)? If not, submit condor_job_transfer.sub"
    ;;
  transfer)
    # What is brought back is named in the submit file: it has to be there however this ends.
    run=$_CONDOR_SCRATCH_DIR
    attempt=$run/shards/$name/$native
    mkdir -p "$attempt" "$run/records/$block" || fail "cannot write in $run"
    : >>"$run/records/$block/$shard.$native.jsonl"
    native="=$native"
    ;;
  *) fail "unknown mode $mode" ;;
esac
exec /bin/bash "$run/plan/shard.sh" 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 1 htcondor "$native" "$restarts" 0 "$shard"
