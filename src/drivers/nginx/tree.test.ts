import { describe, expect, test } from "vitest";
import { generation, type ReleaseId, type RolloutId, type SlotKey } from "../../model/ids.ts";
import type { Pins, RoutingTable } from "../../model/routing.ts";
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

/** The group in which a bucket ends: the link of its first digit, or one inside the directory there. */
function groupsIn(entries: readonly Entry[]): (bucket: number) => string {
  const links = new Map(entries.flatMap((one) => (one.kind === "link" ? [[one.path, one.to] as const] : [])));
  return (bucket) => {
    const digits = String(bucket).padStart(4, "0").split("");
    const paths = digits.map((_, i) => digits.slice(0, i + 1).join("/"));
    return paths.map((path) => links.get(path)).find((to) => to !== undefined) ?? "nowhere";
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

test.each([1, 525, 1000, 3333, 10_000])(
  "of %i of 10 000 mirrored, exactly the draws below it are copied, to the canary's own slots",
  (part) => {
    const { routing, ...rest } = table(0);
    const entries = generationTree(layout, { ...rest, routing: { ...routing, mirror: basisPoints(part) } });
    const links = entries.flatMap((one): readonly Entry[] =>
      one.kind === "link" && one.path.startsWith("mirror/") ? [{ ...one, path: one.path.slice(7) }] : [],
    );
    const groupOf = groupsIn(links);
    const wrong = Array.from({ length: 10_000 }, (_, draw) => draw).filter((draw) => {
      const wanted = draw < part ? "/as/p1" : "/as/nowhere";
      return !groupOf(draw).endsWith(wanted);
    });
    expect(wrong).toEqual([]);
    expect(entries).toContainEqual({ kind: "directory", path: "as/p1" });
  },
);

test("where nothing is mirrored there is no directory for it", () => {
  expect(generationTree(layout, table(500)).filter(({ path }) => path.includes("mirror"))).toEqual([]);
});

test("5.25 %: ten links, ten for each digit that the share splits, and ten in each group", () => {
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
  expect(entries).toContainEqual({ kind: "link", path: "as/s1b1/7", to: "." });
  expect(entries).toContainEqual({ kind: "link", path: "canary", to: "as/p1b1" });
  expect(entries).toContainEqual({ kind: "link", path: "stable", to: "as/s1b1" });
  expect(entries).toContainEqual({ kind: "directory", path: "0/5/2" });
  expect(entries).toContainEqual({ kind: "link", path: "0/5/2/4", to: "../../../as/p1b1" });
  expect(entries).toContainEqual({ kind: "link", path: "0/5/2/5", to: "../../../as/s1b1" });
  expect(entries.length).toBe(2 + 2 * 11 + 2 + 4 * 10);
});

test("a pool's groups are directories and nothing else: a large pool has a thousand", () => {
  const entries = groupsTree(layout);
  expect(entries.map(({ path }) => path)).toEqual(
    ["", "/s0", "/s1", "/p1", "/p2", "/p1b1", "/s1b1"].map((name) => `groups${name}`),
  );
  expect(entries.filter(({ kind }) => kind !== "directory")).toEqual([]);
});

describe("while a slot ramps", () => {
  const four = ["web:1", "web:2", "web:3", "web:4"] as readonly string[] as readonly SlotKey[];
  const large: Layout = { pool: four, split: "users", maxUnavailable: 1 };
  const counted = (routing: RoutingTable["routing"]): Readonly<Record<string, number>> => {
    const groupOf = groupsIn(generationTree(large, { ...table(0), routing }));
    const counts: Record<string, number> = {};
    for (let bucket = 0; bucket < 10_000; bucket += 1) {
      const name = groupOf(bucket).replace(/^(?:\.\.\/)*as\//, "");
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };
  const newcomers = (slot: number, part: number) => ({
    newcomers: four.slice(slot, slot + 1),
    part: basisPoints(part),
  });

  test("a part of the canary's buckets goes to all its slots, and nobody changes his role", () => {
    const share = basisPoints(3333);
    const routing = { canary: four.slice(0, 2), stable: four.slice(2), share, ramp: newcomers(1, 3750) };
    expect(counted(routing)).toEqual({ p2b2: 1250, p1b2: 2083, s2b2: 6667 });
  });

  test("the last slot of a release takes its part by and by", () => {
    const routing = { canary: four, stable: [], share: basisPoints(10_000), ramp: newcomers(3, 2500) };
    expect(counted(routing)).toEqual({ p4: 2500, p3: 7500 });
  });

  test("so does a slot that comes back", () => {
    const routing = { canary: [], stable: four, share: basisPoints(0), ramp: newcomers(0, 5050) };
    expect(counted(routing)).toEqual({ s0: 5050, s1: 4950 });
  });
});

describe("where visitors stay with a release", () => {
  const says = { named: false, labelOf: (release: ReleaseId) => `label-${release}` };
  const releases = { canary: "v2" as ReleaseId, stable: "v1" as ReleaseId };
  const led = (pins: Pins, bucket: number | "canary" | "stable", share = 5000): string => {
    const given = { ...table(share), releases };
    const entries = generationTree(layout, { ...given, routing: { ...given.routing, pins } }, says);
    if (typeof bucket === "number") return groupsIn(entries)(bucket).replace(/^(?:\.\.\/)*/, "");
    return entries.flatMap((one) => (one.kind === "link" && one.path === bucket ? [one.to] : []))[0] ?? "";
  };
  const V1 = "s1b1@=label-v1";
  const V2 = "p1b1@=label-v2";

  test("the other release's group and label stand beside a bucket's own, and beside no rule's", () => {
    const pins = { canary: true, stable: basisPoints(0) };
    const all = [0, 4999, 5000].map((bucket) => led(pins, bucket));
    expect(all).toEqual([`as/${V2}+${V1}`, `as/${V2}+${V1}`, `as/${V1}+${V2}`]);
    expect([led(pins, "canary"), led(pins, "stable")]).toEqual([`as/${V2}`, `as/${V1}`]);
  });

  test("from a bucket on only, when the stable slots cannot carry everybody", () => {
    const pins = { canary: true, stable: basisPoints(2000) };
    expect([led(pins, 1999), led(pins, 2000)]).toEqual([`as/${V2}`, `as/${V2}+${V1}`]);
    expect([led(pins, 999, 1000), led(pins, 1000, 1000)]).toEqual([`as/${V2}`, `as/${V1}+${V2}`]);
  });

  test("going back nobody is kept at the canary, and nobody is told its label", () => {
    const pins = { canary: false, stable: basisPoints(0) };
    expect([led(pins, 0), led(pins, 9999)]).toEqual([`as/p1b1+${V1}`, `as/${V1}`]);
  });

  test("a rollback keeps nobody at what it leaves", () => {
    const pins = { canary: true, stable: basisPoints(10_000) };
    expect([led(pins, 0), led(pins, 9999)]).toEqual([`as/${V2}`, `as/s1b1+${V2}`]);
  });
});
