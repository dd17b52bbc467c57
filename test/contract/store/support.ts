import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { instant } from "../../../src/base/time.ts";
import type { ReleaseId } from "../../../src/model/ids.ts";
import { openStore, type Store, type StoreOptions } from "../../../src/drivers/store/store.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { Fence, Save } from "../../../src/ports/journal.ts";
import { entry, rollout, SHOP } from "./records.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).toReversed()) cleanup();
});

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "glidepath-store-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface ManualClock extends Clock {
  advance(ms: number): void;
}
export function manualClock(start = 1_000_000): ManualClock {
  let now = start;
  return {
    now: () => instant(now),
    sleep: () => Promise.resolve(),
    advance: (ms) => {
      now += ms;
    },
  };
}

export async function opened(directory: string, options?: Partial<StoreOptions>): Promise<Store> {
  const result = await openStore(directory, { clock: manualClock(), ...options });
  if (!result.ok) throw new Error(result.error.message);
  cleanups.push(() => result.value.close());
  return result.value;
}

export async function fenceOf(store: Store, who = "alice@build1"): Promise<Fence> {
  const result = await store.lease.acquire(SHOP, who);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

export const saveOf = (fence: Fence, revision: number, saved = rollout("r1")): Save => ({
  revision,
  fence,
  rollout: saved,
  stable: "v1" as ReleaseId,
  entry: entry(`save ${revision + 1}`),
});

/** A real process with the store in `directory` open; it does one thing per message, see worker.ts. */
export interface Worker {
  readonly process: ChildProcess;
  ask(message: WorkerRequest): Promise<unknown>;
  /** SIGKILL, and gone when this resolves. */
  kill(): Promise<void>;
}
export type WorkerRequest =
  | { readonly do: "acquire"; readonly who: string }
  | { readonly do: "submit"; readonly rollout: string; readonly count: number }
  /** Saves revision after revision and reports each that was acknowledged, until it is killed. */
  | { readonly do: "save-for-ever"; readonly fence: Fence }
  | { readonly do: "save"; readonly fence: Fence; readonly revision: number };

export async function startWorker(directory: string): Promise<Worker> {
  const child = fork(join(import.meta.dirname, "worker.ts"), [directory], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  cleanups.push(() => child.kill("SIGKILL"));
  await once(child, "message");
  return {
    process: child,
    ask: async (message) => {
      const answer = once(child, "message");
      child.send(message);
      return ((await answer) as unknown[])[0];
    },
    kill: async () => {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}
