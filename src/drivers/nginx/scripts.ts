/**
 * What runs on the gateway's host: POSIX shell, every value an argument. `home` is state/APP:
 *
 *   home/lock  newest  written  written.conf           the lock, the newest generation, the hash of what we
 * last wrote   home/pool-DIGEST/groups/NAME/00..99 -> .           once for a pool
 *   home/pool-DIGEST/gen-17/{canary,stable,00..99}     one directory a generation, and routing.json
 *   home/pool-DIGEST/cur -> gen-17                     the switch
 */

/** How a script says what stopped it; its standard output is the words for `details`. */
export const EXIT = {
  rights: 71,
  edited: 72,
  presentBroken: 73,
  candidateBroken: 74,
  notIncluded: 75,
  notRunning: 76,
  reloadFailed: 77,
  fenced: 78,
  busy: 79,
  notPrepared: 80,
} as const;

const RIGHTS = `
rights() { printf '%s\\n' "$1" "$(id -un)"; exit ${EXIT.rights}; }
lock_home() {
  mkdir -p -- "$home" 2>/dev/null && [ -w "$home" ] || rights "$home"
  exec 9>"$home/lock" || rights "$home/lock"
  flock -w 10 9 || exit ${EXIT.busy}
}
refuse_older() {
  newest=$(cat "$home/newest" 2>/dev/null || echo 0)
  if [ "$1" -lt "$newest" ]; then echo "$newest"; exit ${EXIT.fenced}; fi
}
`;

/**
 * `masters NGINX MAIN`: the process id and title of every running nginx with this main config. Those of
 * containers do not count.
 */
const MASTERS = `
option() { printf '%s' "$1" | sed -n "s/.* -$2 *\\([^ ]*\\).*/\\1/p"; }
built() { "$1" -V 2>&1 | sed -n "s/.*--$2=\\([^ ]*\\).*/\\1/p"; }
masters() {
  want=$(readlink -f -- "$2")
  for file in $(grep -l -a '^nginx: master process' /proc/[0-9]*/cmdline 2>/dev/null); do
    pid=\${file#/proc/}; pid=\${pid%/cmdline}
    space=$(readlink "/proc/$pid/ns/pid" 2>/dev/null)
    [ -z "$space" ] || [ "$space" = "$(readlink /proc/self/ns/pid)" ] || continue
    title=$(tr '\\0' ' ' <"$file" 2>/dev/null) || continue
    conf=$(option "$title" c); root=$(option "$title" p)
    [ -n "$conf" ] || conf=$(built "$1" conf-path)
    case $conf in /*) ;; *) conf=\${root:-$(built "$1" prefix)}/$conf ;; esac
    [ "$(readlink -f -- "$conf")" = "$want" ] && printf '%s %s\\n' "$pid" "$title"
  done
}
`;

const PATH = "PATH=$PATH:/usr/sbin:/sbin; export PATH\n";

/** What `check` needs of the above. */
export const HEAD = `${PATH}${MASTERS}`;

/**
 * home config main nginx [ADDRESS PORT]...: one look. The routing comes before the counts: what is out of
 * rotation in it gets no new request while they are taken.
 */
export const LOOK = `${PATH}${MASTERS}
home=$1 config=$2 main=$3 nginx=$4
shift 4
printf 'home %s\\n' "$(realpath -m -- "$home")"
printf 'written %s\\n' "$(cat "$home/written" "$home/writing" 2>/dev/null | tr '\\n' ' ')"
if [ -s "$config" ]; then
  printf 'sha %s\\n' "$(sha256sum <"$config" | cut -c1-64)"
  sed -n '1s/^# glidepath /mark /p' "$config"
  pool=$(sed -n '1s/^# glidepath .*pool=\\([0-9a-f]*\\).*/\\1/p' "$config")
else
  pool=memo
fi
[ -n "$pool" ] || pool=memo
for dir in "$home/pool-$pool" "$home/pool-memo"; do
  if [ -f "$dir/cur/routing.json" ]; then printf 'routing %s\\n' "$(cat "$dir/cur/routing.json")"; break; fi
done
masters "$nginx" "$main" | sed 's/^/master /'
command -v ss >/dev/null || echo no-ss
while [ $# -ge 2 ]; do
  printf 'slot %s %s\\n' "$1" "$2"
  ss -tinH state established dst "$1" dport = ":$2" 2>/dev/null | sed 's/^/ss /'
  shift 2
done
exit 0
`;

/** config: the file as it is; nothing when it is not there. */
export const READ = `[ -e "$1" ] || exit 3; exec cat -- "$1"`;

/**
 * home pool generation start [fresh]: unpacks the archive on standard input. `start` is where the switch
 * points of a pool that nginx does not run yet.
 */
