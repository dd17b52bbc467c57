import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { localHost } from "../../../src/drivers/local/host.ts";
import type { Slot } from "../../../src/model/application.ts";
import type { HostName } from "../../../src/model/ids.ts";
import type { Artifact } from "../../../src/ports/artifact.ts";
import type { HostPort } from "../../../src/ports/host.ts";
import { tar } from "./archives.ts";
import type { TarEntry } from "./archives.ts";
import { command, makeWorld, release, WEB1 } from "./world.ts";
import type { World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = makeWorld();
});
afterEach(() => world.remove());

const CONTENT: readonly TarEntry[] = [
  { name: "bin/", type: "5", mode: 0o755 },
  { name: "bin/run", body: "#!/bin/sh\n", mode: 0o4755 },
  { name: "start", type: "2", target: "bin/run" },
  { name: "uploads/placeholder", body: "of the artifact" },
];

async function artifact(id: string, ...entries: readonly TarEntry[]): Promise<Artifact> {
  writeFileSync(
    join(world.directory, `artifact-${id}.tar`),
    tar(...CONTENT, ...entries, { name: "id", body: id }),
  );
  return world.fetched(id);
}

const releases = (...more: readonly string[]): string => join(world.root, "releases", ...more);
/** All that is there, but for the lock. */
const left = (): readonly string[] =>
  existsSync(releases())
    ? readdirSync(releases())
        .filter((name) => name !== ".lock")
        .toSorted()
    : [];

test("a release is unpacked into its directory, with its modes and links, and is installed", async () => {
  const v1 = await artifact("v1");
  expect(await world.port().stage(WEB1, v1)).toEqual({ kind: "done" });
  expect(readFileSync(releases("v1", "id"), "utf8")).toBe("v1");
  expect(lstatSync(releases("v1", "bin", "run")).mode & 0o7777).toBe(0o755);
  expect(readlinkSync(releases("v1", "start"))).toBe("bin/run");
  expect(left()).toEqual([".meta", "v1"]);
  expect(await world.port().installed(WEB1)).toEqual({ ok: true, value: ["v1"] });
});

test("a host without anything has no releases", async () => {
  expect(await world.port().installed(WEB1)).toEqual({ ok: true, value: [] });
  expect(await world.port().prune(WEB1, [])).toEqual({ kind: "done" });
});

/** A host that notes the scripts that were given input. */
function watched(sent: string[]): (name: HostName) => HostPort {
  return (name) => {
    const host = localHost(name);
    const run: HostPort["run"] = (command) => {
      if (command.input !== undefined) sent.push("tar");
      return host.run(command);
    };
    return { ...host, run };
  };
}

test("a release that is there is not sent again", async () => {
  const sent: string[] = [];
  const port = world.port({ hosts: watched(sent) });
  const v1 = await artifact("v1");
  await port.stage(WEB1, v1);
  expect(sent).toEqual(["tar"]);
  expect(await port.stage(WEB1, v1)).toEqual({ kind: "done" });
  expect(sent).toEqual(["tar"]);
});

test("a release that is there from another artifact is refused, and stays as it is", async () => {
  const v1 = await artifact("v1");
  await world.port().stage(WEB1, v1);
  const outcome = await world.port().stage(WEB1, { ...v1, digest: "f".repeat(64) });
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "artifact.changed" } });
  expect(readFileSync(releases("v1", "id"), "utf8")).toBe("v1");
});

test("a directory of that name that Glidepath did not make is left alone", async () => {
  mkdirSync(releases("v1"), { recursive: true });
  writeFileSync(releases("v1", "mine"), "");
  const outcome = await world.port().stage(WEB1, await artifact("v1"));
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "artifact.changed" } });
  expect(readdirSync(releases("v1"))).toEqual(["mine"]);
  expect(await world.port().installed(WEB1)).toEqual({ ok: true, value: [] });
});

test("a tar that is damaged on its way is refused, and nothing of it is left", async () => {
  const v1 = await artifact("v1");
  const bytes = readFileSync(v1.tar);
  bytes.write("DAMAGED", bytes.indexOf("of the artifact"));
  writeFileSync(v1.tar, bytes);
  const outcome = await world.port().stage(WEB1, v1);
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "host.command" } });
  expect(left()).toEqual([".meta"]);
});

test("a tar whose end does not arrive is refused, and nothing of it is left", async () => {
  const v1 = await artifact("v1");
  truncateSync(v1.tar, 1500);
  expect(await world.port().stage(WEB1, v1)).toMatchObject({
    kind: "refused",
    error: { code: "host.command" },
  });
  expect(left()).toEqual([".meta"]);
  expect(await world.port().installed(WEB1)).toEqual({ ok: true, value: [] });
});

