/**
 * The ssh_config that every ssh of ours is started with. The first value wins: what must hold stands before
 * the user's files, what is only a default after them. `-F` alone would replace the user's.
 */
export function configText(own: string | null): string {
  return [
    "# Written by Glidepath at each start; changes are lost.",
    "Host *",
    ...MUST,
    // A name without blanks or globs: a link to the file.
    ...(own === null ? [] : [`Include ${own}`]),
    "Include ~/.ssh/config",
    "Include /etc/ssh/ssh_config",
    "Host *",
    ...DEFAULTS,
    "",
  ].join("\n");
}

const MUST = [
  "  BatchMode yes",
  "  ControlMaster no",
  "  ControlPersist no",
  "  ClearAllForwardings yes",
  "  ForwardX11 no",
  "  LogLevel ERROR",
  "  PermitLocalCommand no",
  "  RemoteCommand none",
  "  RequestTTY no",
];

const DEFAULTS = ["  ConnectTimeout 10", "  ServerAliveInterval 2", "  ServerAliveCountMax 3"];

/** One destination, as ssh is asked for it. */
export interface Route {
  /** Our ssh_config. */
  readonly config: string;
  /** `user@host`, or a Host of ssh_config. */
  readonly address: string;
}

/** The same with the connection's control socket. */
export interface Line extends Route {
  readonly socket: string;
}

type Argv = readonly [string, ...string[]];

/** What ssh says when it finds no connection to use. It must not make one of its own: nothing was begun. */
export const NO_CONNECTION = "glidepath: no connection";

const ssh = ({ config }: Route, ...more: readonly string[]): Argv => ["ssh", "-F", config, ...more];
const over = (line: Line, ...more: readonly string[]): Argv =>
  ssh(line, "-S", line.socket, "-o", `ProxyCommand=${SAY_SO}`, ...more);
/** In a shell of its own, which keeps the pipe open until it is said: when the pipe closes ssh ends it. */
const SAY_SO = `sh -c 'echo ${NO_CONNECTION} >&2'`;

/** What ssh makes of the address: one `key value` a line. */
export const describeArgv = (route: Route): Argv => ssh(route, "-G", "--", route.address);
export const connectArgv = (line: Line, command: string): Argv =>
  ssh(line, "-S", line.socket, ...MASTER, "--", line.address, command);
const MASTER = ["-o", "ControlMaster=auto", "-o", "ControlPersist=2m"];
export const askArgv = (line: Line): Argv => over(line, "-O", "check", "--", line.address);
export const sessionArgv = (line: Line, command: string): Argv => over(line, "--", line.address, command);
/** `-v` is for the one line that tells that the far end was reached. */
export const streamArgv = (line: Line, port: number, address: string): Argv => {
  const host = address.includes(":") ? `[${address}]` : address;
  return over(line, "-v", "-W", `${host}:${port}`, "--", line.address);
};
