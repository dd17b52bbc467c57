/**
 * What runs on a host, as text. Everything of the user's comes as an argument.
 *
 * root/releases/ID        complete releases, and nothing else without a dot
 * root/releases/.meta/ID  the digest of the artifact that it was unpacked from; its time: last staged
 * root/releases/.lock     held for each change of the two above
 * root/releases/.staging-*  work in progress, or what is being deleted
 *
 * A release is complete if both its directory and its .meta file are there; the file is written first, and
 * the directory is renamed into place when everything in it is on the disk.
 */

/** The scripts' exit codes; their standard error has the words. */
export const EXITS = {
  done: 0,
  absent: 10,
  rights: 20,
  disk: 21,
  sharedMissing: 22,
  changed: 23,
  transfer: 24,
  unpack: 25,
  foreign: 26,
  sharedBlocked: 27,
  busy: 28,
} as const;

const COMMON = `
set -u
umask 022
LC_ALL=C
export LC_ALL
root=$1
releases=$root/releases
meta=$releases/.meta
fail() { code=$1; shift; printf '%s\\n' "$*" >&2; exit "$code"; }
lock() {
  exec 9>>"$releases/.lock" || fail ${EXITS.rights} "cannot write $releases/.lock"
  flock -w 120 9 || fail ${EXITS.busy} "$releases/.lock is held by another process"
}
sweep() {
  find "$releases" -mindepth 1 -maxdepth 1 -name '.staging-*' -mmin +1440 -exec rm -rf -- {} +
}
# Exits when the release is there: 0 with this digest, else with a reason.
leave_if_there() {
  if [ ! -e "$releases/$id" ] && [ ! -L "$releases/$id" ]; then return 0; fi
  [ -f "$meta/$id" ] || fail ${EXITS.foreign} "$releases/$id"
  found=$(cat "$meta/$id") || fail ${EXITS.rights} "cannot read $meta/$id"
  [ "$found" = "$digest" ] || fail ${EXITS.changed} "$found"
  touch -c "$meta/$id"
  exit ${EXITS.done}
}
`;

/** ROOT ID DIGEST KIB SHARED...: is it there, and if not, is there room and right for it? */
export const PREPARE = `${COMMON}
id=$2 digest=$3 kib=$4
shift 4
mkdir -p "$meta" || fail ${EXITS.rights} "cannot make $meta"
[ -w "$releases" ] && [ -w "$meta" ] || fail ${EXITS.rights} "cannot write in $releases"
leave_if_there
for entry do
  [ -e "$root/shared/$entry" ] || [ -L "$root/shared/$entry" ] ||
    fail ${EXITS.sharedMissing} "$root/shared/$entry"
done
sweep
line=$(df -Pk "$releases" | tail -n 1)
free=$(printf '%s\\n' "$line" | awk '{ print $4 }')
case $free in
  '' | *[!0-9]*) ;;
  *) [ "$free" -ge "$kib" ] || fail ${EXITS.disk} "$(df -Pk "$releases")" ;;
esac
exit ${EXITS.absent}
`;

