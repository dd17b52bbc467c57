// An application that is started, stopped and told by commands of the user's own.
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const OWN_SCRIPT = `#!/bin/sh
# ctl start|stop|status PORT
pid=PIDS/$2.pid
case $1 in
  start) PORT=$2 setsid NODE server.mjs </dev/null >PIDS/$2.log 2>&1 & echo $! >$pid ;;
  stop)
    kill -TERM "$(cat $pid)" 2>/dev/null || true
    while kill -0 "$(cat $pid)" 2>/dev/null; do sleep 0.05; done
    rm -f $pid ;;
  status) [ -f $pid ] && kill -0 "$(cat $pid)" ;;
esac
`;

/** `run` of a file: nobody starts again what has ended. */
export function ownCommands(directory: string): Readonly<Record<"start" | "stop" | "status", string>> {
  const file = join(directory, "ctl");
  writeFileSync(file, OWN_SCRIPT.replaceAll("PIDS", directory).replaceAll("NODE", process.execPath));
  chmodSync(file, 0o755);
  return {
    start: `${file} start {port}`,
    stop: `${file} stop {port}`,
    status: `${file} status {port}`,
  };
}