export const BUILD = `umask 022
home=$1 pool=$2 generation=$3 start=$4 unread=$5
${RIGHTS}
lock_home
refuse_older "$generation"
dir=$home/pool-$pool
fresh=$dir/.fresh
rm -rf "$fresh"
mkdir -p "$fresh" && tar -xf - --no-same-owner -C "$fresh" || rights "$dir"
if [ -d "$fresh/groups" ] && [ ! -d "$dir/groups" ]; then
  mv -T "$fresh/groups" "$dir/groups" || rights "$dir"
fi
now=$(readlink "$dir/cur" || true)
for tree in "$fresh"/gen-*; do
  [ -d "$tree" ] || continue
  name=\${tree##*/}
  [ "$name" = "$now" ] && continue
  rm -rf "$dir/$name"
  mv -T "$tree" "$dir/$name" || rights "$dir"
done
rm -rf "$fresh"
if [ -n "$unread" ] || [ ! -L "$dir/cur" ]; then
  rm -f "$dir/.cur"
  ln -s "gen-$start" "$dir/.cur" && mv -T "$dir/.cur" "$dir/cur" || rights "$dir"
fi
sync "$dir/gen-$generation/routing.json" "$dir/gen-$generation" "$dir"
`;

/** home pool generation config: the switch. `config` is empty where nginx does not read it. */
export const COMMIT = `umask 022
home=$1 pool=$2 generation=$3 config=$4
${RIGHTS}
lock_home
refuse_older "$generation"
dir=$home/pool-$pool
[ -d "$dir/gen-$generation" ] || { echo "there is no $dir/gen-$generation"; exit ${EXIT.notPrepared}; }
if [ -n "$config" ] && ! head -n 1 -- "$config" 2>/dev/null | grep -q " pool=$pool "; then
  echo "$config is not of this pool"; exit ${EXIT.notPrepared}
fi
if [ "$newest" != "$generation" ]; then
  echo "$generation" >"$home/.newest" && mv -T "$home/.newest" "$home/newest" || rights "$home/newest"
fi
if [ "$(readlink "$dir/cur")" != "gen-$generation" ]; then
  rm -f "$dir/.cur"
  ln -s "gen-$generation" "$dir/.cur" && mv -T "$dir/.cur" "$dir/cur" || rights "$dir/cur"
  sync "$dir" "$home"
fi
cd "$dir" || exit 0
ls -d gen-* | sed 's/^gen-//' | sort -rn | tail -n +6 | while read -r old; do rm -rf "gen-$old"; done
exit 0
`;

const INSTALLING = `umask 022
${PATH}home=$1 config=$2 snippet=$3 main=$4 nginx=$5 mark=$6 wanted=$7
${RIGHTS}${MASTERS}
beside() { printf '%s/.%s.glidepath-%s' "$(dirname -- "$1")" "$(basename -- "$1")" "$2"; }
new=$(beside "$config" new) old=$(beside "$config" old)
lock_home
found=$(masters "$nginx" "$main")
[ -n "$found" ] || exit ${EXIT.notRunning}
[ "$(printf '%s\\n' "$found" | wc -l)" = 1 ] || { printf '%s\\n' "$found"; exit ${EXIT.notRunning}; }
pid=\${found%% *}
root=$(option "$found" p)
exe=$(readlink "/proc/$pid/exe" 2>/dev/null)
[ -x "$exe" ] && nginx=$exe
run_nginx() { "$nginx" "$@" -c "$main" \${root:+-p "$root"}; }
workers() { grep -l "^PPid:[[:space:]]*$pid\\$" /proc/[0-9]*/status 2>/dev/null | tr -cd '0-9\\n'; }

# Where nginx writes why it kept its old configuration: error_log of the main file's outermost level.
error_log() {
  run_nginx -T -q 2>/dev/null | awk '
    /^# configuration file / { if (++files == 2) exit }
    { sub(/#.*/, "") }
    depth == 0 && $1 == "error_log" { sub(/;.*/, "", $2); print $2; exit }
    { depth += gsub(/{/, "{") - gsub(/}/, "}") }'
}
log=$(error_log)
[ -n "$log" ] || log=$(built "$nginx" error-log-path)
case $log in /*) ;; *) log=\${root:-$(built "$nginx" prefix)}/$log ;; esac
[ -f "$log" ] && [ -r "$log" ] || log=/dev/null

# Proof: every worker from before is gone or is leaving, and a new one is there. Disproof: an [emerg]
# line, or 4 s.
reload() {
  before=" $(workers | tr '\\n' ' ')" offset=$(wc -c <"$log") round=0
  kill -HUP "$pid" 2>/dev/null || rights_of_signal
  while [ $round -lt 80 ]; do
    why=$(tail -c "+$((offset + 1))" "$log" | grep -F '[emerg]')
    [ -z "$why" ] || return 1
    fresh=0 stale=0
    for worker in $(workers); do
      title=$(tr '\\0' ' ' <"/proc/$worker/cmdline" 2>/dev/null)
      case "$before" in
        *" $worker "*) case $title in *'shutting down'*|'') ;; *) stale=1 ;; esac ;;
        *) case $title in 'nginx: worker process'*) fresh=1 ;; esac ;;
      esac
    done
    [ $fresh = 1 ] && [ $stale = 0 ] && return 0
    sleep 0.05
    round=$((round + 1))
  done
  why='nginx went on with its old workers for 4 s after the signal to reload'
  return 1
}
back() {
  for live in "$config" \${snippet:+"$snippet"}; do
    kept=$(beside "$live" old)
    if [ ! -e "$kept" ]; then rm -f "$live"
    elif [ ! "$kept" -ef "$live" ]; then mv -f -T "$kept" "$live"
    fi
    rm -f "$kept" "$(beside "$live" new)"
    sync "$(dirname -- "$live")"
  done
  rm -f "$home/writing"
}
rights_of_signal() { back; rights "the process $pid (nginx)"; }
`;

