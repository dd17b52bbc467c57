import { appError } from "../../base/errors.ts";
import type { AppError } from "../../base/errors.ts";
import type { HostName, ReleaseId } from "../../model/ids.ts";
import { DONE, refused, unknown } from "../../model/outcome.ts";
import type { Outcome } from "../../model/outcome.ts";
import type { HostReply } from "../../ports/host.ts";
import { EXITS } from "./scripts.ts";

/** What a script's end means, in words. Pure. */
interface Context {
  readonly host: HostName;
  readonly release: ReleaseId;
}

type Explain = (words: string, context: Context) => AppError;

const failure: readonly (readonly [number, Explain])[] = [
  [
    EXITS.rights,
    (words, { host }) =>
      appError("host.rights", `${host}: ${words.split("\n").at(-1) ?? "no right to write"}`, {
        details: words,
        hint: "give the user that Glidepath is on this host the right to write there",
      }),
  ],
  [
    EXITS.disk,
    (words, { host, release }) =>
      appError("host.disk", `${host}: no room on the disk for release ${release}`, {
        details: words,
        hint: "free some space there, or lower artifact.keep in the file; nothing was left behind",
      }),
  ],
  [
    EXITS.sharedMissing,
    (words, { host }) =>
      appError("host.command", `${host}: ${words}, which \`shared\` in the file names, is not there`, {
        hint: `make it once, as the file or directory that it should be: ${words}`,
      }),
  ],
  [
    EXITS.sharedBlocked,
    (words, { host }) =>
      appError("host.command", `${host}: the shared entry cannot be linked into the release: ${words}`, {
        hint: "allowed above a shared entry are directories; change the artifact or `shared` in the file",
      }),
  ],
  [
    EXITS.changed,
    (words, { host, release }) =>
      appError("artifact.changed", `${host}: release ${release} is there already, from another artifact`, {
        details: `sha256 there: ${words}`,
        hint: "a release never changes: publish the new artifact under a new name",
      }),
  ],
  [
    EXITS.foreign,
    (words, { host }) =>
      appError("artifact.changed", `${host}: ${words} is there already, and Glidepath did not put it there`, {
        hint: "move it away, or publish the artifact under a new name",
      }),
  ],
  [
    EXITS.transfer,
    (words, { host }) =>
      appError("host.command", `${host}: the artifact arrived damaged`, {
        details: words,
        hint: "release again; if it comes back, see the connection and this host's memory and disk",
      }),
  ],
  [
    EXITS.unpack,
    (words, { host, release }) =>
      appError("host.command", `${host}: release ${release} could not be unpacked`, {
        details: words,
        hint: "see the words of the host below; nothing of the release was left behind",
      }),
  ],
  [
    EXITS.busy,
    (words, { host }) =>
      appError("host.timeout", `${host}: ${words}`, { hint: "see what holds it with fuser on that host" }),
  ],
];

export type Exited = HostReply & { readonly kind: "exited" };

export function explain(reply: Exited, context: Context): AppError {
  const words = reply.stderr.trim();
  const known = failure.find(([code]) => code === reply.code);
  if (known !== undefined) return known[1](words, context);
  return appError("host.command", `${context.host}: a script ended with exit code ${reply.code}`, {
    details: [words, reply.stdout.trim()].filter(Boolean).join("\n"),
  });
}

export const lostError = (host: HostName, why: string): AppError =>
  appError("host.unreachable", `${host}: the connection was lost: ${why}`, {
    hint: "see that the host can be reached; what is half done there is invisible and is cleared away",
  });

export function outcomeOf(reply: HostReply, context: Context): Outcome {
  if (reply.kind === "lost") return unknown(lostError(context.host, reply.why));
  return reply.code === EXITS.done ? DONE : refused(explain(reply, context));
}