test("shared entries are linked in, in place of what the artifact has there", async () => {
  mkdirSync(join(world.root, "shared", "uploads"));
  mkdirSync(join(world.root, "shared", "config"));
  writeFileSync(join(world.root, "shared", "uploads", "photo"), "of a user");
  writeFileSync(join(world.root, "shared", "config", "my .env"), "A=1");
  const port = world.port({ shared: ["uploads", "config/my .env"] });
  expect(await port.stage(WEB1, await artifact("v1"))).toEqual({ kind: "done" });
  expect(readlinkSync(releases("v1", "uploads"))).toBe(join(world.root, "shared", "uploads"));
  expect(readdirSync(releases("v1", "uploads"))).toEqual(["photo"]);
  expect(readFileSync(releases("v1", "config", "my .env"), "utf8")).toBe("A=1");
});

test("a shared entry that is missing is named, before anything is sent", async () => {
  const sent: string[] = [];
  const outcome = await world
    .port({ shared: ["uploads"], hosts: watched(sent) })
    .stage(WEB1, await artifact("v1"));
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "host.command" } });
  expect(JSON.stringify(outcome)).toContain(join(world.root, "shared", "uploads"));
  expect(sent).toEqual([]);
  expect(left()).toEqual([".meta"]);
});

test.each([
  { id: "a link", entry: { name: "config", type: "2", target: "uploads" } },
  { id: "a file", entry: { name: "config", body: "x" } },
])("a shared entry below what is $id in the artifact is refused", async ({ entry }) => {
  mkdirSync(join(world.root, "shared", "config"));
  writeFileSync(join(world.root, "shared", "config", ".env"), "A=1");
  const outcome = await world.port({ shared: ["config/.env"] }).stage(WEB1, await artifact("v1", entry));
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "host.command" } });
  expect(readFileSync(join(world.root, "shared", "config", ".env"), "utf8")).toBe("A=1");
  expect(left()).toEqual([".meta"]);
});

test("several that stage the same release at once all succeed", async () => {
  const v1 = await artifact("v1");
  const port = world.port();
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => port.stage(WEB1, v1)));
  expect(outcomes).toEqual(Array.from({ length: 4 }, () => ({ kind: "done" })));
  expect(left()).toEqual([".meta", "v1"]);
});

test("a lost connection is unknown, and the next attempt is not in its way", async () => {
  const v1 = await artifact("v1");
  const cut: HostPort["run"] = async () => ({ kind: "lost", why: "reset" });
  const outcome = await world.port({ hosts: (name) => ({ ...localHost(name), run: cut }) }).stage(WEB1, v1);
  expect(outcome.kind).toBe("unknown");
  expect(await world.port().stage(WEB1, v1)).toEqual({ kind: "done" });
});

test("a marker without its directory, as a crash leaves it, is no release and in nobody's way", async () => {
  const v1 = await artifact("v1");
  await world.port().stage(WEB1, v1);
  renameSync(releases("v1"), releases(".staging-v1-crashed"));
  expect(await world.port().installed(WEB1)).toEqual({ ok: true, value: [] });
  expect(await world.port().stage(WEB1, v1)).toEqual({ kind: "done" });
  expect(await world.port().installed(WEB1)).toEqual({ ok: true, value: ["v1"] });
});

test("what crashed more than a day ago is cleared away, what is newer is not", async () => {
  await world.port().stage(WEB1, await artifact("v1"));
  mkdirSync(releases(".staging-old"));
  mkdirSync(releases(".staging-new"));
  const old = Date.now() / 1000 - 2 * 86_400;
  utimesSync(releases(".staging-old"), old, old);
  await world.port().prune(WEB1, []);
  expect(left()).toEqual([".meta", ".staging-new", "v1"]);
});

async function stageAll(ids: readonly string[]): Promise<void> {
  for (const [i, id] of ids.entries()) {
    await world.port().stage(WEB1, await artifact(id));
    const at = 1_790_000_000 + i;
    utimesSync(releases(".meta", id), at, at);
  }
}

test("the oldest releases beyond `keep` are deleted, by when they were staged", async () => {
  await stageAll(["v9", "v10", "v2", "v1"]);
  expect(await world.port().prune(WEB1, [])).toEqual({ kind: "done", note: "deleted v10, v9" });
  expect(await world.port().installed(WEB1)).toEqual({ ok: true, value: ["v1", "v2"] });
  expect(left()).toEqual([".meta", "v1", "v2"]);
  expect(await world.port().prune(WEB1, [])).toEqual({ kind: "done" });
});

