import { assert } from "../../base/assert.ts";
import type { ReleaseId } from "../../model/ids.ts";
import type { Routing, RoutingTable } from "../../model/routing.ts";
import { groupFor, groupsOf, type Layout, type Role } from "./groups.ts";

/** One entry of an archive: a directory, a symbolic link or a small file. */
export type Entry =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly to: string }
  | { readonly kind: "file"; readonly path: string; readonly text: string };

const PAIRS = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, "0"));

/** Every group is an empty directory, so that the control server can be asked about any of them. */
export const groupsTree = (layout: Layout): readonly Entry[] =>
  ["groups", ...groupsOf(layout).map(({ name }) => `groups/${name}`)].map((path) => ({
    kind: "directory",
    path,
  }));

/** `as/NAME` with a hundred links to itself: `as/NAME/52` is `as/NAME`. */
function groupTree(path: string): readonly Entry[] {
  const links = PAIRS.map((pair): Entry => ({ kind: "link", path: `${path}/${pair}`, to: "." }));
  return [{ kind: "directory", path }, ...links];
}

/**
 * A generation: `canary` and `stable` for rules, and a link for each first pair of a bucket. Bucket < share
 * is the canary's. A share that is no whole per cent has one pair that is split: a directory with a link for
 * each second pair. They lead to the groups of this generation, below `as/`, which have the release in their
 * names where the gateway says it.
 */
export function generationTree(layout: Layout, table: RoutingTable, named = false): readonly Entry[] {
  const { routing, releases } = table;
  const group = (role: Role): string => {
    const { name } = groupFor(layout, routing, role);
    const release = named ? releases?.[served(routing, role)] : null;
    return release ? `as/${name}@${safe(release)}` : `as/${name}`;
  };
  const [canary, stable] = [group("canary"), group("stable")];
  const whole = Math.floor(routing.share / 100);
  const part = routing.share % 100;
  const link = (path: string, to: string): Entry => ({ kind: "link", path, to });
  const split = (pair: string): readonly Entry[] => {
    const links = PAIRS.map((inner, j) => link(`${pair}/${inner}`, `../${j < part ? canary : stable}`));
    return [{ kind: "directory", path: pair }, ...links];
  };
  const first = PAIRS.flatMap((pair, i) =>
    i === whole && part > 0 ? split(pair) : [link(pair, i < whole ? canary : stable)],
  );
  return [
    { kind: "file", path: "routing.json", text: `${JSON.stringify(table)}\n` },
    { kind: "directory", path: "as" },
    ...[...new Set([canary, stable])].flatMap(groupTree),
    link("canary", canary),
    link("stable", stable),
    ...first,
  ];
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
