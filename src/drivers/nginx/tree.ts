import { assert } from "../../base/assert.ts";
import type { ReleaseId } from "../../model/ids.ts";
import { beforeRamp, type Pins, type Routing, type RoutingTable } from "../../model/routing.ts";
import { EVERYTHING } from "../../model/share.ts";
import { groupFor, groupsOf, type Layout, type Role } from "./groups.ts";

/** One entry of an archive: a directory, a symbolic link or a small file. */
export type Entry =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly to: string }
  | { readonly kind: "file"; readonly path: string; readonly text: string };

const DIGITS = Array.from({ length: 10 }, (_, i) => i);

/** What a group's directory has in its name besides. */
export interface Says {
  /** The release, for the header that says it. */
  readonly named: boolean;
  /** The label by which visitors of a release are known; null: they are not. */
  readonly labelOf: ((release: ReleaseId) => string) | null;
}
const NOTHING_SAID: Says = { named: false, labelOf: null };

/** Every group is an empty directory, so that the control server can be asked about any of them. */
export const groupsTree = (layout: Layout): readonly Entry[] =>
  ["groups", ...groupsOf(layout).map(({ name }) => `groups/${name}`)].map((path) => ({
    kind: "directory",
    path,
  }));

const link = (path: string, to: string): Entry => ({ kind: "link", path, to });

/** `as/NAME` with ten links to itself: `as/NAME/5/2` is `as/NAME`. */
function groupTree(path: string): readonly Entry[] {
  const links = DIGITS.map((digit) => link(`${path}/${digit}`, "."));
  return [{ kind: "directory", path }, ...links];
}

/**
 * A generation: `canary` and `stable` for rules, and a link for each first digit of a bucket. Bucket < share
 * is the canary's. A digit whose buckets differ is a directory with a link for each digit that follows, and
 * so on: a switch is some tens of files, and a disk may take a millisecond for each. They lead to the groups
 * of this generation, below `as/`, which have the release in their names where the gateway says it.
 */
export function generationTree(
  layout: Layout,
  table: RoutingTable,
  says: Says = NOTHING_SAID,
): readonly Entry[] {
  const { roles, spans } = spansOf(layout, table, says);
  const copies = mirrorSpans(layout, table);
  const groups = new Set([...spans, ...copies].map(({ group }) => group));
  const byRule = new Set([roles.canary, roles.stable].filter((path) => !groups.has(path)));
  return [
    { kind: "file", path: "routing.json", text: `${JSON.stringify(table)}\n` },
    { kind: "directory", path: "as" },
    ...[...groups].flatMap(groupTree),
    ...[...byRule].map((path): Entry => ({ kind: "directory", path })),
    link("canary", roles.canary),
    link("stable", roles.stable),
    ...bucketLinks(spans, { under: "", up: "", size: 1000, from: 0 }),
    ...(copies.length === 0 ? [] : [{ kind: "directory", path: "mirror" } as const]),
    ...(copies.length === 0 ? [] : bucketLinks(copies, { under: "mirror/", up: "../", size: 1000, from: 0 })),
  ];
}

const NOWHERE = "as/nowhere";

/** `mirror/3/7/5/2`: where the copy of a request goes that has drawn this; absent: nothing is copied. */
function mirrorSpans({ pool }: Layout, { routing }: RoutingTable): readonly Span[] {
  const { canary, mirror = 0 } = routing;
  if (mirror === 0 || canary.length === 0 || canary.length === pool.length) return [];
  const copied = { to: mirror, group: `as/p${canary.length}` };
  return mirror === EVERYTHING ? [copied] : [copied, { to: EVERYTHING, group: NOWHERE }];
}

interface Level {
  /** The digits so far, as a path that ends in `/`, and the way back from there. */
  readonly under: string;
  readonly up: string;
  /** Buckets of each digit, and the first bucket of digit 0. */
  readonly size: number;
  readonly from: number;
}

function bucketLinks(spans: readonly Span[], { under, up, size, from }: Level): readonly Entry[] {
  return DIGITS.flatMap((digit): readonly Entry[] => {
    const path = `${under}${digit}`;
    const first = from + digit * size;
    if (spans.some(({ to }) => to > first && to < first + size)) {
      const next = { under: `${path}/`, up: `${up}../`, size: size / 10, from: first };
      const inside: readonly Entry[] = [{ kind: "directory", path }];
      return inside.concat(bucketLinks(spans, next));
    }
    const span = spans.find(({ to }) => first < to);
    assert(span !== undefined, "spans reach to the last bucket");
    return [link(path, `${up}${span.group}`)];
  });
}

