# A stand-in for a run's payload: same arguments, same records, and it notices being run twice.
#     bash RUN/plan/shard.sh PLAN SUBMISSION SCHEDULER NATIVE_ID RESTARTS WALLTIME_S SHARD...
# The command is RUN/command.sh, started in a session of its own.
run=${0%/plan/shard.sh} plan=$1 submission=$2 scheduler=$3 native=$4
shift 6
[[ $native == - ]] && native=$$
read -r stat <"/proc/$$/stat"
rest=(${stat##*) })
worst=0
for shard; do
    id=$native.$EPOCHSECONDS.$RANDOM
    attempt=$run/shards/s$shard/$id
    mkdir -p "$attempt" "$run/records/0" "$run/claims"
    record=$run/records/0/$shard.$id.jsonl
    printf '{"v":1,"event":"start","plan":"%s","submission":%s,"shard":%s,"attempt":"%s","scheduler":"%s","pid":%s,"pid_start":%s}\n' \
        "$plan" "$submission" "$shard" "$id" "$scheduler" $$ "${rest[19]}" >"$record"
    (set -C && : >"$run/claims/$shard") 2>/dev/null || echo "$shard" >>"$run/overlaps"
    export FARMHAND_ATTEMPT=$attempt FARMHAND_SHARD_INDEX=$shard
    stopped='' child=''
    trap 'stopped=15; [[ -z $child ]] || kill -TERM -- "-$child" 2>/dev/null' TERM
    setsid bash "$run/command.sh" >"$attempt/stdout" 2>"$attempt/stderr" &
    child=$!
    wait "$child"
    code=$?
    while kill -0 "$child" 2>/dev/null; do
        wait "$child"
        code=$?
    done
    rm -f "$run/claims/$shard"
    printf '{"event":"end","exit_code":%s,"stopped_by":%s}\n' "$code" "${stopped:-null}" >>"$record"
    ((code > worst)) && worst=$code
    [[ $stopped ]] && break
done
exit "$worst"
