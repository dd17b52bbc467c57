import { EXIT } from "../exit-codes.ts";

/** Needs `port`. The kernel's own table needs no tool and no rights; only the name of the process does. */
export const LISTENERS = `
# taken ADDRESS: whether somebody listens there or everywhere; as in /proc/net/tcp, empty for any.
taken() {
  grep -qsE ": (0+|[0-9A-F]*$1):$(printf '%04X' "$port") [0-9A-F]+:[0-9A-F]+ 0A " \\
    /proc/net/tcp /proc/net/tcp6
}

listener() {
  pid=$(ss -Hltnp "sport = :$port" 2>/dev/null | sed -n 's/.*[(,]pid=\\([0-9]*\\).*/\\1/p' | head -n 1)
  [ -z "$pid" ] || echo "process $pid: $(tr '\\0\\n' '  ' <"/proc/$pid/cmdline" | cut -c 1-200)"
}
`;

/** Needs LISTENERS. A socket may outlive its process by a moment. */
export const STRANGER = `
stranger() {
  tries=5
  while taken "$1"; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then
      listener
      exit ${EXIT.portTaken}
    fi
    sleep 0.1
  done
}
`;
