import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { millis, seconds } from "../../../src/base/time.ts";
import { freePort } from "../../../src/demo/ports.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import { PACE, type Pace } from "../../../src/drivers/slots/calls.ts";
import { slots } from "../../../src/drivers/slots/slots.ts";
import type { Application, RunSpec, Slot } from "../../../src/model/application.ts";
import {
  generation,
  slotKey,
  type AppName,
  type HostName,
  type RolloutId,
  type Stamp,
} from "../../../src/model/ids.ts";
import type { SlotState } from "../../../src/model/observation.ts";
import type { SlotPort } from "../../../src/ports/slot.ts";

export const QUICK: Pace = { ...PACE, first: millis(100), logEvery: millis(50), logBytes: 2000 };

export interface Place {
  readonly root: string;
  readonly slot: Slot;
  readonly application: Application;
  readonly driver: SlotPort;
  /** A driver over the same place, with another way to run. */
  again(run: RunSpec): SlotPort;
  seen(): Promise<SlotState>;
  /** Processes that carry the slot's marker. */
  processes(): Promise<readonly number[]>;
  log(): Promise<string>;
  close(): Promise<void>;
}

export const commandRun = (command: string, more: Partial<RunSpec> = {}): RunSpec =>
  ({
    kind: "command",
    command,
    env: {},
    user: null,
    stop: { signal: "SIGTERM", timeout: seconds(10) },
    ...more,
  }) as RunSpec;

/** What a write carries; one writer unless said. */
export const stamp = (number: number, writer = "r1"): Stamp => ({
  generation: generation(number),
  writer: writer as RolloutId,
});

/** Waits for something that is about to happen; the test's own deadline ends it. */
export async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await what())) await new Promise((done) => setTimeout(done, 10));
}

/** A host's directory with a hostile name, and releases that say who they are. */
export async function place(run: RunSpec, dir?: (root: string) => string): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), 'gp it\'s $(a) "slot" '));
  const port = await freePort();
  const name = "web1" as HostName;
  const slot: Slot = {
    key: slotKey(name, port),
    host: name,
    port,
    dir: dir?.(root) ?? join(root, "slots", String(port)),
    address: "127.0.0.1",
  };
  for (const release of ["v1", "v2"]) {
    await mkdir(join(root, "releases", release), { recursive: true });
    await writeFile(join(root, "releases", release, "name"), release);
  }
  const host = { name, address: "local", root, slots: [slot] };
  const application = {
    name: "shop" as AppName,
    hosts: [host],
    shared: [],
    run,
    directory: root,
  } as unknown as Application;
  const over = (app: Application): SlotPort =>
    slots({ application: app, hosts: () => localHost(name), pace: QUICK });
  const driver = over(application);
  const processes = (): Promise<readonly number[]> => carrying(`GLIDEPATH_SLOT=shop/${slot.key}@${root}`);
  return {
    root,
    slot,
    application,
    driver,
    again: (other) => over({ ...application, run: other }),
    seen: async () => {
      const look = (await driver.observe(name, [slot])).get(slot.key);
      if (look === undefined || !look.known) throw new Error(look?.why ?? "not looked at");
      return look.value;
    },
    processes,
    log: () => readFile(join(root, "slots", `.${port}`, "log"), "utf8").catch(() => ""),
    close: async () => {
      for (const variable of ["GLIDEPATH_SUPERVISOR", "GLIDEPATH_SLOT"]) {
        for (const pid of await carrying(`${variable}=shop/${slot.key}@${root}`)) kill(pid);
      }
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}

/** Processes with exactly this in their environment. */
export async function carrying(pair: string): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      return environment.split("\0").includes(pair) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}
