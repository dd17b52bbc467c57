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
function groupOf(entries: readonly Entry[], bucket: number): string {
  const text = String(bucket).padStart(4, "0");
  const [top, sub] = [text.slice(0, 2), text.slice(2)];
  const links = new Map(entries.flatMap((one) => (one.kind === "link" ? [[one.path, one.to] as const] : [])));
  return links.get(top) ?? links.get(`${top}/${sub}`) ?? "nowhere";
}

test.each([0, 1, 99, 100, 101, 525, 3301, 5000, 9999, 10_000])(
  "at a share of %i, exactly the buckets below it are the canary's",
  (share) => {
    const entries = generationTree(layout, table(share));
    const wrong = Array.from({ length: 10_000 }, (_, bucket) => bucket).filter((bucket) => {
      const wanted = bucket < share ? "p1b1" : "s1b1";
      return !groupOf(entries, bucket).endsWith(`/groups/${wanted}`);
    });
    expect(wrong).toEqual([]);
  },
);

test("5.25 %: a hundred links and a hundred in the pair that is split", () => {
  const entries = generationTree(layout, table(525));
  expect(entries.slice(0, 3)).toEqual([
    {
      kind: "file",
      path: "routing.json",
      text: '{"generation":3,"writer":"r1","routing":{"canary":["web:1"],"stable":["web:2"],"share":525}}\n',
    },
    { kind: "link", path: "canary", to: "../groups/p1b1" },
    { kind: "link", path: "stable", to: "../groups/s1b1" },
  ]);
  expect(entries).toContainEqual({ kind: "directory", path: "05" });
  expect(entries).toContainEqual({ kind: "link", path: "05/24", to: "../../groups/p1b1" });
  expect(entries).toContainEqual({ kind: "link", path: "05/25", to: "../../groups/s1b1" });
  expect(entries.length).toBe(3 + 99 + 1 + 100);
});

test("a group holds a hundred links to itself", () => {
  const entries = groupsTree(layout).filter((one) => one.path.startsWith("groups/p1b1/"));
  expect(entries.length).toBe(100);
  expect(entries[7]).toEqual({ kind: "link", path: "groups/p1b1/07", to: "." });
});
