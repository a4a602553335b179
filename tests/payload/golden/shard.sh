#!/bin/bash
# farmhand: the payload of one run, the same for every scheduler. Rendered; never edit it: pending jobs
# compare plan/id, and collect compares SHA256SUMS.
#
#   bash RUN/plan/shard.sh PLAN_ID SUBMISSION SCHEDULER NATIVE_ID RESTARTS WALLTIME_S SHARD_INDEX...
#
# Runs the shards one after the other. Each gets a directory of its own under RUN/shards, never used
# twice, and a record RUN/records/<block>/<shard>.<attempt>.jsonl: a line when it starts, a line when
# it ends. NATIVE_ID - stands for the process id of this script; =ID makes ID the attempt's whole name,
# for a directory that is thrown away unless it ends well. With RESTARTS above 0, shards that an
# earlier start of the same NATIVE_ID finished are skipped. WALLTIME_S (a shard) 0 = no limit of our own.
#
# Exit codes, what the command sees, signals: at the end of this file, where bash never reads; the
# template says why things are done as they are. (Every comment costs each job some microseconds.)
#
# shellcheck disable=SC2034,SC2329  # names that only some specs use; functions that traps call

fh_posix_set=${POSIXLY_CORRECT+yes} fh_posix=${POSIXLY_CORRECT-}
POSIXLY_CORRECT=1
\unset -f unset set export trap eval exec exit return shift unalias shopt cd '[' test printf read mapfile kill wait \
  umask local true mkdir stat sleep command builtin
\unset POSIXLY_CORRECT FUNCNEST GLOBIGNORE TMOUT BASH_XTRACEFD
\unalias -a
\set +aefkuvxCETP +o pipefail -h -B
\shopt -u extdebug extglob failglob nocaseglob nocasematch nullglob dotglob xpg_echo expand_aliases \
  lastpipe localvar_inherit localvar_unset 2>/dev/null
IFS=$' \t\n'
unset "${!fh_mon@}" "${!FARMHAND_@}"
fh_lc_set=${LC_ALL+yes} fh_lc=${LC_ALL-}
LC_ALL=C
umask u+rwx

fh_child='' fh_phase=before fh_signals=0 fh_stop='' fh_stopped_by=null fh_warned=null fh_owed=''
fh_ready='' fh_started='' fh_refused='' fh_digits='' fh_status='' fh_open='' fh_code=0 fh_exit=0 fh_begun=''

fh_say() { printf 'farmhand: %s\n' "$1" >&2; }


fh_on() {
  fh_signals=$((fh_signals + 1))
  if [[ $fh_phase == before || $fh_phase == running ]]; then
    case $1 in
      USR1 | USR2) [[ $fh_warned != null ]] || fh_warned=$2 ;;
      *) [[ $fh_stopped_by != null ]] || fh_stopped_by=$2 ;;
    esac
  fi
  fh_stop=$1
  case $1 in
    USR1 | USR2) fh_owed+=" INT" ;;
    *) fh_owed+=" $1" ;;
  esac
  [[ $fh_phase != running || -z $fh_ready ]] || fh_forward
}

fh_listen() {
  local fh_char=''
  read -r -t "$1" -n 1 -u "$fh_pipe" fh_char || [[ -n $fh_char ]] || return
  case $fh_char in
    r) fh_ready=yes ;;
    s) fh_started=yes ;;
    n) fh_refused=yes ;;
    .) fh_status=$fh_digits ;;
    *) fh_digits+=$fh_char ;;
  esac
}

