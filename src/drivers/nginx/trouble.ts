import { appError, type AppError } from "../../base/errors.ts";
import type { Gateway } from "../../model/application.ts";
import { refused, unknown, type Outcome } from "../../model/outcome.ts";
import type { HostReply } from "../../ports/host.ts";
import { EXIT } from "./scripts.ts";

/** Turns how a script ended into a failure for the person; null when it worked. */
export function troubleOf(gateway: Gateway, doing: string, reply: HostReply): Outcome | null {
  if (reply.kind === "lost") {
    const message = `${gateway.name}: it is not known whether this worked: ${doing} (${reply.why})`;
    return unknown(appError("host.unreachable", message));
  }
  if (reply.code === 0) return null;
  const error = errorOf(gateway, doing, reply);
  // A disk is full for a while: what could not be written is written again, and nothing goes back for it.
  return reply.code === EXIT.full ? unknown(error) : refused(error);
}

type Exited = Extract<HostReply, { kind: "exited" }>;

export function errorOf(gateway: Gateway, doing: string, reply: Exited): AppError {
  const words = reply.stdout.trim();
  const known = Object.entries(EXIT).find(([, code]) => code === reply.code)?.[0] as
    | keyof typeof EXIT
    | undefined;
  if (known !== undefined) return REASONS[known](gateway, words);
  return appError("host.command", `${gateway.name}: a step failed with exit code ${reply.code}: ${doing}`, {
    details: `${words}\n${reply.stderr}`.trim(),
  });
}

const REASONS: Readonly<Record<keyof typeof EXIT, (gateway: Gateway, words: string) => AppError>> = {
  rights: ({ name }, words) => {
    const [what, user, ...details] = words.split("\n");
    return appError("gateway.rights", `${name}: user ${user} has no right to ${what}`, {
      ...(details.length === 0 ? {} : { details: details.join("\n") }),
      hint: `give ${user} that right on ${name}, or let Glidepath come there as root`,
    });
  },
  full: ({ name }, words) =>
    appError("host.disk", `${name}: no room on the disk to ${words}`, {
      hint: `free some on ${name}: it is tried again and again`,
    }),
  edited: ({ name, config, state }, words) =>
    appError("gateway.edited", `${name}: ${config} is not as Glidepath last wrote it`, {
      details: words,
      hint:
        `move what was added to a file of its own and put ${config} back (what Glidepath wrote is kept ` +
        `below ${state}, in written.conf); or remove the file, and it is written anew`,
    }),
  presentBroken: ({ name, main }, words) =>
    appError(
      "gateway.config",
      `${name}: nginx refuses its present configuration, before any change of ours`,
      {
        details: words,
        hint: `repair it until \`nginx -t -c ${main}\` passes, then try again`,
      },
    ),
  candidateBroken: ({ name, config }, words) =>
    appError("gateway.config", `${name}: nginx refuses the new ${config}; the former one is in place`, {
      details: words,
      hint: "change what nginx complains of in the gateway section of glidepath.yaml",
    }),
  notIncluded: ({ name, main, config }) =>
    appError("gateway.config", `${name}: ${main} does not include ${config}; nothing was changed`, {
      hint: `add \`include ${config};\` to the http block of ${main}, or change gateway.config`,
    }),
  notRunning: ({ name, main }, words) =>
    appError(
      "gateway.not-running",
      words === ""
        ? `${name}: no nginx runs with ${main}`
        : `${name}: several nginx masters run with ${main}, one was expected`,
      {
        details: words,
        hint:
          words === ""
            ? "start nginx there (for example: systemctl start nginx), or set gateway.main to its file"
            : "finish the upgrade of nginx there first, so that one master is left",
      },
    ),
  reloadFailed: ({ name, config }, words) =>
    appError("gateway.reload", `${name}: nginx did not take the new ${config}; the former one is in place`, {
      details: words,
      hint: "remove what nginx complains of, then try again",
    }),
  fenced: ({ name }, words) =>
    appError("gateway.fenced", `${name}: it has seen the newer generation ${words}; this one is too old`, {
      hint: "somebody else changes this gateway: look at `glidepath status`",
    }),
  busy: ({ name }) =>
    appError("host.timeout", `${name}: another change of this gateway holds its lock for more than 10 s`, {
      hint: "wait until it ends, then try again",
    }),
  notPrepared: ({ name }, words) =>
    appError("gateway.absent", `${name}: the switch was not prepared: ${words}`, {
      hint: "try again: the gateway is prepared first",
    }),
};
