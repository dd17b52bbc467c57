import { EXIT } from "../exit-codes.ts";
import { USERS_COMMANDS } from "./commands.ts";
import { FENCE, PLACE, POINTS } from "./prelude.ts";
import { PROCESSES } from "./processes.ts";
import { SYSTEMD } from "./systemd.ts";

/** Nothing is stored, as nothing changes; what comes after a newer write would reach another process. */
const BEGIN = `
lock
stored=0
[ ! -f "$state/generation" ] || read -r stored _ <"$state/generation"
if [ "$stored" -gt "$generation" ]; then
  echo "$stored"
  exit ${EXIT.fenced}
fi
`;

/**
 * SIGNAL one|all UNIT: as a stop signals, but where a shell stands before the application it is left out: it
 * would only end itself. What runs no more need not be asked.
 */
export const ASK_SIGNAL = `${PLACE}${FENCE}${PROCESSES}${SYSTEMD}${BEGIN}
signal=$1 whom=$2 unit=$3
if [ -n "$unit" ] && systemd_here; then
  systemctl kill --kill-who=main -s "SIG$signal" "$unit" || exit ${EXIT.systemd}
  exit 0
fi
others=
if [ "$whom" = all ]; then
  scan
  session_members
  for pid in $carriers $members; do
    case " $leader $others " in *" $pid "*) ;; *) others="$others $pid" ;; esac
  done
fi
if main && [ "$condition" != Z ]; then others=\${others:-$leader}; fi
for pid in $others; do kill -s "$signal" "$pid" 2>/dev/null; done
`;

/** SECONDS USER COMMAND NAME=VALUE... The lock is let go: no stop waits for a command of the user's. */
export const ASK_RUN = `${PLACE}${POINTS}${FENCE}${USERS_COMMANDS}${BEGIN}
seconds=$1 user=$2 command=$3
shift 3
exec 9>&-
points
choose_user
(in_slot "$seconds" "$command" "$@") </dev/null
code=$?
[ "$code" -eq 0 ] || die ${EXIT.askFailed} "exit code $code"
`;