/** ROOT ID DIGEST SUM NONCE SHARED..., the tar on standard input: unpacks it, whole or not at all. */
export const UNPACK = `${COMMON}
id=$2 digest=$3 sum=$4 nonce=$5
shift 5
staging=$releases/.staging-$id-$nonce
tree=$staging/tree
trap 'rm -rf -- "$staging"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
# What the tools said is kept in a variable: on a full disk a file would lose it.
words=
explain() { # CODE: with the code of a full disk if it is one
  case $words in
    *'No space left on device'* | *'Disk quota exceeded'*)
      fail ${EXITS.disk} "$(printf '%s\n' "$words" | head -n 5; df -Pk "$releases")" ;;
  esac
  fail "$1" "$(printf '%s\n' "$words" | head -n 20)"
}
words=$(mkdir "$staging" "$tree" 2>&1 && mkfifo "$staging/pipe" 2>&1) || explain ${EXITS.rights}
sha256sum <"$staging/pipe" >"$staging/sum" 2>/dev/null &
summing=$!
words=$({ tee "$staging/pipe" | tar -xpf - --no-same-owner -C "$tree"; } 2>&1)
unpacked=$?
wait "$summing"
[ "$unpacked" = 0 ] || explain ${EXITS.unpack}
words=$(df -Pk "$releases")
found=$(cut -c 1-64 "$staging/sum")
[ "$found" = "$sum" ] || fail ${EXITS.transfer} "sha256 of what arrived: \${found:-none}; expected: $sum"

for entry do
  # Nothing is replaced through a link: it could be one into shared/, and the user's files are there.
  rest=$entry
  above=$tree
  while [ "$rest" != "\${rest#*/}" ]; do
    above=$above/\${rest%%/*}
    rest=\${rest#*/}
    [ ! -L "$above" ] || fail ${EXITS.sharedBlocked} "$entry: \${above#"$tree/"} is a link in the artifact"
    [ -d "$above" ] || [ ! -e "$above" ] ||
      fail ${EXITS.sharedBlocked} "$entry: \${above#"$tree/"} is a file in the artifact"
  done
  words=$(mkdir -p "$above" 2>&1 && rm -rf -- "$tree/$entry" 2>&1 &&
    ln -s "$root/shared/$entry" "$tree/$entry" 2>&1) || explain ${EXITS.unpack}
done

# The whole file system at once is far cheaper than file by file.
sync -f "$tree" 2>/dev/null || sync
lock
leave_if_there
words=$({ printf '%s\n' "$digest" >"$staging/meta"; } 2>&1 && sync "$staging/meta" 2>&1 &&
  mv -f "$staging/meta" "$meta/$id" 2>&1 && mv -T "$tree" "$releases/$id" 2>&1) || explain ${EXITS.unpack}
sync "$meta" "$releases" || :
`;

/**
 * ROOT ID MINUTES NONCE SLOTS(a number) SLOT-DIRS... ASSET-DIRS...: what pages of one release ask for comes
 * into the others too, as hard links; what is there is never replaced.
 *
 * root/releases/.assets/ID/static%js  a release's own files of static/js; ID's time: last staged or in a slot
 */
