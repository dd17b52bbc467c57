/**
 * What keeps an application alive: STATE DIR UID GID MARKER COMMAND and, for its pace, FIRST MOST (pause
 * before a restart, tenths of a second) STEADY (seconds up after which the pause is short again) BYTES
 * EVERY (log).
 *
 * It has nothing to do at a stop: whoever stops the slot ends it first, and then the application. So it
 * makes no difference when the supervisor dies alone.
 *
 * Its variables are called gp_ because those of the user's environment pass through it.
 */
export const SUPERVISOR = `set -u
gp_state=$1 gp_dir=$2 gp_uid=$3 gp_gid=$4 gp_marker=$5 gp_command=$6
gp_first=$7 gp_most=$8 gp_steady=$9
shift 9
gp_bytes=$1 gp_every=$2
gp_log=$gp_state/log
GLIDEPATH_PATH=$PATH
export GLIDEPATH_PATH
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset GLIDEPATH_SUPERVISOR
cd -P "$gp_dir" || exit 1

say() { printf '%s glidepath: %s\\n' "$(date +%Y-%m-%dT%H:%M:%S%z)" "$*"; }

keep_log() {
  while sleep "$gp_every" && [ -d "/proc/$$" ]; do
    [ "$(stat -c %s "$gp_log")" -gt "$gp_bytes" ] || continue
    mv -f "$gp_log.2" "$gp_log.3" 2>/dev/null
    mv -f "$gp_log.1" "$gp_log.2" 2>/dev/null
    cp -p "$gp_log" "$gp_log.1" && : >"$gp_log"
  done
}

# Runs first in the application's process: notes who it is before it becomes the application.
# shellcheck disable=SC2016
gp_introduce='gp_state=$1 gp_uid=$2 gp_gid=$3 gp_command=$4
read -r gp_stat </proc/self/stat
read -r gp_boot </proc/sys/kernel/random/boot_id
set -- \${gp_stat##*) }
shift 19
echo "$$ $1 $gp_boot" >"$gp_state/app.pid"
set -- env -u GLIDEPATH_PATH PATH="$GLIDEPATH_PATH" /bin/sh -c "$gp_command"
[ -z "$gp_uid" ] || set -- setpriv --reuid "$gp_uid" --regid "$gp_gid" --init-groups -- "$@"
exec "$@"'

# A child that outlived the application would hold its port.
clear_leftovers() {
  [ ! -f "$gp_state/app.pid" ] || read -r gp_app _ <"$gp_state/app.pid"
  [ -z "$gp_app" ] || kill -s KILL -- "-$gp_app" 2>/dev/null
  grep -lzxsF -- "GLIDEPATH_SLOT=$gp_marker" /proc/[0-9]*/environ | while IFS=/ read -r _ _ pid _; do
    kill -s KILL "$pid" 2>/dev/null
  done
}

keep_log &
gp_restarts=0 gp_pause=$gp_first
while :; do
  read -r gp_began _ </proc/uptime
  gp_app=
  [ ! -e "$gp_state/app.pid" ] || rm -f "$gp_state/app.pid"
  GLIDEPATH_SLOT=$gp_marker setsid /bin/sh -c "$gp_introduce" glidepath \\
    "$gp_state" "$gp_uid" "$gp_gid" "$gp_command"
  gp_code=$?
  clear_leftovers
  read -r gp_ended _ </proc/uptime
  [ $((\${gp_ended%.*} - \${gp_began%.*})) -lt "$gp_steady" ] || gp_pause=$gp_first
  say "the application ended with $gp_code; it is started again after $((gp_pause / 10)).$((gp_pause % 10)) s"
  # Before the pause: whoever asks what became of it asks while it is away.
  gp_restarts=$((gp_restarts + 1))
  echo "$gp_restarts" >"$gp_state/restarts.new" && mv -f "$gp_state/restarts.new" "$gp_state/restarts"
  sleep "$((gp_pause / 10)).$((gp_pause % 10))"
  gp_pause=$((gp_pause * 2))
  [ "$gp_pause" -le "$gp_most" ] || gp_pause=$gp_most
done
`;
