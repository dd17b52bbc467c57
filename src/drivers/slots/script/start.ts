import { EXIT } from "../exit-codes.ts";
import { USERS_COMMANDS } from "./commands.ts";
import { LISTENERS, STRANGER } from "./listeners.ts";
import { FENCE, PLACE, POINTS, TELL } from "./prelude.ts";
import { LAUNCH } from "./launch.ts";
import { CLOCK, ENDING } from "./processes.ts";
import { START_UNITS } from "./systemd.ts";

const BEGIN = `
lock
fence
points
[ -n "$found" ] && [ -d "$dir/" ] || exit ${EXIT.nothing}
choose_user
`;

const LOG = `
open_log() {
  [ -e "$state/log" ] || (umask 027 && : >>"$state/log") || unwritten
  [ -z "$uid" ] || chown "$uid:$gid" "$state/log"
}
`;

const COMMANDS = `${USERS_COMMANDS}${LOG}${LISTENERS}${STRANGER}`;

/**
 * SIGNAL CENTISECONDS one|all USER ADDRESS COMMAND SUPERVISOR UNIT TEXT FIRST MOST STEADY BYTES EVERY
 * NAME=VALUE... It does not tell whether the application does well, only that it was begun.
 */
export const START_COMMAND = `${PLACE}${POINTS}${TELL}${FENCE}${ENDING}
${START_UNITS}${COMMANDS}${LAUNCH}
signal=$1 centiseconds=$2 whom=$3 user=$4 address=$5 command=$6 supervisor=$7 unit=$8 text=$9
shift 9
first_pause=$1 most_pause=$2 steady=$3 bytes=$4 every=$5 changed=
shift 5
${BEGIN}
systemd_here && [ "$(id -u)" -eq 0 ] || unit=
physical=$(cd -P "$dir" && pwd -P)
now_running=
[ ! -f "$state/running" ] || IFS= read -r now_running <"$state/running"
scan
if [ -n "$supervisors" ] && [ "$now_running" = "$physical" ]; then
  [ -z "$unit" ] || enable_unit "$unit"
  durable intent up
  exit 0
fi
know_units "$unit"
session_members
if [ -n "$units$supervisors$carriers$members" ]; then
  [ -n "$supervisors" ] || stop_units
  end_slot "$signal" "$centiseconds" "$whom"
fi
stranger "$address"
open_log
printf -- '--- glidepath: %s starts, generation %s ---\\n' "$found" "$generation" >>"$state/log"
[ ! -e "$state/app.pid" ] || rm -f "$state/app.pid"
[ -z "$uid" ] || set -- HOME="$home" USER="$user" LOGNAME="$user" "$@"
set -- "$@" GLIDEPATH_DIR="$physical" GLIDEPATH_RELEASE="$found" GLIDEPATH_SUPERVISOR="$marker" \\
  /bin/sh "$state/supervisor" "$state" "$physical" "$uid" "$gid" "$marker" "$command" \\
  "$first_pause" "$most_pause" "$steady" "$bytes" "$every"
# With the user's variables in it, which may be secret: nobody else could ever read it.
rm -f "$state/.new/launch"
(umask 077 && : >"$state/.new/launch") || unwritten
durable launch "$(launch "$@")" supervisor "$supervisor" running "$physical" restarts 0 unit "$unit" intent up
if [ -n "$unit" ]; then
  install "$unit" "$text"
  reload_units "$unit"
  systemctl reset-failed "$unit" 2>/dev/null
  enable_unit "$unit"
  systemctl start "$unit" || exit ${EXIT.systemd}
else
  "$(command -v setsid)" -f /bin/sh "$state/launch" 9>&-
fi
tries=500
while [ ! -s "$state/app.pid" ]; do
  tries=$((tries - 1))
  if [ "$tries" -eq 0 ]; then
    tail -n 20 "$state/log" >&2
    exit ${EXIT.startFailed}
  fi
  sleep 0.01
done
know
if running; then tell up; else tell down; fi
`;

/**
 * SECONDS USER START STATUS NAME=VALUE... A start command may stay in the foreground: its status is what
 * counts.
 */
export const START_OWN = `${PLACE}${POINTS}${FENCE}${CLOCK}${USERS_COMMANDS}${LOG}
seconds=$1 user=$2 start=$3 status=$4
shift 4
${BEGIN}
open_log
durable intent up
is_up "$status" "$@" && exit 0
rm -f "$state/start.code"
(
  # shellcheck disable=SC2016
  detached='state=$1; shift; "$@"; echo $? >"$state/start.code"'
  in_slot '' "$start" GLIDEPATH_SLOT="$marker" "$@"
) </dev/null >>"$state/log" 2>&1 9>&-
now
deadline=$((now + seconds * 100))
while now && [ "$now" -lt "$deadline" ]; do
  if [ -s "$state/start.code" ]; then
    read -r code <"$state/start.code"
    [ "$code" -ne 0 ] || exit 0
    tail -n 20 "$state/log" >&2
    echo "$code"
    exit ${EXIT.startFailed}
  fi
  if is_up "$status" "$@"; then exit 0; fi
  sleep 0.05
done
`;

/** USER RELOAD NAME=VALUE... What serves the files does so before; the slot is up when that knows of them. */
export const START_STATIC = `${PLACE}${POINTS}${FENCE}${USERS_COMMANDS}
user=$1 reload=$2
shift 2
${BEGIN}
[ -z "$reload" ] || (in_slot 60 "$reload" "$@") </dev/null >"$state/reload.out" 2>&1 9>&-
code=$?
if [ "$code" -eq 0 ]; then
  durable intent up
  exit 0
fi
[ "$code" -ne 124 ] || echo 'it was not over in 60 s' >&2
tail -n 40 "$state/reload.out" >&2
echo "$code"
exit ${EXIT.startFailed}
`;
