/** What runs on the gateway's host, as text. */

export const EXITS = { done: 0, rights: 20 } as const;

/**
 * FILE INODE OFFSET MOST: what follows in the log after a place in it, wherever rotation has moved it
 * meanwhile.
 *
 * First a line `STATE INODE SIZE FROM SENT CURRENT`: which file this is (its inode, its size), and that
 * SENT bytes from FROM on follow; CURRENT is the size of FILE itself. STATE is
 *   current  from FILE
 *   old      from a file that was FILE once: renamed, or copied before FILE was emptied
 *   fresh    from the beginning of FILE, since the place is in no file any more
 *   absent   there is no log
 * Bytes that are not ASCII arrive as `?`, so that a character is a byte.
 */
export const READ = `
set -u
LC_ALL=C
export LC_ALL
file=$1 inode=$2 offset=$3 most=$4
look() { # PATH: opens it as 3; sets found and size
  exec 3<"$1" || exit ${EXITS.rights}
  set -- $(stat -L -c '%i %s' "/proc/$$/fd/3")
  found=$1 size=$2
}
send() { # STATE FROM: what is left of 3
  count=$((size - $2))
  if [ "$count" -gt "$most" ]; then count=$most; fi
  printf '%s %s %s %s %s %s\\n' "$1" "$found" "$size" "$2" "$count" "$current"
  if [ "$count" -gt 0 ]; then tail -c "+$(($2 + 1))" <&3 | head -c "$count" | tr -c '\\t\\n -~' '?'; fi
  exit 0
}
current=0 here=0
if [ -e "$file" ]; then
  [ -f "$file" ] || { echo "$file is not a file" >&2; exit ${EXITS.rights}; }
  look "$file"
  current=$size here=$found
fi
if [ "$here" != 0 ]; then
  if [ "$inode" = 0 ]; then send current 0; fi
  if [ "$here" = "$inode" ] && [ "$size" -ge "$offset" ]; then send current "$offset"; fi
fi
if [ "$here" = "$inode" ] && [ "$inode" != 0 ]; then
  # Emptied. A fresh copy beside it, which has a line's end where we were, is what it was.
  copy=$file.1
  if [ -f "$copy" ] && [ -n "$(find "$copy" -mmin -10)" ]; then
    look "$copy"
    if [ "$offset" = 0 ] || [ "$(tail -c "+$offset" <&3 | head -c 1 | od -An -tx1 | tr -d ' ')" = 0a ]; then
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
  old=$(find -H "$(dirname "$file")" -maxdepth 1 -type f -inum "$inode" | head -n 1)
fi
if [ -n "$old" ]; then
  look "$old"
  if [ "$size" -gt "$offset" ] || [ "$current" = 0 ]; then send old "$offset"; fi
  look "$file"
  send current 0
fi
if [ "$here" != 0 ]; then look "$file"; send fresh 0; fi
printf 'absent 0 0 0 0 0\\n'
`;
