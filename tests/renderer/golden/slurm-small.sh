#!/bin/bash
#SBATCH --job-name=r.1
#SBATCH --array=0-3
#SBATCH --chdir=/farm/r
#SBATCH --output=logs/1/%A.%N.out
#SBATCH --open-mode=append
#SBATCH --requeue
#
# Run r, submission 1: 4 shards in 4 elements. Submit it by
#   sbatch /farm/r/slurm_array_job.sh
# Element N runs shard N.
# What a shard prints is in its own directory, below shards/.
run=/farm/r
fail() {
  printf 'farmhand: element %s on %s: %s\n' "${SLURM_ARRAY_TASK_ID:--}" "${SLURMD_NODENAME:-$HOSTNAME}" "$1" >&2
  exit 91
}
case ${SLURM_ARRAY_TASK_ID-} in
  '' | *[!0-9]*) fail "not an element of a job array (no SLURM_ARRAY_TASK_ID): submit this script with sbatch" ;;
esac
[ "$SLURM_ARRAY_TASK_ID" -lt 4 ] ||
  fail "this array has the elements 0 to 3 (was --array given by hand, or is SBATCH_ARRAY_INX set?)"
[ -r "$run/plan/shard.sh" ] ||
  fail "$run/plan/shard.sh cannot be read: is the run directory on a filesystem of this node, and was it moved?"
shards=("$((0 + SLURM_ARRAY_TASK_ID))")
# What sbatch typed inside another job hands on of that job: it would shape srun in this one.
unset "${!SBATCH_@}" "${!SLURM_STEP_@}" "${!SLURM_SRUN_@}" "${!SLURM_CPU_BIND@}" "${!SLURM_MEM_BIND@}"
unset SLURM_CPUS_PER_GPU SLURM_CPUS_PER_TASK SLURM_CPU_FREQ_REQ SLURM_DISTRIBUTION \
  SLURM_DIST_PLANESIZE SLURM_EXACT SLURM_EXPORT_ENV SLURM_GPUS SLURM_GPUS_PER_NODE \
  SLURM_GPUS_PER_SOCKET SLURM_GPUS_PER_TASK SLURM_GPU_BIND SLURM_GPU_FREQ SLURM_HINT \
  SLURM_MEM_PER_CPU SLURM_MEM_PER_GPU SLURM_MEM_PER_NODE SLURM_NETWORK SLURM_NPROCS SLURM_NTASKS \
  SLURM_NTASKS_PER_CORE SLURM_NTASKS_PER_GPU SLURM_NTASKS_PER_NODE SLURM_NTASKS_PER_SOCKET \
  SLURM_OVERCOMMIT SLURM_OVERLAP SLURM_PROFILE SLURM_THREADS_PER_CORE SLURM_TIMELIMIT SLURM_WHOLE \
  SRUN_CPUS_PER_TASK
fh_node=${SLURMD_NODENAME-} \
  fh_array="${SLURM_ARRAY_TASK_MIN-?}-${SLURM_ARRAY_TASK_MAX-?}, ${SLURM_ARRAY_TASK_COUNT-?} in all" \
  exec /bin/bash "$run/plan/shard.sh" 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 1 slurm \
  "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" "${SLURM_RESTART_COUNT:-0}" 0 "${shards[@]}"
