/**
 * What keeps an application alive: STATE DIR UID GID MARKER COMMAND and, for its pace, FIRST MOST (pause before a
 * restart, tenths of a second) STEADY (seconds up after which the pause is short again) BYTES EVERY (log).
 *
 * It has nothing to do at a stop: whoever stops the slot ends it first, and then the application. So it makes no
 * difference when the supervisor dies alone.
 */
export const SUPERVISOR = `set -u
state=$1 dir=$2 uid=$3 gid=$4 marker=$5 command=$6
first=$7 most=$8 steady=$9
shift 9
bytes=$1 every=$2
log=$state/log
GLIDEPATH_PATH=$PATH
export GLIDEPATH_PATH
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset GLIDEPATH_SUPERVISOR
cd -P "$dir" || exit 1

say() { printf '%s glidepath: %s\\n' "$(date +%Y-%m-%dT%H:%M:%S%z)" "$*"; }

keep_log() {
  while sleep "$every" && [ -d "/proc/$$" ]; do
    [ "$(stat -c %s "$log")" -gt "$bytes" ] || continue
    mv -f "$log.2" "$log.3" 2>/dev/null
    mv -f "$log.1" "$log.2" 2>/dev/null
    cp -p "$log" "$log.1" && : >"$log"
  done
}

# Runs first in the application's process: notes who it is before it becomes the application.
# shellcheck disable=SC2016
introduce='state=$1 uid=$2 gid=$3 command=$4
read -r stat </proc/self/stat
read -r boot </proc/sys/kernel/random/boot_id
set -- \${stat##*) }
shift 19
echo "$$ $1 $boot" >"$state/app.pid.new" && mv -f "$state/app.pid.new" "$state/app.pid"
set -- env -u GLIDEPATH_PATH PATH="$GLIDEPATH_PATH" /bin/sh -c "$command"
[ -z "$uid" ] || set -- setpriv --reuid "$uid" --regid "$gid" --init-groups -- "$@"
exec "$@"'

# A child that outlived the application would hold its port.
clear_leftovers() {
  [ ! -f "$state/app.pid" ] || read -r app _ <"$state/app.pid"
  [ -z "$app" ] || kill -s KILL -- "-$app" 2>/dev/null
  grep -lzxsF -- "GLIDEPATH_SLOT=$marker" /proc/[0-9]*/environ | while IFS=/ read -r _ _ pid _; do
    kill -s KILL "$pid" 2>/dev/null
  done
}

keep_log &
restarts=0 pause=$first
while :; do
  began=$(date +%s)
  app=
  rm -f "$state/app.pid"
  GLIDEPATH_SLOT=$marker setsid /bin/sh -c "$introduce" glidepath "$state" "$uid" "$gid" "$command"
  code=$?
  clear_leftovers
  [ $(($(date +%s) - began)) -lt "$steady" ] || pause=$first
  say "the application ended with $code; it is started again after $((pause / 10)).$((pause % 10)) s"
  sleep "$((pause / 10)).$((pause % 10))"
  restarts=$((restarts + 1))
  echo "$restarts" >"$state/restarts.new" && mv -f "$state/restarts.new" "$state/restarts"
  pause=$((pause * 2))
  [ "$pause" -le "$most" ] || pause=$most
done
`;
