#!/usr/bin/env bash
# Install what the private schedulers of the tests need; at once done when it is there. The Debian
# packages are asked to start nothing: the tests start their own instances.
set -euo pipefail

packages=(slurmctld slurmd slurm-client slurmdbd slurm-wlm-basic-plugins slurm-wlm-mysql-plugin
  munge mariadb-server xrootd-server xrootd-client openssh-server openssh-client tcsh)
commands=(slurmctld slurmd slurmdbd sbatch squeue sacct sacctmgr munged mungekey mariadbd mariadb
  mariadb-install-db setpriv useradd xrootd xrdcp xrdfs xrdadler32 sshd ssh
  ssh-keygen tcsh)

missing() {
  local name
  for name in "${commands[@]}"; do
    PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v "$name" >/dev/null || printf '%s ' "$name"
  done
}

absent=$(missing)
[ -n "$absent" ] || exit 0

install="apt-get install --yes --no-install-recommends ${packages[*]}"
if ! command -v apt-get >/dev/null; then
  echo "The tests need a private SLURM, and this machine has no $absent" >&2
  echo "Install SLURM with slurmdbd, munge and MariaDB (on Debian: $install)" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "The tests need a private SLURM, and this machine has no $absent" >&2
  echo "Type: sudo apt-get update && sudo $install" >&2
  exit 1
fi

# invoke-rc.d(8) asks this script whether a service may be started: 101 means no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
echo "Installing ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { apt-get update && $install; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "Could not install what the tests need; the lines above say why (kept in $log)" >&2
  exit 1
fi
rm -f "$log"
absent=$(missing)
if [ -n "$absent" ]; then
  echo "These packages did not bring $absent" >&2
  exit 1
fi
