// The stage of the demo and of the tests: one directory with an nginx, a glidepath.yaml and releases.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { stringify } from "yaml";
import { APP_FILE } from "./artifacts.ts";
import { type Nginx, type NginxOptions, masterPid, prepareNginx, stopNginx, workerPids } from "./nginx.ts";
import { freePorts } from "./ports.ts";
import { endProcessesIn, processesIn, signal } from "./processes.ts";

export interface Scene {
  readonly directory: string;
  /** glidepath.yaml */
  readonly file: string;
  readonly artifacts: string;
  readonly root: string;
  readonly nginx: Nginx;
  /** Where people reach the application. */
  readonly url: string;
  readonly port: number;
  readonly slots: readonly number[];
}

/** The content of a glidepath.yaml, section by section. */
export type Sections = Readonly<Record<string, unknown>>;

export interface SceneOptions {
  readonly slots?: number;
  readonly nginx?: NginxOptions;
  /** Changes the content of glidepath.yaml before it is written. */
  readonly edit?: (sections: Sections, scene: Scene) => Sections;
}

const quoted = (word: string): string =>
  /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

export function defaultSections(scene: Scene): Sections {
  const { artifacts, root, slots, nginx, port, directory } = scene;
  return {
    app: "shop",
    artifact: { url: `${artifacts}/shop-{release}.tar.gz`, keep: 4 },
    hosts: [{ name: "here", address: "local", root, slots }],
    run: {
      command: `${quoted(process.execPath)} ${APP_FILE}`,
      stop: { signal: "SIGTERM", timeout: "10s" },
    },
    health: { http: "/healthz", every: "100ms", timeout: "1s", within: "5s" },
    smoke: [{ http: "/login", status: 200, contains: "Sign in" }],
    gateway: {
      config: join(nginx.confd, "shop.conf"),
      main: nginx.main,
      nginx: nginx.binary,
      listen: [`127.0.0.1:${port}`],
      state: join(directory, "switch"),
      log: join(nginx.directory, "logs", "shop.log"),
    },
    rollout: { steps: [{ share: "100%" }], drain: "10s" },
    // A demonstration has little time and little traffic.
    analysis: { minRequests: 20, warmup: "1s" },
  };
}

/** Everything on disk; nothing runs yet. */
export async function buildScene(options: SceneOptions = {}): Promise<Scene> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "glidepath-")));
  const [port = 0, ...slots] = await freePorts(1 + (options.slots ?? 2));
  const scene: Scene = {
    directory,
    file: join(directory, "glidepath.yaml"),
    artifacts: join(directory, "artifacts"),
    root: join(directory, "srv"),
    nginx: prepareNginx(join(directory, "nginx"), options.nginx),
    url: `http://127.0.0.1:${port}/`,
    port,
    slots,
  };
  for (const path of [scene.artifacts, scene.root, join(directory, "switch")]) mkdirSync(path);
  const sections = defaultSections(scene);
  writeSections(scene, options.edit === undefined ? sections : options.edit(sections, scene));
  return scene;
}

export const writeSections = (scene: Scene, sections: Sections): void =>
  writeFileSync(scene.file, stringify(sections));

/** The same at once, for the last moment of a process that has no time left. */
export function dropScene({ directory, nginx }: Scene, keep: boolean): void {
  const pids = [masterPid(nginx), ...workerPids(nginx), ...processesIn(directory)];
  for (const pid of pids) if (pid !== null) signal(pid, "SIGKILL");
  if (!keep) rmSync(directory, { recursive: true, force: true });
}

/** Ends every process of the scene, then removes it unless it is to be kept. */
export async function closeScene(scene: Scene, keep = false): Promise<void> {
  await stopNginx(scene.nginx);
  await endProcessesIn(scene.directory);
  if (!keep) rmSync(scene.directory, { recursive: true, force: true });
}
