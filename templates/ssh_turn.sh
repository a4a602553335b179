# One turn at a host: start shards, wait a little for one to end, say how each stands. Any POSIX
# shell. A launch has a directory of its own: who makes it decides, so nothing is started twice,
# and what was called off is never started late.
# Given: run plan prologue wait send, and by lines
#   starts  LAUNCH BLOCK SHARD SUBMISSION WALLTIME CPUS
#   watch   LAUNCH BLOCK SHARD
# shellcheck shell=sh disable=SC2154  # what is given
cd "$run" 2>/dev/null || {
  echo gone
  exit
}
places=logs/ssh
mkdir -p "$places"
read -r boot </proc/sys/kernel/random/boot_id

begin() {
  if ! why=$(mkdir "$places/$1" 2>&1); then
    [ -d "$places/$1" ] || printf 'refused %s %s\n' "$1" "$why"
    return
  fi
  mkdir -p "records/$2"
  # The prologue comes before the exec, which keeps the process id.
  fh_cpus=$6 setsid bash -c "$prologue
exec /bin/bash \"\$@\"" farmhand "$run/plan/shard.sh" "$plan" "$4" ssh "$1" 0 "$5" "$3" \
    </dev/null >"$places/$1/log" 2>&1 &
  note "$1" "$!"
}

note() { # LAUNCH PID
  state_of "$2"
  printf '%s %s %s\n' "$2" "$ticks" "$boot" >"$places/$1/pid.tmp" && mv "$places/$1/pid.tmp" "$places/$1/pid"
}

state_of() { # PID: state and ticks (when it was started), as proc(5) has them in field 3 and 22
  state='' ticks=''
  line=''
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return
  # shellcheck disable=SC2086  # the fields behind the name
  set -- ${line##*) }
  state=$1 ticks=${20}
}

standing() { # LAUNCH: how = alive, gone, rebooted, starting
  pid='' start='' since=''
  if { read -r pid start since <"$places/$1/pid"; } 2>/dev/null; then
    how=rebooted
    [ "$since" = "$boot" ] || return
    how=gone
    state_of "$pid"
    case $state in '' | Z | X) return ;; esac
    [ "$ticks" != "$start" ] || how=alive
    return
  fi
  # Cut off between making the directory and noting the process: is it there?
  how=starting
  file=$(printf %s "$1" | grep -lsF -f - -- /proc/[0-9]*/cmdline | head -n 1)
  if [ -n "$file" ]; then
    pid=${file#/proc/}
    note "$1" "${pid%/cmdline}"
    how=alive
  elif [ -n "$(find "$places/$1" -maxdepth 0 -mmin +1)" ]; then
    how=gone
  fi
}

tell() { # LAUNCH BLOCK SHARD
  if mkdir "$places/$1" 2>/dev/null; then
    echo "launch $1 absent"
    return
  fi
  standing "$1"
  echo "launch $1 $how"
  [ "$how" != alive ] || echo "pid $pid $start"
  for file in "records/$2/$3.$1."*.jsonl; do
    [ -r "$file" ] || continue
    echo "record ${file##*/}"
    while read -r line || [ -n "$line" ]; do printf 'line %s\n' "$line"; done <"$file"
  done
  [ "$how" = alive ] || printf 'log %s\n' "$(tail -n 1 "$places/$1/log" 2>/dev/null)"
}

each() { # FUNCTION LINES
  while read -r a b c d e f; do
    [ -z "$a" ] || "$1" "$a" "$b" "$c" "$d" "$e" "$f"
  done <<END
$2
END
}

all_alive() {
  ended=''
  look() {
    standing "$1"
    [ "$how" = alive ] || [ "$how" = starting ] || ended=yes
  }
  each look "$watch"
  [ -z "$ended" ]
}

hit() {
  [ -d "$places/$1" ] || return
  standing "$1"
  # The payload hands TERM on; of a killed one the monitor ends the command.
  [ "$how" != alive ] || kill -s "$send" "$pid"
}

each begin "$starts"
[ -z "$send" ] || each hit "$watch"
looks=0
while [ "$looks" -lt "$((wait * 5))" ] && all_alive; do
  sleep 0.2 2>/dev/null || { sleep 1 && looks=$((looks + 4)); }
  looks=$((looks + 1))
done
each tell "$watch"
