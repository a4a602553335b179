#!/bin/bash
#BSUB -J "r.1.s7"
#BSUB -oo "/farm/it's mine #1/logs/1/0/s7.%J.out"
#BSUB -W 1560
#BSUB -wa "USR1"
#BSUB -wt 5
#BSUB -n 4
#BSUB -M 1572864
#BSUB -R "select[(type==any && !gpu) && hname!='n2'] order[ut] rusage[mem=1536,lic=1] span[hosts=1]"
#BSUB -gpu "num=1:mode=exclusive_process"
#BSUB -q 1nh
#BSUB -P physics
#BSUB -G atlas
#BSUB -app big
#BSUB -g "/toys"
#BSUB -u "me@example.org"
#BSUB -B
#BSUB -N
#BSUB -r
#BSUB -sp 100
#BSUB -x
#BSUB -w 'done("before")'
#
# Shard s7 (number 7) of the run r, submission 1. Start it by any of
#   bsub < batchScript.sh        nohup ./batchScript.sh &        bash < batchScript.sh
run=$'/farm/it\'s mine #1'
if [ ! -r "$run/plan/shard.sh" ]; then
  echo "farmhand: this script belongs to the run at $run, and there is no plan there." >&2
  echo "  to do: if the run was moved, start it from its new place: farmhand run NEW-PLACE" >&2
  exit 91
fi
# Started by hand, until the next lines find a job of LSF around it. (An interactive job lends its
# number to all that is typed in it; but what is submitted there bears the name of this shard.)
scheduler=nohup job=- restarts=0 walltime=93600 node=''
if [ -n "${LSB_JOBID-}" ] &&
  { [ -z "${LSB_INTERACTIVE-}" ] || [ "${LSB_JOBNAME-}" = r.1.s7 ]; }; then
  # LSF itself holds to the walltime: -W, which the command line of bsub may have changed.
  scheduler=lsf job=$LSB_JOBID walltime=0 node=${LSB_HOSTS-}
  case ${LSB_JOBINDEX:-0} in 0 | *[!0-9]*) ;; *) job="${job}[$LSB_JOBINDEX]" ;; esac
  [ "${LSB_RESTART-}" != Y ] || restarts=1
  unset LSB_INTERACTIVE "${!BSUB_@}" # what bsub typed inside another job hands on of that job
fi
fh_node=${node%% *} exec /bin/bash "$run/plan/shard.sh" 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 1 \
  "$scheduler" "$job" "$restarts" "$walltime" 7 </dev/null
