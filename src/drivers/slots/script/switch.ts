import { EXIT } from "../exit-codes.ts";
import { FENCE, PLACE, POINTS, TELL } from "./prelude.ts";
import { PROCESSES } from "./processes.ts";
import { SYSTEMD } from "./systemd.ts";

const ADOPT = `
# Nothing of the user's is ever deleted: what is in the way gets a number.
aside() {
  [ -e "$kept" ] || [ -L "$kept" ] || return 0
  n=1
  while [ -e "$kept.$n" ] || [ -L "$kept.$n" ]; do n=$((n + 1)); done
  mv -T "$kept" "$kept.$n"
}

# What was found in the slot becomes releases/adopted@PORT.
adopt() {
  if [ -L "$dir" ]; then
    real=$(readlink -f "$dir") && aside && ln -s "$real" "$kept"
  elif [ "$(stat -c %d "$dir")" = "$(stat -c %d "$root/releases")" ]; then
    aside && mv -T "$dir" "$kept"
  else
    rm -rf "$kept.part" && cp -a "$dir" "$kept.part" && aside && mv -T "$kept.part" "$kept" &&
      mv -T "$dir" "$dir.before-glidepath"
  fi || unwritten
}
`;

/**
 * RELEASE, "adopted", or empty for nothing; UNIT that runs the slot. Repeating it, or going on after a cut
 * at any line, ends the same.
 */
export const SWITCH = `${PLACE}${POINTS}${TELL}${FENCE}${PROCESSES}${SYSTEMD}${ADOPT}
release=$1 unit=$2
kept=$root/releases/adopted@$port
lock
if [ -e "$state/intent" ]; then fence; else fence intent down; fi
points
[ "$found" != "$release" ] || [ -z "$release" ] || exit 0
[ -z "$unit" ] || ! systemd_here || ! unit_runs "$unit" || exit ${EXIT.stillRunning}
if running; then exit ${EXIT.stillRunning}; fi
if [ -e "$dir" ] && [ ! -d "$dir/" ]; then exit ${EXIT.occupied}; fi
case $release in
  '') target= ;;
  adopted) target=$kept ;;
  *) target=$root/releases/$release ;;
esac
[ -z "$target" ] || [ -d "$target/" ] || exit ${EXIT.notUnpacked}
if [ "$found" = adopted ] && { [ ! -L "$dir" ] || [ "$(readlink "$dir")" != "$kept" ]; }; then adopt; fi
[ -L "$dir" ] || [ ! -d "$dir" ] || rmdir "$dir" || exit ${EXIT.rights}
if [ -z "$target" ]; then
  rm -f "$dir" || exit ${EXIT.rights}
  exit 0
fi
above=\${dir%/*}
[ -d "$above" ] || mkdir -p "$above" || unwritten
[ ! -L "$dir.glidepath-new" ] || rm -f "$dir.glidepath-new" || exit ${EXIT.rights}
ln -s "$target" "$dir.glidepath-new" && mv -T "$dir.glidepath-new" "$dir" && sync "$above" || unwritten
know
tell down
`;
