// A scene for one test: releases on the shelf, nginx running, and the real command at hand.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Behaviour } from "../../src/demo/app.ts";
import { type Release, packRelease } from "../../src/demo/artifacts.ts";
import { startNginx } from "../../src/demo/nginx.ts";
import {
  type Scene,
  type SceneOptions,
  type Sections,
  buildScene,
  closeScene,
} from "../../src/demo/scene.ts";
import { type CommandOptions, type Ran, type Running, runCommand, startCommand } from "./command.ts";
import type { StatusJson } from "./contract.ts";
import { type Load, type LoadOptions, startLoad } from "./load.ts";

export interface WorkspaceOptions extends SceneOptions {
  /** Behaviour by release; the good ones too. */
  readonly releases?: Readonly<Record<string, Behaviour>>;
  /** False: nginx is prepared only. */
  readonly start?: boolean;
}

export interface Workspace extends Scene {
  readonly glidepath: (...args: readonly string[]) => Promise<Ran>;
  readonly start: (args: readonly string[], options?: Partial<CommandOptions>) => Running;
  /** `status --json`, parsed. */
  readonly status: () => Promise<StatusJson>;
  readonly addRelease: (release: string, behaviour?: Behaviour, files?: Release["files"]) => Promise<string>;
  /** A release that boots in the first slot until it is let: whatever is to come meanwhile comes in time. */
  readonly addHeld: (release: string) => Promise<{ readonly go: () => void }>;
  /** The first release, which must succeed. */
  readonly bringUp: (release?: string) => Promise<void>;
  /** Waits until answers flow. */
  readonly load: (options?: Partial<LoadOptions>) => Promise<Load>;
  /** Which release each slot answers with when asked directly; "nothing" where nothing answers. */
  readonly inSlots: () => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
}

/** A process that was just started is slower than one that has run: by how much is for the machine to say. */
export const UNHURRIED = { latency: { margin: "1s" } };

/** What is good comes up in the end, on a machine that boots many at once too; what is not is given less. */
export const patient = (sections: Sections, within = "60s"): Sections => ({
  ...sections,
  analysis: { ...(sections["analysis"] as object), ...UNHURRIED },
  health: { ...(sections["health"] as object), timeout: "5s", within },
});

async function releaseAt(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
  return answer?.headers.get("x-release") ?? "nothing";
}

/** As much as tells whether anything fails, and little for a machine that has other work to do. */
const LOAD = { rate: 150, slowMs: 500, samples: true };

export async function openWorkspace(options: WorkspaceOptions = {}): Promise<Workspace> {
  const { edit = (sections: Sections) => sections } = options;
  const scene = await buildScene({ ...options, edit: (sections, made) => edit(patient(sections), made) });
  const addRelease: Workspace["addRelease"] = (release, behaviour = {}, files = {}) =>
    packRelease(scene.artifacts, { release, behaviour, files });
  for (const [release, behaviour] of Object.entries(options.releases ?? { v1: {}, v2: {} })) {
    await addRelease(release, behaviour);
  }
  if (options.start !== false) await startNginx(scene.nginx);
  const loads: Load[] = [];
  const glidepath = (...args: readonly string[]): Promise<Ran> => runCommand(args, { cwd: scene.directory });
  return {
    ...scene,
    glidepath,
    start: (args, more = {}) => startCommand(args, { cwd: scene.directory, ...more }),
    status: async () => {
      const ran = await glidepath("status", "--json");
      const [status] = ran.events;
      if (status === undefined) throw new Error(`status says nothing: ${ran.stdout}${ran.stderr}`);
      return status as unknown as StatusJson;
    },
    addRelease,
    addHeld: async (release) => {
      const file = join(scene.directory, `go-${release}`);
      await addRelease(release, { bootsUntil: { port: scene.slots[0] ?? 0, file } });
      return { go: () => writeFileSync(file, "") };
    },
    bringUp: async (release = "v1") => {
      const ran = await glidepath("release", release);
      if (ran.code !== 0) throw new Error(`${release} did not come up: ${ran.stdout}${ran.stderr}`);
    },
    load: async (more = {}) => {
      const load = startLoad({ url: scene.url, ...LOAD, ...more });
      loads.push(load);
      await load.warm;
      return load;
    },
    inSlots: () => Promise.all(scene.slots.map(releaseAt)),
    close: async () => {
      await Promise.all(loads.map((load) => load.stop().catch(() => null)));
      await closeScene(scene, process.env["KEEP"] !== undefined);
    },
  };
}
