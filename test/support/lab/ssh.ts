// The system's own ssh to a host of a lab.
import { spawn } from "node:child_process";

export interface Said {
  /** Null when ssh itself was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Asked {
  readonly config: string;
  readonly host: string;
  readonly script: string;
  readonly args?: readonly string[];
  readonly input?: Uint8Array;
  readonly timeoutMs?: number;
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Runs the script with sh there. */
export function ssh({ config, host, script, args = [], input, timeoutMs = 30_000 }: Asked): Promise<Said> {
  const command = ["exec /bin/sh -c", quote(script), "lab", ...args.map(quote)].join(" ");
  const child = spawn("ssh", ["-F", config, host, command], { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => undefined).end(input);
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (part: string) => (said[name] += part));
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, ...said });
    });
  });
}

/** What ssh must be told to reach the hosts of one lab and no others. */
export const sshConfig = (directory: string, hosts: readonly { name: string; address: string }[]): string =>
  [
    ...hosts.flatMap(({ name, address }) => [`Host ${name} ${address}`, `  HostName ${address}`]),
    "Host *",
    "  User root",
    `  IdentityFile ${directory}/key`,
    "  IdentitiesOnly yes",
    `  UserKnownHostsFile ${directory}/known_hosts`,
    "  GlobalKnownHostsFile /dev/null",
    "  StrictHostKeyChecking yes",
    "  BatchMode yes",
    "  ConnectTimeout 2",
    "  LogLevel ERROR",
    "",
  ].join("\n");
