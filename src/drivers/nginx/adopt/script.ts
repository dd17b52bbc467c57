import { INSTALLING } from "../install-scripts.ts";
import { EXIT, HEAD } from "../scripts.ts";

/**
 * PORT...: who listens there, and the addresses of this machine. Arguments end with US.
 */
export const PROCESSES = `${HEAD}
for port; do
  pid=$(ss -ltnHp "sport = :$port" 2>/dev/null | sed -n 's/.*[(,]pid=\\([0-9]*\\).*/\\1/p' | head -n 1)
  printf 'port %s\\n' "$port"
  [ -n "$pid" ] || continue
  printf 'directory %s\\n' "$(readlink "/proc/$pid/cwd" 2>/dev/null)"
  printf 'user %s\\n' "$(stat -c %U "/proc/$pid" 2>/dev/null)"
  unit=$(sed -n 's,^[0-9]*:[^:]*:.*/\\([^/]*\\.service\\)$,\\1,p' "/proc/$pid/cgroup" | head -n 1)
  printf 'unit %s\\n' "$unit"
  printf 'command '
  tr '\\0\\n' '\\037 ' <"/proc/$pid/cmdline"
  printf '\\n'
done
printf 'here %s\\n' "$(ip -o addr show 2>/dev/null | awk '{ sub("/.*", "", $4); printf "%s ", $4 }')"
exit 0
`;

/** nginx main: its binary, its main file, and what `nginx -T` prints, as the running master has it. */
export const DUMP = `${HEAD}
binary=$(command -v "$1") || exit 3
main=$2
[ -n "$main" ] || main=$(built "$binary" conf-path)
root=$(option "$(masters "$binary" "$main" | head -n 1)" p)
printf '%s\\n' "$binary"
exec "$binary" -T -q -c "$main" \${root:+-p "$root"}
`;

/** A file: its path with links resolved, its hash, its text. */
export const READ_SITE = `realpath -- "$1" && sha256sum <"$1" && exec cat -- "$1"`;

/**
 * home site '' main nginx '' sha256-before: the archive on standard input holds `config`, the new text. What
 * was there is kept in home/adopted until it is undone.
 */
export const TAKE_OVER = `${INSTALLING}
live=$(sha256sum <"$config" 2>/dev/null | cut -c1-64)
[ "$live" = "$wanted" ] || { echo "$config has changed meanwhile"; exit ${EXIT.edited}; }
[ -w "$(dirname -- "$config")" ] || rights "write in $(dirname -- "$config")"
words=$(run_nginx -t -q 2>&1) || {
  refused_by_rights "$words"
  printf '%s\\n' "$words"
  exit ${EXIT.presentBroken}
}
unpacked=$home/.unpacked
rm -rf "$unpacked"
mkdir "$unpacked" && tar -xf - --no-same-owner -C "$unpacked" || rights "write in $home"
kept=$home/adopted
if [ ! -d "$kept" ]; then
  rm -rf "$kept.new"
  mkdir "$kept.new" && cp -p "$config" "$kept.new/before" && printf '%s\\n' "$config" >"$kept.new/path" ||
    rights "write in $home"
  sha256sum <"$unpacked/config" | cut -c1-64 >"$kept.new/after"
  sync "$kept.new/before" "$kept.new/after" "$kept.new/path"
  mv -T "$kept.new" "$kept"
fi
forget() { rm -rf "$kept"; }
rm -f "$old"
cp -p "$config" "$new" && cat "$unpacked/config" >"$new" || rights "write in $(dirname -- "$config")"
ln "$config" "$old" || rights "write in $(dirname -- "$config")"
swap() { mv -f -T "$new" "$config"; sync "$config" "$(dirname -- "$config")"; }
test_live
if [ $tested != 0 ]; then
  back
  forget
  refused_by_rights "$words"
  printf '%s\\n' "$words"
  exit ${EXIT.candidateBroken}
fi
[ $swapped = 1 ] || swap
reload || {
  failed=$why
  back
  forget
  case $failed in *'[emerg]'*) ;; *) reload || failed="$failed; then: $why" ;; esac
  printf '%s\\n' "$failed"
  exit ${EXIT.reloadFailed}
}
rm -rf "$old" "$unpacked"
`;

/** home config '' main nginx '' '': the user's file as it was, and ours gone, in one reload. */
export const UNDO = `${INSTALLING}
kept=$home/adopted
[ -d "$kept" ] || { echo "$kept"; exit ${EXIT.notPrepared}; }
read -r site <"$kept/path"
read -r after <"$kept/after"
live=$(sha256sum <"$site" 2>/dev/null | cut -c1-64)
[ "$live" = "$after" ] || { echo "$site"; diff -u "$kept/before" "$site"; exit ${EXIT.edited}; }
ours=$config
[ ! -e "$ours" ] || mv -f -T "$ours" "$home/.undone.conf" || rights "write in $(dirname -- "$ours")"
config=$site new=$(beside "$site" new) old=$(beside "$site" old)
cp -p "$site" "$old" && cp -p "$kept/before" "$new" && mv -f -T "$new" "$site" ||
  rights "write in $(dirname -- "$site")"
again() { mv -f -T "$old" "$site"; [ ! -e "$home/.undone.conf" ] || mv -f -T "$home/.undone.conf" "$ours"; }
words=$(run_nginx -t -q 2>&1) || { again; printf '%s\\n' "$words"; exit ${EXIT.candidateBroken}; }
reload || { failed=$why; again; printf '%s\\n' "$failed"; exit ${EXIT.reloadFailed}; }
sync "$site" "$(dirname -- "$site")"
rm -rf "$old" "$kept" "$home/.undone.conf" "$home/written" "$home/written.conf"
`;
