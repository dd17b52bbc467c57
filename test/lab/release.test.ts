// The command as a user runs it, against a host that systemd rules, reached by ssh.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { APP_FILE, packRelease } from "../../src/demo/artifacts.ts";
import { type Ran, runCommand } from "../support/command.ts";
import type { StatusJson } from "../support/contract.ts";
import type { LabHost } from "../support/lab/host.ts";
import { type Lab, canLab, openLab } from "../support/lab/lab.ts";
import { failuresOf, startLoad } from "../support/load.ts";
import { until } from "../support/until.ts";

const TEMPLATE = `[Service]
ExecStart=/usr/local/bin/node ${APP_FILE}
User=shop
Restart=always
[Install]
WantedBy=multi-user.target
`;
const NODE = `/usr/local/bin/node ${APP_FILE}`;

/** Each an application of its own on the same host. */
const APPS = [
  { app: "template", listen: 80, slots: [8001, 8002], run: { systemd: "shop@{port}.service" } },
  { app: "generated", listen: 81, slots: [8011, 8012], run: { command: NODE, unit: "generate" } },
  { app: "supervised", listen: 82, slots: [8021, 8022], run: { command: NODE, user: "shop" } },
] as const;
type App = (typeof APPS)[number];

describe.runIf(canLab("releases on a host that systemd rules"))("on a host that systemd rules", () => {
  const directory = mkdtempSync(join(tmpdir(), "glidepath-lab-"));
  let lab: Lab;
  let host: LabHost;

  beforeAll(async () => {
    lab = await openLab({ hosts: ["web1"], disk: "64m" });
    host = lab.host("web1");
    const furnish = `useradd --system shop; rm /etc/nginx/sites-enabled/default
      printf '%s' "$1" >/etc/systemd/system/shop@.service`;
    await host.must(furnish, TEMPLATE);
    for (const release of ["v1", "v2", "v3"]) await packRelease(directory, { release });
    for (const one of APPS) writeFileSync(join(directory, `${one.app}.yaml`), stringify(sections(one, lab)));
  });
  afterAll(async () => {
    await lab?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const glidepath = ({ app }: App, ...args: readonly string[]): Promise<Ran> =>
    runCommand([...args, "--file", `${app}.yaml`], { cwd: directory });
  const good = async (app: App, ...args: readonly string[]): Promise<void> => {
    const { code, stdout, stderr } = await glidepath(app, ...args);
    expect({ code, said: code === 0 ? "" : stdout + stderr }).toEqual({ code: 0, said: "" });
  };
  const urlOf = ({ listen }: App): string => `http://${host.address}:${listen}/`;
  const releaseOf = async (app: App): Promise<string | null> =>
    fetch(urlOf(app)).then(
      (answer) => answer.headers.get("x-release"),
      () => null,
    );
  const slotsOf = async (app: App): Promise<readonly string[]> => {
    const { events, stderr } = await glidepath(app, "status", "--json");
    const { slots } = (events[0] ?? { slots: [stderr] }) as unknown as StatusJson;
    return slots.map(({ port, release, process, health }) => `${port} ${release} ${process} ${health}`);
  };

  test.each(APPS)("$app: all is well, and the first release comes up", async (app) => {
    await good(app, "check");
    await good(app, "release", "v1");
    expect(await releaseOf(app)).toBe("v1");
  });

  test.concurrent.each(APPS)("$app: no request fails through a release and the way back", async (app) => {
    const load = startLoad({ url: urlOf(app), rate: 50, slowMs: 500 });
    await load.warm;
    await good(app, "release", "v2");
    expect(await releaseOf(app)).toBe("v2");
    await good(app, "rollback");
    const report = await load.stop();
    expect(failuresOf(report)).toEqual([]);
    expect(await slotsOf(app)).toEqual(app.slots.map((port) => `${port} v1 running healthy`));
  });

  test("after a reboot every slot serves what it served, and can be released", async () => {
    await host.reboot();
    await until(
      () => Promise.all(APPS.map(releaseOf)),
      (releases) => releases.every((release) => release === "v1"),
    );
    const again = async (app: App): Promise<void> => {
      const expected = app.slots.map((port) => `${port} v1 running healthy`).join();
      await until(
        () => slotsOf(app),
        (slots) => slots.join() === expected,
      );
      await good(app, "release", "v3");
      expect(await releaseOf(app)).toBe("v3");
    };
    await Promise.all(APPS.map(again));
    expect(await host.must("systemctl is-system-running")).toBe("running");
  });
});

function sections({ app, listen, slots, run }: App, lab: Lab): Readonly<Record<string, unknown>> {
  return {
    app,
    artifact: { url: "shop-{release}.tar.gz" },
    ssh: { config: lab.sshConfig },
    hosts: [{ name: "web1", address: "web1", root: `/srv/${app}`, slots }],
    run,
    health: { http: "/healthz", every: "200ms", timeout: "2s", within: "30s" },
    gateway: { config: `/etc/nginx/conf.d/${app}.conf`, listen: [listen] },
    rollout: { drain: "10s" },
    state: `state-${app}`,
  };
}
