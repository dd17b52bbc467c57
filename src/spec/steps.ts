import { sharesFor, serversFor, unavailableOf } from "../model/capacity.ts";
import { slotKey, type HostName, type SlotKey } from "../model/ids.ts";
import {
  EVERYTHING,
  NOTHING,
  basisPoints,
  formatShare,
  parseShare,
  type BasisPoints,
} from "../model/share.ts";
import { finding, show } from "./diagnostic.ts";
import type { Finding, Path } from "./diagnostic.ts";
import { mirrorFinding } from "./mirror.ts";
import { hostsIn, type FoundHost } from "./rules/pool.ts";
import { get, has, isTree, listOf, section, textOf, type Tree } from "./tree.ts";

/** A step with what its servers mean for this pool. */
export interface ResolvedStep {
  readonly share: BasisPoints;
  readonly mirror?: BasisPoints;
  /** Slots that carry the canary by then, when the step says more than its share does. */
  readonly servers?: number;
  readonly named?: readonly string[];
}

/** What the steps of the file mean. They are all there when nothing was found. */
export interface Steps {
  readonly findings: readonly Finding[];
  readonly steps: readonly ResolvedStep[];
  /** The first step that names a slot. */
  readonly waves: ReadonlyMap<SlotKey, number>;
}

interface Place {
  readonly key: SlotKey;
  readonly host: FoundHost;
}

/** What is known while the steps are read one after the other. */
interface Reading {
  readonly file: Tree;
  readonly places: readonly Place[];
  /** Slots that may be out of rotation at once. */
  readonly u: number;
  readonly byServers: boolean;
  readonly waves: Map<SlotKey, number>;
  readonly findings: Finding[];
}

export function stepsIn(file: Tree): Steps {
  const rollout = section(file, "rollout");
  const places = hostsIn(file).flatMap(placesOf);
  const reading: Reading = {
    file,
    places,
    u: unavailableIn(rollout, places.length),
    byServers: get(rollout, "split") === "servers",
    waves: new Map(),
    findings: [],
  };
  const trees = listOf(get(rollout, "steps"));
  const read = trees.map((step, i) => readStep(reading, treeOrEmpty(step), ["rollout", "steps", i]));
  const findings = [...reading.findings, ...orderFindings(reading, read)];
  return { findings, steps: read.flatMap((step) => step ?? []), waves: reading.waves };
}

const treeOrEmpty = (step: unknown): Tree => (isTree(step) ? step : {});

function placesOf(host: FoundHost): readonly Place[] {
  return host.slots.flatMap((slot) => {
    const port = isTree(slot) ? get(slot, "port") : slot;
    return typeof port === "number" ? [{ key: slotKey(host.name as HostName, port), host }] : [];
  });
}

function unavailableIn(rollout: Tree, n: number): number {
  const asked = get(rollout, "maxUnavailable");
  const share = parseShare(textOf(asked) ?? "");
  return unavailableOf(share === null ? (typeof asked === "number" ? asked : 1) : { share }, n);
}

/** null: what is wrong with it is told elsewhere. */
function readStep(reading: Reading, step: Tree, path: Path): ResolvedStep | null {
  const read = readCarried(reading, step, path);
  const mirror = shareIn(step, "mirror");
  if (read === null || mirror === null) return read;
  const { file, places, u } = reading;
  const wrong = mirrorFinding(file, { ...read, mirror, n: places.length, u }, [...path, "mirror"]);
  if (wrong !== null) reading.findings.push(wrong);
  return { ...read, mirror };
}

const shareIn = (step: Tree, key: string): BasisPoints | null => parseShare(textOf(get(step, key)) ?? "");

/** Where requests are mirrored nobody gets the release, unless the step says something else. */
const askedIn = (step: Tree): BasisPoints | null =>
  has(step, "mirror") && !has(step, "share") ? NOTHING : shareIn(step, "share");

function readCarried(reading: Reading, step: Tree, path: Path): ResolvedStep | null {
  const asked = askedIn(step);
  const isBroken =
    ["share", "mirror"].some((key) => has(step, key) && shareIn(step, key) === null) ||
    Object.keys(step).length === 0;
  if (!has(step, "servers")) {
    if (asked !== null) return byShare(reading, asked);
    if (!isBroken) {
      reading.findings.push(finding("missing", path, "one of share, servers, mirror is required"));
    }
    return null;
  }
  const servers = countOf(reading, get(step, "servers"), [...path, "servers"]);
  if (servers === null || isBroken) return null;
  const named = listOf(get(step, "servers")).map(String);
  const share = asked ?? derived(servers, reading.places.length);
  const misfit = asked === null ? null : misfitOf(reading, { servers, share }, path);
  if (misfit !== null) reading.findings.push(misfit);
  const counted = share === EVERYTHING ? {} : { servers };
  return { share, ...counted, ...(named.length === 0 ? {} : { named }) };
}

function byShare({ byServers, places }: Reading, share: BasisPoints): ResolvedStep {
  if (!byServers || share === EVERYTHING || places.length < 2) return { share };
  const { slots, share: even } = serversFor(share, places.length);
  return { share: even, servers: slots };
}

const derived = (servers: number, n: number): BasisPoints =>
  basisPoints(servers >= n ? EVERYTHING : Math.floor((EVERYTHING * servers) / n));

