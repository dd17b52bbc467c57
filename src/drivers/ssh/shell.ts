import { quoted } from "../../base/shell.ts";

/**
 * A script with its arguments as one command line that every login shell takes the same way. sshd hands the
 * line to the user's shell, which may be fish or csh: so inside its quotes there is no quote, backslash (but
 * before a digit), line break or exclamation mark. sh itself takes the rest apart.
 */
export function remoteLine(script: string, args: readonly string[], mark: string): string {
  const words = [script, "glidepath", ...args].map(quoted).join(" ");
  const code = `${LOGIN}echo ${mark}\n/bin/sh -c ${words}\nprintf '\\n%s %s\\n' ${mark} "$?"`;
  return `exec /bin/sh -c '${UNPACK}' glidepath '${encoded(code)}'`;
}

/** What the longest command line is: Linux takes 128 KiB as one argument. */
export const LONGEST_LINE = 120_000;

const UNPACK = 'eval "$(printf %b "$1")"';

/** As on the controller itself: in /, with the administrator's tools. */
const LOGIN = `cd / || exit
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
`;

const encoded = (code: string): string =>
  code.replace(/[\\'\n!]/g, (character) => `\\0${character.charCodeAt(0).toString(8).padStart(3, "0")}`);

/** Codes above this are signals: what a shell says of a child that was killed. */
const SIGNALS = 128;
const NAMES: Readonly<Record<number, string>> = { 1: "SIGHUP", 2: "SIGINT", 9: "SIGKILL", 15: "SIGTERM" };

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  /** Why it was killed, if it was. */
  readonly killed: string | null;
}

/** What stands before the script's exit code. */
export const endingOf = (mark: string): string => `\n${mark} `;

/**
 * The script's own end, read from the line that the shell around it wrote; null when there is none. What a
 * login says before the script begins is left out.
 */
export function endOf(stdout: string, mark: string): Ended | null {
  const begin = stdout.indexOf(`${mark}\n`);
  const end = stdout.lastIndexOf(endingOf(mark));
  const [, digits] = end < 0 ? [] : (/^(\d+)\n/.exec(stdout.slice(end + endingOf(mark).length)) ?? []);
  if (begin < 0 || digits === undefined) return null;
  const code = Number(digits);
  const signal = NAMES[code - SIGNALS] ?? `signal ${code - SIGNALS}`;
  return {
    code,
    stdout: stdout.slice(begin + mark.length + 1, end),
    killed: code > SIGNALS ? `the script was killed by ${signal}` : null,
  };
}
