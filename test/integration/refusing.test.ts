// Three gateways, each an nginx of its own, and one of them refuses or is gone: nothing happens half.
import { readFileSync, readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { masterPid, startNginx, workerPids, type Nginx } from "../../src/demo/nginx.ts";
import { freePort, freePorts } from "../../src/demo/ports.ts";
import { ended, signal } from "../../src/demo/processes.ts";
import { startApp } from "../support/app.ts";
import { mustExit } from "../support/exit.ts";
import { openGates, type Gates } from "../support/gates.ts";
import { failuresOf, startLoad, type Load } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { until } from "../support/until.ts";

const NAMES = ["web1", "web2", "web3"];
const steps = [{ share: "50%", approve: true }, { share: "100%" }];

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function opened(rollout: object = { steps: [{ share: "100%" }] }): Promise<Gates> {
  const w = await openGates({
    hosts: 3,
    slots: 1,
    gateways: 3,
    rollout: { key: "cookie:uid", drain: "30s", ...rollout },
    sections: { analysis: "off" },
  });
  closing.push(w.close);
  return w;
}

async function loadOn(ports: readonly number[]): Promise<readonly Load[]> {
  const loads = ports.map((port) => startLoad({ url: `http://127.0.0.1:${port}/`, rate: 60, slowMs: 500 }));
  closing.push(() => Promise.all(loads.map((load) => load.stop().catch(() => null))));
  await Promise.all(loads.map((load) => load.warm));
  return loads;
}

const failuresOn = async (loads: readonly Load[]): Promise<readonly string[]> =>
  (await Promise.all(loads.map((load) => load.stop()))).flatMap(failuresOf);

/** A reload closes idle connections without reading them: what was on its way there is reset. */
const notByReload = (one: string): boolean => !one.includes(": reset, ");

/** A fault of somebody else's in the config of this nginx, which runs on with the one that it has. */
function broken(nginx: Nginx): { readonly file: string; readonly mend: () => void } {
  const file = join(nginx.confd, "zz-other.conf");
  writeFileSync(file, "server { bogus on; }\n");
  return { file, mend: () => unlinkSync(file) };
}

/** Everything that any nginx reads of its config: path → digest. */
const configsOf = (nginxes: readonly Nginx[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    nginxes
      .flatMap(({ main, confd }) => [main, ...readdirSync(confd).map((name) => join(confd, name))])
      .map((file) => [file, createHash("sha256").update(readFileSync(file)).digest("hex")]),
  );

/** Somebody else's server on each nginx, which has to live through what happens to ours. */
async function neighbours(w: Gates): Promise<readonly number[]> {
  const [own = 0, ...ports] = await freePorts(1 + w.nginxes.length);
  const app = await startApp({ directory: join(w.directory, "other"), port: own, release: "other" });
  closing.push(() => app.stop());
  for (const [i, { confd }] of w.nginxes.entries()) {
    const lines = `listen 127.0.0.1:${ports[i]}; location / { proxy_pass http://127.0.0.1:${own}; }`;
    writeFileSync(join(confd, "neighbour.conf"), `server { ${lines} }\n`);
  }
  for (const nginx of w.nginxes) await restart(nginx);
  return ports;
}

async function kill(nginx: Nginx): Promise<void> {
  const all = [masterPid(nginx) ?? 0, ...workerPids(nginx)];
  for (const pid of all) signal(pid, "SIGKILL");
  for (const pid of all) await ended(pid, 5000);
}

async function restart(nginx: Nginx): Promise<void> {
  await kill(nginx);
  await startNginx(nginx);
}

/** The share that this gateway's requests follow. */
function shareAt(w: Gates, gate: number): number {
  const home = join(w.directory, gate === 0 ? "switch" : `switch-${NAMES[gate]}`, "shop");
  const pool = readdirSync(home).find((name) => name.startsWith("pool-"))!;
  const table = readFileSync(join(home, pool, "cur", "routing.json"), "utf8");
  return (JSON.parse(table) as { routing: { share: number } }).routing.share;
}

describe.skipIf(!hasNginx("integration: refusing"))("one of three gateways", () => {
  it("refuses the first installation: no gateway has it", async () => {
    const w = await opened();
    const loads = await loadOn(await neighbours(w));
    const { file, mend } = broken(w.nginxes[1]!);
    const before = configsOf(w.nginxes);

    const ran = await w.glidepath("release", "v1");
    mustExit(ran, 1);
    expect(ran.stderr).toContain("web2: nginx refuses its present configuration");
    expect(ran.stderr).toContain('unknown directive "bogus"');
    expect(ran.stderr).toContain(file);
    expect(configsOf(w.nginxes)).toEqual(before);
    expect((await w.status()).slots.map(({ process }) => process)).toEqual(NAMES.map(() => "stopped"));
    expect((await failuresOn(loads)).filter(notByReload)).toEqual([]);

    mend();
    mustExit(await w.glidepath("release", "v1"), 0);
    expect(await failuresOn(await loadOn(w.gates))).toEqual([]);
  });

  it("refuses another topology: every gateway keeps what it had", async () => {
    const w = await opened();
    await w.bringUp("v1");
    const grown = await grow(w);
    const { file, mend } = broken(w.nginxes[1]!);
    const before = configsOf(w.nginxes);
    const loads = await loadOn(w.gates);

    const ran = await w.glidepath("release", "v2");
    mustExit(ran, 1);
    expect(ran.stderr).toContain("web2: nginx refuses its present configuration");
    expect(ran.stderr).toContain('unknown directive "bogus"');
    expect(ran.stderr).toContain(file);
    expect(configsOf(w.nginxes)).toEqual(before);
    const reports = await Promise.all(loads.map((load) => load.stop()));
    expect(reports.flatMap(failuresOf).filter(notByReload)).toEqual([]);
    expect(
      reports.flatMap(({ answers }) => answers.map(({ answeredBy }) => answeredBy.split("@")[0])),
    ).not.toContain("v2");
    expect(await w.status()).toMatchObject({ stable: "v1", rollout: null });

    mend();
    const again = await loadOn(w.gates);
    mustExit(await w.glidepath("release", "v2"), 0);
    expect((await failuresOn(again)).filter(notByReload)).toEqual([]);
    const slots = (await w.status()).slots.map(({ port, release, inRotation }) => [
      port,
      release,
      inRotation,
    ]);
    expect(slots).toHaveLength(4);
    expect(slots).toContainEqual([grown, "v2", true]);
    expect(slots.every(([, release, inRotation]) => release === "v2" && inRotation === true)).toBe(true);
  });

  it("refuses in the middle of a gray release: nobody gets more of it, and the others go back", async () => {
    const w = await opened({ steps });
    await w.bringUp("v1");
    const loads = await loadOn(w.gates);
    const running = w.start(["release", "v2", "--json"]);
    await running.says(/"phase":"approval"/);
    const theirs = join(w.nginxes[1]!.confd, "shop.conf");
    const written = readFileSync(theirs, "utf8");
    const edited = `${written}\n# somebody was here\n`;
    writeFileSync(theirs, edited);
    mustExit(await w.glidepath("promote"), 0);
    const ran = await running.done;
    mustExit(ran, 4);
    expect(ran.stdout).toContain(`web2: ${theirs} is not as Glidepath last wrote it`);
    expect(readFileSync(theirs, "utf8")).toBe(edited);
    expect(NAMES.map((_, i) => shareAt(w, i))).toEqual([0, 5000, 0]);

    writeFileSync(theirs, written);
    mustExit(await w.glidepath("abort", "--wait"), 1);
    expect(NAMES.map((_, i) => shareAt(w, i))).toEqual([0, 0, 0]);
    expect(await failuresOn(loads)).toEqual([]);
    expect(await w.status()).toMatchObject({ stable: "v1", rollout: null });
    expect((await w.status()).slots.every(({ release, inRotation }) => release === "v1" && inRotation)).toBe(
      true,
    );
  });

  it("is down in the middle of a gray release: nobody gets more, the others go back without it", async () => {
    const w = await opened({ steps });
    await w.bringUp("v1");
    const running = w.start(["release", "v2", "--json"]);
    await running.says(/"phase":"approval"/);
    const loads = await loadOn([w.gates[0]!, w.gates[2]!]);
    await kill(w.nginxes[1]!);
    mustExit(await w.glidepath("promote"), 0);
    await running.says(/nginx on web2/);
    expect(NAMES.map((_, i) => shareAt(w, i))).toEqual([5000, 5000, 5000]);
    const told = await w.glidepath("abort");
    mustExit(told, 0);
    await until(
      () => [shareAt(w, 0), shareAt(w, 2)],
      (shares) => shares.every((share) => share === 0),
    );
    await startNginx(w.nginxes[1]!);
    const ran = await running.done;
    mustExit(ran, 1);
    expect(await failuresOn(loads)).toEqual([]);
    expect(NAMES.map((_, i) => shareAt(w, i))).toEqual([0, 0, 0]);
    expect(await w.status()).toMatchObject({ stable: "v1", rollout: null });
  });
});

/** A further slot on the first host; its port. */
async function grow(w: Gates): Promise<number> {
  const port = await freePort();
  const sections = parse(readFileSync(w.file, "utf8")) as { hosts: { slots: number[] }[] };
  sections.hosts[0]!.slots.push(port);
  writeFileSync(w.file, stringify(sections));
  return port;
}