test("a release that is staged again is the newest", async () => {
  await stageAll(["v1", "v2", "v3"]);
  await world.port().stage(WEB1, await artifact("v1"));
  expect(await world.port().prune(WEB1, [])).toEqual({ kind: "done", note: "deleted v2" });
});

test("a release in use is never deleted, nor one that a slot points to", async () => {
  await stageAll(["v1", "v2", "v3", "v4", "v5"]);
  mkdirSync(join(world.root, "slots"));
  symlinkSync("../releases/v2", join(world.root, "slots", "8001"));
  const dir = join(world.directory, "an adopted dir");
  symlinkSync(releases("v3"), dir);
  const slot = { key: "web1:801", host: WEB1, port: 801, dir, address: "127.0.0.1" } as Slot;
  const port = world.port({ slots: [slot], artifact: { keep: 1 } });
  expect(await port.prune(WEB1, [release("v1")])).toEqual({ kind: "done", note: "deleted v4" });
  expect(await port.installed(WEB1)).toEqual({ ok: true, value: ["v1", "v2", "v3", "v5"] });
});

test("what was adopted, and what Glidepath did not make, is never deleted", async () => {
  await stageAll(["v1"]);
  for (const name of ["adopted@8001", "adopted", "by-hand"]) mkdirSync(releases(name));
  writeFileSync(releases(".meta", "adopted@8001"), "");
  utimesSync(releases(".meta", "adopted@8001"), 1, 1);
  await world.port({ artifact: { keep: 1 } }).prune(WEB1, []);
  expect(left()).toEqual([".meta", "adopted", "adopted@8001", "by-hand", "v1"]);
});

const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)("a host where one may not write is refused for that", async () => {
  const v1 = await artifact("v1");
  chmodSync(world.root, 0o755);
  chmodSync(world.directory, 0o755);
  // As nobody: the scripts are the same, only the user is another.
  const asNobody = (name: HostName): HostPort => ({
    ...localHost(name),
    run: async ({ script, args = [] }) => {
      const ids = ["--reuid=65534", "--regid=65534", "--clear-groups"];
      const done = command("setpriv", ...ids, "sh", "-c", script, "sh", ...args);
      return { kind: "exited", code: done.status ?? -1, stdout: done.stdout, stderr: done.stderr };
    },
  });
  const outcome = await world.port({ hosts: asNobody }).stage(WEB1, v1);
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "host.rights" } });
  expect(JSON.stringify(outcome)).toContain("Permission denied");
});

/** A small file system of its own; false where this machine does not let us have one. */
function mountSmall(path: string, size: string): boolean {
  mkdirSync(join(path), { recursive: true });
  return command("mount", "-t", "tmpfs", "-o", `size=${size}`, "glidepath-test", path).status === 0;
}

const canMount = ((): boolean => {
  if (!isRoot) return false;
  const probe = makeWorld();
  const path = join(probe.directory, "probe");
  const mounted = mountSmall(path, "1m");
  if (mounted) command("umount", path);
  probe.remove();
  return mounted;
})();

test.skipIf(!canMount)("a disk without room is refused before anything is sent", async () => {
  const small = join(world.directory, "small");
  mountSmall(small, "1m");
  try {
    const sent: string[] = [];
    const v1 = await artifact("v1", { name: "big", body: Buffer.alloc(2_000_000) });
    const outcome = await world.port({ root: small, hosts: watched(sent) }).stage(WEB1, v1);
    expect(outcome).toMatchObject({ kind: "refused", error: { code: "host.disk" } });
    expect(outcome.kind === "refused" ? outcome.error.details : "").toContain(small);
    expect(sent).toEqual([]);
  } finally {
    command("umount", small);
  }
});

test.skipIf(!canMount)(
  "a disk that fills up while unpacking is refused, and nothing is left behind",
  async () => {
    const small = join(world.directory, "small");
    mountSmall(small, "1m");
    try {
      const v1 = await artifact("v1", { name: "big", body: Buffer.alloc(2_000_000, 7) });
      // Believed to be small, so that the question before does not find it out.
      const outcome = await world.port({ root: small }).stage(WEB1, { ...v1, bytes: 1000, entries: 1 });
      expect(outcome).toMatchObject({ kind: "refused", error: { code: "host.disk" } });
      expect(outcome.kind === "refused" ? outcome.error.details : "").toContain("No space left on device");
      expect(
        readdirSync(join(small, "releases")).filter((name) => name !== ".meta" && name !== ".lock"),
      ).toEqual([]);
      expect(await world.port({ root: small }).installed(WEB1)).toEqual({ ok: true, value: [] });
    } finally {
      command("umount", small);
    }
  },
);
