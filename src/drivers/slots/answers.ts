import { appError, type AppError, type ErrorCode } from "../../base/errors.ts";
import type { RunSpec, Slot } from "../../model/application.ts";
import {
  ADOPTED,
  generation,
  releaseId,
  type ReleaseId,
  type RolloutId,
  type Stamp,
} from "../../model/ids.ts";
import type { SlotState } from "../../model/observation.ts";
import { refused, unknown, type Outcome } from "../../model/outcome.ts";
import type { HostReply } from "../../ports/host.ts";
import { exitName, type ExitName } from "./exit-codes.ts";

export interface Asked {
  readonly slot: Slot;
  readonly at: Stamp;
  /** `stop`, `switch to v2`, `start`. */
  readonly verb: string;
  readonly root: string;
  readonly run: RunSpec;
  /** The unit that runs it; empty where systemd has no part in it. */
  readonly unit: string;
}

interface Row {
  readonly code: ErrorCode;
  readonly say: (asked: Asked, found: string) => string;
  readonly hint?: string;
}

const at = ({ slot }: Asked): string => `slot ${slot.key}`;

export const ASK_HINT = "the release goes on: what does not leave by itself is cut when its time is over";

const SOMEBODY = "a process that Glidepath may not look at";

/** What each exit code of the scripts means to people. */
const ROWS: Readonly<Record<ExitName, Row>> = {
  fenced: {
    code: "slot.fenced",
    say: (asked, found) =>
      `${at(asked)} has seen generation ${found}; a write of ${asked.at.generation} comes too late`,
    hint: "another rollout has written to this slot: look at `glidepath status`",
  },
  busy: {
    code: "slot.busy",
    say: (asked) => `${at(asked)}: another write is not finished yet`,
    hint: "try again; if it stays so, look for a hanging stop on the host",
  },
  portTaken: {
    code: "slot.port-taken",
    say: (asked, found) =>
      `${at(asked)}: port ${asked.slot.port} is taken by ${found === "" ? SOMEBODY : found}`,
    hint: "stop that process; or, once no rollout is under way, give the slot another port",
  },
  notUnpacked: {
    code: "release.unknown",
    say: (asked) =>
      `${at(asked)}: cannot ${asked.verb}: there is no such directory below ${asked.root}/releases`,
    hint: "unpack its artifact there again, with the links to its shared files",
  },
  stillRunning: {
    code: "slot.stop",
    say: (asked) => `${at(asked)}: cannot ${asked.verb} while its processes run`,
  },
  notStopped: {
    code: "slot.stop",
    say: (asked) => `${at(asked)} still runs after its processes were killed`,
    hint: "look at its log and its processes on the host",
  },
  rights: {
    code: "host.rights",
    say: (asked) => `${at(asked)}: cannot ${asked.verb}: writing below ${asked.root} failed`,
    hint: "see what the host said; give Glidepath's user this directory",
  },
  full: {
    code: "host.disk",
    say: (asked) => `${at(asked)}: cannot ${asked.verb}: no room on the disk below ${asked.root}`,
    hint: "free some there: it is tried again and again",
  },
  startFailed: {
    code: "slot.start",
    say: (asked, found) => {
      if (asked.run.kind === "static") return `${at(asked)}: run.reload failed with exit code ${found}`;
      const how = found === "" ? "" : `: its command ended with exit code ${found}`;
      return `${at(asked)} was not started${how}`;
    },
  },
  nothing: {
    code: "slot.start",
    say: (asked) => `${at(asked)}: ${asked.slot.dir} leads to no release that could be started`,
  },
  user: {
    code: "host.rights",
    say: (asked) => `${at(asked)}: cannot run as user ${asked.run.user ?? ""}`,
    hint: "create the user on the host, or let Glidepath be that user or root there",
  },
  noSystemd: {
    code: "slot.unit",
    say: (asked) => `${at(asked)}: cannot ${asked.verb}: systemd does not rule on that host`,
    hint: "use run.command without unit, or commands of your own",
  },
  systemd: {
    code: "slot.unit",
    say: (asked) => `${at(asked)}: cannot ${asked.verb}: systemd refuses`,
    hint: "see what systemd said; Glidepath has to be root there",
  },
  noUnit: {
    code: "slot.unit",
    say: (asked, found) => `${at(asked)}: systemd has no unit ${asked.unit} to start: ${found}`,
    hint: "write its template, such as /etc/systemd/system/shop@.service, or name another in run.systemd",
  },
  unitFailed: {
    code: "slot.start",
    say: (asked, found) => `${at(asked)} was not started: systemd says of ${asked.unit}: ${found}`,
    hint: "see its journal on the host",
  },
  askFailed: {
    code: "slot.ask",
    say: (asked) => `${at(asked)}: its command failed that asks it to end connections`,
    hint: ASK_HINT,
  },
  occupied: {
    code: "slot.start",
    say: (asked) => `${at(asked)}: ${asked.slot.dir} is neither a directory nor a link`,
    hint: "move it away",
  },
};

