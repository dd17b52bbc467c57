import { EXIT } from "../exit-codes.ts";

/** Runs the user's own commands in a slot. Needs `dir`, `found` and `user`. */
export const USERS_COMMANDS = `
# Whether the command is to run as somebody else: uid and gid are set then.
choose_user() {
  uid='' gid='' home=''
  [ -n "$user" ] && [ "$user" != "$(id -un)" ] || return 0
  uid=$(id -u "$user") && gid=$(id -g "$user") || exit ${EXIT.user}
  if [ "$(id -u)" -ne 0 ]; then
    echo "only root can run it as $user; Glidepath is $(id -un) there" >&2
    exit ${EXIT.user}
  fi
  home=$(getent passwd "$user")
  home=\${home%:*}
  home=\${home##*:}
}

detached=
# in_slot SECONDS COMMAND NAME=VALUE...: this shell becomes the command, in the slot, as its user. With
# \`detached\` a shell with that script stays between, in a session of its own.
in_slot() {
  seconds=$1 command=$2
  shift 2
  cd -P "$dir" || exit 1
  [ -z "$uid" ] || set -- HOME="$home" USER="$user" LOGNAME="$user" "$@"
  set -- env -- "$@" GLIDEPATH_DIR="$(pwd -P)" GLIDEPATH_RELEASE="$found" /bin/sh -c "$command"
  [ -z "$uid" ] || set -- setpriv --reuid "$uid" --regid "$gid" --init-groups -- "$@"
  [ -z "$seconds" ] || set -- timeout -k 2 "$seconds" "$@"
  [ -z "$detached" ] || set -- "$(command -v setsid)" -f /bin/sh -c "$detached" glidepath "$state" "$@"
  exec "$@"
}

# is_up COMMAND NAME=VALUE...: the exit code of the user's status command; 124 is no answer.
is_up() {
  [ -d "$dir/" ] || return 1
  (in_slot 5 "$@") </dev/null >/dev/null 2>&1 9>&-
}
`;
