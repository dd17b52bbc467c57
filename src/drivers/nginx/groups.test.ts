import { describe, expect, test } from "vitest";
import type { SlotKey } from "../../model/ids.ts";
import type { Routing } from "../../model/routing.ts";
import { basisPoints } from "../../model/share.ts";
import { groupFor, groupsOf, isRepresentable, slotLines, type Layout } from "./groups.ts";

const pool = (n: number): readonly SlotKey[] =>
  Array.from({ length: n }, (_, i) => `web:${8001 + i}` as SlotKey);
const users = (n: number): Layout => ({ pool: pool(n), split: "users", maxUnavailable: 1 });
const servers = (n: number, maxUnavailable = 1): Layout => ({
  pool: pool(n),
  split: "servers",
  maxUnavailable,
});
const routing = (n: number, canary: number, stable: number, share = 5000): Routing => ({
  canary: pool(n).slice(0, canary),
  stable: pool(n).slice(stable),
  share: basisPoints(share),
});

test("two slots have six groups", () => {
  expect(groupsOf(users(2))).toEqual([
    { name: "s0", servers: [0, 1], backups: [] },
    { name: "s1", servers: [1], backups: [] },
    { name: "p1", servers: [0], backups: [] },
    { name: "p2", servers: [0, 1], backups: [] },
    { name: "p1b1", servers: [0], backups: [1] },
    { name: "s1b1", servers: [1], backups: [0] },
  ]);
});

test("in a large pool only groups that run out of slots before tries have backups", () => {
  const backed = groupsOf({ ...users(20), maxUnavailable: 2 }).filter(({ backups }) => backups.length > 0);
  const sizes = backed.map(({ servers }) => servers.length).toSorted((a, b) => a - b);
  expect(sizes).toEqual([1, 2, 3, 4, 5, 6, 7].flatMap((size) => Array.from({ length: 6 }, () => size)));
});

test.each([
  [20, 1, 1000],
  [120, 12, 40_000],
])("%i slots with %i out make fewer than %i lines that name a slot", (n, maxUnavailable, most) => {
  expect(slotLines({ ...users(n), maxUnavailable })).toBeLessThan(most);
});

describe("which group serves a role", () => {
  const cases: readonly (readonly [string, Layout, Routing, string, string])[] = [
    ["all stable", users(4), routing(4, 0, 0), "s0", "s0"],
    ["the first slot is out", users(4), routing(4, 0, 1), "s1", "s1"],
    ["nothing is out", users(4), routing(4, 1, 1), "p1b1", "s1b1"],
    ["the second is out", users(4), routing(4, 1, 2), "p1b2", "s2b1"],
    ["only the canary is left", users(4), routing(4, 3, 4), "p3", "p3"],
    ["all canary", users(4), routing(4, 4, 4), "p4", "p4"],
    ["many are out of a large pool", users(20), routing(20, 2, 9), "p2", "s9"],
    ["by servers, nothing is out", servers(4), routing(4, 1, 1), "s0", "s0"],
    ["by servers, one is out", servers(4), routing(4, 1, 2), "w1_2", "w1_2"],
    ["by servers, the first is out", servers(4), routing(4, 0, 1), "s1", "s1"],
    ["by servers, the last is out", servers(4), routing(4, 3, 4), "p3", "p3"],
    ["by servers, the canary gets nothing", servers(4), routing(4, 1, 2, 0), "s2", "s2"],
    ["by servers, the canary gets all", servers(4), routing(4, 3, 3, 10_000), "p3", "p3"],
    ["by servers, too many are out of a large pool", servers(20), routing(20, 2, 9), "s9", "s9"],
  ];
  test.each(cases)("%s", (_, layout, table, canary, stable) => {
    expect(groupFor(layout, table, "canary").name).toBe(canary);
    expect(groupFor(layout, table, "stable").name).toBe(stable);
  });
});

/** Every routing of every pool of up to eight slots, as [layout, routing, c, k]. */
function* everyRouting(
  layouts: (n: number) => Layout,
): Generator<readonly [Layout, Routing, number, number]> {
  for (let n = 1; n <= 8; n += 1) {
    for (let c = 0; c <= n; c += 1) {
      for (let k = c; k <= n; k += 1) if (c > 0 || k < n) yield [layouts(n), routing(n, c, k), c, k];
    }
  }
}

test("no group that is routed holds a slot that is out of rotation", () => {
  for (const layouts of [users, servers]) {
    for (const [layout, table, c, k] of everyRouting(layouts)) {
      for (const role of ["canary", "stable"] as const) {
        const { servers, backups } = groupFor(layout, table, role);
        expect([...servers, ...backups].filter((place) => place >= c && place < k)).toEqual([]);
        expect(servers.length).toBeGreaterThan(0);
      }
    }
  }
});

test("each role is served by its own slots as long as it has any", () => {
  for (const [layout, table, c, k] of everyRouting(users)) {
    const n = layout.pool.length;
    const served = (role: "canary" | "stable"): number => groupFor(layout, table, role).servers.length;
    expect([served("canary"), served("stable")]).toEqual([c === 0 ? n - k : c, k === n ? c : n - k]);
  }
});

test("names are told apart, and a pool of 120 has few enough", () => {
  const groups = groupsOf(users(120));
  expect(new Set(groups.map((one) => one.name)).size).toBe(groups.length);
  expect(groups.length).toBeLessThan(750);
});

test("a routing that is no prefix and suffix of the pool cannot be expressed", () => {
  const [a, b, c] = pool(3) as [SlotKey, SlotKey, SlotKey];
  const share = basisPoints(0);
  expect(isRepresentable([a, b, c], { canary: [a], stable: [c], share })).toBe(true);
  expect(isRepresentable([a, b, c], { canary: [b], stable: [c], share })).toBe(false);
  expect(isRepresentable([a, b, c], { canary: [], stable: [a, b], share })).toBe(false);
  expect(isRepresentable([a, b, c], { canary: [], stable: [], share })).toBe(false);
  expect(isRepresentable([a, b], { canary: [a, b], stable: [b], share })).toBe(false);
});
