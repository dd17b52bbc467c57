// What lies around the release is broken: a clear message, the right exit code, nothing lost.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { masterPid, startNginx, testNginx, workerPids } from "../../src/demo/nginx.ts";
import type { Sections } from "../../src/demo/scene.ts";
import { ended, endProcessesIn, processesIn, signal } from "../../src/demo/processes.ts";
import { failuresOf } from "../support/load.ts";
import { mustExit } from "../support/exit.ts";
import { hasNginx } from "../support/nginx.ts";
import { canMount, isRoot, mountSmall, needs, unmount } from "../support/skip.ts";
import { until } from "../support/until.ts";
import { type Workspace, type WorkspaceOptions, openWorkspace } from "../support/workspace.ts";

const NOBODY = 65_534;

async function opened(options: WorkspaceOptions = {}): Promise<Workspace> {
  const workspace = await openWorkspace(options);
  onTestFinished(workspace.close);
  return workspace;
}

const breakNginx = ({ nginx }: Workspace): string => {
  const file = join(nginx.confd, "zz-other.conf");
  writeFileSync(file, "server { bogus on; }\n");
  return file;
};

async function killNginx({ nginx }: Workspace): Promise<void> {
  const master = masterPid(nginx)!;
  const all = [master, ...workerPids(nginx)];
  for (const pid of all) signal(pid, "SIGKILL");
  for (const pid of all) await ended(pid, 5000);
}

function listenOn(port: number): Promise<Server> {
  const server = createServer((socket) => socket.end("go away\n"));
  onTestFinished(() => void server.close());
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
}

/** Whose parent is the supervisor or nobody: processes that run in the slot's release. */
const appsOf = (workspace: Workspace, release: string): readonly number[] =>
  processesIn(join(workspace.root, "releases", release)).filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("server.mjs"),
  );

