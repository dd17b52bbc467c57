import { EXIT } from "../exit-codes.ts";

/**
 * Where systemd rules, it starts what runs in a slot, and at boot: a unit is enabled when its slot is
 * started and disabled before it is stopped. `unit` in the slot's state is the one it was last started with.
 */
export const SYSTEMD = `
systemd_here() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null; }

# look_at UNIT: loaded active result restarts, as systemd says.
look_at() {
  loaded='' active='' result='' restarts=''
  shown=$(
    systemctl show -p LoadState -p ActiveState -p Result -p NRestarts -p NeedDaemonReload "$1"
  ) || return 1
  while IFS='=' read -r key said; do
    case $key in
      LoadState) loaded=$said ;;
      ActiveState) active=$said ;;
      Result) result=$said ;;
      NRestarts) restarts=$said ;;
      NeedDaemonReload) outdated=$said ;;
    esac
  done <<EOF
$shown
EOF
}

# Also one that is about to be started again.
unit_runs() {
  look_at "$1" || exit ${EXIT.systemd}
  case $active in '' | inactive | failed) return 1 ;; esac
}
`;

/** Needs SYSTEMD. */
export const STOP_UNITS = `
# units="...": what systemd may run or start in this slot: the unit that is asked for, the one written down.
know_units() {
  units='' written=''
  [ ! -f "$state/unit" ] || read -r written <"$state/unit"
  systemd_here || return 0
  for one in "$1" "$written"; do
    case " $units " in *" $one "*) continue ;; esac
    look_at "$one" || exit ${EXIT.systemd}
    [ "$loaded" = not-found ] || units="$units $one"
  done
}

# Not started at boot any more: done, and on disk.
disable_units() {
  for one in $units; do systemctl --quiet --no-reload disable "$one" || exit ${EXIT.systemd}; done
  [ -z "$units" ] || sync_wants
}

sync_wants() {
  for wants in /etc/systemd/system /etc/systemd/system/*.wants; do
    [ ! -d "$wants" ] || sync "$wants" || exit ${EXIT.rights}
  done
}

# As each unit says. Its processes are gone then, but those that it was told to leave. One that had to be
# killed has not failed: that is what a stop does.
stop_units() {
  for one in $units; do
    ! unit_runs "$one" || systemctl stop "$one" || exit ${EXIT.systemd}
    systemctl reset-failed "$one" 2>/dev/null
  done
}
`;

/** Needs STOP_UNITS and `changed`. */
export const START_UNITS = `
# install PATH TEXT: a file of systemd's, whole or as before.
install() {
  file=/etc/systemd/system/$1
  [ "$(cat "$file" 2>/dev/null)" != "$2" ] || return 0
  [ -d "\${file%/*}" ] || mkdir -p "\${file%/*}" || exit ${EXIT.rights}
  printf '%s\\n' "$2" >"$file.new" && sync "$file.new" && mv -f "$file.new" "$file" && sync "\${file%/*}" ||
    exit ${EXIT.rights}
  changed=yes
}

# Only where a file is not as systemd knows it.
reload_units() {
  look_at "$1" || exit ${EXIT.systemd}
  [ -z "$changed" ] && [ "$outdated" != yes ] || systemctl daemon-reload || exit ${EXIT.systemd}
}

# At every boot from now on, also where the unit itself does not say when.
enable_unit() {
  systemctl --quiet --no-reload enable "$1" 2>/dev/null
  for wanted in /etc/systemd/system/*.wants/"$1" /etc/systemd/system/*.requires/"$1"; do
    if [ -L "$wanted" ]; then
      sync_wants
      return
    fi
  done
  systemctl --quiet --no-reload add-wants multi-user.target "$1" || exit ${EXIT.systemd}
  sync_wants
}
`;
