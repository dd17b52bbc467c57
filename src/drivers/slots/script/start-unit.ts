import { EXIT } from "../exit-codes.ts";
import { USERS_COMMANDS } from "./commands.ts";
import { LISTENERS, STRANGER } from "./listeners.ts";
import { FENCE, PLACE, POINTS, TELL } from "./prelude.ts";
import { ENDING } from "./processes.ts";
import { START_UNITS } from "./systemd.ts";

/**
 * UNIT FILE TEXT ENVIRONMENT USER ADDRESS SECONDS: a unit that is the user's own, or all of it in FILE. A
 * start that takes long, because the application is to say when it is ready, counts as begun.
 */
export const START_UNIT = `${PLACE}${POINTS}${TELL}${FENCE}${ENDING}${START_UNITS}
${USERS_COMMANDS}${LISTENERS}${STRANGER}
unit=$1 file=$2 text=$3 environment=$4 user=$5 address=$6 seconds=$7 changed=

# What the variables of a start are: for systemd, which reads it as root.
write_environment() {
  escaped=$(printf '%s' "$physical" | sed 's/["\\\\\`$]/\\\\&/g')
  (
    umask 077
    printf '%s\\nGLIDEPATH_DIR="%s"\\nGLIDEPATH_RELEASE="%s"\\n' "$environment" "$escaped" "$found" \\
      >"$state/.new/environment"
  ) && sync "$state/.new/environment" && mv -f "$state/.new/environment" "$state/environment" ||
    exit ${EXIT.rights}
}

start_failed() {
  unit_runs "$unit"
  echo "$result"
  journalctl -q -o cat --no-pager -n 20 -u "$unit" --since "@$began" >&2
  systemctl stop "$unit"
  units=$unit
  disable_units
  exit ${EXIT.unitFailed}
}

lock
fence
points
[ -n "$found" ] && [ -d "$dir/" ] || exit ${EXIT.nothing}
systemd_here || exit ${EXIT.noSystemd}
choose_user
physical=$(cd -P "$dir" && pwd -P)
now_running=
[ ! -f "$state/running" ] || IFS= read -r now_running <"$state/running"
know_units "$unit"
if [ "$written" = "$unit" ] && [ "$now_running" = "$physical" ] && unit_runs "$unit"; then
  enable_unit "$unit"
  durable intent up
  exit 0
fi
disable_units
scan
[ -n "$supervisors" ] || stop_units
end_slot TERM 1000 all
stranger "$address"
write_environment
install "$file" "$text"
reload_units "$unit"
if [ "$loaded" != loaded ]; then
  echo "$loaded"
  exit ${EXIT.noUnit}
fi
began=$(date +%s.%N)
durable unit "$unit" running "$physical" began "$began" intent up
enable_unit "$unit"
systemctl reset-failed "$unit" 2>/dev/null
timeout "$seconds" systemctl start "$unit"
case $? in
  0 | 124) unit_runs "$unit" || start_failed ;;
  *) start_failed ;;
esac
know
unit_runs "$unit" || start_failed
value=$restarts
tell up
`;
