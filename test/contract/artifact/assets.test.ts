import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { minutes } from "../../../src/base/time.ts";
import type { Slot } from "../../../src/model/application.ts";
import { tar, type TarEntry } from "./archives.ts";
import { makeWorld, release, WEB1, type PortOptions, type World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = makeWorld();
});
afterEach(() => world.remove());

const releases = (...more: readonly string[]): string => join(world.root, "releases", ...more);
const assets = { dirs: ["public/static"], for: minutes(60) };

/** Each release has a page, and a chunk of its own beside one that all have. */
async function stage(id: string, options: PortOptions = { assets }, more: readonly TarEntry[] = []) {
  const entries: readonly TarEntry[] = [
    { name: "index.html", body: id },
    { name: `public/static/js/${id}.js`, body: id },
    { name: "public/static/all.css", body: `of ${id}` },
    ...more,
  ];
  writeFileSync(join(world.directory, `artifact-${id}.tar`), tar(...entries));
  const artifact = await world.fetched(id);
  return world.port(options).stage(WEB1, artifact);
}

const chunks = (id: string): readonly string[] => readdirSync(releases(id, "public/static/js")).toSorted();

function slotOf(id: string, port = 8001): Slot {
  const dir = join(world.root, "slots", String(port));
  mkdirSync(join(world.root, "slots"), { recursive: true });
  rmSync(dir, { force: true });
  symlinkSync(releases(id), dir);
  return { port, dir } as unknown as Slot;
}

/** As if all that was there had happened so long ago. */
function age(id: string, howLong: number): void {
  const then = new Date(Date.now() - howLong);
  utimesSync(releases(".assets", id), then, then);
}

test("a release has the chunks of the one before, and its own stay as they are", async () => {
  expect(await stage("v1")).toEqual({ kind: "done" });
  expect(await stage("v2")).toEqual({ kind: "done" });
  expect(chunks("v2")).toEqual(["v1.js", "v2.js"]);
  expect(readFileSync(releases("v2/public/static/js/v1.js"), "utf8")).toBe("v1");
  expect(readFileSync(releases("v2/public/static/all.css"), "utf8")).toBe("of v2");
  expect(statSync(releases("v2/public/static/js/v1.js")).nlink).toBeGreaterThan(1);
  expect(await world.port().installed(WEB1)).toEqual({ ok: true, value: ["v1", "v2"] });
});

test("what serves gets the chunks of the new release before anybody sees that", async () => {
  await stage("v1");
  await stage("v2", { assets, slots: [slotOf("v1")] });
  expect(chunks("v1")).toEqual(["v1.js", "v2.js"]);
});

test("a release that serves no more is forgotten after the time; one that serves never is", async () => {
  await stage("v1");
  await stage("v2");
  age("v1", minutes(61));
  age("v2", minutes(61));
  await stage("v3", { assets, slots: [slotOf("v2")] });
  // v1 left its chunk in v2's tree, but it is not v2's own.
  expect(chunks("v3")).toEqual(["v2.js", "v3.js"]);
});

test("its chunks outlive a release that was deleted, for the time", async () => {
  await stage("v1");
  await stage("v2");
  await stage("v3");
  const options = { assets, artifact: { keep: 1 } };
  const pruned = await world.port(options).prune(WEB1, [release("v3")]);
  expect(pruned).toMatchObject({ kind: "done" });
  expect(existsSync(releases("v1"))).toBe(false);
  await stage("v4");
  expect(chunks("v4")).toEqual(["v1.js", "v2.js", "v3.js", "v4.js"]);
  for (const id of ["v1", "v2", "v3"]) age(id, minutes(61));
  await stage("v5");
  expect(chunks("v5")).toEqual(["v4.js", "v5.js"]);
  expect(existsSync(releases(".assets/v1"))).toBe(false);
});

test("nothing is written through a link, nor over a file of another kind", async () => {
  const outside = join(world.directory, "outside");
  mkdirSync(outside);
  await stage("v1", { assets }, [{ name: "public/static/deep/v1.txt", body: "v1" }]);
  await stage("v2", { assets }, [
    { name: "other/x", body: "x" },
    { name: "public/static/deep", type: "2", target: "../../other" },
  ]);
  expect(readdirSync(releases("v2/other"))).toEqual(["x"]);
  // Above the directory itself: `shared` links to what is the user's.
  mkdirSync(join(world.root, "shared/public"), { recursive: true });
  await stage("v3", { assets, shared: ["public"] });
  expect(readdirSync(join(world.root, "shared/public"))).toEqual([]);
});

test("a release without the directory gets it; without `assets` nothing is exchanged", async () => {
  await stage("v1");
  writeFileSync(join(world.directory, "artifact-bare.tar"), tar({ name: "index.html", body: "bare" }));
  await world.port({ assets }).stage(WEB1, await world.fetched("bare"));
  expect(chunks("bare")).toEqual(["v1.js"]);
  await stage("v2", {});
  expect(chunks("v2")).toEqual(["v2.js"]);
});

test("a release that is there already gets what came meanwhile: going back is staged too", async () => {
  await stage("v1");
  await stage("v2");
  expect(chunks("v1")).toEqual(["v1.js"]);
  await world.port({ assets, slots: [slotOf("v2")] }).stage(WEB1, await world.fetched("v1"));
  expect(chunks("v1")).toEqual(["v1.js", "v2.js"]);
});
