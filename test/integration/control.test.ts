// Control: the means by which the other tests see no failed request do see one.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { reloadNginx, reloadsOf, startNginx, stopNginx, workerPids } from "../../src/demo/nginx.ts";
import { type App, type Behaviour, startApp } from "../support/app.ts";
import type { LoadFailure } from "../../src/demo/load/report.ts";
import { answeredIn, failuresOf, goneBack } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { until } from "../support/until.ts";
import { type Workspace, openWorkspace } from "../support/workspace.ts";

interface Stage {
  readonly workspace: Workspace;
  readonly apps: readonly App[];
}

async function withApps(behaviour: Behaviour = {}): Promise<Stage> {
  const workspace = await openWorkspace({ start: false, releases: {} });
  onTestFinished(workspace.close);
  const servers = workspace.slots.map((slot) => `server 127.0.0.1:${slot} max_fails=0;`).join(" ");
  const location = "location / { proxy_pass http://shop; proxy_next_upstream off; }";
  const text = `upstream shop { ${servers} }\nserver { listen 127.0.0.1:${workspace.port}; ${location} }\n`;
  writeFileSync(join(workspace.nginx.confd, "shop.conf"), text);
  const apps: App[] = [];
  for (const [at, port] of workspace.slots.entries()) {
    const directory = join(workspace.root, `app${at}`);
    apps.push(await startApp({ directory, port, release: `v${at + 1}`, behaviour }));
  }
  await startNginx(workspace.nginx);
  return { workspace, apps };
}

/** Kinds of failures, as the load tells them. */
function kinds(): { readonly seen: () => readonly string[]; readonly onFailure: (one: LoadFailure) => void } {
  const all: string[] = [];
  return { seen: () => all, onFailure: ({ kind }) => void all.push(kind) };
}

describe.skipIf(!hasNginx("integration: control"))("control: the load sees", () => {
  it("answers that are errors, and who gave them", async () => {
    const { workspace } = await withApps({ errorShare: 0.1 });
    const { seen, onFailure } = kinds();
    const load = await workspace.load({ slow: 0, onFailure });
    await until(seen, (all) => all.includes("status"));
    const report = await load.stop();
    expect(report.byKind.status).toBeGreaterThan(0);
    expect(failuresOf(report)[0]).toMatch(/GET \/ user \d+ by v[12]@\d+ after \d+ms: status, status 500$/);
  });

  it("a slot that is gone, and a gateway that is gone", async () => {
    const { workspace, apps } = await withApps({ exitsAtOnce: true });
    const { seen, onFailure } = kinds();
    const load = await workspace.load({ onFailure });
    await apps[0]!.stop();
    await until(seen, (all) => all.includes("status"));
    await stopNginx(workspace.nginx);
    await until(seen, (all) => all.includes("refused"));
    const report = await load.stop();
    expect(report.byKind.status).toBeGreaterThan(0);
    expect(report.byKind.refused).toBeGreaterThan(0);
    expect(report.byKind.reset).toBeGreaterThan(0);
  });

  it("users who change between releases, and which slot answered when", async () => {
    const { workspace } = await withApps();
    const load = await workspace.load();
    const report = await load.stop();
    expect(failuresOf(report)).toEqual([]);
    expect(goneBack(report, ["v1", "v2"]).length).toBeGreaterThan(0);
    const all = { from: report.startedAt, to: report.endedAt };
    const answers = workspace.slots.map((slot) => answeredIn(report, slot, all));
    expect(answers.every((one) => one > 0)).toBe(true);
    expect(answers.reduce((sum, one) => sum + one, 0)).toBe(report.requests);
  });

  it("a reload, by its count and by new workers", async () => {
    const { nginx } = (await withApps()).workspace;
    const before = workerPids(nginx);
    await reloadNginx(nginx);
    await until(
      () => workerPids(nginx),
      (pids) => !pids.some((pid) => before.includes(pid)),
    );
    expect(reloadsOf(nginx)).toBe(1);
  });
});