/**
 * Not every "no" is definite: a process that outlived SIGKILL may still end, systemd may answer again, and a
 * disk is full for a while.
 */
const UNSURE: ReadonlySet<ExitName> = new Set(["notStopped", "systemd", "full"]);

export function outcomeOf(asked: Asked, reply: HostReply): Outcome {
  if (reply.kind === "lost") {
    return unknown(
      appError(
        "host.unreachable",
        `${at(asked)}: it is not known whether ${asked.verb} happened: ${reply.why}`,
      ),
    );
  }
  if (reply.code === 0) return { kind: "done", ...sawItself(asked, reply.stdout) };
  const name = exitName(reply.code);
  if (name === null) {
    const message = `${at(asked)}: ${asked.verb} ended in the middle, with exit code ${reply.code}`;
    return unknown(appError("host.command", message, { details: reply.stderr.trim() }));
  }
  const { code, say, hint } = ROWS[name];
  const error = appError(code, say(asked, reply.stdout.trim()), { details: reply.stderr.trim(), hint });
  return UNSURE.has(name) ? unknown(error) : refused(error);
}

/** A script can tell of processes that Glidepath supervises; of others their own status command tells. */
function sawItself({ run, slot }: Asked, stdout: string): { readonly slot?: SlotState } {
  if (run.kind === "own" || run.kind === "static" || stdout === "") return {};
  const line = parseLine(stdout.trimEnd(), run.kind);
  return "state" in line && line.port === slot.port ? { slot: line.state } : {};
}

/** One line of the look at a host, or why it says nothing. */
export type SlotLine =
  | { readonly port: number; readonly state: SlotState }
  | { readonly port: number; readonly why: string };

const LINE = /^(\d+) (\d+) (\S+) (up|down|none) (up|down|deaf|mute) (\d+) (.*)$/;

export function parseLine(line: string, kind: RunSpec["kind"]): SlotLine {
  const match = LINE.exec(line);
  const port = Number.parseInt(line, 10);
  if (match === null) return { port, why: `its state on the host is damaged: ${line}` };
  const [, , seen, by = "-", intent, process, restarts, found] = match;
  const release = found === "" ? null : found === "adopted" ? ADOPTED : releaseId(found ?? "");
  if (release === null && found !== "")
    return { port, why: `its link leads to ${found}, which is no release` };
  if (process === "deaf") return { port, why: "its status command did not answer within 5s" };
  if (process === "mute") return { port, why: "systemd does not answer about its unit" };
  const up = kind === "static" ? staticUp(intent ?? "", Number(seen), release) : process === "up";
  return {
    port,
    state: {
      generation: generation(Number(seen)),
      ...(by === "-" ? {} : { writer: by as RolloutId }),
      release,
      process: up ? "running" : "stopped",
      restarts: Number(restarts),
    },
  };
}

/** Files that Glidepath never wrote to are served by somebody already. */
const staticUp = (intent: string, seen: number, release: ReleaseId | null): boolean =>
  release !== null && (intent === "up" || (intent === "none" && seen === 0));

export const hostTrouble = (host: string, reply: HostReply): AppError | null => {
  if (reply.kind === "lost") return appError("host.unreachable", `${host}: ${reply.why}`);
  if (reply.code === 0) return null;
  return appError("host.command", `${host}: looking at its slots ended with exit code ${reply.code}`, {
    details: reply.stderr.trim(),
  });
};
