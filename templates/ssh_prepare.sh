# Said to a host before it gets work: where is the run to lie, and is it there? Any POSIX shell.
# Given: workdir name plan here nonce nonce_file
# shellcheck shell=sh disable=SC2154  # what is given
fail() {
  printf 'fail %s\n' "$1"
  exit
}
for tool in bash setsid tar sha256sum find; do
  command -v "$tool" >/dev/null || fail "there is no $tool on PATH"
done
if [ -n "$here" ] && [ "$(cat "$nonce_file" 2>/dev/null)" = "$nonce" ] &&
  [ "$(cat "$here/plan/id" 2>/dev/null)" = "$plan" ]; then
  printf 'shared\nrun %s\n' "$here"
  exit
fi
case $workdir in
  /*) folder=$workdir ;;
  *) folder=$HOME/$workdir ;;
esac
why=$(mkdir -p "$folder" 2>&1) || fail "$folder cannot be made: $why"
printf 'run %s\n' "$folder/$name"
[ "$(cat "$folder/$name/plan/id" 2>/dev/null)" != "$plan" ] || echo have