/**
 * home config snippet main nginx mark sha256: the archive on standard input holds `config` and perhaps
 * `location`.
 */
export const INSTALL = `${INSTALLING}
live=
[ -s "$config" ] && live=$(sha256sum <"$config" | cut -c1-64)
if [ -n "$live" ] && ! grep -q -s -x -h -F "$live" "$home/written" "$home/writing"; then
  [ ! -f "$home/written.conf" ] || diff -u "$home/written.conf" "$config"
  exit ${EXIT.edited}
fi
words=$(run_nginx -t -q 2>&1) || { printf '%s\\n' "$words"; exit ${EXIT.presentBroken}; }
unpacked=$home/.unpacked
rm -rf "$unpacked"
mkdir "$unpacked" && tar -xf - --no-same-owner -C "$unpacked" || rights "$home"
place() {
  rm -f "$(beside "$2" old)"
  cp "$1" "$(beside "$2" new)" 2>/dev/null || rights "$(dirname -- "$2")"
  if [ -s "$2" ]; then ln "$2" "$(beside "$2" old)" || rights "$2"; else : >"$2" || rights "$2"; fi
}
place "$unpacked/config" "$config"
[ -z "$snippet" ] || place "$unpacked/location" "$snippet"
swap() {
  echo "$wanted" >"$home/writing"
  mv -f -T "$new" "$config"
  [ -z "$snippet" ] || mv -f -T "$(beside "$snippet" new)" "$snippet"
  sync "$config" "$(dirname -- "$config")"
}
# As it will be live: root sees it so in a mount namespace of its own; others swap, test, and swap back.
if [ "$(id -u)" = 0 ] && unshare -m --propagation private true 2>/dev/null; then
  dump=$(unshare -m --propagation private sh -c '
    mount --bind "$1" "$2" || exit 99
    [ -z "$4" ] || mount --bind "$3" "$4" || exit 99
    shift 4
    exec "$@"' sh "$new" "$config" "$(beside "\${snippet:-/none}" new)" "$snippet" \\
    "$nginx" -T -q -c "$main" \${root:+-p "$root"} 2>"$unpacked/words")
  tested=$?
  swapped=0
else
  swap
  dump=$(run_nginx -T -q 2>"$unpacked/words")
  tested=$?
  swapped=1
fi
words=$(cat "$unpacked/words")
if [ $tested != 0 ]; then back; printf '%s\\n' "$words"; exit ${EXIT.candidateBroken}; fi
case $dump in *" config=$mark"*) ;; *) back; exit ${EXIT.notIncluded} ;; esac
[ $swapped = 1 ] || swap
reload || {
  failed=$why
  back
  # An [emerg] line means that nginx kept its old configuration whole; after silence it is told again.
  case $failed in *'[emerg]'*) ;; *) reload || failed="$failed; then: $why" ;; esac
  printf '%s\\n' "$failed"
  exit ${EXIT.reloadFailed}
}
cp "$unpacked/config" "$home/written.conf"
echo "$wanted" >"$home/.written" && mv -T "$home/.written" "$home/written"
rm -rf "$unpacked" "$home/writing"
`;

/** The same arguments: the former file is back, nginx is told, and proved. */
export const RESTORE = `${INSTALLING}
back
if [ -s "$config" ]; then
  sha256sum <"$config" | cut -c1-64 >"$home/written"
  cp "$config" "$home/written.conf"
else
  rm -f "$home/written" "$home/written.conf"
fi
reload || { printf '%s\\n' "$why"; exit ${EXIT.reloadFailed}; }
`;