export const EXCHANGE = `${COMMON}
id=$2 minutes=$3 nonce=$4 slots=$5
shift 5
assets=$releases/.assets
mkdir -p "$assets" || fail ${EXITS.rights} "cannot make $assets"
served=
while [ "$slots" -gt 0 ]; do
  at=$(readlink -f -- "$1")
  case $at in
    */releases/*) [ ! -f "$meta/\${at##*/}" ] || served="$served \${at##*/}" ;;
  esac
  shift
  slots=$((slots - 1))
done
name_of() { printf '%s' "$1" | tr / %; }
# BASE DIR: every part of DIR is a directory, and none is a link, which could lead into shared/.
is_plain() {
  at=$1 rest=$2/
  while [ -n "$rest" ]; do
    at=$at/\${rest%%/*} rest=\${rest#*/}
    [ -d "$at" ] && [ ! -L "$at" ] || return 1
  done
}
# BASE DIR: the same, and what is missing is made.
make_plain() {
  at=$1 rest=$2/
  while [ -n "$rest" ]; do
    at=$at/\${rest%%/*} rest=\${rest#*/}
    [ -e "$at" ] || [ -L "$at" ] || mkdir "$at" || fail ${EXITS.rights} "cannot make $at"
    [ -d "$at" ] && [ ! -L "$at" ] || return 1
  done
}
# FROM TO: links what is not there.
link_all() {
  words=$(cp -aln -- "$1/." "$2/" 2>&1 | grep -v -e 'not replacing' -e 'cannot overwrite non-directory')
  [ -z "$words" ] || fail ${EXITS.unpack} "$words"
}
# ID ASSET-DIRS...: its own files, before any other's are beside them.
keep_own() {
  one=$1
  shift
  mkdir -p "$assets/$one"
  for dir do
    own=$assets/$one/$(name_of "$dir")
    if [ -d "$own" ] || ! is_plain "$releases/$one" "$dir"; then continue; fi
    rm -rf -- "$assets/.new-$nonce"
    mkdir "$assets/.new-$nonce" || fail ${EXITS.rights} "cannot write in $assets"
    link_all "$releases/$one/$dir" "$assets/.new-$nonce"
    mv -T "$assets/.new-$nonce" "$own" || fail ${EXITS.rights} "cannot write in $assets"
  done
  touch "$assets/$one"
}
# FROM TO ASSET-DIRS...
give() {
  from=$1 to=$2
  shift 2
  [ "$from" != "$to" ] || return 0
  for dir do
    own=$assets/$from/$(name_of "$dir")
    if [ -d "$own" ] && make_plain "$releases/$to" "$dir"; then link_all "$own" "$releases/$to/$dir"; fi
  done
}
lock
# These names have no character that could end a word.
for one in $id $served; do keep_own "$one" "$@"; done
for one in $(find "$assets" -mindepth 1 -maxdepth 1 -name '[!.]*' -mmin "-$minutes" | sed 's,.*/,,'); do
  give "$one" "$id" "$@"
done
for one in $served; do give "$id" "$one" "$@"; done
for one in $(find "$assets" -mindepth 1 -maxdepth 1 -mmin "+$minutes" | sed 's,.*/,,'); do
  [ -d "$releases/$one" ] || rm -rf -- "\${assets:?}/$one"
done
exit ${EXITS.done}
`;

/** ROOT: the complete releases, one a line. */
export const INSTALLED = `${COMMON}
[ -d "$meta" ] || exit 0
[ -r "$meta" ] && [ -x "$meta" ] || fail ${EXITS.rights} "cannot read $meta"
for file in "$meta"/*; do
  id=\${file##*/}
  if [ -f "$file" ] && [ -d "$releases/$id" ]; then printf '%s\\n' "$id"; fi
done
`;

/** ROOT KEEP NONCE SLOTS(a number) SLOT-DIRS... IN-USE...: deletes the oldest, prints them. */
export const PRUNE = `${COMMON}
keep=$2 nonce=$3 slots=$4
shift 4
[ -d "$meta" ] || exit 0
[ -w "$releases" ] && [ -w "$meta" ] || fail ${EXITS.rights} "cannot write in $releases"
# Where the slots point now, one a line: whatever the caller believes, these stay.
pointed=$(
  while [ "$slots" -gt 0 ]; do
    readlink -f -- "$1"
    shift
    slots=$((slots - 1))
  done
  for link in "$root"/slots/*; do
    if [ -L "$link" ]; then readlink -f -- "$link"; fi
  done
)
shift "$slots"
is_used() { # ID IN-USE...
  candidate=$1
  shift
  for id do [ "$id" != "$candidate" ] || return 0; done
  here=$(readlink -f -- "$releases/$candidate") || return 0
  printf '%s\\n' "$pointed" | grep -q -x -F -e "$here"
}
lock
sweep
# Newest first. These names have no character that could end a word or a line.
for candidate in $(ls -t "$meta"); do
  case $candidate in
    *[!A-Za-z0-9._-]* | adopted | adopted@*) continue ;;
  esac
  [ -d "$releases/$candidate" ] || continue
  if [ "$keep" -gt 0 ]; then
    keep=$((keep - 1))
    continue
  fi
  if is_used "$candidate" "$@"; then continue; fi
  gone=$releases/.staging-gone-$candidate-$nonce
  mv -T "$releases/$candidate" "$gone" && rm -f "$meta/$candidate" && rm -rf -- "$gone" ||
    fail ${EXITS.rights} "cannot delete $releases/$candidate"
  printf '%s\\n' "$candidate"
done
`;
