import { NO_CONNECTION } from "./config.ts";

/** ssh's own words for people. Only shown: nothing is decided by them. */
export interface Trouble {
  readonly why: string;
  /** What to do. */
  readonly todo: string;
}

type Row = readonly [RegExp, string, string];

const ROWS: readonly Row[] = [
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed/i,
    "its host key is not the one that is known",
    "if it was made anew: `ssh-keygen -R ADDRESS`, then `ssh ADDRESS` once; else somebody is in between",
  ],
  [
    /Host key verification failed|No .* host key is known/i,
    "its host key is not known here",
    "`ssh ADDRESS` once, compare the fingerprint and say yes; or name UserKnownHostsFile in an ssh_config",
  ],
  [
    /Permission denied \(/i,
    "it lets nobody in with the keys that are offered",
    "put your public key into the user's ~/.ssh/authorized_keys there, or name IdentityFile in an ssh_config",
  ],
  [
    /Too many authentication failures/i,
    "too many keys were offered before the right one",
    "name IdentityFile and IdentitiesOnly yes for it in an ssh_config",
  ],
  [
    /Could not resolve hostname/i,
    "its name is not known",
    "write its IP address, or HostName for it in an ssh_config",
  ],
  [/Connection refused/i, "connection refused", "start sshd there, or see its Port"],
  [
    /timed out|Operation timed out|Timeout, server/i,
    "it does not answer",
    "see that it runs and that no firewall is in between",
  ],
  [/No route to host|Network is unreachable/i, "there is no way to it", "see that it runs, and the network"],
  [
    /kex_exchange_identification|Connection (closed|reset) by/i,
    "it closes the connection at once",
    "see its sshd's log, MaxStartups and /etc/hosts.deny there",
  ],
  [
    /Bad owner or permissions on|Bad configuration option|bad configuration/i,
    "ssh does not take an ssh_config here",
    "repair the file that ssh names",
  ],
  [
    /Too long|ControlPath .* too long/i,
    "the path of the control socket is too long",
    "set XDG_RUNTIME_DIR to a short directory that is yours alone",
  ],
  [/spawn ssh ENOENT/, "ssh is not there", "install openssh-client on this machine"],
];

/** The lines of ssh's output that say something; warnings of a banner or a debug line do not. */
const told = (words: string): readonly string[] =>
  words
    .split(/\r?\n/)
    .map((line) => line.replace(/^ssh: /, "").trim())
    .filter((line) => line !== "" && !line.startsWith("debug1:"));

export function troubleOf(words: string, address: string): Trouble {
  const lines = told(words);
  const last = lines.at(-1);
  if (last === undefined)
    return { why: "ssh ended without a word", todo: `see what \`ssh ${address}\` says` };
  const row = ROWS.find(([pattern]) => lines.some((line) => pattern.test(line)));
  if (row === undefined) return { why: `ssh: ${last}`, todo: `see what \`ssh ${address}\` says` };
  return { why: `${row[1]} (ssh: ${last})`, todo: row[2].replaceAll("ADDRESS", address) };
}

/** What ssh says before it would make a connection of its own, when no session has begun. */
const BEFORE = [/^Control socket connect/, /session request failed/, /^ControlSocket .* already exists/];

/** Certain that no command was begun: ssh found no connection, or no session was granted on it. */
export function neverBegan(words: string): boolean {
  const at = words.indexOf(NO_CONNECTION);
  return at >= 0 && told(words.slice(0, at)).every((line) => BEFORE.some((known) => known.test(line)));
}
