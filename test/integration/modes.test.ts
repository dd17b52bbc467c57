// Who writes the server block changes while it serves.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { reloadNginx, reloadsOf, workerPids } from "../../src/demo/nginx.ts";
import { defaultSections, writeSections, type Scene } from "../../src/demo/scene.ts";
import { failuresOf } from "../support/load.ts";
import { mustExit } from "../support/exit.ts";
import { hasNginx } from "../support/nginx.ts";
import { until } from "../support/until.ts";
import { openWorkspace, patient, type Workspace } from "../support/workspace.ts";

const PATIENCE = 180_000;

interface Site {
  readonly workspace: Workspace;
  /** The user's own file, which comes after ours. */
  readonly site: string;
  readonly include: string;
  readonly snippet: string;
  readonly conf: string;
}

async function opened(): Promise<Site> {
  const workspace = await openWorkspace({ releases: { v1: {}, v2: {}, v3: {} } });
  onTestFinished(workspace.close);
  const snippet = join(workspace.directory, "switch", "shop", "location.conf");
  return {
    workspace,
    site: join(workspace.nginx.confd, "site.conf"),
    include: `location / { include ${snippet}; }`,
    snippet,
    conf: join(workspace.nginx.confd, "shop.conf"),
  };
}

const server = ({ port }: Workspace, inside: string): string =>
  `server {\n  listen 127.0.0.1:${port};\n  ${inside}\n}\n`;

type Mode = "server" | "upstream" | "passive";

/** Writes the file anew; in mode upstream it has nothing to listen on. */
function setMode(scene: Scene, mode: Mode): void {
  const sections = patient(defaultSections(scene));
  const { listen, ...gateway } = sections["gateway"] as Record<string, unknown>;
  const how: Readonly<Record<Mode, object>> = {
    server: { listen },
    upstream: { mode: "upstream" },
    passive: { passive: true },
  };
  writeSections(scene, { ...sections, gateway: { ...gateway, ...how[mode] } });
}

async function reloaded({ nginx }: Workspace): Promise<void> {
  const before = workerPids(nginx);
  await reloadNginx(nginx);
  await until(
    () => workerPids(nginx),
    (pids) => pids.some((pid) => !before.includes(pid)),
  );
}

