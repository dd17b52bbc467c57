import { EXIT } from "../exit-codes.ts";
import { USERS_COMMANDS } from "./commands.ts";
import { FENCE, PLACE, POINTS, TELL } from "./prelude.ts";
import { ENDING } from "./processes.ts";

const BEGIN = `
lock
fence intent down
`;

/**
 * SIGNAL CENTISECONDS one|all UNIT. What systemd runs is stopped by it, but its supervisor of ours: that one
 * is held while the application ends.
 */
export const STOP_PROCESS = `${PLACE}${POINTS}${TELL}${FENCE}${ENDING}${BEGIN}
know_units "$4"
disable_units
if [ -n "$units" ]; then
  scan
  [ -n "$supervisors" ] || stop_units
fi
end_slot "$1" "$2" "$3"
[ ! -e "$state/app.pid" ] || rm -f "$state/app.pid"
know
tell down
`;

/** CENTISECONDS USER STOP STATUS NAME=VALUE... */
export const STOP_OWN = `${PLACE}${POINTS}${FENCE}${ENDING}${USERS_COMMANDS}${BEGIN}
patience=$1 user=$2 stop=$3 status=$4
shift 4
points
choose_user
know_units ''
disable_units
scan
[ -n "$supervisors" ] || stop_units
now
deadline=$((now + patience))
if is_up "$status" "$@"; then
  (in_slot "$((patience / 100 + 1))" "$stop" "$@") </dev/null >>"$state/log" 2>&1 9>&-
  while now && [ "$now" -lt "$deadline" ] && is_up "$status" "$@"; do sleep 0.05; done
fi
gather
first=
now
[ "$now" -lt "$deadline" ] || deadline=$now
wait_gone "$deadline" '' || end_processes KILL 100 all
end_slot KILL 100 all
is_up "$status" "$@"
case $? in
  0) die ${EXIT.notStopped} "its status command still says that it runs" ;;
  124 | 137) die ${EXIT.notStopped} "its status command does not answer" ;;
esac
`;

export const STOP_STATIC = `${PLACE}${FENCE}${BEGIN}`;
