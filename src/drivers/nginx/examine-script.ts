import { FREE_AT } from "../../base/shell.ts";
import { HEAD } from "./scripts.ts";

/**
 * home config main nginx state log certificate key: what `check` looks at. Sections begin with `@@ NAME`;
 * nothing is changed but what `nginx -t` itself touches.
 */
export const EXAMINE = `${HEAD}
${FREE_AT}
home=$1 config=$2 main=$3 nginx=$4 state=$5 log=$6 certificate=$7 key=$8
section() { printf '\\n@@ %s\\n' "$1"; }
nearest() { at=$1; while [ ! -e "$at" ]; do at=$(dirname -- "$at"); done; printf '%s' "$at"; }
writable() { if [ -w "$(nearest "$1")" ]; then echo yes; else nearest "$1"; fi; }
section me; id -un
section tools
for tool in ss flock tar sha256sum setsid; do command -v "$tool" >/dev/null || echo "$tool"; done
section binary; command -v "$nginx"
section build; "$nginx" -V 2>&1
section masters; masters "$nginx" "$main"
root=$(option "$(masters "$nginx" "$main" | head -n 1)" p)
as_it_runs() { "$nginx" "$@" -c "$main" \${root:+-p "$root"}; }
section test
as_it_runs -t -q 2>&1 && echo passed
section config; writable "$(dirname -- "$config")"
section configdir; [ -d "$(dirname -- "$config")" ] && echo yes
section state; writable "$home"
section log; [ -d "$(dirname -- "$log")" ] && echo yes
section nofile; [ -e "$log" ] && [ ! -f "$log" ] && echo yes
section room
for path in "$log" "$home"; do
  free=$(free_at "$(nearest "$path")") && printf '%s %s\n' "$free" "$path"
done
section listening; ss -ltnHp 2>/dev/null
section written; cat "$home/written" "$home/writing" 2>/dev/null
section sha; [ ! -s "$config" ] || sha256sum <"$config" | cut -c1-64
section now; date +%s
section certificate; [ -z "$certificate" ] || head -c 200000 -- "$certificate" 2>&1
section key
if [ -z "$key" ]; then :
elif [ ! -e "$key" ]; then echo missing
elif [ ! -r "$key" ]; then echo unreadable
elif ! command -v openssl >/dev/null; then echo unknown
else openssl pkey -pubout -passin pass: -in "$key" 2>/dev/null || echo broken
fi
section location; realpath -m -- "$home/location.conf"; [ ! -e "$home/location.conf" ] || echo yes
section walk
user=$(sed -n 's/^ *user *\\([A-Za-z0-9_-]*\\).*;.*/\\1/p' "$main" 2>/dev/null | head -n 1)
[ -n "$user" ] || user=$(built "$nginx" user)
[ -n "$user" ] || user=nobody
echo "$user"
if [ "$(id -u)" = 0 ] && id -- "$user" >/dev/null 2>&1; then
  at=$(nearest "$home")
  group=$(id -g -- "$user")
  setpriv --reuid "$user" --regid "$group" --init-groups test -x "$at" 2>/dev/null && echo yes || echo "$at"
else
  echo unknown
fi
section dump
as_it_runs -T -q 2>/dev/null
exit 0
`;
