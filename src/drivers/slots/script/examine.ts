import { FREE_AT } from "../../../base/shell.ts";
import { USERS_COMMANDS } from "./commands.ts";
import { LISTENERS } from "./listeners.ts";
import { POINTS } from "./prelude.ts";
import { PROCESSES } from "./processes.ts";
import { SYSTEMD } from "./systemd.ts";

/**
 * ROOT USER SHARED..., an empty argument, then for each slot PORT DIR MARKER ADDRESS UNIT. Changes nothing.
 * Lines of a word and what was found.
 */
export const EXAMINE = `set -u
root=$1 user=$2
shift 2
${POINTS}${PROCESSES}${SYSTEMD}${LISTENERS}${FREE_AT}
echo "me $(id -u) $(id -un)"
for tool in flock setsid tar timeout grep sync stat readlink; do
  command -v "$tool" >/dev/null || echo "missing $tool"
done
if [ -n "$user" ]; then
  id -u "$user" >/dev/null 2>&1 || echo "nobody $user"
  command -v setpriv >/dev/null || echo "missing setpriv"
fi

# The directory itself, or the nearest one above in which it would be made.
above=$root
while [ ! -e "$above" ] && [ "$above" != / ]; do above=$(dirname "$above"); done
if [ ! -d "$above" ]; then
  echo "root file $above"
elif [ ! -w "$above" ]; then
  echo "root denied $above"
elif [ "$above" = "$root" ]; then
  echo "root there"
else
  echo "root creatable"
fi
# What is there already may be somebody else's, as after a first release by root.
writable() { [ ! -e "$1" ] || [ -w "$1" ] || echo "denied $1"; }
for below in releases slots; do writable "$root/$below"; done
echo "free $(free_at "$above")"
[ ! -r /proc/sys/net/ipv4/ip_unprivileged_port_start ] ||
  echo "lowest $(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)"

while [ -n "$1" ]; do
  [ -e "$root/shared/$1" ] || [ -L "$root/shared/$1" ] || echo "unshared $1"
  shift
done
shift

! systemd_here || echo "systemd $(systemctl --version | head -n 1)"
# What systemd has of the unit, and whether it says for which slot it is.
unit() {
  look_at "$unit" && echo "unit $port $loaded"
  text=$(systemctl cat "$unit" 2>/dev/null)
  case $text in *%[iIjJ]*) echo "instance $port" ;; esac
  [ -n "$(systemctl show -p User --value "$unit")" ] ||
    [ "$(systemctl show -p DynamicUser --value "$unit")" = yes ] || echo "as-root $port"
}

while [ $# -gt 0 ]; do
  port=$1 dir=$2 marker=$3 address=$4 unit=$5 state=$root/slots/.$1 active=
  shift 5
  [ -z "$unit" ] || ! systemd_here || unit
  if ! taken "$address"; then
    echo "port $port free"
  elif [ "$active" = active ] || running; then
    echo "port $port ours"
  else
    echo "port $port taken $(listener)"
  fi
  for below in "$state" "$state/log"; do writable "$below"; done
  points
  if [ -e "$dir" ] && [ ! -d "$dir/" ]; then
    echo "dir $port occupied"
  elif [ "$found" = adopted ] && [ ! -w "$(dirname "$dir")" ]; then
    echo "dir $port locked"
  elif [ -n "$found" ] && [ ! -d "$dir/" ]; then
    echo "dir $port dangles $found"
  else
    echo "dir $port holds $found"
  fi
done
`;

/**
 * ROOT USER STATUS COUNT, COUNT times PORT DIR, then NAME=VALUE...: asks the user's status command as a look
 * does. A line for each slot of which it says nothing: it cannot be run, or does not answer.
 */
export const EXAMINE_OWN = `set -u
root=$1 user=$2 status=$3 count=$4
shift 4
${POINTS}${USERS_COMMANDS}
choose_user
asked() {
  shift "$((count * 2))"
  is_up "$status" "$@" PORT="$port" GLIDEPATH_PORT="$port"
}
while [ "$count" -gt 0 ]; do
  port=$1 dir=$2
  shift 2
  count=$((count - 1))
  points
  [ -n "$found" ] || continue
  asked "$@"
  code=$?
  case $code in 124 | 126 | 127 | 137) echo "status $port $code" ;; esac
done
`;
