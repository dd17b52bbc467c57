import { finding } from "../diagnostic.ts";
import type { Finding, Path } from "../diagnostic.ts";
import { ADDRESS } from "../grammar.ts";
import { isInside, normalPath } from "../paths.ts";
import { get, isTree, listOf, section, textOf, treeOf } from "../tree.ts";
import type { Tree } from "../tree.ts";
import { hostName } from "../../model/ids.ts";

/** Hosts and slots: names, ports and directories that must not meet. */
export function poolFindings(file: Tree): readonly Finding[] {
  const hosts = hostsIn(file);
  const slots = hosts.flatMap(slotsIn);
  return [
    ...hosts.flatMap(nameless),
    ...hosts.flatMap(rootless),
    ...idle(hosts, file),
    ...repeated(
      hosts.map((host) => ({ key: host.name, path: [...host.path, "name"], what: `the name ${host.name}` })),
    ),
    ...repeated(
      slots.map((slot) => ({
        key: `${slot.address} ${slot.port}`,
        path: slot.path,
        what: `port ${slot.port}`,
      })),
    ),
    ...listenFindings(file, hosts, slots),
    ...slots.flatMap((slot, i) => dirFindings(slot, slots.slice(0, i))),
    ...slots.flatMap((slot) => ownedDirFindings(slot, hosts)),
  ];
}

/** What could be read of a host. */
export interface FoundHost {
  readonly path: Path;
  readonly address: string;
  readonly name: string | null;
  readonly root: string | null;
  readonly hasRoot: boolean;
  readonly slots: readonly unknown[];
  /** It says so itself. */
  readonly slotless: boolean;
  readonly labels: Tree;
}

/** The address without the user: the default of a host's name. */
export const nameFrom = (address: string): string => address.slice(address.lastIndexOf("@") + 1);

export function hostsIn(file: Tree): readonly FoundHost[] {
  return listOf(get(file, "hosts")).flatMap((host, i) => {
    if (!isTree(host)) return [];
    const address = textOf(get(host, "address")) ?? `hosts[${i}]`;
    const known =
      textOf(get(host, "name")) ?? (textOf(get(host, "address")) === null ? null : nameFrom(address));
    const root = textOf(get(host, "root"));
    return [
      {
        path: ["hosts", i],
        address,
        name: known,
        root: root?.startsWith("/") === true ? normalPath(root) : null,
        hasRoot: get(host, "root") !== undefined,
        slots: listOf(get(host, "slots")),
        slotless: Array.isArray(get(host, "slots")) && listOf(get(host, "slots")).length === 0,
        labels: section(host, "labels"),
      },
    ];
  });
}

function nameless(host: FoundHost): readonly Finding[] {
  if (host.name === null || host.name !== nameFrom(host.address)) return [];
  if (hostName(host.name) !== null || !ADDRESS.pattern.test(host.address)) return [];
  const message = `name is required here: ${host.name} is no name of letters, digits, . and -`;
  return [finding("missing", host.path, message)];
}

const rootless = (host: FoundHost): readonly Finding[] =>
  host.slots.length > 0 && !host.hasRoot
    ? [finding("missing", [...host.path, "root"], "is required for a host with slots")]
    : [];

/** Somebody must run the application, and a host without slots is there for its gateway. */
function idle(hosts: readonly FoundHost[], file: Tree): readonly Finding[] {
  const empty = hosts.filter((host) => host.slotless);
  if (empty.length > 0 && empty.length === hosts.length) {
    return [
      finding("conflict", ["hosts"], "no host has slots: two at least are needed, on one host or several"),
    ];
  }
  const listed = get(treeOf(get(file, "gateway")), "hosts");
  if (listed === undefined) return [];
  const names = new Set(listOf(listed).map((entry) => (isTree(entry) ? get(entry, "name") : entry)));
  return empty
    .filter((host) => !names.has(host.name))
    .map((host) =>
      finding("conflict", [...host.path, "slots"], "no slots here, and no gateway: nothing to do"),
    );
}