/** How many slots carry the canary by then; null when it cannot be said. */
function countOf(reading: Reading, servers: unknown, path: Path): number | null {
  const n = reading.places.length;
  if (Array.isArray(servers)) return countNamed(reading, servers, path);
  const share = parseShare(textOf(servers) ?? "");
  if (share !== null) return Math.max(1, Math.ceil((share * n) / EVERYTHING));
  if (typeof servers !== "number" || !Number.isInteger(servers) || servers < 1) return null;
  if (servers <= n) return servers;
  reading.findings.push(finding("conflict", path, `the pool has ${n} slots, found ${servers}`));
  return null;
}

/** Those that are named here go after those that earlier steps name, and before all others. */
function countNamed(reading: Reading, items: readonly unknown[], path: Path): number | null {
  const wave = Number(path[2]);
  let isKnown = true;
  for (const [i, item] of items.entries()) {
    const text = textOf(item);
    if (text === null) return null;
    const found = reading.places.filter((place) => isMeant(place, text));
    for (const { key } of found) if (!reading.waves.has(key)) reading.waves.set(key, wave);
    if (found.length > 0) continue;
    isKnown = false;
    const message = `names no slot of this pool: ${show(text)}`;
    reading.findings.push(finding("conflict", [...path, i], { message, hint: knownIn(reading) }));
  }
  return isKnown ? reading.waves.size : null;
}

function isMeant({ key, host }: Place, text: string): boolean {
  const [label = "", value] = text.split("=");
  return value === undefined ? text === key || text === host.name : get(host.labels, label) === value;
}

function knownIn({ places }: Reading): string {
  const hosts = [...new Set(places.map(({ host }) => host))];
  const labels = hosts.flatMap((host) =>
    Object.entries(host.labels).map(([key, value]) => `${key}=${String(value)}`),
  );
  const words = [...hosts.map((host) => host.name ?? ""), ...new Set(labels)];
  return `there are ${words.join(", ")}; a slot is HOST:PORT`;
}

/** A share that so many slots cannot carry, or that leaves too much to the others. */
function misfitOf(
  { places, u, byServers }: Reading,
  { servers, share }: { readonly servers: number; readonly share: BasisPoints },
  path: Path,
): Finding | null {
  const n = places.length;
  if (byServers) {
    const message = "excludes servers with split: servers: the share is that of the slots";
    return finding("conflict", [...path, "share"], message);
  }
  if (n < 2 || share === EVERYTHING) return null;
  const { least, most } = sharesFor(servers, n, u);
  if (share >= least && share <= most) return null;
  const why = `${servers} of ${n} slots can carry from ${formatShare(least)} to ${formatShare(most)}`;
  const hint = `leave share out: it is ${formatShare(derived(servers, n))} then`;
  return finding("conflict", [...path, "share"], { message: `${why}, so that no slot gets too much`, hint });
}

/** Of steps that nobody sees the one that mirrors more comes later. */
const rankOf = ({ share, mirror = NOTHING }: ResolvedStep): number =>
  share > 0 ? EVERYTHING + share : mirror;

/** Shares rise strictly, slots never fall, and the last step is everything. */
function orderFindings(reading: Reading, steps: readonly (ResolvedStep | null)[]): readonly Finding[] {
  const n = reading.places.length;
  const flat = steps.flatMap((step, i) => {
    const before = steps.slice(0, i).filter((one) => one !== null);
    const path: Path = ["rollout", "steps", i];
    const fewer = step === null ? null : fewerFinding(step, before, path);
    if (step === null || fewer !== null) return fewer ?? [];
    if (rankOf(step) > Math.max(-1, ...before.map(rankOf))) return [];
    return [orderFinding(reading, { step, before, path })];
  });
  const last = steps.at(-1);
  if (last === undefined || last === null || last.share === EVERYTHING || n === 0) return flat;
  const said = { message: "the last step must be 100%", hint: "add - { share: 100% } after it" };
  return [...flat, finding("value", ["rollout", "steps", steps.length - 1], said)];
}

function orderFinding(
  { byServers, places }: Reading,
  { step, before, path }: { step: ResolvedStep; before: readonly ResolvedStep[]; path: Path },
): Finding {
  if (step.mirror !== undefined && step.share === NOTHING) {
    return finding("conflict", path, mirrorOrder(before));
  }
  const most = basisPoints(Math.max(...before.map(({ share }) => share)));
  const found = `found ${formatShare(step.share)} after ${formatShare(most)}`;
  const isRounded = byServers && step.servers !== undefined;
  const slots = `${step.servers} of ${places.length}`;
  return finding("conflict", path, {
    message: `each step's share is greater than those before, ${found}`,
    hint: isRounded ? `split: servers rounds up to whole slots, here to ${slots}` : undefined,
  });
}

const mirrorOrder = (before: readonly ResolvedStep[]): string =>
  before.some(({ share }) => share > 0)
    ? "requests are mirrored before anybody sees the release: it stands before the steps with a share"
    : "each step's mirror is greater than those before";

function fewerFinding(step: ResolvedStep, before: readonly ResolvedStep[], path: Path): Finding | null {
  const most = Math.max(0, ...before.map(({ servers = 0 }) => servers));
  if (step.servers === undefined || step.servers >= most) return null;
  const message = `gives the new release fewer slots than a step before it: ${step.servers} after ${most}`;
  return finding("conflict", [...path, "servers"], message);
}
