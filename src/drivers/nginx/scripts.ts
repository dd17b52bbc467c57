/**
 * What runs on the gateway's host: POSIX shell, every value an argument. `home` is state/APP:
 *
 *   home/lock  newest               the lock, the newest generation
 *   home/written  written.conf      the hash of what we last wrote
 *   home/pool-DIGEST/groups/NAME                       once for a pool
 *   home/pool-DIGEST/gen-17/as/NAME/0..9 -> .          the groups that it leads to
 *   home/pool-DIGEST/gen-17/{canary,stable,0..9}       one directory a generation, and routing.json
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
  full: 81,
} as const;

export const RIGHTS = `
# Something could not be written: there is no room for it, or no right to.
rights() {
  why=$({ echo x | LC_ALL=C cat >"$home/.room"; } 2>&1; rm -f "$home/.room" 2>&1)
  case $why in
    *'No space left on device'* | *'Disk quota exceeded'*) echo "$1"; exit ${EXIT.full} ;;
  esac
  printf '%s\\n' "$1" "$(id -un)" "$2"
  exit ${EXIT.rights}
}
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
# What was taken back is not written anew by a call that comes late.
refuse_withdrawn() {
  withdrawn=
  [ ! -s "$home/withdrawn" ] || IFS= read -r withdrawn <"$home/withdrawn"
  [ "$withdrawn" != "$1 $2" ] || { echo "$1"; exit ${EXIT.fenced}; }
}
`;

/**
 * `masters NGINX MAIN`: the process id and title of every running nginx with this main config. Those of
 * containers do not count.
 */
export const MASTERS = `
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

export const PATH = "PATH=$PATH:/usr/sbin:/sbin; export PATH\n";

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
written='' writing='' sum='' mark='' routing='' latest='' present=memo
[ ! -s "$home/newest" ] || read -r latest _ <"$home/newest"
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
[ ! -s "$home/location.conf" ] || echo snippet
[ -z "$latest" ] || printf 'newest %s\\n' "$latest"
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

/**
 * home config mark: the archive on standard input holds `location`, for the config that is there with this
 * mark: one that an older Glidepath wrote without.
 */
export const ADD_SNIPPET = `umask 022
home=$1 config=$2 mark=$3
${RIGHTS}
lock_home
IFS= read -r line <"$config"
case $line in *" config=$mark") ;; *) exit 0 ;; esac
[ ! -s "$home/location.conf" ] || exit 0
tar -xf - --no-same-owner -C "$home" && mv -T "$home/location" "$home/location.conf" ||
  rights "write $home/location.conf"
`;

/** main nginx: what \`nginx -T\` prints, as the running master has it. */
export const DUMP_RUNNING = `${HEAD}
root=$(option "$(masters "$2" "$1" | head -n 1)" p)
exec "$2" -T -q -c "$1" \${root:+-p "$root"}
`;

/** Unpacks the archive on standard input; each tree gets its name when it is whole. */
const UNPACK = `
build() {
  lock_home
  refuse_older "$generation" "$writer"
  refuse_withdrawn "$generation" "$writer"
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
