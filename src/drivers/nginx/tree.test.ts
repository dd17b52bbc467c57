import { expect, test } from "vitest";
import { generation, type RolloutId, type SlotKey } from "../../model/ids.ts";
import type { RoutingTable } from "../../model/routing.ts";
import { basisPoints } from "../../model/share.ts";
import type { Layout } from "./groups.ts";
import { generationTree, groupsTree, type Entry } from "./tree.ts";

const pool = ["web:1", "web:2"] as readonly string[] as readonly SlotKey[];
const layout: Layout = { pool, split: "users", maxUnavailable: 1 };
const table = (share: number): RoutingTable => ({
  generation: generation(3),
  writer: "r1" as RolloutId,
  routing: { canary: pool.slice(0, 1), stable: pool.slice(1), share: basisPoints(share) },
});

/** The group in which a bucket ends: its first link, or the second inside a directory. */
function groupsIn(entries: readonly Entry[]): (bucket: number) => string {
  const links = new Map(entries.flatMap((one) => (one.kind === "link" ? [[one.path, one.to] as const] : [])));
  return (bucket) => {
    const text = String(bucket).padStart(4, "0");
    const [top, sub] = [text.slice(0, 2), text.slice(2)];
    return links.get(top) ?? links.get(`${top}/${sub}`) ?? "nowhere";
  };
}

test.each([0, 1, 99, 100, 101, 525, 3301, 5000, 9999, 10_000])(
  "at a share of %i, exactly the buckets below it are the canary's",
  (share) => {
    const groupOf = groupsIn(generationTree(layout, table(share)));
    const wrong = Array.from({ length: 10_000 }, (_, bucket) => bucket).filter((bucket) => {
      const wanted = bucket < share ? "p1b1" : "s1b1";
      return !groupOf(bucket).endsWith(`as/${wanted}`);
    });
    expect(wrong).toEqual([]);
  },
);

test("5.25 %: a hundred links, a hundred in the pair that is split, and a hundred in each group", () => {
  const entries = generationTree(layout, table(525));
  expect(entries.slice(0, 3)).toEqual([
    {
      kind: "file",
      path: "routing.json",
      text: '{"generation":3,"writer":"r1","routing":{"canary":["web:1"],"stable":["web:2"],"share":525}}\n',
    },
    { kind: "directory", path: "as" },
    { kind: "directory", path: "as/p1b1" },
  ]);
  expect(entries).toContainEqual({ kind: "link", path: "as/s1b1/52", to: "." });
  expect(entries).toContainEqual({ kind: "link", path: "canary", to: "as/p1b1" });
  expect(entries).toContainEqual({ kind: "link", path: "stable", to: "as/s1b1" });
  expect(entries).toContainEqual({ kind: "directory", path: "05" });
  expect(entries).toContainEqual({ kind: "link", path: "05/24", to: "../as/p1b1" });
  expect(entries).toContainEqual({ kind: "link", path: "05/25", to: "../as/s1b1" });
  expect(entries.length).toBe(2 + 2 * 101 + 2 + 99 + 1 + 100);
});

test("a pool's groups are directories and nothing else: a large pool has a thousand", () => {
  const entries = groupsTree(layout);
  expect(entries.map(({ path }) => path)).toEqual(
    ["", "/s0", "/s1", "/p1", "/p2", "/p1b1", "/s1b1"].map((name) => `groups${name}`),
  );
  expect(entries.filter(({ kind }) => kind !== "directory")).toEqual([]);
});
