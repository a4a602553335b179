# Asked of every host by `farmhand doctor --hosts`, in any POSIX shell: a line KEY VALUE for what is
# known. Given: workdir command prologue nonce nonce_file
# shellcheck shell=sh disable=SC2154  # what is given
say() { [ -z "$2" ] || printf '%s %s\n' "$1" "$2"; }

cores() { # of /proc/cpuinfo; virtual machines and ARM do not say
  socket=0
  while IFS=: read -r key value; do
    case $key in
      'physical id'*) socket=$value ;;
      'core id'*) echo "$socket $value" ;;
    esac
  done </proc/cpuinfo | sort -u | grep -c .
}

say hostname "$(uname -n)"
logical=$(nproc --all 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c '^processor' /proc/cpuinfo)
physical=$(lscpu -p=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | grep -c .)
[ "$physical" != 0 ] || physical=$(cores)
[ "$physical" != 0 ] || physical=$logical
say logical "$logical"
say physical "$physical"
model=$(grep -m 1 '^model name' /proc/cpuinfo 2>/dev/null || lscpu 2>/dev/null | grep -m 1 '^Model name')
say cpu_model "$(printf %s "${model#*:}" | tr -s ' \t' ' ')"
while read -r key value _; do
  case $key in
    MemTotal:) say memory_kib "$value" ;;
    MemAvailable:) say available_kib "$value" ;;
  esac
done </proc/meminfo
read -r load _ </proc/loadavg && say load "$load"
case $workdir in
  /*) folder=$workdir ;;
  *) folder=$HOME/$workdir ;;
esac
say workdir "$folder"
while [ ! -d "$folder" ]; do folder=${folder%/*} && folder=${folder:-/}; done
if [ -w "$folder" ]; then say writable yes; else say writable no; fi
# shellcheck disable=SC2046  # its columns
set -- $(df -Pk "$folder" 2>/dev/null | tail -n 1)
say free_kib "${4-}"
# shellcheck disable=SC2016  # for that bash
say bash "$(bash --norc -c 'echo "${BASH_VERSINFO[0]}.${BASH_VERSINFO[1]}"' 2>/dev/null)"
for tool in setsid tar sha256sum; do
  command -v "$tool" >/dev/null || say missing "$tool"
done
if [ -n "$command" ]; then
  found=$(bash -c "$prologue
command -v -- \"\$0\"" "$command" 2>/dev/null </dev/null | tail -n 1)
  say command "${found:--}"
fi
if [ -n "$nonce_file" ]; then
  if [ "$(cat "$nonce_file" 2>/dev/null)" = "$nonce" ]; then say shared yes; else say shared no; fi
fi
case $(date +%s.%N) in
  *[!0-9.]*) say time "$(date +%s)" ;;
  *) say time "$(date +%s.%N)" ;;
esac
