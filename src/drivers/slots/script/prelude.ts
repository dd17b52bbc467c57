import { EXIT } from "../exit-codes.ts";

/**
 * The beginning of every script that writes to a slot: ROOT PORT DIR MARKER GENERATION WRITER
 * PATIENCE and then its own. The lock keeps two writers apart; the generation, on disk before anything is
 * done, keeps an older one out for ever, and its writer whoever came to the same number.
 */
export const PLACE = `# shellcheck disable=SC2034,SC2317 # what scripts share is not all used in each
set -u
umask 022
root=$1 port=$2 dir=$3 marker=$4 generation=$5 writer=$6 patience=$7
shift 7
state=$root/slots/.$port

die() {
  code=$1
  shift
  printf '%s\\n' "$*" >&2
  exit "$code"
}
`;

export const POINTS = `
# What the slot points to: found=ID, "adopted" for what was not put there by us, or nothing.
points() {
  found=
  if [ -L "$dir" ]; then
    target=$(readlink "$dir")
    case $target in
      "$root/releases/adopted@$port") found=adopted ;;
      "$root/releases/"*/*) [ ! -d "$dir/" ] || found=adopted ;;
      "$root/releases/"*) found=\${target##*/} ;;
      *) [ ! -d "$dir/" ] || found=adopted ;;
    esac
  elif [ -d "$dir" ]; then
    for entry in "$dir"/* "$dir"/.[!.]* "$dir"/..?*; do
      if [ -e "$entry" ] || [ -L "$entry" ]; then found=adopted; fi
      [ -z "$found" ] || break
    done
  fi
}
`;

/**
 * `know`, then `tell up|down|deaf`: one line that says how the slot stands. A look prints it, and a write at
 * its end. What was written down is read before the processes are looked at. Needs POINTS.
 */
export const TELL = `
recall() {
  value=$2
  [ ! -f "$state/$1" ] || read -r value <"$state/$1"
}
know() {
  points
  seen=0 by=
  [ ! -f "$state/generation" ] || read -r seen by <"$state/generation"
  recall intent none
  intent=$value
  recall restarts 0
}
tell() { printf '%s %s %s %s %s %s %s\\n' "$port" "$seen" "\${by:--}" "$intent" "$1" "$value" "$found"; }
`;

export const FENCE = `
# Writing failed: for want of room? Not every shell says so of itself.
unwritten() {
  there=$state/.new
  [ -d "$there" ] || there=$root
  said=$(head -c 4096 /dev/zero 2>&1 | LC_ALL=C tee "$there/room" 2>&1 >/dev/null)
  rm -f "$there/room"
  case $said in
    *'No space left on device'* | *'Disk quota exceeded'*) die ${EXIT.full} "$said" ;;
  esac
  exit ${EXIT.rights}
}

# NAME VALUE...: files of the slot's state. Each is whole and on disk, or as before.
durable() {
  set -- "$@" --
  while [ "$1" != -- ]; do
    printf '%s\\n' "$2" >"$state/.new/$1" || unwritten
    set -- "$@" "$state/.new/$1"
    shift 2
  done
  shift
  sync "$@" && mv -f -t "$state" "$@" && sync "$state" || unwritten
}

lock() {
  if [ ! -d "$state/.new" ] || [ ! -d "$root/releases" ]; then
    mkdir -p "$state/.new" "$root/releases" || unwritten
  fi
  (: >>"$state/lock") || unwritten
  exec 9>>"$state/lock"
  flock -w "$patience" 9 || exit ${EXIT.busy}
}

# NAME VALUE...: what else is written down with the generation.
fence() {
  stored=0 by=
  [ ! -f "$state/generation" ] || read -r stored by <"$state/generation"
  case $stored in '' | *[!0-9]*) die ${EXIT.rights} "$state/generation is damaged: $stored" ;; esac
  late=
  [ "$stored" -le "$generation" ] || late=yes
  [ "$stored" -ne "$generation" ] || [ -z "$by" ] || [ "$by" = "$writer" ] || late=yes
  if [ -n "$late" ]; then
    echo "$stored"
    exit ${EXIT.fenced}
  fi
  if [ "$stored" -ne "$generation" ]; then set -- generation "$generation $writer" "$@"; fi
  [ $# -eq 0 ] || durable "$@"
}
`;
