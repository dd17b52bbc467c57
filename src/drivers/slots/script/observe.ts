import { USERS_COMMANDS } from "./commands.ts";
import { POINTS, TELL } from "./prelude.ts";
import { PROCESSES } from "./processes.ts";
import { SYSTEMD } from "./systemd.ts";

/**
 * ROOT KIND USER STATUS COUNT, COUNT times PORT DIR MARKER UNIT, then NAME=VALUE... Changes nothing. A
 * line for each slot: port, generation, its writer, intent, what runs (up, down, deaf or mute), restarts,
 * what it points to.
 */
export const OBSERVE = `set -u
root=$1 kind=$2 user=$3 status=$4 count=$5
shift 5
${POINTS}${TELL}${PROCESSES}${SYSTEMD}${USERS_COMMANDS}
# Files run nowhere.
process() {
  [ "$kind" != static ] || return 1
  if [ -n "$unit" ] && systemd_here; then
    look_at "$unit" 2>/dev/null || return 125
    case $active in '' | inactive | failed) ;; *) return 0 ;; esac
  fi
  running && return
  [ "$kind" = own ] || return 1
  shift "$((count * 4))"
  is_up "$status" "$@" PORT="$port" GLIDEPATH_PORT="$port"
}

[ "$kind" != own ] || choose_user
while [ "$count" -gt 0 ]; do
  port=$1 dir=$2 marker=$3 unit=$4 state=$root/slots/.$1 restarts=
  shift 4
  count=$((count - 1))
  know
  process "$@"
  case $? in
    0) running=up ;;
    124 | 137) running=deaf ;;
    125) running=mute ;;
    *) running=down ;;
  esac
  [ -z "$restarts" ] || value=$restarts
  tell "$running"
done
`;

/**
 * FILE LINES: what the application wrote since it was last started, at most so many lines; where the log was
 * turned meanwhile, also the end of the one before.
 */
export const TAIL = `set -u
{
  [ ! -f "$1.1" ] || tail -n "$2" "$1.1"
  [ ! -f "$1" ] || tail -n "$2" "$1"
} | awk '/^--- glidepath: / { n = 0; next }
    { line[n++] = $0 }
    END { for (i = 0; i < n; i++) print line[i] }' |
  tail -n "$2"
`;

/**
 * STATE LINES UNIT: the same from the journal. What systemd says of the unit is told only where the
 * application said nothing.
 */
export const TAIL_JOURNAL = `set -u
[ -f "$1/began" ] && read -r began <"$1/began" || began=0
said() { journalctl -q -o cat --no-pager -n "$lines" --since "@$began" "$@" 2>/dev/null; }
lines=$2
own=$(said "_SYSTEMD_UNIT=$3")
if [ -n "$own" ]; then printf '%s\\n' "$own"; else said -u "$3"; fi
`;
