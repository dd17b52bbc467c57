import { randomUUID } from "node:crypto";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { formatDuration, seconds, type Duration } from "../../base/time.ts";
import type { HostName } from "../../model/ids.ts";
import type { Endpoint, HostAnswer, HostCommand, HostContact, HostPort } from "../../ports/host.ts";
import type { HostReply, HostRequest } from "../../ports/host.ts";
import type { GetOver, RunProgram } from "../../ports/program.ts";
import { sessionArgv, streamArgv, type Line } from "./config.ts";
import { connection, type Connection, type Ssh } from "./connection.ts";
import { limit, type Limit } from "./limit.ts";
import { endingOf, endOf, LONGEST_LINE, remoteLine } from "./shell.ts";
import { openStream, type Stream } from "./stream.ts";
import { neverBegan, troubleOf } from "./trouble.ts";

export interface SshHostsOptions {
  readonly runProgram: RunProgram;
  readonly getOver: GetOver;
  /** The ssh_config that the file names; absolute. */
  readonly config: string | null;
}

/** Hosts that are connected to at the same moment: each costs both sides some work with keys. */
const MOST_CONNECTING = 16;
/** On all hosts together: each is an ssh here. What may take long, mostly waits, and holds up no look. */
const MOST_LOOKS = 16;
const MOST_WORKS = 48;
const LONG = seconds(20);

/** sshd allows ten sessions on a connection by default. */
export const MOST_SESSIONS = 8;
/** How often a session is asked for that sshd refuses because others are open. */
const PATIENCE = 100;
const PAUSE_MS = 200;
const LOOK = seconds(3);

interface Far {
  readonly ssh: Ssh;
  readonly getOver: GetOver;
  readonly address: string;
  readonly connection: Connection;
  readonly sessions: Limit;
  /** sshd was seen to open a TCP connection for us, so a refusal is the application's. */
  forwards: boolean;
}

/** Machines that are reached by the system's OpenSSH. */
export function sshHosts({ runProgram, getOver, config }: SshHostsOptions) {
  // A connection outlives us, and must not look like a process of the slot that we may be started from.
  const { GLIDEPATH_SLOT: _, ...environment } = process.env;
  const ssh = {
    runProgram,
    environment,
    config,
    connecting: limit(MOST_CONNECTING),
    looks: limit(MOST_LOOKS),
    works: limit(MOST_WORKS),
  };
  return (name: HostName, address: string): HostPort => {
    const sessions = limit(MOST_SESSIONS);
    const way = connection(ssh, address);
    return hostOver(name, { ssh, getOver, address, connection: way, sessions, forwards: false });
  };
}

function hostOver(name: HostName, far: Far): HostPort {
  return {
    name,
    run: (command) => inTurn(far, command.timeout, () => run(far, command)),
    get: (asked) => inTurn(far, asked.timeout, () => get(far, asked)),
    connect: (to, timeout) => inTurn(far, timeout, () => tryConnect(far, to, timeout)),
    sessions: () => far.sessions.room,
  };
}

async function inTurn<T>({ sessions, ssh }: Far, timeout: Duration, work: () => Promise<T>): Promise<T> {
  const leave = await sessions.enter();
  const leaveAll = await (timeout > LONG ? ssh.works : ssh.looks).enter();
  try {
    return await work();
  } finally {
    leaveAll();
    leave();
  }
}

interface Lost {
  readonly kind: "lost";
  readonly why: string;
  readonly todo?: string;
}
const lost = (why: string): Lost => ({ kind: "lost", why });

/** What ssh could not even begin: it may be tried again. */
const NEVER = Symbol("never began");

/** A second time only if it is certain that nothing was begun at the first. */
async function through<T>(
  { connection: way, sessions }: Far,
  use: (line: Line) => Promise<T | typeof NEVER>,
): Promise<T | Lost> {
  let reconnects = 0;
  for (let round = 0; round < PATIENCE; round += 1) {
    const line = await way.line();
    if (!line.ok) return { ...lost(line.error.why), todo: line.error.todo };
    const used = await use(line.value);
    if (used !== NEVER) return used;
    if (await way.doubt()) {
      // It has the connection, and as many sessions as it allows.
      sessions.shrink(sessions.inside - 1);
      await pause(PAUSE_MS);
    } else {
      reconnects += 1;
      if (reconnects > 1) return lost("the connection breaks off again and again");
    }
  }
  return lost("sshd there refuses a session on the connection");
}

