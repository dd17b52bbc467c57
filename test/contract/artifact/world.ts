import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { artifacts } from "../../../src/drivers/artifact/artifact.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import type { Application, ArtifactSource, Assets, Slot } from "../../../src/model/application.ts";
import type { HostName, ReleaseId } from "../../../src/model/ids.ts";
import type { Artifact, ArtifactPort, FetchOptions } from "../../../src/ports/artifact.ts";
import type { Hosts } from "../../../src/ports/host.ts";

export const WEB1 = "web1" as HostName;
export const release = (id: string): ReleaseId => id as ReleaseId;

export interface World {
  readonly directory: string;
  readonly root: string;
  readonly cache: string;
  port(options?: PortOptions): ArtifactPort;
  fetch(id: string, options?: PortOptions & Partial<FetchOptions>): ReturnType<ArtifactPort["fetch"]>;
  /** Fetched, or the test ends here. */
  fetched(id: string, options?: PortOptions & Partial<FetchOptions>): Promise<Artifact>;
  /** Names in the cache of one release, without those of the tars. */
  leftInCache(id: string): readonly string[];
  remove(): void;
}

export interface PortOptions {
  readonly artifact?: Partial<ArtifactSource>;
  readonly shared?: readonly string[];
  readonly assets?: Assets;
  readonly slots?: readonly Slot[];
  readonly root?: string;
  readonly hosts?: Hosts;
  /** Milliseconds of silence after which a server is given up. */
  readonly stall?: number;
}

const SOURCE: ArtifactSource = {
  url: "artifact-{release}.tar",
  sha256: null,
  keep: 2,
  maxBytes: 50_000_000,
  maxEntries: 1000,
};
/** Silence is a fault of the server only where a test is about it: this machine itself may pause. */
const PATIENCE = { attempts: 3, backoff: 5, stall: 60_000 };

/** A directory with a controller's cache and a host's root in it. */
export function makeWorld(): World {
  const directory = mkdtempSync(join(tmpdir(), "glidepath-artifact-"));
  const root = join(directory, "it's a root");
  const cache = join(directory, "cache");
  mkdirSync(join(root, "shared"), { recursive: true });
  const port = ({ artifact, shared = [], slots = [], assets, ...more }: PortOptions = {}): ArtifactPort => {
    const host = { name: WEB1, address: "local", root: more.root ?? root, slots };
    const application = { artifact: { ...SOURCE, ...artifact }, hosts: [host], shared, assets, directory };
    const hosts = more.hosts ?? localHost;
    return artifacts({
      application: application as unknown as Application,
      hosts,
      cache,
      patience: { ...PATIENCE, stall: more.stall ?? PATIENCE.stall },
    });
  };
  const fetch: World["fetch"] = (id, options = {}) =>
    port(options).fetch(release(id), {
      sha256: options.sha256 ?? null,
      onProgress: options.onProgress ?? (() => undefined),
      signal: options.signal ?? new AbortController().signal,
    });
  const fetched: World["fetched"] = async (id, options) => {
    const got = await fetch(id, options);
    if (!got.ok) throw new Error(`${got.error.code}: ${got.error.message}\n${got.error.details ?? ""}`);
    return got.value;
  };
  return {
    directory,
    root,
    cache,
    port,
    fetch,
    fetched,
    leftInCache: (id) => readdirSync(join(cache, id)).filter((name) => !name.endsWith(".tar")),
    remove: () => rmSync(directory, { recursive: true }),
  };
}

/** Runs a program to its end. */
export function command(...[program = "", ...args]: readonly string[]) {
  return spawnSync(program, args, { encoding: "utf8" });
}
