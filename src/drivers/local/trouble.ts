import { formatDuration, type Duration } from "../../base/time.ts";

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection closed without an answer",
  EPIPE: "connection closed without an answer",
  ENOENT: "there is no such socket",
  EACCES: "no right to connect",
  EPERM: "no right to connect",
  EHOSTUNREACH: "no route to the address",
  ENETUNREACH: "no route to the address",
  EADDRNOTAVAIL: "the address is not one of this machine's",
  ENOTFOUND: "the name of the address is unknown",
  ETIMEDOUT: "the connection timed out",
};

export const noAnswer = (timeout: Duration): string => `no answer within ${formatDuration(timeout)}`;

/** A network failure for people. */
export function trouble(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (code.startsWith("HPE_")) return `the answer is not HTTP (${error.message})`;
  return WORDS[code] ?? error.message;
}