describe.skipIf(!hasNginx("integration: faults"))("around the release", () => {
  describe("a fault elsewhere in nginx's config", () => {
    it("refuses the first release in nginx's own words and leaves no file of ours", async () => {
      const workspace = await opened();
      const other = breakNginx(workspace);
      const ran = await workspace.glidepath("release", "v1");
      mustExit(ran, 1, 3);
      expect(ran.stderr).toContain('unknown directive "bogus"');
      expect(ran.stderr).toContain(other);
      expect(readdirSync(workspace.nginx.confd)).toEqual(["zz-other.conf"]);

      unlinkSync(other);
      mustExit(await workspace.glidepath("release", "v1"), 0);
      expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
    });

    it("does not touch a later release, which needs no reload", async () => {
      const workspace = await opened();
      await workspace.bringUp("v1");
      const before = readFileSync(join(workspace.nginx.confd, "shop.conf"), "utf8");
      const load = await workspace.load();
      breakNginx(workspace);
      const ran = await workspace.glidepath("release", "v2");
      mustExit(ran, 0);
      expect(failuresOf(await load.stop())).toEqual([]);
      expect(await workspace.inSlots()).toEqual(["v2", "v2"]);
      expect(readFileSync(join(workspace.nginx.confd, "shop.conf"), "utf8")).toBe(before);
    });
  });

  it("an edited config of ours is refused, not overwritten", async () => {
    const workspace = await opened();
    await workspace.bringUp("v1");
    const file = join(workspace.nginx.confd, "shop.conf");
    const edited = `${readFileSync(file, "utf8")}\n# somebody was here\n`;
    writeFileSync(file, edited);
    const load = await workspace.load();
    const ran = await workspace.glidepath("release", "v2");
    mustExit(ran, 3);
    expect(ran.stderr).toContain(file);
    expect(readFileSync(file, "utf8")).toBe(edited);
    expect(failuresOf(await load.stop())).toEqual([]);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
  });

  it("a config directory without write permission is named", async () => {
    const workspace = await opened();
    const { nginx, directory } = workspace;
    if (isRoot()) {
      // Root may write everywhere, so somebody else releases; the nginx directory stays root's.
      execFileSync("chown", ["-R", `${NOBODY}:${NOBODY}`, directory]);
      execFileSync("chown", ["-R", "0:0", nginx.directory]);
      chmodSync(directory, 0o755);
    } else {
      chmodSync(nginx.confd, 0o555);
      onTestFinished(() => chmodSync(nginx.confd, 0o755));
    }
    const who = isRoot() ? { uid: NOBODY, gid: NOBODY, env: { HOME: directory } } : {};
    const ran = await workspace.start(["release", "v1"], who).done;
    mustExit(ran, 1, 3);
    expect(ran.stderr).toContain(nginx.confd);
    expect(ran.stderr).toMatch(/permission|may not|not allowed|write/i);
    expect(readdirSync(nginx.confd)).toEqual([]);
  });

  it.skipIf(!needs(canMount(), "integration: a full disk", "needs root and the right to mount"))(
    "a full disk while unpacking leaves the old release where it was and no half a release",
    async () => {
      const workspace = await opened();
      mountSmall(workspace.root, "2m");
      // Nobody finds them once their directories are gone.
      onTestFinished(async () => {
        await endProcessesIn(workspace.root);
        unmount(workspace.root);
      });
      await workspace.bringUp("v1");
      // Random hexadecimal digits: no archive makes 6 MB of them fit.
      await workspace.addRelease("v9", {}, { "ballast.txt": randomBytes(3_000_000).toString("hex") });
      const load = await workspace.load();
      const ran = await workspace.glidepath("release", "v9");
      mustExit(ran, 3);
      expect(ran.stderr).toMatch(/no space|full|disk/i);
      expect(ran.stderr).toContain(workspace.root);
      expect(failuresOf(await load.stop())).toEqual([]);
      expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
      expect(existsSync(join(workspace.root, "releases", "v9"))).toBe(false);
      await workspace.addRelease("v2");
      mustExit(await workspace.glidepath("release", "v2"), 0);
    },
  );

  it("a port taken by a stranger is named, and the stranger left alone", async () => {
    const workspace = await opened();
    const stranger = await listenOn(workspace.slots[1]!);
    const ran = await workspace.glidepath("release", "v1");
    mustExit(ran, 1, 3);
    expect(ran.stderr).toContain(String(workspace.slots[1]));
    expect(ran.stderr).toMatch(/taken|in use|listens/i);
    expect(stranger.listening).toBe(true);
    const answer = await fetch(`http://127.0.0.1:${workspace.slots[1]}/`).catch(() => "no HTTP");
    expect(answer).toBe("no HTTP");
  });

  it("an nginx that does not run is named, with how to start it", async () => {
    const workspace = await opened({ start: false });
    const ran = await workspace.glidepath("release", "v1");
    mustExit(ran, 3);
    expect(ran.stderr).toMatch(/nginx.*(not running|does not run)/i);
    expect(await workspace.inSlots()).toEqual(["nothing", "nothing"]);
    await startNginx(workspace.nginx);
    mustExit(await workspace.glidepath("release", "v1"), 0);
  });

  describe("an nginx that is killed in the middle", () => {
    /** The definite moments, by what the command has just said. */
    const MOMENTS = [
      /leaves rotation/,
      / drains/,
      / stops/,
      / starts v/,
      /joins rotation/,
      /stable release/,
    ].map((moment, i) => ({ moment, release: `v${i + 2}` }));

    /** Each release follows upon the one before. */
    let workspace: Workspace;
    beforeAll(async () => {
      const later = Object.fromEntries(MOMENTS.map(({ release }) => [release, {}]));
      workspace = await openWorkspace({ releases: { v1: {}, ...later } });
      await workspace.bringUp("v1");
    });
    afterAll(() => workspace?.close());

    it.each(MOMENTS)(
      "after $moment holds the release up until it is there again",
      async ({ moment, release }) => {
        const running = workspace.start(["release", release, "--json"]);
        await running.says(moment);
        await killNginx(workspace);
        await until(
          () => workspace.status(),
          ({ rollout }) => rollout === null || /^nginx on |; nginx on /.test(rollout.because),
        );
        await startNginx(workspace.nginx);
        const load = await workspace.load();
        mustExit(await running.done, 0);
        expect(failuresOf(await load.stop())).toEqual([]);
        expect(await workspace.inSlots()).toEqual([release, release]);
        expect(await workspace.status()).toMatchObject({ stable: release, rollout: null });
        await testNginx(workspace.nginx);
      },
    );

    it("and stays away turns the release round when progressDeadline is over", async () => {
      const edit = (sections: Sections): Sections => ({
        ...sections,
        rollout: { ...(sections["rollout"] as object), progressDeadline: "8s" },
      });
      const own = await opened({ edit });
      await own.bringUp("v1");
      const running = own.start(["release", "v2", "--json"]);
      await running.says(/joins rotation/);
      await killNginx(own);
      mustExit(await running.done, 1);
      expect(await own.inSlots()).toEqual(["v1", "v1"]);
      await startNginx(own.nginx);
      const load = await own.load();
      expect(failuresOf(await load.stop())).toEqual([]);
      expect(await own.status()).toMatchObject({ stable: "v1", rollout: null });
    });
  });

  it("a new release that is killed once while it starts is started again", async () => {
    const workspace = await opened({ releases: { v1: {}, v2: { bootMs: 1000 } } });
    await workspace.bringUp("v1");
    const load = await workspace.load();
    const running = workspace.start(["release", "v2"]);
    const [pid = 0] = await until(
      () => appsOf(workspace, "v2"),
      (pids) => pids.length > 0,
    );
    signal(pid, "SIGKILL");
    const ran = await running.done;
    mustExit(ran, 0, 1);
    expect(failuresOf(await load.stop())).toEqual([]);
    const release = ran.code === 0 ? "v2" : "v1";
    expect(await workspace.inSlots()).toEqual([release, release]);
  });

  it("the one slot that serves is killed in the middle: it comes back, and the release ends", async () => {
    const workspace = await opened({ releases: { v1: {}, v2: { bootMs: 2000 } } });
    await workspace.bringUp("v1");
    const running = workspace.start(["release", "v2"]);
    await until(
      () => appsOf(workspace, "v2"),
      (pids) => pids.length > 0,
    );
    const [serving = 0] = appsOf(workspace, "v1");
    expect(serving).toBeGreaterThan(0);
    signal(serving, "SIGKILL");
    const ran = await running.done;
    mustExit(ran, 0, 1);
    const load = await workspace.load();
    expect(failuresOf(await load.stop())).toEqual([]);
    const release = ran.code === 0 ? "v2" : "v1";
    expect(await workspace.inSlots()).toEqual([release, release]);
    expect((await workspace.status()).slots.every(({ inRotation }) => inRotation)).toBe(true);
  });
});
