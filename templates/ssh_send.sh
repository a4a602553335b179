# Gives what launches left, as a tar that begins with checksums of all that is in it. Any POSIX shell.
# Given: run mark, and by lines
#   ended  LAUNCH RECORD DIRECTORY
# shellcheck shell=sh disable=SC2154  # what is given
cd "$run" || exit 3
set --
while read -r launch record folder; do
  [ -n "$launch" ] || continue
  sums=logs/ssh/$launch/sums
  [ -d "$folder" ] || folder=''
  find "$record" ${folder:+"$folder"} -type f -exec sha256sum {} + >"$sums" || exit 4
  set -- "$@" "$sums" "$record" ${folder:+"$folder"}
done <<END
$ended
END
printf '\n%s\n' "$mark"
exec tar -cf - "$@"
