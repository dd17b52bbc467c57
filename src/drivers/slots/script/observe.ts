import { USERS_COMMANDS } from "./commands.ts";
import { POINTS, TELL } from "./prelude.ts";
import { PROCESSES } from "./processes.ts";

/**
 * ROOT KIND USER STATUS COUNT, COUNT times PORT DIR MARKER, then NAME=VALUE... Changes nothing. A line for
 * each slot: port, generation, its writer, intent, what runs (up, down or deaf), restarts, what it points to.
 */
export const OBSERVE = `set -u
root=$1 kind=$2 user=$3 status=$4 count=$5
shift 5
${POINTS}${TELL}${PROCESSES}${USERS_COMMANDS}
# Files run nowhere.
process() {
  [ "$kind" != static ] || return 1
  running && return
  [ "$kind" = own ] || return 1
  shift "$((count * 3))"
  is_up "$status" "$@" PORT="$port" GLIDEPATH_PORT="$port"
}

[ "$kind" != own ] || choose_user
while [ "$count" -gt 0 ]; do
  port=$1 dir=$2 marker=$3 state=$root/slots/.$1
  shift 3
  count=$((count - 1))
  know
  process "$@"
  case $? in
    0) tell up ;;
    124 | 137) tell deaf ;;
    *) tell down ;;
  esac
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
