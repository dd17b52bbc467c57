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
rights() { printf '%s\\n' "$1" "$(id -un)" "$2"; exit ${EXIT.rights}; }
lock_home() {
  [ -d "$home" ] || mkdir -p -- "$home" 2>/dev/null
  [ -w "$home" ] || rights "write in $home"
  exec 9>"$home/lock" || rights "write $home/lock"
  flock -w 10 9 || exit ${EXIT.busy}
}
# An equal number of another writer is no repetition of ours.
refuse_older() {
  newest=0 by=
  [ ! -s "$home/newest" ] || read -r newest by <"$home/newest"
  if [ "$1" -lt "$newest" ]; then echo "$newest"; exit ${EXIT.fenced}; fi
  if [ "$1" = "$newest" ] && [ -n "$by" ] && [ "$by" != "$2" ]; then echo "$newest"; exit ${EXIT.fenced}; fi
}
`;

/**
 * `masters NGINX MAIN`: the process id and title of every running nginx with this main config. Those of
 * containers do not count.
 */
const MASTERS = `
option() {
  case $1 in *" -$2"*) ;; *) return ;; esac
  value=\${1##* -"$2"}
  value=\${value#"\${value%%[! ]*}"}
  printf '%s' "\${value%% *}"
}
built() { "$1" -V 2>&1 | sed -n "s/.*--$2=\\([^ ]*\\).*/\\1/p"; }
masters() {
  for file in $(grep -l -a '^nginx: master process' /proc/[0-9]*/cmdline 2>/dev/null); do
    pid=\${file#/proc/}; pid=\${pid%/cmdline}
    [ ! -e "/proc/$pid/ns/pid" ] || [ "/proc/$pid/ns/pid" -ef /proc/self/ns/pid ] || continue
    title=
    { read -r title <"$file"; } 2>/dev/null
    [ -n "$title" ] || continue
    conf=$(option "$title" c) root=$(option "$title" p)
    [ -n "$conf" ] || conf=$(built "$1" conf-path)
    case $conf in /*) ;; *) conf=\${root:-$(built "$1" prefix)}/$conf ;; esac
    if [ "$conf" = "$2" ] || [ "$conf" -ef "$2" ]; then printf '%s %s\\n' "$pid" "$title"; fi
  done
}
`;

const PATH = "PATH=$PATH:/usr/sbin:/sbin; export PATH\n";

/** What `check` needs of the above. */
export const HEAD = `${PATH}${MASTERS}`;

/** main nginx: the masters. */
export const FIND_MASTERS = `${HEAD}masters "$2" "$1"
exit 0
`;

/**
 * What is known of the gateway without asking nginx. Only the shell's own means where they do: each process
 * costs milliseconds, and a release looks many times. Needs `home`, `config`, and `hash` (not empty: the
 * file's hash is wanted).
 */
const GATHER = `
written='' writing='' sum='' mark='' routing='' present=memo
[ ! -s "$home/written" ] || read -r written <"$home/written"
[ ! -s "$home/writing" ] || read -r writing <"$home/writing"
if [ -s "$config" ]; then
  [ -z "$hash" ] || sum=$(sha256sum <"$config")
  sum=\${sum%% *}
  IFS= read -r line <"$config"
  case $line in
    '# glidepath '*)
      mark=\${line#'# glidepath '}
      present=\${line##* pool=}
      present=\${present%% *}
      case $present in '' | *[!0-9a-f]*) present=memo ;; esac
      ;;
  esac
fi
for dir in "$home/pool-$present" "$home/pool-memo"; do
  [ -f "$dir/cur/routing.json" ] || continue
  IFS= read -r routing <"$dir/cur/routing.json"
  break
done
`;

const TELL = `
printf 'written %s %s\\n' "$written" "$writing"
[ -z "$sum" ] || printf 'sha %s\\n' "$sum"
[ -z "$mark" ] || printf 'mark %s\\n' "$mark"
[ -z "$routing" ] || printf 'routing %s\\n' "$routing"
if cd -P -- "$home" 2>/dev/null; then printf 'home %s\\n' "$PWD"
else printf 'home %s\\n' "$(realpath -m -- "$home")"
fi
`;

/**
 * home config hash [ADDRESS PORT]...: one look. The routing comes before the counts: what is out of rotation
 * in it gets no new request while they are taken.
 */
export const LOOK = `${PATH}home=$1 config=$2 hash=$3
shift 3
${GATHER}${TELL}
command -v ss >/dev/null || echo no-ss
while [ $# -ge 2 ]; do
  printf 'slot %s %s\\n' "$1" "$2"
  ss -tinH state established dst "$1" dport = ":$2" 2>/dev/null
  shift 2
done
exit 0
`;

/** config: the file as it is; nothing when it is not there. */
export const READ = `[ -e "$1" ] || exit 3; exec cat -- "$1"`;

/** Unpacks the archive on standard input; each tree gets its name when it is whole. */
const UNPACK = `
build() {
  lock_home
  refuse_older "$generation" "$writer"
  dir=$home/pool-$pool
  [ -d "$dir" ] || mkdir -p "$dir" || rights "write in $dir"
  for left in "$dir"/.new-*; do [ ! -e "$left" ] || rm -rf "$left"; done
  tar -xf - --no-same-owner -C "$dir" || rights "write in $dir"
  for tree in "$dir"/.new-*; do
    [ -d "$tree" ] || continue
    name=\${tree##*/.new-}
    if [ "$dir/cur" -ef "$dir/$name" ] || { [ "$name" = groups ] && [ -d "$dir/groups" ]; }; then
      rm -rf "$tree"
      continue
    fi
    [ ! -e "$dir/$name" ] || rm -rf "\${dir:?}/$name"
    mv -T "$tree" "$dir/$name" || rights "write in $dir"
  done
  if [ -n "$unread" ] || [ ! -L "$dir/cur" ]; then
    rm -f "$dir/.cur"
    ln -s "gen-$start" "$dir/.cur" && mv -T "$dir/.cur" "$dir/cur" || rights "write in $dir"
  fi
  sync "$dir/gen-$generation/routing.json" "$dir/gen-$generation" "$dir"
}
`;

/**
 * home pool generation writer start [fresh]: builds it. `start` is where the switch points of a pool that
 * nginx does not run yet.
 */
export const BUILD = `umask 022
home=$1 pool=$2 generation=$3 writer=$4 start=$5 unread=$6
${RIGHTS}${UNPACK}
build
`;

/**
 * home config pool generation writer: a look, and what is built when it finds the usual: our own file,
 * unchanged, of the same pool. Else the look alone.
 */
export const LOOK_AND_BUILD = `umask 022
${PATH}home=$1 config=$2 pool=$3 generation=$4 writer=$5 start=$4 unread='' hash=yes built=''
[ "$pool" != memo ] || hash=
${RIGHTS}${UNPACK}${GATHER}
if [ "$pool" = memo ]; then built=yes
elif [ "$present" = "$pool" ] && { [ "$sum" = "$written" ] || [ "$sum" = "$writing" ]; }; then built=yes
fi
if [ -n "$built" ]; then
  build
  echo built
fi
${TELL}`;

/** home pool generation writer config: the switch. `config` is empty where nginx does not read it. */
export const COMMIT = `umask 022
home=$1 pool=$2 generation=$3 writer=$4 config=$5
${RIGHTS}
lock_home
refuse_older "$generation" "$writer"
dir=$home/pool-$pool
[ -d "$dir/gen-$generation" ] || { echo "there is no $dir/gen-$generation"; exit ${EXIT.notPrepared}; }
IFS= read -r line <"$dir/gen-$generation/routing.json"
case $line in
  *'"writer":"'"$writer"'"'*) ;;
  *) echo "$generation"; exit ${EXIT.fenced} ;;
esac
if [ -n "$config" ]; then
  line=
  [ ! -r "$config" ] || IFS= read -r line <"$config"
  case $line in
    *" pool=$pool "*) ;;
    *) echo "$config is not of this pool"; exit ${EXIT.notPrepared} ;;
  esac
fi
if [ "$newest" != "$generation" ]; then
  echo "$generation $writer" >"$home/.newest" && mv -T "$home/.newest" "$home/newest" ||
    rights "write $home/newest"
fi
cd "$dir" || rights "enter $dir"
if ! [ cur -ef "gen-$generation" ]; then
  [ ! -L .cur ] || rm -f .cur
  ln -s "gen-$generation" .cur && mv -T .cur cur || rights "write $dir/cur"
  sync "$dir" "$home"
fi
# The five newest stay.
old=
for one in gen-*; do
  newer=0
  for other in gen-*; do
    [ "\${other#gen-}" -le "\${one#gen-}" ] || newer=$((newer + 1))
  done
  [ "$newer" -lt 5 ] || old="$old $one"
done
# shellcheck disable=SC2086 # our own names
[ -z "$old" ] || rm -rf $old
exit 0
`;

export const INSTALLING = `umask 022
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
# A test of what will be live: root sees it so in a mount namespace of its own; others swap, test, and swap
# back. dump, tested and words tell; swapped=1: it is live already.
test_live() {
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
rights_of_signal() { back; rights "signal the process $pid (nginx)"; }
# Without rights nginx cannot even test: that is no fault of the config.
refused_by_rights() {
  [ "$(id -u)" != 0 ] || return 0
  denied=$(printf '%s\\n' "$1" |
    sed -n 's/.*\\[emerg\\].* "\\(.*\\)" failed (13: Permission denied).*/\\1/p' |
    head -n 1)
  [ -z "$denied" ] || rights "open $denied, which nginx's test of its config needs" "$1"
}
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
for dir in "$(dirname -- "$config")" \${snippet:+"$(dirname -- "$snippet")"}; do
  [ ! -d "$dir" ] || [ -w "$dir" ] || rights "write in $dir"
done
kill -0 "$pid" 2>/dev/null || rights "signal the process $pid (nginx)"
words=$(run_nginx -t -q 2>&1) || {
  refused_by_rights "$words"
  printf '%s\\n' "$words"
  exit ${EXIT.presentBroken}
}
unpacked=$home/.unpacked
rm -rf "$unpacked"
mkdir "$unpacked" && tar -xf - --no-same-owner -C "$unpacked" || rights "write in $home"
place() {
  rm -f "$(beside "$2" old)"
  cp "$1" "$(beside "$2" new)" 2>/dev/null || rights "write in $(dirname -- "$2")"
  if [ -s "$2" ]; then ln "$2" "$(beside "$2" old)"; else : >"$2"; fi || rights "write $2"
}
place "$unpacked/config" "$config"
[ -z "$snippet" ] || place "$unpacked/location" "$snippet"
swap() {
  echo "$wanted" >"$home/writing"
  mv -f -T "$new" "$config"
  [ -z "$snippet" ] || mv -f -T "$(beside "$snippet" new)" "$snippet"
  sync "$config" "$(dirname -- "$config")"
}
test_live
if [ $tested != 0 ]; then
  back
  refused_by_rights "$words"
  printf '%s\\n' "$words"
  exit ${EXIT.candidateBroken}
fi
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