/** The buckets below `to`, and not of a span before, are a group's. */
interface Span {
  readonly to: number;
  readonly group: string;
}

/**
 * While slots ramp, the first buckets of their role go to all its slots and the others to those it had
 * before; whom a rule sends there stays with these.
 */
function spansOf(layout: Layout, table: RoutingTable, says: Says) {
  const { routing } = table;
  const { ramp, share } = routing;
  const group = (role: Role, among = routing): string =>
    `as/${groupFor(layout, among, role).name}${saidOf(table, served(routing, role), says)}`;
  const grows = (role: Role): boolean =>
    ramp?.newcomers.some((slot) => routing[role].includes(slot)) ?? false;
  const roleSpans = (role: Role, from: number, to: number): readonly Span[] => {
    if (!grows(role) || ramp === undefined) return [{ to, group: group(role) }];
    const middle = from + Math.round(((to - from) * ramp.part) / EVERYTHING);
    return [
      { to: middle, group: group(role) },
      { to, group: group(role, beforeRamp(routing)) },
    ];
  };
  const byRule = (role: Role): string => group(role, grows(role) ? beforeRamp(routing) : routing);
  const roles = { canary: byRule("canary"), stable: byRule("stable") };
  const kept = keptIn(table, says);
  const own = [...roleSpans("canary", 0, share)].filter((span, i, all) => span.to > (all[i - 1]?.to ?? 0));
  const others = roleSpans("stable", share, EVERYTHING);
  return {
    roles,
    spans: [
      ...(kept.stable < EVERYTHING ? keptFrom(own, kept.stable, roles.stable) : own),
      ...(kept.canary ? keptFrom(others, 0, roles.canary) : others),
    ],
  };
}

/** Visitors of the other role are kept from this bucket on: their group stands beside the span's own. */
function keptFrom(spans: readonly Span[], from: number, path: string): readonly Span[] {
  const other = path.replace(/^as\//, "+");
  return spans.flatMap(({ to, group }, i): readonly Span[] => {
    const begins = spans[i - 1]?.to ?? 0;
    if (to <= from) return [{ to, group }];
    const rest = { to, group: `${group}${other}` };
    return begins < from ? [{ to: from, group }, rest] : [rest];
  });
}

const NOBODY_KEPT = { canary: false, stable: EVERYTHING } as const;

/** Both releases serve, and are told apart. */
function keptIn({ routing, releases }: RoutingTable, { labelOf }: Says): Pins {
  const { canary, stable, pins = NOBODY_KEPT } = routing;
  const isShared = canary.length > 0 && stable.length > 0 && releases?.canary !== releases?.stable;
  if (labelOf === null || !isShared) return NOBODY_KEPT;
  const isKnown = (role: Role): boolean => (releases?.[role] ?? null) !== null;
  return {
    canary: pins.canary && isKnown("canary"),
    stable: isKnown("stable") ? pins.stable : EVERYTHING,
  };
}

/** `@v2` for the header, `@=1a2b3c4d` for those who stay with the release, or both. */
function saidOf({ routing: { pins }, releases }: RoutingTable, role: Role, { named, labelOf }: Says): string {
  const release = releases?.[role];
  if (release === null || release === undefined) return "";
  const isKept = pins !== undefined && (role === "canary" ? pins.canary : pins.stable < EVERYTHING);
  const label = isKept && labelOf !== null ? `=${labelOf(release)}` : "";
  return named || label !== "" ? `@${named ? safe(release) : ""}${label}` : "";
}

/** A role without slots is served by the other. */
function served({ canary, stable }: Routing, role: Role): Role {
  if (canary.length === 0) return "stable";
  return stable.length === 0 ? "canary" : role;
}

function safe(release: ReleaseId): string {
  assert(/^[A-Za-z0-9._-]+$/.test(release), `this release cannot name a directory: ${release}`);
  return release;
}

/** What of a generation is needed where nginx does not read the switch. */
export const memoOf = (table: RoutingTable): readonly Entry[] => [
  { kind: "file", path: "routing.json", text: `${JSON.stringify(table)}\n` },
];
