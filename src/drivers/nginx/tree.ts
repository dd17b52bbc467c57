import type { RoutingTable } from "../../model/routing.ts";
import { groupFor, groupsOf, type Layout } from "./groups.ts";

/** One entry of an archive: a directory, a symbolic link or a small file. */
export type Entry =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly to: string }
  | { readonly kind: "file"; readonly path: string; readonly text: string };

const PAIRS = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, "0"));

/** `groups/NAME` with a hundred links to itself: `groups/NAME/52` is `groups/NAME`. */
export function groupsTree(layout: Layout): readonly Entry[] {
  return [
    { kind: "directory", path: "groups" },
    ...groupsOf(layout).flatMap(({ name }) => groupTree(`groups/${name}`)),
  ];
}

function groupTree(path: string): readonly Entry[] {
  const links = PAIRS.map((pair): Entry => ({ kind: "link", path: `${path}/${pair}`, to: "." }));
  return [{ kind: "directory", path }, ...links];
}

/**
 * A generation: `canary` and `stable` for rules, and a link for each first pair of a bucket. Bucket < share
 * is the canary's. A share that is no whole per cent has one pair that is split: a directory with a link for
 * each second pair.
 */
export function generationTree(layout: Layout, table: RoutingTable): readonly Entry[] {
  const { routing } = table;
  const canary = groupFor(layout, routing, "canary").name;
  const stable = groupFor(layout, routing, "stable").name;
  const whole = Math.floor(routing.share / 100);
  const part = routing.share % 100;
  const link = (path: string, up: string, name: string): Entry => ({
    kind: "link",
    path,
    to: `${up}/groups/${name}`,
  });
  const split = (pair: string): readonly Entry[] => {
    const links = PAIRS.map((inner, j) => link(`${pair}/${inner}`, "../..", j < part ? canary : stable));
    return [{ kind: "directory", path: pair }, ...links];
  };
  const first = PAIRS.flatMap((pair, i) =>
    i === whole && part > 0 ? split(pair) : [link(pair, "..", i < whole ? canary : stable)],
  );
  return [
    { kind: "file", path: "routing.json", text: `${JSON.stringify(table)}\n` },
    link("canary", "..", canary),
    link("stable", "..", stable),
    ...first,
  ];
}

/** What of a generation is needed where nginx does not read the switch. */
export const memoOf = (table: RoutingTable): readonly Entry[] => [
  { kind: "file", path: "routing.json", text: `${JSON.stringify(table)}\n` },
];
