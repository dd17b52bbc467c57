import { EXIT, MASTERS, PATH, RIGHTS } from "./scripts.ts";

/** What all of these begin with: the arguments, the way back, the lock. */
const BEGIN = `umask 022
${PATH}home=$1 config=$2 snippet=$3 main=$4 nginx=$5 mark=$6 wanted=$7 generation=$8 writer=$9
${RIGHTS}${MASTERS}
beside() { printf '%s/.%s.glidepath-%s' "$(dirname -- "$1")" "$(basename -- "$1")" "$2"; }
new=$(beside "$config" new) old=$(beside "$config" old)
back() {
  for live in "$config" \${snippet:+"$snippet"}; do
    kept=$(beside "$live" old)
    if [ ! -e "$kept" ]; then rm -f "$live"
    elif [ ! "$kept" -ef "$live" ]; then mv -f -T "$kept" "$live"
    fi
    rm -f "$kept" "$(beside "$live" new)"
    sync "$(dirname -- "$live")"
  done
  rm -f "$home/writing" "$home/installed"
}
lock_home
`;

/** The master that runs, and how it is told. */
const FOUND = `
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
    # nginx tries for 2.5 s to have a port that is taken, and goes on when it gets it: only then is it said.
    [ -z "$why" ] || [ -z "$(printf '%s\\n' "$why" | grep -v -F 'failed (98: ')" ] || return 1
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
export const INSTALLING = `${BEGIN}${FOUND}`;

/**
 * home config snippet main nginx mark sha256 generation writer: the archive on standard input holds `config`
 * and perhaps `location`. The former files stay beside until the next installation.
 */
export const INSTALL = `${INSTALLING}
refuse_older "$generation" "$writer"
refuse_withdrawn "$generation" "$writer"
installed=
[ ! -s "$home/installed" ] || IFS= read -r installed <"$home/installed"
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
  cp "$1" "$(beside "$2" new)" 2>/dev/null || rights "write in $(dirname -- "$2")"
  # A repetition: what is there is this very generation's, the former file is kept already.
  [ "$installed" != "$generation $writer" ] || return 0
  rm -f "$(beside "$2" old)"
  if [ -s "$2" ]; then ln "$2" "$(beside "$2" old)"; else : >"$2"; fi || rights "write $2"
}
place "$unpacked/config" "$config"
[ -z "$snippet" ] || place "$unpacked/location" "$snippet"
swap() {
  echo "$wanted" >"$home/writing"
  echo "$generation $writer" >"$home/installed"
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

/** The former file is in its place, and ours again; or there is none. */
const PUT_BACK = `put_back() {
  back
  if [ -s "$config" ]; then
    sha256sum <"$config" | cut -c1-64 >"$home/written"
    cp "$config" "$home/written.conf"
  else
    rm -f "$home/written" "$home/written.conf"
  fi
}
`;
const PUT_BACK_AND_TELL = `put_back
reload || { printf '%s\\n' "$why"; exit ${EXIT.reloadFailed}; }
`;

/** The same arguments: the former file is back, nginx is told, and proved. */
export const RESTORE = `${INSTALLING}${PUT_BACK}${PUT_BACK_AND_TELL}`;

/**
 * The same arguments, `mark` and `sha256` empty: as before this generation was prepared, whether it was or
 * not; from now on it is refused. Where nginx is down the file alone is put back.
 */
export const WITHDRAW = `${BEGIN}${PUT_BACK}
refuse_older "$generation" "$writer"
echo "$generation $writer" >"$home/withdrawn" || rights "write $home/withdrawn"
installed=
[ ! -s "$home/installed" ] || IFS= read -r installed <"$home/installed"
[ "$installed" = "$generation $writer" ] || exit 0
live=$(sha256sum <"$config" 2>/dev/null | cut -c1-64)
grep -q -s -x -h -F "$live" "$home/written" "$home/writing" || exit ${EXIT.edited}
[ -n "$(masters "$nginx" "$main")" ] || { put_back; exit 0; }
${FOUND}${PUT_BACK_AND_TELL}`;
