import { minutes, seconds } from "../base/time.ts";
import type { Application, ArtifactSource, Assets, Host, HealthCheck, Hooks } from "../model/application.ts";
import type { Probe, RunSpec, SmokeCheck, StopPolicy, WarmUp } from "../model/application.ts";
import type { AppName, HostName } from "../model/ids.ts";
import { slotKey } from "../model/ids.ts";
import { analysis } from "./build-analysis.ts";
import { gatewaySettings, gateways, policy } from "./build-traffic.ts";
import { probe } from "./build-probe.ts";
import type { Lists } from "./lists.ts";
import { normalPath, resolvePath } from "./paths.ts";
import { nameFrom } from "./rules/pool.ts";
import type { FileValue } from "./schema.ts";
import type { Steps } from "./steps.ts";

/** The file as the model: defaults that depend on other keys, absolute paths. All was checked before. */
export function buildApplication(
  file: FileValue,
  directory: string,
  { waves, steps, lists }: Steps & { readonly lists: Lists },
): Application {
  const hosts = file.hosts.map((host) => buildHost(host, waves));
  const slots = hosts.reduce((sum, host) => sum + host.slots.length, 0);
  return {
    name: file.app as AppName,
    artifact: artifact(file.artifact, directory),
    hosts,
    sshConfig: file.ssh.config === undefined ? null : resolvePath(directory, file.ssh.config),
    shared: file.shared.map((path) => normalPath(path).slice(1)),
    ...(file.assets === undefined ? {} : { assets: assets(file.assets) }),
    run: run(file.run),
    health: health(file.health),
    ...(file.warm.length === 0 ? {} : { warm: file.warm.map(warmUp) }),
    smoke: file.smoke.map(smokeCheck),
    gateways: gateways(file, hosts, directory),
    gateway: gatewaySettings(file, lists),
    policy: policy(file.rollout, steps, slots),
    analysis: analysis(file),
    probe: probe(file),
    hooks: hooks(file.hooks),
    state: isPostgres(file.state) ? file.state : resolvePath(directory, file.state),
    directory: normalPath(directory),
  };
}

function assets(value: NonNullable<FileValue["assets"]>): Assets {
  const { paths, for: time } = Array.isArray(value) ? { paths: value, for: minutes(24 * 60) } : value;
  return { dirs: [...new Set(paths.map((path) => normalPath(path).slice(1)))], for: time };
}

const isPostgres = (state: string): boolean => /^postgres(?:ql)?:\/\//.test(state);

function artifact(value: FileValue["artifact"], directory: string): ArtifactSource {
  const { url, sha256, keep, maxBytes, maxEntries } = value;
  return {
    url: location(url, directory),
    sha256: sha256 === undefined ? null : location(sha256, directory),
    keep,
    maxBytes,
    maxEntries,
  };
}

const location = (text: string, directory: string): string =>
  /^(?:https?|file):/.test(text) ? text : resolvePath(directory, text);

function buildHost(value: FileValue["hosts"][number], waves: Steps["waves"]): Host {
  const name = (value.name ?? nameFrom(value.address)) as HostName;
  const root = value.root === undefined ? "" : normalPath(value.root);
  const slots = value.slots.map((slot) => {
    const { port, dir } = typeof slot === "number" ? { port: slot, dir: undefined } : slot;
    const key = slotKey(name, port);
    const wave = waves.get(key);
    return {
      key,
      ...(wave === undefined ? {} : { wave }),
      host: name,
      port,
      dir: dir === undefined ? `${root}/slots/${port}` : normalPath(dir),
      // Filled in by withServing, which knows the gateways.
      address: "",
    };
  });
  const labels = Object.keys(value.labels).length === 0 ? {} : { labels: value.labels };
  return { name, address: value.address, root, slots, ...labels };
}

function run(value: FileValue["run"]): RunSpec {
  const common = { env: value.env, user: value.user ?? null };
  if (value.command !== undefined) {
    const kind = value.unit === "generate" ? "generated" : "command";
    return { kind, command: value.command, stop: stopPolicy(value.stop), ...common };
  }
  if (value.systemd !== undefined) {
    const stop = value.stop === undefined ? null : stopPolicy(value.stop);
    return { kind: "unit", unit: value.systemd, stop, ...common };
  }
  if (value.start === undefined) return { kind: "static", reload: value.reload ?? null, ...common };
  return {
    kind: "own",
    start: value.start,
    stopCommand: (typeof value.stop === "string" ? value.stop : value.stop?.command) ?? "",
    status: value.status ?? "",
    stop: stopPolicy(value.stop),
    ...common,
  };
}

function stopPolicy(stop: FileValue["run"]["stop"]): StopPolicy {
  if (stop === undefined || typeof stop === "string") return { signal: "SIGTERM", timeout: seconds(30) };
  return { signal: stop.signal, timeout: stop.timeout };
}

function health(value: FileValue["health"]): HealthCheck {
  return { probe: healthProbe(value), every: value.every, timeout: value.timeout, within: value.within };
}

function healthProbe({ http, exec, host, status, contains }: FileValue["health"]): Probe {
  if (exec !== undefined) return { kind: "exec", command: exec };
  if (http === undefined) return { kind: "tcp" };
  return { kind: "http", path: http, host: host ?? null, status: status ?? null, contains: contains ?? null };
}

function warmUp({ http, times = 1, run = "", timeout }: FileValue["warm"][number]): WarmUp {
  return http === undefined
    ? { kind: "run", command: run, timeout }
    : { kind: "http", path: http, times, timeout };
}

function smokeCheck({ http, run, status, contains, timeout }: FileValue["smoke"][number]): SmokeCheck {
  if (http === undefined) return { kind: "run", command: run ?? "", timeout: timeout ?? seconds(60) };
  const expected = { status: status ?? null, contains: contains ?? null };
  return { kind: "http", path: http, ...expected, timeout: timeout ?? seconds(10) };
}

const hooks = (value: FileValue["hooks"]): Hooks =>
  Object.fromEntries(Object.entries(value).filter(([, command]) => command !== undefined));
