// Other ways to run an application and to stand behind nginx.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { reloadNginx, reloadsOf, startNginx, workerPids } from "../../src/demo/nginx.ts";
import { type LoadReport, failuresOf, goneBack } from "../support/load.ts";
import { mustExit } from "../support/exit.ts";
import { hasNginx, settledWorkers } from "../support/nginx.ts";
import { ownCommands } from "../support/own-commands.ts";
import { until } from "../support/until.ts";
import { type Workspace, type WorkspaceOptions, openWorkspace } from "../support/workspace.ts";

async function opened(options: WorkspaceOptions): Promise<Workspace> {
  const workspace = await openWorkspace(options);
  onTestFinished(workspace.close);
  return workspace;
}

/** v1 comes up, then v2 under load; returns what the clients saw. */
async function releaseUnderLoad(
  workspace: Workspace,
  load: Parameters<Workspace["load"]>[0] = {},
): Promise<LoadReport> {
  const running = await workspace.load(load);
  const ran = await workspace.glidepath("release", "v2");
  const report = await running.stop();
  mustExit(ran, 0);
  expect(await workspace.inSlots()).toEqual(["v2", "v2"]);
  return report;
}

describe.skipIf(!hasNginx("integration: forms"))("also released without a lost request is", () => {
  it("an application with its own start, stop and status", async () => {
    const workspace = await opened({
      edit: (sections, { directory }) => ({ ...sections, run: ownCommands(directory) }),
    });
    await workspace.bringUp("v1");
    const report = await releaseUnderLoad(workspace);
    expect(failuresOf(report)).toEqual([]);
    expect(goneBack(report, ["v1", "v2"])).toEqual([]);
  });

  it("a directory of files, with nothing to start", async () => {
    const workspace = await opened({
      releases: {},
      start: false,
      edit: ({ smoke: _smoke, ...sections }, scene) => {
        // Slots of files are served by the same nginx; the release is read off where the link leads to.
        const servers = scene.slots.map(
          (slot) => `server {
  listen 127.0.0.1:${slot};
  root ${scene.root}/slots/${slot};
  add_header X-Release $release_of;
  add_header X-Slot ${slot};
}`,
        );
        const map = `map $realpath_root $release_of { ~/releases/(?<id>[^/]+) $id; default none; }`;
        writeFileSync(join(scene.nginx.confd, "files.conf"), `${map}\n${servers.join("\n")}\n`);
        return { ...sections, run: { static: true }, health: { http: "/index.html" } };
      },
    });
    for (const release of ["v1", "v2"]) {
      await workspace.addRelease(release, {}, { "index.html": `<p>This is release ${release}.</p>\n` });
    }
    await startNginx(workspace.nginx);
    await workspace.bringUp("v1");
    const workers = await settledWorkers(workspace.nginx);
    const report = await releaseUnderLoad(workspace, { post: 0, slow: 0 });
    expect(failuresOf(report)).toEqual([]);
    expect(workerPids(workspace.nginx)).toEqual(workers);
  });

  it("an application behind a location of the user's own: mode upstream", async () => {
    const workspace = await opened({
      edit: (sections) => {
        const { listen: _listen, ...gateway } = sections["gateway"] as Record<string, unknown>;
        return { ...sections, gateway: { ...gateway, mode: "upstream" } };
      },
    });
    const site = join(workspace.nginx.confd, "site.conf");
    const server = (inside: string): string =>
      `server {\n  listen 127.0.0.1:${workspace.port};\n  location / {\n${inside}\n  }\n}\n`;
    writeFileSync(site, server('    return 503 "not yet";'));
    await reloadNginx(workspace.nginx);
    await workspace.bringUp("v1");
    const snippet = join(workspace.directory, "switch", "shop", "location.conf");
    writeFileSync(site, server(`    include ${snippet};`));
    const before = workerPids(workspace.nginx);
    await reloadNginx(workspace.nginx);
    await until(
      () => workerPids(workspace.nginx),
      (pids) => !pids.some((pid) => before.includes(pid)),
    );
    const reloads = reloadsOf(workspace.nginx);
    const report = await releaseUnderLoad(workspace);
    expect(failuresOf(report)).toEqual([]);
    expect(reloadsOf(workspace.nginx)).toBe(reloads);
  });
});

describe.skipIf(!hasNginx("integration: the passive form"))("the passive form", () => {
  it("updates slot by slot, leaves the config alone, and loses only what may not be repeated", async () => {
    const workspace = await opened({
      edit: (sections, scene) => {
        const servers = scene.slots.map((slot) => `server 127.0.0.1:${slot} fail_timeout=1s;`).join(" ");
        const text = `upstream shop { ${servers} }
server {
  listen 127.0.0.1:${scene.port};
  location / { proxy_pass http://shop; proxy_connect_timeout 1s; proxy_read_timeout 10s; }
}
`;
        writeFileSync(join(scene.nginx.confd, "shop.conf"), text);
        return { ...sections, gateway: { ...(sections["gateway"] as object), passive: true } };
      },
    });
    const file = join(workspace.nginx.confd, "shop.conf");
    const text = readFileSync(file, "utf8");
    await workspace.bringUp("v1");
    const report = await releaseUnderLoad(workspace);
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(reloadsOf(workspace.nginx)).toBe(0);
    expect(report.failures.filter(({ method }) => method === "GET")).toEqual([]);
    expect(report.failed).toBeLessThan(report.requests * 0.05);
    const [last] = (await workspace.glidepath("history", "--json")).events;
    const { stdout } = await workspace.glidepath("history", String(last?.["id"]), "--json");
    const { receipt } = JSON.parse(stdout) as { receipt: object };
    expect(receipt).toMatchObject({ switches: 0, longestSwitch: 0, commits: { count: 0 }, back: null });
  });
});
