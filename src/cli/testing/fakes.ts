import { err, ok } from "../../base/result.ts";
import { appError } from "../../base/errors.ts";
import type { Rollout } from "../../model/rollout.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ControlPlane, RolloutEvent } from "../../ports/control.ts";
import type { CliDeps, Opened } from "../deps.ts";
import type { Io, Told } from "../io.ts";
import { buildProgram } from "../program.ts";
import { application, NOW, rollout, status, story } from "./records.ts";

export interface FakeIo extends Io {
  readonly out: () => string;
  readonly err: () => string;
  /** What the live part showed, in order. */
  readonly shown: string[];
  readonly written: Map<string, string>;
  /** As if SIGINT came. */
  interrupt(somebody?: boolean): void;
}

export interface FakeIoOptions {
  readonly interactive?: boolean;
  readonly columns?: number;
  /** Keys that the person presses when asked. */
  readonly keys?: string[];
  /** Answers to init's questions; null gives up. */
  readonly answers?: (string | null)[];
  readonly files?: readonly string[];
  /** How stdout stands. */
  readonly told?: Told;
}

export function fakeIo({
  interactive = false,
  columns = 80,
  keys = [],
  answers,
  files = [],
  told = "all",
}: FakeIoOptions = {}): FakeIo {
  let out = "";
  let errors = "";
  const handlers = new Set<(somebody: boolean) => void>();
  const shown: string[] = [];
  const written = new Map<string, string>();
  return {
    out: () => out,
    err: () => errors,
    shown,
    written,
    interrupt: (somebody = true) => {
      for (const handler of handlers) handler(somebody);
    },
    stdout: (text) => {
      out += text;
    },
    stderr: (text) => {
      errors += text;
    },
    told: async () => told,
    interactive,
    color: { stdout: false, stderr: false },
    unicode: true,
    columns: () => columns,
    paper: () => Number.POSITIVE_INFINITY,
    rows: () => 24,
    screen: { show: (text) => void shown.push(text), clear: () => {}, done: () => {} },
    onSignal: (handler) => {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    askKey: async () => keys.shift() ?? "interrupt",
    repeat: () => () => {},
    prompts: {
      intro: () => {},
      outro: () => {},
      text: async ({ initial }) => (answers === undefined ? initial : (answers.shift() ?? null)),
      confirm: async () => answers?.shift() === "yes",
    },
    files: {
      exists: (path) => files.includes(path),
      write: (path, text) => void written.set(path, text),
      here: () => "shop",
    },
  };
}

const clock: Clock = { now: () => NOW, sleep: () => Promise.resolve() };

/** What was asked of the control plane, in order, in words. */
export interface FakeControl extends ControlPlane {
  readonly asked: string[];
}

export interface Scene {
  /** What `run` and `follow` report before they end. */
  readonly events?: readonly RolloutEvent[];
  /** How the rollout stands when they end. */
  readonly end?: Rollout;
  /** Called between the events, for interruptions. */
  readonly between?: (event: RolloutEvent) => void | Promise<void>;
}

const nothingThere = err(appError("rollout.absent", "no rollout is under way"));

export function fakeControl(scene: Scene = {}, overrides: Partial<ControlPlane> = {}): FakeControl {
  const asked: string[] = [];
  const end = scene.end ?? rollout({ phase: { name: "completed" }, endedAt: NOW });
  let paused = false;
  const carry =
    (name: string): ControlPlane["run"] =>
    async (signal, onEvent) => {
      asked.push(name);
      for (const event of scene.events ?? []) {
        onEvent(event);
        await scene.between?.(event);
        if (paused)
          onEvent({ kind: "decided", at: NOW, rollout: rollout({ paused: { by: "alice", at: NOW } }) });
        if (signal.aborted) return ok(rollout(paused ? { paused: { by: "alice", at: NOW } } : {}));
      }
      return ok(end);
    };
  return {
    asked,
    status: async () => ok(status({ rollout: null, holder: null })),
    plan: async () => ok(story()),
    obstacle: async () => null,
    serveWhatRuns: async () => nothingThere,
    start: async (release, { sha256, by }) => {
      asked.push(`start ${release} ${sha256 ?? "-"} ${by}`);
      return ok(rollout());
    },
    rollback: async (release) => {
      asked.push(`rollback ${release ?? "-"}`);
      return ok(rollout({ kind: "rollback" }));
    },
    takeOver: async () => {
      asked.push("takeOver");
      return ok(rollout());
    },
    run: carry("run"),
    follow: carry("follow"),
    order: async (order) => {
      asked.push(`order ${JSON.stringify(order)}`);
      if (order.kind === "pause") paused = true;
      return ok(rollout());
    },
    history: async () => [],
    record: async () => null,
    ...overrides,
  };
}

export interface FakeDeps {
  readonly control?: ControlPlane;
  readonly opened?: Partial<Opened>;
  readonly deps?: Partial<CliDeps>;
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line over fakes. */
export async function runFake(
  args: string,
  io: FakeIo,
  { control, opened, deps }: FakeDeps = {},
): Promise<Ran> {
  const plane = control ?? fakeControl();
  const program = buildProgram({
    io,
    clock,
    version: "1.2.3",
    by: "alice@build1",
    open: async () =>
      ok({
        application,
        control: plane,
        warnings: [],
        fault: null,
        examiners: [],
        explain: async () => nothingThere,
        analyze: async () => nothingThere,
        close: async () => {},
        ...opened,
      }),
    survey: async () => null,
    adopter: () => {
      throw new Error("this test adopts nothing");
    },
    demo: async () => 0,
    ...deps,
  });
  const code = await program.run(args.split(" ").filter((arg) => arg !== ""));
  return { code, out: io.out(), err: io.err() };
}
