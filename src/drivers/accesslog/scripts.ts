import { FREE_AT } from "../../base/shell.ts";
import { FOLD } from "./fold-script.ts";

/** What runs on the gateway's host, as text. */

export const EXITS = { done: 0, rights: 20, noFile: 21 } as const;

/** Characters of an answer, about: a host's answer is kept up to 1 MiB. */
export const ROOM = 500_000;

/**
 * FILE INODE OFFSET MOST SINCE UNTIL JOINED WARM USERS POOL STOPPED CANARY: what follows in the log after a
 * place in it, folded, wherever rotation has moved it meanwhile.
 *
 * First a line `STATE INODE SIZE FROM OFFERED CURRENT CLOCK`: which file this is (its inode, its size), and
 * that OFFERED bytes from FROM on are folded; CURRENT is the size of FILE itself, CLOCK the time here, in
 * milliseconds where date can tell them; then WRITTEN, the second of the last write to it, and FREE, the KiB
 * that are left for more of FILE, or `-`. STATE is
 *   current  from FILE
 *   old      from a file that was FILE once: renamed, or copied before FILE was emptied
 *   fresh    from the beginning of FILE, since the place is in no file any more
 *   absent   there is no log
 * Then what the fold prints. Bytes that are not ASCII are made `?` before, so that a character is a byte.
 */
export const READ = `
set -u
LC_ALL=C
export LC_ALL
file=$1 inode=$2 offset=$3 most=$4 since=$5 until=$6 joined=$7 warm=$8 users=$9 pool=\${10} stopped=\${11}
canary=\${12}
${FREE_AT}look() { # PATH: opens it as 3; sets found, size and written
  exec 3<"$1" || exit ${EXITS.rights}
  set -- $(stat -L -c '%i %s %Y' "/proc/$$/fd/3")
  found=$1 size=$2 written=$3
}
clock=$(date +%s%3N)
case $clock in *[!0-9]*) clock=$(date +%s)000 ;; esac
tell() { # STATE INODE SIZE FROM OFFERED
  printf '%s %s %s %s %s %s %s %s %s\\n' "$@" "$current" "$clock" "$written" "\${free:--}"
}
send() { # STATE FROM: what is left of 3
  count=$((size - $2))
  # In another file nothing is early.
  if [ "$1" = fresh ] || { [ "$1" = current ] && [ "$found" != "$inode" ]; }; then until=0; fi
  if [ "$count" -gt "$most" ]; then count=$most; fi
  tell "$1" "$found" "$size" "$2" "$count"
  if [ "$count" -gt 0 ]; then
    tail -c "+$(($2 + 1))" <&3 | tr -c '\\t\\n -~' '?' | folded "$count" "$((until - $2))" || exit 1
  else
    printf 'end 0 0 0 0\\n'
  fi
  exit 0
}
folded() { # MOST EARLY
  awk -v "most=$1" -v room=${ROOM} -v "since=$since" -v "early=$2" -v "joined=$joined" -v "warm=$warm" \\
    -v "users=$users" -v "pool=$pool" -v "stopped=$stopped" -v "canary=$canary" '${FOLD}'
}
current=0 here=0 written=0 free=
if [ -e "$file" ]; then
  [ -f "$file" ] || exit ${EXITS.noFile}
  look "$file"
  current=$size here=$found free=$(free_at "$file")
fi
if [ "$here" != 0 ]; then
  if [ "$inode" = 0 ]; then send current 0; fi
  most_read=$((offset > until ? offset : until))
  if [ "$here" = "$inode" ] && [ "$size" -ge "$most_read" ]; then send current "$offset"; fi
fi
if [ "$here" = "$inode" ] && [ "$inode" != 0 ]; then
  # Emptied. A fresh copy beside it, which has a line's end where we were, is what it was.
  copy=$file.1
  if [ -f "$copy" ] && [ -n "$(find "$copy" -mmin -10)" ]; then
    look "$copy"
    byte=$([ "$offset" = 0 ] || tail -c "+$offset" <&3 | head -c 1 | od -An -tx1 | tr -d ' ')
    if [ "$offset" = 0 ] || [ "$byte" = 0a ]; then
      look "$copy"
      if [ "$size" -ge "$offset" ]; then send old "$offset"; fi
    fi
  fi
  look "$file"
  send fresh 0
fi
# Renamed. It is read to its end, and is left when its successor is written to.
old=
if [ "$inode" != 0 ]; then
  old=$(find -H "$(dirname "$file")" -maxdepth 1 -type f -inum "$inode")
  old=$\{old%%"
"*}
fi
if [ -n "$old" ]; then
  look "$old"
  if [ "$size" -gt "$offset" ] || [ "$current" = 0 ]; then send old "$offset"; fi
  look "$file"
  send current 0
fi
if [ "$here" != 0 ]; then look "$file"; send fresh 0; fi
tell absent 0 0 0 0
printf 'end 0 0 0 0\\n'
`;
