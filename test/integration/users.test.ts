// Gray by users through the real command: six hosts with three slots, two gateways, load on both, every step
// approved by hand; users are asked one by one at each step.
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { bucketOfUser } from "../../src/drivers/nginx/bucket.ts";
import { approvalAt } from "../support/command.ts";
import { crowd } from "../support/crowd.ts";
import { mustExit } from "../support/exit.ts";
import { openGates, type Gates } from "../support/gates.ts";
import { failuresOf, startLoad, type Load } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";

const SHARES = [0, 1, 5, 25, 50, 100];
const USERS = Array.from({ length: 2000 }, (_, i) => `user-${i}`);
const rollout = (maxUnavailable: number) => ({
  key: "cookie:uid",
  rules: [{ header: "X-Tester", is: "yes", to: "canary" }],
  maxUnavailable,
  steps: SHARES.map((share) => ({ share: `${share}%`, ...(share < 100 ? { approve: true } : {}) })),
  drain: "30s",
});

const opened: Gates[] = [];
afterAll(async () => {
  for (const one of opened.splice(0)) await one.close();
});

/** Hosts that run v1 behind two gateways, and load on each. */
async function open(hosts: number, slots: number): Promise<{ w: Gates; loads: readonly Load[] }> {
  const w = await openGates({ hosts, slots, gateways: 2, rollout: rollout(hosts) });
  opened.push(w);
  mustExit(await w.glidepath("release", "v1"), 0);
  return { w, loads: await loadOn(w) };
}

async function loadOn(w: Gates): Promise<readonly Load[]> {
  const loads = w.gates.map((port) => startLoad({ url: `http://127.0.0.1:${port}/`, rate: 60, slowMs: 500 }));
  onTestFinished(() => void loads.map((load) => load.stop().catch(() => null)));
  await Promise.all(loads.map((load) => load.warm));
  return loads;
}

/** The release that each request gets, asked one by one. */
async function releasesAt(port: number, visits: readonly (readonly string[])[]): Promise<readonly string[]> {
  const heard = await crowd({ port, visits: visits.map((lines) => ({ lines })) });
  return heard.map(({ status, head }) =>
    status === 200 ? (/x-release: (\S+)/i.exec(head)?.[1] ?? "none") : `${status}`,
  );
}

describe.skipIf(!hasNginx("integration: gray by users"))("a gray release on six hosts, two gateways", () => {
  it("reaches exactly the users of each share on both, nobody goes back, and nothing fails", async () => {
    const { w, loads } = await open(6, 3);
    const running = w.start(["release", "v2", "--json"], { timeoutMs: 280_000 });
    for (const share of SHARES.slice(0, -1)) {
      await running.says(approvalAt(share * 100));
      const wanted = USERS.map((user) => (bucketOfUser("shop", user) < share * 100 ? "v2" : "v1"));
      const asked = USERS.map((user) => [`Cookie: uid=${user}`]);
      const testers = [["X-Tester: yes"], ["X-Tester: no", "Cookie: uid=user-0"]];
      for (const gate of w.gates) {
        expect(await releasesAt(gate, asked)).toEqual(wanted);
        expect(await releasesAt(gate, testers)).toEqual(["v2", wanted[0]]);
      }
      mustExit(await w.glidepath("promote"), 0);
    }
    const ran = await running.done;
    mustExit(ran, 0);
    const reports = await Promise.all(loads.map((load) => load.stop()));
    expect(reports.flatMap(failuresOf)).toEqual([]);
    expect(ran.events.at(-1)).toMatchObject({ receipt: { skew: expect.any(Number) } });
    const last = await Promise.all(w.gates.map((gate) => releasesAt(gate, [[], ["Cookie: uid=1"]])));
    expect(last).toEqual([
      ["v2", "v2"],
      ["v2", "v2"],
    ]);
  }, 300_000);

  it("is left by everybody on both gateways before the first slot goes back, and nothing fails", async () => {
    const { w, loads } = await open(2, 2);
    const running = w.start(["release", "v2", "--json"]);
    await running.says(approvalAt(0));
    mustExit(await w.glidepath("promote", "--to", "25%"), 0);
    await running.says(approvalAt(2500));
    mustExit(await w.glidepath("abort"), 0);
    const ran = await running.done;
    mustExit(ran, 1);
    const reports = await Promise.all(loads.map((load) => load.stop()));
    expect(reports.flatMap(failuresOf)).toEqual([]);
    // By the journal: first nobody is led to the canary any more, then its slots are stopped.
    const back = ran.events.filter((one) => one["phase"] === "aborting");
    const left = back.find((one) => one["share"] === 0);
    const stopped = back.find((one) => / stops/.test(String(one["because"])));
    expect(Date.parse(String(left?.["at"]))).toBeLessThanOrEqual(Date.parse(String(stopped?.["at"])));
    const seen = reports.flatMap(({ answers }) => answers.filter((one) => one.answeredBy.startsWith("v2@")));
    expect(seen.length).toBeGreaterThan(0);
    expect(Math.max(...seen.map((one) => one.lastSentAt))).toBeLessThan(Date.parse(String(stopped?.["at"])));
    for (const gate of w.gates) {
      const lines = USERS.map((user) => [`Cookie: uid=${user}`]);
      expect(new Set(await releasesAt(gate, lines))).toEqual(new Set(["v1"]));
    }
  }, 120_000);
});