fh_forward() {
  local fh_signal
  while [[ $fh_owed == ' '* ]]; do
    fh_signal=${fh_owed# } fh_signal=${fh_signal%% *} fh_owed=${fh_owed#" $fh_signal"}
    kill -s "$fh_signal" -- "-$fh_child"
  done 2>/dev/null
}

trap 'fh_on HUP 1' HUP
trap 'fh_on INT 2' INT
trap 'fh_on QUIT 3' QUIT
trap 'fh_on TERM 15' TERM
trap 'fh_on USR1 10' USR1
trap 'fh_on USR2 12' USR2
trap 'fh_on XCPU 24' XCPU
trap : PIPE
trap 'fh_bye $?' EXIT


fh_clock() {
  if ((BASH_VERSINFO[0] >= 5)) && [[ $EPOCHREALTIME == *[!0-9]* ]]; then
    fh_time=${EPOCHREALTIME/[!0-9]/.}
  else
    printf -v fh_time '%(%s)T.000000' -1
  fi
}

fh_usage() {
  local fh_line=''
  fh_ticks='' fh_pid_start=0
  read -r fh_line </proc/$$/stat || return
  # shellcheck disable=SC2086 # the numbers behind the name, split at spaces
  set -- ${fh_line##*)}
  [[ ${14}${15}${20} == *[!0-9]* || -z ${20} ]] && return
  fh_ticks=$((${14} + ${15})) fh_pid_start=${20}
}


fh_plain='[!] !#-[^-~]'
fh_tail=$'[\200-\277]'
fh_utf2=$'[\302-\337]'$fh_tail
fh_utf3=($'\340[\240-\277]'"$fh_tail" $'[\341-\354\356\357]'"$fh_tail$fh_tail" $'\355[\200-\237]'"$fh_tail")
fh_utf4=($'\360[\220-\277]' $'[\361-\363]'"$fh_tail" $'\364[\200-\217]')
# shellcheck disable=SC2053  # patterns on the right
fh_json() {
  if [[ $1 != *$fh_plain* ]]; then
    fh_quoted="\"$1\""
    return
  fi
  local fh_rest=$1 fh_char fh_length fh_number fh_byte
  fh_quoted='"'
  while [[ -n $fh_rest ]]; do
    fh_char=${fh_rest:0:4} fh_length=1
    if [[ $fh_char == $fh_utf2* ]]; then
      fh_length=2
    elif [[ $fh_char == ${fh_utf3[0]}* || $fh_char == ${fh_utf3[1]}* || $fh_char == ${fh_utf3[2]}* ]]; then
      fh_length=3
    elif [[ $fh_char == *$fh_tail$fh_tail ]] &&
      [[ $fh_char == ${fh_utf4[0]}* || $fh_char == ${fh_utf4[1]}* || $fh_char == ${fh_utf4[2]}* ]]; then
      fh_length=4
    fi
    fh_char=${fh_rest:0:fh_length} fh_rest=${fh_rest:fh_length}
    if [[ $fh_char == $fh_plain* ]]; then
      printf -v fh_number %d "'${fh_char:0:1}"
      fh_number=$((fh_number & 255))
      ((fh_length == 1)) || fh_number=$((fh_number & (0xff >> (fh_length + 1))))
      while fh_char=${fh_char:1} && [[ -n $fh_char ]]; do
        printf -v fh_byte %d "'${fh_char:0:1}"
        fh_number=$((fh_number << 6 | fh_byte & 63))
      done
      if ((fh_number < 65536)); then
        printf -v fh_char '\\u%04x' "$fh_number"
      else
        fh_number=$((fh_number - 65536))
        printf -v fh_char '\\u%04x\\u%04x' $((0xd800 | fh_number >> 10)) $((0xdc00 | fh_number & 1023))
      fi
    fi
    fh_quoted+=$fh_char
  done
  fh_quoted+='"'
}

fh_start() {
  local fh_line
  fh_clock
  read -r fh_nonce </proc/sys/kernel/random/uuid || printf -v fh_nonce '%04x%04x%04x' $RANDOM $RANDOM $RANDOM
  fh_attempt=$fh_safe
  [[ -n $fh_named ]] || fh_attempt+=.${fh_time%.*}.${fh_nonce##*-}
  fh_dir=shards/$fh_block/$fh_name/$fh_attempt
  fh_record=$fh_run/records/$fh_block/$fh_index.$fh_attempt.jsonl
  fh_line="{\"v\":1,\"event\":\"start\",\"run\":$fh_uuid_json,\"plan\":$fh_plan_json,\"submission\":$fh_submission"
  fh_json "$fh_name"
  fh_line+=",\"shard\":$fh_index,\"name\":$fh_quoted,\"attempt\":\"$fh_attempt\",\"native_id\":$fh_native_json"
  fh_line+=",\"scheduler\":$fh_scheduler_json,\"restarts\":$fh_restarts,\"host\":$fh_host_json,\"pid\":$$$fh_where"
  fh_json "$fh_dir"
  fh_line+=",\"pid_start\":$fh_pid_start,\"boot\":$fh_boot_json,\"time\":$fh_time,\"dir\":$fh_quoted}"
  fh_open=yes fh_wall=0 fh_cpu=null fh_peak=null
  printf '%s\n' "$fh_line" >>"$fh_record" && return
  fh_open=''
  fh_say "shard $fh_index: cannot write the start record $fh_record: the command is not run (disk full? directory missing?)"
  return 1
}

fh_end() {
  local fh_line fh_lead='' fh_tries=0 fh_lines fh_note_json=null fh_cause_json=null
  fh_phase=after fh_code=$1
  if [[ -n $3 ]]; then
    fh_say "shard $fh_index${fh_name:+ ($fh_name)}: $3"
    fh_json "${3:0:1000}"
    fh_note_json=$fh_quoted
  fi
  [[ $2 == null ]] || fh_cause_json="\"$2\""
  fh_clock
  fh_line="{\"event\":\"end\",\"time\":$fh_time,\"exit_code\":$1,\"cause\":$fh_cause_json,\"stopped_by\":$fh_stopped_by"
  fh_line+=",\"warned\":$fh_warned,\"wall_s\":$fh_wall,\"cpu_s\":$fh_cpu,\"peak\":$fh_peak,\"note\":$fh_note_json}"
  fh_open=''
  until printf '%s%s\n' "$fh_lead" "$fh_line" >>"$fh_record"; do
    if ((++fh_tries > 3)); then
      fh_say "shard $fh_index: cannot write the end record $fh_record (exit code $1, cause $2): collect will not know how it ended"
      fh_code=94
      return
    fi
    sleep "$fh_tries"
    fh_lead='' fh_lines=()
    mapfile -t fh_lines <"$fh_record"
    [[ -z ${fh_lines[1]} ]] || fh_lead=$'\n'
  done
}

fh_bye() {
  [[ -n $fh_open ]] || return
  trap - EXIT
  [[ -z $fh_child ]] || kill -s KILL -- "-$fh_child" 2>/dev/null
  fh_end 91 setup "the payload ended before its time (code $1); its own error message is in the scheduler's log"
  exit "$fh_code"
}

fh_finished() {
  local fh_file fh_lines fh_line
  for fh_file in "$fh_run/records/$fh_block/$fh_index.$fh_safe."*.jsonl; do
    [[ -r $fh_file ]] || continue
    fh_lines=()
    mapfile -t fh_lines <"$fh_file"
    [[ ${fh_lines[0]} == *"\"plan\":$fh_plan_json,\"submission\":$fh_submission,"* ]] || continue
    [[ ${fh_lines[0]} == *"\"native_id\":$fh_native_json,"* ]] || continue
    for fh_line in "${fh_lines[@]}"; do
      [[ $fh_line != '{"event":"end",'*'"exit_code":0,"cause":null,'*'}' ]] || return 0
    done
  done
  return 1
}


fh_sample() {
  local fh_todo='' fh_pid fh_lines fh_line fh_file
  fh_sum=0
  read -r fh_todo <"/proc/$fh_child/task/$fh_child/children"
  fh_todo=${fh_todo% }
  while [[ -n $fh_todo ]]; do
    fh_pid=${fh_todo%% *}
    fh_todo=${fh_todo#"$fh_pid"}
    fh_todo=${fh_todo# }
    fh_lines=()
    mapfile -t fh_lines <"/proc/$fh_pid/status"
    for fh_line in "${fh_lines[@]}"; do
      [[ $fh_line == VmHWM:* ]] || continue
      fh_sum=$((fh_sum + ${fh_line//[!0-9]/} * 1024))
      break
    done
    for fh_file in "/proc/$fh_pid/task/"*/children; do
      fh_line=''
      read -r fh_line <"$fh_file"
      fh_line=${fh_line% }
      fh_todo+=${fh_line:+${fh_todo:+ }$fh_line}
    done
  done
}

fh_uptime() {
  local fh_line=''
  read -r fh_line _ </proc/uptime || printf -v fh_line '%(%s)T.00' -1
  fh_ticks=$((10#${fh_line/./}))
}

fh_monitor() {
  local fh_zero fh_deadline=0 fh_kill_at=0 fh_next=0 fh_pause fh_word fh_status fh_peak=0 fh_reached=0 fh_tries=0
  trap '' HUP INT QUIT TERM USR1 USR2 XCPU PIPE
  fh_uptime
  fh_zero=$fh_ticks
  ((fh_walltime == 0)) || fh_deadline=$((fh_zero + fh_walltime * 100))
  if [[ $fh_scheduler != local && -e /proc/$$/task/$$/children ]]; then
    fh_next=$((fh_zero + 100))
  fi
  while :; do
    fh_pause=360000
    ((fh_next == 0 || fh_next - fh_ticks >= fh_pause)) || fh_pause=$((fh_next - fh_ticks))
    ((fh_deadline == 0 || fh_deadline - fh_ticks >= fh_pause)) || fh_pause=$((fh_deadline - fh_ticks))
    ((fh_kill_at == 0 || fh_kill_at - fh_ticks >= fh_pause)) || fh_pause=$((fh_kill_at - fh_ticks))
    ((fh_pause >= 1)) || fh_pause=1
    printf -v fh_pause '%d.%02d' $((fh_pause / 100)) $((fh_pause % 100))
    read -r -t "$fh_pause" fh_word
    fh_status=$?
    ((fh_status != 0)) || break
    ((fh_status > 128)) || fh_orphan
    fh_uptime
    if ((fh_deadline > 0 && fh_ticks >= fh_deadline)); then
      fh_reached=1 fh_deadline=0 fh_kill_at=$((fh_ticks + 10 * 100))
      kill -s TERM -- "-$fh_child"
      kill -s CONT -- "-$fh_child"
    elif ((fh_kill_at > 0 && fh_ticks >= fh_kill_at)); then
      fh_kill_at=$((fh_ticks + 100))
      kill -s KILL -- "-$fh_child"
    fi
    if ((fh_next > 0 && fh_ticks >= fh_next)); then
      fh_sample
      ((fh_sum <= fh_peak)) || fh_peak=$fh_sum
      fh_pause=$(((fh_ticks - fh_zero) / 4))
      ((fh_pause >= 50)) || fh_pause=50
      ((fh_pause <= 1000)) || fh_pause=1000
      fh_next=$((fh_ticks + fh_pause))
    fi
  done 2>/dev/null
  printf '%s %s\n' "$fh_reached" "$fh_peak"
}

fh_orphan() {
  local fh_tries=0
  kill -s TERM -- "-$fh_child"
  kill -s CONT -- "-$fh_child"
  while kill -s 0 -- "-$fh_child"; do
    ((fh_tries++ < 10 * 5)) || kill -s KILL -- "-$fh_child"
    sleep 0.2
  done
  exit
}


fh_compare() {
  local fh_sizes=() fh_i
  [[ -n ${fh_paths[0]-} ]] || return 0
  mapfile -t fh_sizes < <(stat -L -c %s -- "${fh_paths[@]}" 2>/dev/null)
  [[ "${fh_sizes[*]}" != "${fh_planned[*]}" ]] || return 0
  for fh_i in "${!fh_paths[@]}"; do
    if [[ ! -r ${fh_paths[fh_i]} ]]; then
      fh_note="input ${fh_shown[fh_i]}: missing or not readable, planned ${fh_planned[fh_i]} bytes"
      return 1
    fi
    fh_sizes=()
    mapfile -t fh_sizes < <(stat -L -c %s -- "${fh_paths[fh_i]}")
    [[ ${fh_sizes[0]} != "${fh_planned[fh_i]}" ]] || continue
    fh_note="input ${fh_shown[fh_i]}: ${fh_sizes[0]:-unknown} bytes, planned ${fh_planned[fh_i]}"
    return 1
  done
}

fh_stage_in() {
  local fh_paths fh_planned fh_shown
  fh_paths=(
    "$FARMHAND_RUN"'/plan/stage/specs/spec.json'
    '/data/set 1/x.root'
  )
  fh_planned=(1234 0)
  fh_shown=(
    specs/spec.json
    '/data/set 1/x.root'
  )
  fh_compare
}

fh_chunk() {
  local fh_line=() fh_paths=() fh_planned=() fh_shown=() fh_path
  fh_files=() fh_comma=''
  if ! mapfile -t -s $((fh_index % 1000)) -n 1 fh_line <"$fh_run/plan/files/$fh_block"; then
    fh_note="cannot read plan/files/$fh_block: is the run directory whole?"
    return 1
  fi
  set --
  eval "set -- ${fh_line[0]}"
  while [[ $# -ge 2 ]]; do
    fh_path=$2
    if [[ $1 != - ]]; then
      [[ -z ${fh_brought-} ]] || fh_path=$fh_brought/${2##*/}
      fh_paths+=("$fh_path") fh_planned+=("$1") fh_shown+=("$2")
    fi
    fh_files+=("$fh_path")
    fh_comma+=${fh_comma:+,}$fh_path
    shift 2
  done
  if ! { [[ -z ${fh_files[0]-} ]] || printf '%s\n' "${fh_files[@]}"; } >"$FARMHAND_FILES"; then
    fh_note="cannot write $FARMHAND_FILES"
    return 1
  fi
  fh_compare
}

fh_share() {
  local fh_line=() fh_word='' IFS=$'\t'
  local fh_ledgers=${FARMHAND_ATTEMPT%/*}/ fh_left=() fh_file
  local -A fh_done
  fh_word=$fh_run/resubmit-$fh_submission/items/$fh_block
  if [[ -r $fh_word ]]; then
    mapfile -t -s $((fh_index % 1000)) -n 1 fh_line <"$fh_word"
    fh_ledgers+=$fh_safe.
  fi
  [[ -n ${fh_line[0]-} ]] ||
    mapfile -t -s $((fh_index % 1000)) -n 1 fh_line <"$fh_run/plan/items/$fh_block"
  set -f
  # shellcheck disable=SC2206  # split at tabs
  fh_items=(${fh_line[0]-})
  set +f
  for fh_file in "$fh_ledgers"*/ledger; do
    [[ -f $fh_file && -r $fh_file ]] || continue
    mapfile fh_line <"$fh_file"
    for fh_word in "${fh_line[@]}"; do
      [[ $fh_word != *$'\n' ]] || fh_word=${fh_word%$'\n'} fh_done[x${fh_word%%$'\t'*}]=1
    done
  done
  for fh_word in "${fh_items[@]}"; do
    [[ -n ${fh_done[x$fh_word]-} ]] || fh_left+=("$fh_word")
  done
  [[ -z ${fh_left[0]-} ]] || fh_items=("${fh_left[@]}")
  if [[ -z ${fh_items[0]-} ]]; then
    fh_note="cannot read plan/items/$fh_block: is the run directory whole?"
    return 1
  fi
  printf '%s\n' "${fh_items[@]}" >"$FARMHAND_ITEMS" && return
  fh_note="cannot write $FARMHAND_ITEMS"
  return 1
}

fh_check_outputs() {
  local fh_names fh_paths fh_least fh_required fh_i fh_measured=() fh_files=() fh_sizes=()
  fh_names=(result log)
  fh_paths=(
    "$FARMHAND_ATTEMPT"'/out.json'
    "$FARMHAND_ATTEMPT"'/log'
  )
  fh_least=(100 0)
  fh_required=(yes no)
  for fh_i in "${!fh_paths[@]}"; do
    [[ ${fh_paths[fh_i]} == /* ]] || fh_paths[fh_i]=$FARMHAND_ATTEMPT/${fh_paths[fh_i]}
    if [[ ! -e ${fh_paths[fh_i]} ]]; then
      [[ ${fh_required[fh_i]} == yes ]] || continue
      fh_note="output ${fh_names[fh_i]}: ${fh_paths[fh_i]#"$FARMHAND_ATTEMPT/"} is missing"
      return 1
    fi
    if ((fh_least[fh_i] > 0)) && [[ -f ${fh_paths[fh_i]} ]]; then
      fh_measured+=("$fh_i") fh_files+=("${fh_paths[fh_i]}")
    fi
  done
  [[ -n ${fh_measured[0]} ]] || return 0
  mapfile -t fh_sizes < <(stat -L -c %s -- "${fh_files[@]}")
  for fh_i in "${fh_measured[@]}"; do
    if [[ ${fh_sizes[0]:-x} == *[!0-9]* ]] || ((fh_sizes[0] < fh_least[fh_i])); then
      fh_note="output ${fh_names[fh_i]}: ${fh_paths[fh_i]#"$FARMHAND_ATTEMPT/"} has ${fh_sizes[0]:-unknown} bytes,"
      fh_note+=" at least ${fh_least[fh_i]} are wanted"
      return 1
    fi
    fh_sizes=("${fh_sizes[@]:1}")
  done
}

fh_keep() {
  trap : HUP INT QUIT TERM USR1 USR2 XCPU INT
  exec {fh_log}>&2 2>/dev/null
  (fh_become "$@")
  fh_status=$?
  printf '%s.' "$fh_status" >&"$fh_pipe"
  exit "$fh_status"
}

fh_become() {
  local fh_argv
  [[ $fh_scheduler != lsf ]] || trap '' USR1 USR2
  printf r >&"$fh_pipe"
  exec 2>&"$fh_log" {fh_log}>&-
  exec </dev/null >"$FARMHAND_ATTEMPT/stdout" 2>"$FARMHAND_ATTEMPT/stderr" || fh_refuse
  cd -- "$FARMHAND_ATTEMPT"'/.' || fh_refuse
  fh_argv=(
    nextstat
    unbinned-fit-toys
    --config
    "$FARMHAND_RUN"'/plan/stage/specs/spec.json'
    --n-toys
    "${1}"
    --seed
    "${2}"
    --note
    'it'"'"'s 100 % {# fine #}'
    --output
    "$FARMHAND_ATTEMPT"'/out.json'
  )
  export OMP_NUM_THREADS="$FARMHAND_CPUS" OPENBLAS_NUM_THREADS="$FARMHAND_CPUS" MKL_NUM_THREADS="$FARMHAND_CPUS"
  export VECLIB_MAXIMUM_THREADS="$FARMHAND_CPUS" NUMEXPR_NUM_THREADS="$FARMHAND_CPUS" BLIS_NUM_THREADS="$FARMHAND_CPUS"
  if [[ -n $fh_lc_set ]]; then { LC_ALL=$fh_lc; } 2>/dev/null; else unset LC_ALL; fi
  export DATA='/data/set 1'
  export CHUNK="${1}"
  fh_text='source '\''/opt/setup.sh'\'' x64
# it'\''s set up
'
  eval "if false; then :"$'\n'"$fh_text"$'\n'"fi" || fh_refuse
  set --
  eval "$fh_text"
  printf s >&"$fh_pipe"
  exec {fh_pipe}>&-
  [[ -z $fh_posix_set ]] || export POSIXLY_CORRECT=$fh_posix
  exec -- "${fh_argv[@]}"
}

fh_refuse() {
  printf n >&"$fh_pipe"
  exit 91
}

fh_run() {
  local fh_seen fh_quiet fh_waited fh_before fh_to fh_from fh_monitor_pid fh_answer='' fh_bytes='' fh_micros
  fh_ready='' fh_started='' fh_refused='' fh_digits='' fh_status='' fh_reached=0 fh_quiet=$fh_signals
  fh_usage
  fh_before=$fh_ticks
  fh_clock
  fh_began=$fh_time
  set -m
  (fh_keep "$@") &
  fh_child=$! fh_phase=running
  set +m
  if [[ $fh_walltime != 0 || $fh_scheduler != local ]]; then
    set -m
    coproc fh_mon { fh_monitor; }
    set +m
    fh_monitor_pid=$!
    exec {fh_to}>&"${fh_mon[1]}" {fh_from}<&"${fh_mon[0]}"
  fi
  until [[ -n $fh_status ]]; do
    [[ -z $fh_owed || -z $fh_ready ]] || fh_forward
    fh_listen 1 || kill -s 0 "$fh_child" 2>/dev/null || break
  done
  fh_phase=after
  while fh_seen=$fh_signals; do
    wait "$fh_child" 2>/dev/null
    fh_waited=$?
    [[ $fh_seen != "$fh_signals" ]] || break
    kill -s 0 "$fh_child" 2>/dev/null && continue
    fh_waited=137
    break
  done
  kill -s KILL -- "-$fh_child" 2>/dev/null
  while fh_seen=$fh_signals && [[ -z $fh_status ]]; do
    fh_listen 0.1 || [[ $fh_seen != "$fh_signals" ]] || break
  done
  [[ -n $fh_ready ]] || fh_refused=yes
  [[ -n $fh_status && $fh_signals != "$fh_quiet" ]] || fh_status=$fh_waited
  fh_clock
  fh_usage
  fh_micros=$((10#${fh_time/./} - 10#${fh_began/./}))
  ((fh_micros >= 0)) || fh_micros=0
  printf -v fh_wall '%d.%06d' $((fh_micros / 1000000)) $((fh_micros % 1000000))
  if [[ -n $fh_before && -n $fh_ticks ]]; then
    fh_ticks=$((fh_ticks - fh_before))
    printf -v fh_cpu '%d.%02d' $((fh_ticks / 100)) $((fh_ticks % 100))
  fi
  if [[ -n $fh_monitor_pid ]]; then
    printf 'end\n' >&"$fh_to"
    fh_seen=$fh_signals
    until read -r -t 5 -u "$fh_from" fh_answer fh_bytes || (($? <= 128)); do
      [[ $fh_seen != "$fh_signals" ]] || kill -s KILL "$fh_monitor_pid"
      fh_seen=$fh_signals
    done
    exec {fh_to}>&- {fh_from}<&-
    wait "$fh_monitor_pid"
    [[ $fh_answer != 1 ]] || fh_reached=1
    [[ -z $fh_bytes || $fh_bytes == *[!0-9]* || $fh_bytes == 0 ]] || fh_peak="{\"bytes\":$fh_bytes,\"source\":\"vmhwm\"}"
  fi 2>/dev/null
}

fh_unstarted() {
  local fh_lines=() fh_line
  fh_why=''
  mapfile -t -n 1000 fh_lines <"$FARMHAND_ATTEMPT/stderr"
  for fh_line in "${fh_lines[@]}"; do
    fh_why=$fh_line
  done
  [[ $fh_why == "$0: "* ]] || return 1
  fh_why=${fh_why#"$0: "}
  fh_why=${fh_why#line *: }
  fh_why=${fh_why#exec: }
}

fh_shard() {
  local fh_line=() fh_note='' fh_why fh_text
  fh_child='' fh_name='' fh_code=0
  mapfile -t -s $((fh_index % 1000)) -n 1 fh_line <"$fh_run/plan/args/$fh_block"
  set --
  eval "set -- ${fh_line[0]}"
  [[ $# -lt 4 ]] || fh_name=$1
  export FARMHAND_SHARD_INDEX=$fh_index FARMHAND_SHARD_NAME=$fh_name FARMHAND_SHARD_START=${2-}
  export FARMHAND_SHARD_SIZE=${3-} FARMHAND_SHARD_SEED=${4-}
  [[ ${4-} != - ]] || unset FARMHAND_SHARD_SEED
  if ! fh_start; then
    fh_code=91
    return
  fi
  if [[ -n $fh_plan_note ]]; then
    fh_end "$fh_plan_code" setup "$fh_plan_note"
    return
  fi
  if [[ $# -lt 4 ]]; then
    fh_end 91 setup "no usable line for shard $fh_index in plan/args/$fh_block: is the run directory whole?"
    return
  fi
  shift 4
  export FARMHAND_ATTEMPT=$fh_run/$fh_dir
  export FARMHAND_ITEMS=$FARMHAND_ATTEMPT/items FARMHAND_LEDGER=$FARMHAND_ATTEMPT/ledger
  export FARMHAND_FILES=$FARMHAND_ATTEMPT/files
  for fh_why in 0.2 0.6 1.8 ''; do
    mkdir -p -- "$FARMHAND_ATTEMPT"
    [[ ! -d $FARMHAND_ATTEMPT && -n $fh_why && -z $fh_stop ]] || break
    sleep "$fh_why"
  done
  if [[ -z $fh_stop && ! -d $FARMHAND_ATTEMPT ]]; then
    fh_end 91 setup "cannot make the directory $FARMHAND_ATTEMPT"
    return
  fi
  fh_why="$FARMHAND_ATTEMPT"'/.'
  if [[ -z $fh_stop ]] && [[ ! -d $fh_why || ! -x $fh_why ]]; then
    fh_end 91 setup "cannot enter the work directory $fh_why"
    return
  fi
  if [[ -z $fh_stop ]] && ! fh_stage_in "$@" && [[ -z $fh_stop ]]; then
    fh_end 92 stage_in "$fh_note"
    return
  fi
  if [[ -z $fh_stop ]] && ! fh_chunk && [[ -z $fh_stop ]]; then
    fh_end 92 stage_in "$fh_note"
    return
  fi
  if [[ -z $fh_stop ]] && ! fh_share && [[ -z $fh_stop ]]; then
    fh_end 92 stage_in "$fh_note"
    return
  fi
  if [[ -n $fh_stop ]]; then
    fh_end 95 cancelled "stopped by SIG$fh_stop before the command was started"
    return
  fi
  fh_run "$@"
  if [[ $fh_reached == 1 ]]; then
    fh_end "$fh_status" timeout "walltime of $fh_walltime s reached"
  elif [[ -z $fh_started && -n $fh_stop ]]; then
    fh_end 95 cancelled "stopped by SIG$fh_stop in the prologue, before the command was started"
  elif [[ $fh_stopped_by != null ]]; then
    fh_end "$fh_status" cancelled ''
  elif [[ -n $fh_refused ]]; then
    fh_end 91 setup "the command's shell could not be set up: see stderr of the attempt and the scheduler's log"
  elif [[ -z $fh_started ]]; then
    fh_end 91 setup "the prologue ended with code $fh_status before the command was started"
  elif [[ $fh_status == 12[67] ]] && fh_unstarted; then
    fh_end "$fh_status" setup "$fh_why"
  elif [[ $fh_status != 0 ]]; then
    fh_end "$fh_status" null ''
  elif ! fh_check_outputs "$@"; then
    fh_end 93 bad_output "$fh_note"
  else
    fh_end 0 null ''
  fi
}


fh_usage_error() {
  fh_say "$1"
  fh_say "usage: bash RUN/plan/shard.sh PLAN_ID SUBMISSION SCHEDULER NATIVE_ID RESTARTS WALLTIME_S SHARD_INDEX..."
  exit 91
}

fh_main() {
  local fh_word fh_found=''
  [[ $# -ge 7 ]] || fh_usage_error "$# arguments, at least 7 are needed"
  fh_plan=$1 fh_submission=$2 fh_scheduler=$3 fh_native=$4 fh_restarts=$5 fh_walltime=$6
  shift 6
  for fh_word in "$fh_submission" "$fh_restarts" "$fh_walltime" "$@"; do
    [[ -n $fh_word && $fh_word != *[!0-9]* ]] || fh_usage_error "'$fh_word' is not a whole number"
  done
  fh_submission=$((10#$fh_submission)) fh_restarts=$((10#$fh_restarts)) fh_walltime=$((10#$fh_walltime))
  for fh_word; do
    ((10#$fh_word < 12000)) || fh_usage_error "there is no shard $fh_word: the run toys-20240102 has 12000, from 0"
  done
  case $0 in
    /*/plan/shard.sh) fh_run=${0%/plan/shard.sh} ;;
    */plan/shard.sh) fh_run=$PWD/${0%/plan/shard.sh} ;;
    plan/shard.sh) fh_run=$PWD ;;
    *) fh_usage_error "called as $0: give the path that ends in plan/shard.sh" ;;
  esac
  [[ -n $fh_native && $fh_native != - ]] || fh_native=$$
  fh_named=''
  [[ $fh_native != =* ]] || fh_named=yes fh_native=${fh_native#=}
  fh_safe=${fh_native//[!A-Za-z0-9._-]/_}
  fh_safe=${fh_safe:0:100}
  [[ $fh_safe != [.-]* ]] || fh_safe=_$fh_safe

  fh_host='' fh_boot=''
  read -r fh_host </proc/sys/kernel/hostname || fh_host=$HOSTNAME
  read -r fh_boot </proc/sys/kernel/random/boot_id
  fh_usage
  fh_json 0b5e6c1e-0000-4000-8000-000000000001 && fh_uuid_json=$fh_quoted
  fh_json "$fh_plan" && fh_plan_json=$fh_quoted
  fh_json "$fh_scheduler" && fh_scheduler_json=$fh_quoted
  fh_json "$fh_native" && fh_native_json=$fh_quoted
  fh_json "$fh_host" && fh_host_json=$fh_quoted
  fh_json "$fh_boot" && fh_boot_json=$fh_quoted

  fh_where=''
  export -n fh_node fh_array fh_brought fh_cpus
  [[ -z ${fh_node-} ]] || { fh_json "$fh_node" && fh_where=",\"node\":$fh_quoted"; }
  [[ -z ${fh_array-} ]] || { fh_json "$fh_array" && fh_where+=",\"array\":$fh_quoted"; }

  fh_plan_note='' fh_plan_code=91
  if ! read -r fh_found <"$fh_run/plan/id" && [[ -z $fh_found ]]; then
    fh_plan_note="cannot read plan/id in $fh_run: is the run directory whole, and visible on this host?"
  elif [[ $fh_found != "$fh_plan" ]]; then
    fh_plan_code=90
    fh_plan_note="this job was submitted for plan $fh_plan, but $fh_run/plan is $fh_found: nothing was run; submit the scripts that belong to this plan"
  fi
  if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)); then
    exec {fh_word}<<<''
    exec {fh_pipe}<>"/proc/self/fd/$fh_word" {fh_word}<&-
    read -r -u "$fh_pipe" _
  else
    exec {fh_pipe}<> <(:)
  fi
  export FARMHAND_RUN=$fh_run FARMHAND_SHARD_TOTAL=12000 FARMHAND_SUBMISSION=$fh_submission FARMHAND_CPUS=${fh_cpus:-4}

  for fh_word; do
    fh_index=$((10#$fh_word))
    fh_block=$((fh_index / 1000))
    fh_phase=before
    if [[ -n $fh_stop && -n $fh_begun ]]; then
      ((fh_exit)) || fh_exit=95
      break
    fi
    fh_begun=yes
    ((fh_restarts == 0)) || ! fh_finished || continue
    fh_shard
    ((fh_exit)) || fh_exit=$fh_code
  done
  exit "$fh_exit"
}

fh_main "$@"
# fh_main never returns.

# Exit code: that of the first shard that did not succeed.
#   0        every shard succeeded
#   1-125    the command's own code
#   126 127  the command's own code, or it could not be started (then the record says cause setup)
#   128+n    the command was ended by signal n
#   90  plan/id is not PLAN_ID: the run was rendered again under a pending job
#   91  setup: a directory, a record, the block line, the work directory or the prologue
#   92  stage_in: an input is missing or has not its planned size
#   93  bad_output: the command ended with 0, but an output is missing or too small
#   94  stage_out, or the end record could not be written
#   95  stopped by a signal before the command was started
#
# The command sees
#   FARMHAND_RUN             this run directory
#   FARMHAND_ATTEMPT         the directory of this attempt: stdout, stderr, outputs
#   FARMHAND_SHARD_INDEX     0 ... FARMHAND_SHARD_TOTAL - 1
#   FARMHAND_SHARD_TOTAL     shards in the run
#   FARMHAND_SHARD_NAME      the shard's name
#   FARMHAND_SHARD_START     the first piece of work of this shard
#   FARMHAND_SHARD_SIZE      how many pieces of work it has
#   FARMHAND_SHARD_SEED      its seed
#   FARMHAND_SUBMISSION      1 for the render, 2 ... for resubmissions
#   FARMHAND_CPUS            cores it may use
#   FARMHAND_ITEMS           $FARMHAND_ATTEMPT/items: the items that are left to do, one a line
#   FARMHAND_LEDGER          $FARMHAND_ATTEMPT/ledger: finished items, one a line, written by the command
#   FARMHAND_FILES           $FARMHAND_ATTEMPT/files: the shard's own files, one a line
#   FARMHAND_FIRST_EVENT     where files are cut by events: the first event in its file, from 0
#   OMP_NUM_THREADS and its kin (OPENBLAS MKL VECLIB BLIS _NUM_THREADS, NUMEXPR_NUM_THREADS)
# and its own environment otherwise; stdin is /dev/null; a umask that locks the owner out is relaxed.
#
# HUP INT QUIT TERM XCPU go on to the command's process group; USR1 and USR2 are a warning: the record
# says so, and the group gets SIGINT. What the command leaves running in its group is killed.
# (LSF signals every process of a job; there, the command is started with USR1 and USR2 ignored.)