function run(far: Far, command: HostCommand): Promise<HostReply> {
  const mark = randomUUID();
  const text = remoteLine(command.script, command.args ?? [], mark);
  if (text.length > LONGEST_LINE) throw new Error(`a script with its arguments is ${text.length} long`);
  return through(far, (line) => session(far, { command, mark, argv: sessionArgv(line, text) }));
}

interface Session {
  readonly command: HostCommand;
  readonly mark: string;
  readonly argv: readonly [string, ...string[]];
}

async function session(
  { ssh, connection: way, address }: Far,
  { command, mark, argv }: Session,
): Promise<HostReply | typeof NEVER> {
  const { input, timeout, signal } = command;
  const reply = await ssh.runProgram({
    argv,
    environment: ssh.environment,
    ending: endingOf(mark),
    timeout,
    ...(input === undefined ? {} : { input }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (reply.kind === "lost") {
    if (signal?.aborted !== true) void way.doubt();
    return reply;
  }
  const ended = endOf(reply.stdout, mark);
  if (ended !== null) {
    if (ended.killed !== null) return lost(ended.killed);
    return { kind: "exited", code: ended.code, stdout: ended.stdout, stderr: reply.stderr };
  }
  if (neverBegan(reply.stderr)) return NEVER;
  void way.doubt();
  return lost(`the connection broke off: ${troubleOf(reply.stderr, address).why}`);
}

function get(far: Far, asked: HostRequest): Promise<HostAnswer> {
  return through(far, async (line) => {
    let stream: Stream | null = null;
    const { port, address = "127.0.0.1" } = asked.to;
    const dial = (): Stream["duplex"] => {
      stream = openStream(far.ssh, streamArgv(line, port, address));
      return stream.duplex;
    };
    const answer = await far.getOver(dial, asked);
    const used = stream as Stream | null;
    const said = answer.kind === "failed" ? await used?.lastWords() : "";
    used?.close();
    if (answer.kind !== "failed" || used === null) return answer;
    return explain(far, { line, why: answer.why, said: said ?? "", opened: await used.opened });
  });
}

function tryConnect(far: Far, to: Endpoint, timeout: Duration): Promise<HostContact> {
  return through<HostContact>(far, async (line) => {
    const { opened, said } = await knock(far, streamArgv(line, to.port, to.address ?? "127.0.0.1"), timeout);
    if (opened === true) return { kind: "connected" };
    const why = opened === null ? `no answer within ${formatDuration(timeout)}` : REFUSED;
    return explain(far, { line, why, said, opened: false });
  });
}

/** Whether a connection was opened; null: not known in time. */
async function knock(
  { ssh }: Far,
  argv: readonly [string, ...string[]],
  timeout: Duration,
): Promise<{ readonly opened: boolean | null; readonly said: string }> {
  const stream = openStream(ssh, argv);
  const clock = new AbortController();
  const late = pause(timeout, null, { signal: clock.signal }).catch(() => null);
  const opened = await Promise.race([stream.opened, late]);
  clock.abort();
  const said = opened === false ? await stream.lastWords() : "";
  stream.close();
  return { opened, said };
}

const REFUSED = "connection refused";

interface Failure {
  readonly line: Line;
  readonly why: string;
  readonly said: string;
  readonly opened: boolean;
}

/** Whether it is the application that does not answer, or the way to its host that is gone. */
async function explain(
  far: Far,
  { line, why, said, opened }: Failure,
): Promise<Exclude<HostContact, { kind: "connected" }> | typeof NEVER> {
  if (opened) far.forwards = true;
  else if (neverBegan(said)) return NEVER;
  const refused = !opened && !why.startsWith("no answer");
  const look = await lookAround(far, line);
  if (look.kind === "lost") return look;
  if (!opened && !far.forwards) {
    const [, , server = "127.0.0.1", port = "22"] = look.stdout.trim().split(" ");
    const own = await knock(far, streamArgv(line, Number(port), server), LOOK);
    if (own.opened !== true) return lost("sshd there opens no TCP connections (AllowTcpForwarding)");
    far.forwards = true;
  }
  return { kind: "failed", why: refused ? REFUSED : why };
}

/** A session of the turn that is being used already. */
async function lookAround(far: Far, line: Line): Promise<HostReply> {
  const mark = randomUUID();
  const argv = sessionArgv(line, remoteLine(`printf '%s' "$SSH_CONNECTION"`, [], mark));
  const reply = await session(far, { command: { script: "", timeout: LOOK }, mark, argv });
  return reply === NEVER ? lost("the connection broke off") : reply;
}
