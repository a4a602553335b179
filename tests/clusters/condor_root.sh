#!/usr/bin/env bash
# Make a directory with HTCondor in it, from packages of a Debian release that has them:
#   condor_root.sh ROOT SUITE RECIPE
# It is made beside its place and renamed when it is whole; ROOT/made says that nothing is missing,
# by which recipe it was made, and where. Its programs are told where their dynamic linker and their
# libraries are (patchelf(1)), so they run on this machine as they are, for root and for users,
# without chroot(1): jobs see the files of this machine. A root that was moved is only told anew.
set -euo pipefail

root=$1 suite=$2 recipe=$3 making=$1.making

make_root() {
  local script=/usr/share/debootstrap/scripts/$suite
  [ -e "$script" ] || script=${script%/*}/sid # an older debootstrap does not know the suite
  rm -rf "$making"
  mkdir -p "$making"
  chmod 755 "$making"
  debootstrap --variant=minbase "$suite" "$making" "" "$script"
  mount --bind "$making" "$making"
  mount -t proc proc "$making/proc"
  mount --rbind /dev "$making/dev"
  printf '#!/bin/sh\nexit 101\n' >"$making/usr/sbin/policy-rc.d" # start nothing: invoke-rc.d(8)
  chmod 755 "$making/usr/sbin/policy-rc.d"
  # A suite under development may have a Release file past its date. Used once, it may stay so.
  chroot "$making" apt-get --quiet --option=Acquire::Check-Valid-Until=false update
  chroot "$making" apt-get --quiet --yes --no-install-recommends install minicondor patchelf
  umount --lazy "$making/dev" "$making/proc" "$making"
  rm -rf "$making"/var/cache/apt/* "$making"/var/lib/apt/lists/* \
    "$making"/usr/share/doc "$making"/usr/share/locale "$making"/usr/share/man
}

tell() { # the programs in $1 that they are, or will be, in $2
  chroot "$1" sh -eu -s "$2" <<'END'
    linker=$1$(patchelf --print-interpreter /bin/true)
    set -- "$1" /usr/lib/*-linux-gnu
    libraries=$1/usr/lib:$1$2
    dpkg --listfiles condor | sort -u | while read -r file; do
      [ -f "$file" ] && [ ! -L "$file" ] || continue
      patchelf --print-needed "$file" >/dev/null 2>&1 || continue # no ELF file, or a static one
      ! patchelf --print-interpreter "$file" >/dev/null 2>&1 ||
        patchelf --set-interpreter "$linker" "$file"
      # RPATH, not RUNPATH: it holds for the libraries of the libraries as well (ld.so(8)).
      patchelf --force-rpath --set-rpath "$libraries" "$file"
    done
END
}

if [ "${4-}" != unshared ]; then # what is mounted here ends with this process, whatever happens
  exec unshare --mount --propagation private bash "$0" "$root" "$suite" "$recipe" unshared
fi
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
made=$(head -n 1 "$root/made" 2>/dev/null || true)
rm -f "$root/made"
if [ "$made" = "$recipe" ]; then
  tell "$root" "$root"
else
  make_root
  tell "$making" "$root"
  rm -rf "$root"
  mv "$making" "$root"
fi
"$root/usr/bin/condor_version"
printf '%s\n' "$recipe" "$root" >"$root/made"