/** Without an address nginx takes the port on all of them: no slot of the same machine could have it. */
function listenFindings(
  file: Tree,
  hosts: readonly FoundHost[],
  slots: readonly FoundSlot[],
): readonly Finding[] {
  const gateway = treeOf(get(file, "gateway"));
  if (get(gateway, "mode") === "upstream" || get(gateway, "passive") === true) return [];
  const listed = get(gateway, "hosts");
  const entries = listed === undefined ? hosts.map(({ name }) => name) : listOf(listed);
  const found = entries.flatMap((entry, i) => {
    const own = isTree(entry) ? get(entry, "listen") : undefined;
    const name = isTree(entry) ? get(entry, "name") : entry;
    const address = hosts.find((host) => host.name === name)?.address;
    const path = own === undefined ? ["gateway", "listen"] : ["gateway", "hosts", i, "listen"];
    return listOf(own ?? get(gateway, "listen")).flatMap((listen, at) => {
      const port = Number(/^(?:\*:|0\.0\.0\.0:)?(\d+)(?: |$)/.exec(String(listen))?.[1]);
      const slot = slots.find((one) => one.address === address && one.port === port);
      if (slot === undefined) return [];
      return [finding("conflict", [...path, at], `port ${port} is taken by ${dotted(slot.path)}`)];
    });
  });
  const seen = new Set<string>();
  return found.filter(({ path }) => seen.size < seen.add(path.join(" ")).size);
}

interface FoundSlot {
  readonly path: Path;
  readonly address: string;
  readonly port: number | null;
  readonly dir: string | null;
}

function slotsIn(host: FoundHost): readonly FoundSlot[] {
  return host.slots.map((slot, i) => {
    const port = isTree(slot) ? get(slot, "port") : slot;
    const dir = isTree(slot) ? textOf(get(slot, "dir")) : null;
    const own = host.root === null ? null : `${host.root}/slots/${String(port)}`;
    return {
      path: [...host.path, "slots", i],
      address: host.address,
      port: typeof port === "number" ? port : null,
      dir: dir === null ? own : normalPath(dir),
    };
  });
}

interface Keyed {
  readonly key: string | null;
  readonly path: Path;
  readonly what: string;
}

/** Every entry whose key an earlier one has. */
export function repeated(entries: readonly Keyed[]): readonly Finding[] {
  const first = new Map<string, Path>();
  return entries.flatMap(({ key, path, what }) => {
    if (key === null || key.endsWith(" null")) return [];
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, path);
      return [];
    }
    return [finding("conflict", path, `${what} is taken by ${dotted(earlier)}`)];
  });
}

const dotted = (path: Path): string =>
  path.map((part, i) => (typeof part === "number" ? `[${part}]` : `${i === 0 ? "" : "."}${part}`)).join("");

function dirFindings(slot: FoundSlot, earlier: readonly FoundSlot[]): readonly Finding[] {
  const { dir, path } = slot;
  if (dir === null) return [];
  const other = earlier.find(
    (one) =>
      one.dir !== null &&
      one.address === slot.address &&
      one.port !== slot.port &&
      (isInside(dir, one.dir) || isInside(one.dir, dir)),
  );
  if (other?.dir === undefined || other.dir === null) return [];
  const how = other.dir === dir ? "is" : isInside(dir, other.dir) ? "lies in" : "contains";
  return [finding("conflict", path, `the directory ${dir} ${how} that of ${dotted(other.path)}`)];
}

function ownedDirFindings(slot: FoundSlot, hosts: readonly FoundHost[]): readonly Finding[] {
  const { dir, path } = slot;
  if (dir === null) return [];
  return hosts.flatMap(({ root, address }) => {
    if (root === null || address !== slot.address) return [];
    const owned = [`${root}/releases`, `${root}/shared`].find((one) => isInside(dir, one));
    if (owned !== undefined) return [finding("conflict", path, `the directory ${dir} lies in ${owned}`)];
    return isInside(root, dir)
      ? [finding("conflict", path, `the directory ${dir} contains the root ${root}`)]
      : [];
  });
}