describe.skipIf(!hasNginx("integration: modes"))("a mode that is changed while it serves", () => {
  it(
    "to upstream, is refused until a server of the user's leads to the application, and loses nobody then",
    async () => {
      const { workspace, site, include, conf } = await opened();
      await workspace.bringUp("v1");
      const load = await workspace.load({ fresh: 1 });
      setMode(workspace, "upstream");
      const before = readFileSync(conf, "utf8");
      const reloads = reloadsOf(workspace.nginx);
      for (const args of [["release", "v2"], ["plan", "v2"], ["check"]]) {
        const ran = await workspace.glidepath(...args);
        expect(`${ran.stdout}${ran.stderr}`).toContain("requests that nginx answers now would be lost");
        expect(`${ran.stdout}${ran.stderr}`).toContain("no server{} listens there");
        if (args[0] === "release") mustExit(ran, 3);
      }
      expect(readFileSync(conf, "utf8")).toBe(before);
      expect(reloadsOf(workspace.nginx)).toBe(reloads);
      expect((await workspace.status()).stable).toBe("v1");
      expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
      // As it says: both are there, the first serves, and one reload takes it away.
      writeFileSync(site, server(workspace, include));
      await reloaded(workspace);
      mustExit(await workspace.glidepath("release", "v2"), 0);
      expect(readFileSync(conf, "utf8")).not.toContain(`listen 127.0.0.1:${workspace.port};`);
      const after = reloadsOf(workspace.nginx);
      mustExit(await workspace.glidepath("release", "v3"), 0);
      expect(reloadsOf(workspace.nginx)).toBe(after);
      const report = await load.stop();
      expect(failuresOf(report)).toEqual([]);
      expect(await workspace.inSlots()).toEqual(["v3", "v3"]);
    },
    PATIENCE,
  );

  it(
    "to server, comes where the user's server does no more than ours, and is refused where it does",
    async () => {
      const { workspace, site, include } = await opened();
      setMode(workspace, "upstream");
      const first = await workspace.glidepath("release", "v1");
      mustExit(first, 0);
      expect(`${first.stdout}${first.stderr}`).toContain("in your location, and reload nginx");
      writeFileSync(site, server(workspace, `${include}\n  location /static/ { return 204; }`));
      await reloaded(workspace);
      const load = await workspace.load({ fresh: 1 });
      setMode(workspace, "server");
      const refused = await workspace.glidepath("release", "v2");
      mustExit(refused, 3);
      expect(refused.stderr).toContain(`it would hide the server{} of ${site}, which does more than this`);
      expect((await fetch(`http://127.0.0.1:${workspace.port}/static/a`)).status).toBe(204);
      // What has no more than ours gives way where it stands, and can be removed at leisure.
      writeFileSync(site, server(workspace, include));
      mustExit(await workspace.glidepath("release", "v2"), 0);
      rmSync(site);
      await reloaded(workspace);
      mustExit(await workspace.glidepath("release", "v3"), 0);
      const report = await load.stop();
      expect(failuresOf(report)).toEqual([]);
      expect(await workspace.inSlots()).toEqual(["v3", "v3"]);
    },
    PATIENCE,
  );

  it(
    "to upstream, is refused too where our file was removed while nginx runs it",
    async () => {
      const { workspace, conf, site, include } = await opened();
      await workspace.bringUp("v1");
      setMode(workspace, "upstream");
      renameSync(conf, join(workspace.directory, "away"));
      const refused = await workspace.glidepath("release", "v2");
      mustExit(refused, 3);
      expect(refused.stderr).toContain("no server{} listens there");
      renameSync(join(workspace.directory, "away"), conf);
      const load = await workspace.load({ fresh: 1 });
      writeFileSync(site, server(workspace, include));
      mustExit(await workspace.glidepath("release", "v2"), 0);
      expect(failuresOf(await load.stop())).toEqual([]);
    },
    PATIENCE,
  );

  it(
    "is held against what nginx runs, where our file was removed and a site restored that does more",
    async () => {
      const { workspace, conf, site, snippet, include } = await opened();
      await workspace.bringUp("v1");
      rmSync(conf);
      const [slot = 0] = workspace.slots;
      const inside = `location / { proxy_pass http://127.0.0.1:${slot}; }`;
      writeFileSync(site, server(workspace, `${inside}\n  location /static/ { return 204; }`));
      await reloaded(workspace);
      const refused = await workspace.glidepath("release", "v2");
      mustExit(refused, 3);
      expect(refused.stderr).toContain(`it would hide the server{} of ${site}, which does more than this`);
      expect((await fetch(`http://127.0.0.1:${workspace.port}/static/a`)).status).toBe(204);
      setMode(workspace, "upstream");
      const ran = await workspace.glidepath("release", "v2");
      mustExit(ran, 0);
      expect(`${ran.stdout}${ran.stderr}`).toContain(`write \`include ${snippet};\` in your location`);
      writeFileSync(site, server(workspace, `${include}\n  location /static/ { return 204; }`));
      await reloaded(workspace);
      mustExit(await workspace.glidepath("release", "v3"), 0);
      expect(await workspace.inSlots()).toEqual(["v3", "v3"]);
      expect((await fetch(`http://127.0.0.1:${workspace.port}/static/a`)).status).toBe(204);
    },
    PATIENCE,
  );

  it(
    "to the passive form and back, is refused while ours serves, and loses nobody on the way back",
    async () => {
      const { workspace, site, conf } = await opened();
      await workspace.bringUp("v1");
      setMode(workspace, "passive");
      for (const args of [["release", "v2"], ["plan", "v2"], ["check"]]) {
        const ran = await workspace.glidepath(...args);
        expect(`${ran.stdout}${ran.stderr}`).toContain(`nginx serves by ${conf}`);
        if (args[0] === "release") mustExit(ran, 3);
      }
      // As it says.
      const slots = workspace.slots.map((slot) => `server 127.0.0.1:${slot} fail_timeout=1s;`);
      const upstream = `upstream old {\n  ${slots.join("\n  ")}\n}\n`;
      const own = server(workspace, "location / { proxy_pass http://old; proxy_read_timeout 10s; }");
      const load = await workspace.load({ fresh: 1 });
      writeFileSync(site, upstream + own);
      rmSync(conf);
      await reloaded(workspace);
      expect(failuresOf(await load.stop())).toEqual([]);
      mustExit(await workspace.glidepath("release", "v2"), 0);
      setMode(workspace, "server");
      const again = await workspace.load({ fresh: 1 });
      mustExit(await workspace.glidepath("release", "v3"), 0);
      expect(failuresOf(await again.stop())).toEqual([]);
      expect(readFileSync(conf, "utf8")).toContain(`listen 127.0.0.1:${workspace.port};`);
      expect(await workspace.inSlots()).toEqual(["v3", "v3"]);
    },
    PATIENCE,
  );
});
