/** Puts all that a supervisor is started with into a file, so that it starts the same at boot. */
export const LAUNCH = `
# quoted WORD...: as the shell reads them back, exactly.
quoted() {
  for unquoted in "$@"; do
    printf "'"
    while :; do
      case $unquoted in *\\'*) ;; *) break ;; esac
      printf '%s' "\${unquoted%%\\'*}'\\\\''"
      unquoted=\${unquoted#*\\'}
    done
    printf "%s' " "$unquoted"
  done
}

# Of this login's variables what any login has, then the user's and ours, then the supervisor.
launch() {
  printf '# Starts the supervisor of this slot as Glidepath last did, also at boot.\\n'
  printf 'read -r intent <%s&& [ "$intent" = up ] || exit 0\\n' "$(quoted "$state/intent")"
  printf 'cd / && exec </dev/null >>%s2>&1 || exit 1\\nexec env -i -- ' "$(quoted "$state/log")"
  env | while IFS= read -r line; do
    case $line in
      PATH=* | HOME=* | USER=* | LOGNAME=* | SHELL=* | LANG=* | LANGUAGE=* | LC_*=* | TZ=* | TMPDIR=*)
        quoted "$line"
        ;;
    esac
  done
  quoted "$@"
}
`;
