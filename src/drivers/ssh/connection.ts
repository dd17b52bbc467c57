import { rm } from "node:fs/promises";
import { err, ok, type Result } from "../../base/result.ts";
import { seconds } from "../../base/time.ts";
import type { HostReply } from "../../ports/host.ts";
import type { RunProgram } from "../../ports/program.ts";
import { askArgv, connectArgv, describeArgv, type Line } from "./config.ts";
import { limit, type Limit } from "./limit.ts";
import { digest, makePlace } from "./place.ts";
import { endingOf, endOf, remoteLine } from "./shell.ts";
import { troubleOf, type Trouble } from "./trouble.ts";

/** What all connections of one file share. */
export interface Ssh {
  readonly runProgram: RunProgram;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The ssh_config that the file names; absolute. */
  readonly config: string | null;
  /** Hosts that are being connected to at this moment. */
  readonly connecting: Limit;
  /** Sessions on all hosts together: what is answered soon, and what may take long. */
  readonly looks: Limit;
  readonly works: Limit;
}

/**
 * The one connection to a host: ssh's own master process, which outlives us for two minutes and is shared
 * with other processes of the same user.
 *
 *     unknown ── line() ──► open ── doubt() ──► unknown
 *        └──────── line() ──► failed ── after a pause ──► unknown
 */
export interface Connection {
  /** What to go through, or why there is none. */
  line(): Promise<Result<Line, Trouble>>;
  /** Whether the master still answers; if not, the next `line` makes a new one. */
  doubt(): Promise<boolean>;
}

const ASKING = seconds(3);
/** With the name, every jump, the keys, and a finger on a hardware key. */
const CONNECTING = seconds(30);
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8000;

type State =
  | { readonly kind: "unknown" }
  | { readonly kind: "open"; readonly line: Line }
  | { readonly kind: "failed"; readonly trouble: Trouble; readonly until: number };

export function connection(ssh: Ssh, address: string): Connection {
  let state: State = { kind: "unknown" };
  let pause = FIRST_PAUSE_MS;
  const turn = limit(1);
  /** One thing at a time is done to a connection. */
  const alone = async <T>(work: () => Promise<T>): Promise<T> => {
    const leave = await turn.enter();
    try {
      return await work();
    } finally {
      leave();
    }
  };
  const reach = async (): Promise<void> => {
    if (state.kind === "open" || (state.kind === "failed" && performance.now() < state.until)) return;
    const reached = await open(ssh, address);
    if (reached.ok) {
      pause = FIRST_PAUSE_MS;
      state = { kind: "open", line: reached.value };
      return;
    }
    state = { kind: "failed", trouble: reached.error, until: performance.now() + pause };
    pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
  };
  return {
    line: () =>
      alone(async () => {
        await reach();
        if (state.kind === "open") return ok(state.line);
        return err(state.kind === "failed" ? state.trouble : troubleOf("", address));
      }),
    doubt: () =>
      alone(async () => {
        if (state.kind === "open" && !(await answers(ssh, state.line))) state = { kind: "unknown" };
        return state.kind === "open";
      }),
  };
}

async function open(ssh: Ssh, address: string): Promise<Result<Line, Trouble>> {
  const place = makePlace(ssh.config);
  if (!place.ok) return place;
  const { runProgram, environment } = ssh;
  const route = { config: place.value.config, address };
  const described = await runProgram({ argv: describeArgv(route), environment, timeout: CONNECTING });
  const wrong = failureOf(described, address);
  if (wrong !== null || described.kind === "lost") return err(wrong ?? troubleOf("", address));
  // All that ssh knows of the way there is in the socket's name: no other way is ever taken for this one.
  const socket = `${place.value.directory}/${digest(`${address}\n${described.stdout}`)}`;
  const line = { ...route, socket };
  if (await answers(ssh, line)) return ok(line);
  const leave = await ssh.connecting.enter();
  try {
    const trouble = await connect(ssh, line);
    return trouble === null ? ok(line) : err(trouble);
  } finally {
    leave();
  }
}

/** A master that does not even answer its own user is left to itself. */
async function answers({ runProgram, environment }: Ssh, line: Line): Promise<boolean> {
  const reply = await runProgram({ argv: askArgv(line), environment, timeout: ASKING });
  if (reply.kind === "lost") await rm(line.socket, { force: true }).catch(() => {});
  return reply.kind === "exited" && reply.code === 0;
}

const BEGUN = "glidepath-begun";

async function connect({ runProgram, environment }: Ssh, line: Line): Promise<Trouble | null> {
  const reply = await runProgram({
    argv: connectArgv(line, remoteLine(":", [], BEGUN)),
    environment,
    ending: endingOf(BEGUN),
    timeout: CONNECTING,
  });
  if (reply.kind === "exited" && endOf(reply.stdout, BEGUN) !== null) return null;
  const failure = failureOf(reply, line.address);
  if (failure !== null) return failure;
  return {
    why: "its login shell runs no commands",
    todo: `see that \`ssh ${line.address} /bin/sh -c true\` does; a ForceCommand there forbids it`,
  };
}

function failureOf(reply: HostReply, address: string): Trouble | null {
  if (reply.kind === "exited") return reply.code === 0 ? null : troubleOf(reply.stderr, address);
  return reply.why.startsWith("spawn")
    ? troubleOf(reply.why, address)
    : { why: `not connected: ${reply.why}`, todo: `see what \`ssh ${address}\` says` };
}
