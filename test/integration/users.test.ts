// Gray by users through the real command: six hosts with three slots, two gateways, load on both, every step
// approved by hand; users are asked one by one at each step.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { prepareNginx, startNginx, stopNginx, type Nginx } from "../../src/demo/nginx.ts";
import { freePorts } from "../../src/demo/ports.ts";
import type { Scene, Sections } from "../../src/demo/scene.ts";
import { bucketOfUser } from "../../src/drivers/nginx/bucket.ts";
import { crowd } from "../support/crowd.ts";
import { mustExit } from "../support/exit.ts";
import { failuresOf, startLoad } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const HOSTS = ["web1", "web2", "web3", "web4", "web5", "web6"];
const SHARES = [0, 1, 5, 25, 50, 100];
const USERS = Array.from({ length: 2000 }, (_, i) => `user-${i}`);

interface Pair extends Workspace {
  /** Ports at which the two gateways are reached. */
  readonly gates: readonly number[];
  readonly second: Nginx;
}

const ended: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ended.splice(0).toReversed()) await end();
});

/** Two gateways, each with an nginx of its own, for six hosts that are all this machine. */
function sixHosts(ports: readonly number[], gate: number) {
  return (sections: Sections, scene: Scene): Sections => {
    const second = prepareNginx(join(scene.directory, "nginx2"));
    const common = sections["gateway"] as Record<string, unknown>;
    mkdirSync(join(scene.directory, "switch2"));
    return {
      ...sections,
      hosts: HOSTS.map((name, i) => ({
        name,
        address: "local",
        root: join(scene.root, name),
        slots: ports.slice(i * 3, i * 3 + 3),
      })),
      gateway: {
        ...common,
        hosts: [
          "web1",
          {
            name: "web2",
            config: join(second.confd, "shop.conf"),
            main: second.main,
            listen: [`127.0.0.1:${gate}`],
            state: join(scene.directory, "switch2"),
            log: join(second.directory, "logs", "shop.log"),
          },
        ],
      },
      rollout: {
        key: "header:X-User",
        rules: [{ header: "X-Tester", is: "yes", to: "canary" }],
        maxUnavailable: 6,
        steps: SHARES.map((share) => ({ share: `${share}%`, ...(share < 100 ? { approve: true } : {}) })),
        drain: "5s",
      },
    };
  };
}

async function open(): Promise<Pair> {
  const [gate = 0, ...ports] = await freePorts(1 + HOSTS.length * 3);
  const workspace = await openWorkspace({ edit: sixHosts(ports, gate) });
  const second = prepareNginx(join(workspace.directory, "nginx2"));
  await startNginx(second);
  ended.push(async () => {
    await stopNginx(second);
    await workspace.close();
  });
  return { ...workspace, gates: [workspace.port, gate], second };
}

/** The release that each user gets, asked one by one. */
async function releasesAt(port: number, lines: readonly (readonly string[])[]): Promise<readonly string[]> {
  const heard = await crowd({ port, visits: lines.map((one) => ({ lines: one })) });
  return heard.map(({ status, head }) =>
    status === 200 ? (/x-release: (\S+)/i.exec(head)?.[1] ?? "none") : `${status}`,
  );
}

describe.skipIf(!hasNginx("integration: gray by users"))(
  "a gray release on six hosts behind two gateways",
  () => {
    it("reaches exactly the users of each share on both, nobody goes back, and nothing fails", async () => {
      const w = await open();
      mustExit(await w.glidepath("release", "v1"), 0);
      const loads = w.gates.map((port) => startLoad({ url: `http://127.0.0.1:${port}/`, rate: 60 }));
      onTestFinished(() => void loads.map((load) => load.stop().catch(() => null)));
      await Promise.all(loads.map((load) => load.warm));
      const running = w.start(["release", "v2", "--json"], { timeoutMs: 280_000 });
      for (const share of SHARES.slice(0, -1)) {
        await running.says(new RegExp(`"phase":"approval"[^\n]*"share":${share * 100},`));
        const wanted = USERS.map((user) => (bucketOfUser("shop", user) < share * 100 ? "v2" : "v1"));
        for (const gate of w.gates) {
          expect(
            await releasesAt(
              gate,
              USERS.map((user) => [`X-User: ${user}`]),
            ),
          ).toEqual(wanted);
          expect(await releasesAt(gate, [["X-Tester: yes"], ["X-Tester: no", "X-User: user-0"]])).toEqual([
            "v2",
            wanted[0],
          ]);
        }
        mustExit(await w.glidepath("promote"), 0);
      }
      const ran = await running.done;
      mustExit(ran, 0);
      const reports = await Promise.all(loads.map((load) => load.stop()));
      expect(reports.flatMap(failuresOf)).toEqual([]);
      for (const gate of w.gates)
        expect(new Set(await releasesAt(gate, [[], ["X-User: 1"]]))).toEqual(new Set(["v2"]));
    }, 300_000);
  },
);
