// The judge on real nginx: a release that harms is left by itself, one that does not is not. How soon is
// measured by `npm run bench -- judge`; here it is counted, in requests of the canary.
import process from "node:process";
import { describe, expect, it, onTestFinished } from "vitest";
import { bucketOfUser } from "../../src/drivers/nginx/bucket.ts";
import type { Sections } from "../../src/demo/scene.ts";
import type { Behaviour } from "../support/app.ts";
import { mustExit } from "../support/exit.ts";
import { failuresOf, type LoadReport } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { until } from "../support/until.ts";
import { openWorkspace, UNHURRIED, type Workspace } from "../support/workspace.ts";

const LOAD = { rate: 200, users: 2000, post: 0, slow: 0 };
const GRAY = [{ share: "5%", bake: "10m" }, { share: "100%" }];
const SHORT = [{ share: "5%", bake: "3s" }, { share: "50%", bake: "2s" }, { share: "100%" }];
const BRIEF = [{ share: "50%", bake: "2s" }, { share: "100%" }];
const SMOOTH = [{ share: "100%" }];
/** Of a smooth release: it may take a busy machine long to know what the first users got. */
const LOOKS = { look: "30s" };
/** Where the first look sees nobody it takes all of its time: long enough for the last one to see all. */
const SEES_NOBODY = { look: "15s" };
const FAILS: Behaviour = { errorShare: 1 };
const HANGS: Behaviour = { delayMs: 60_000, exitsAtOnce: true };

interface Options {
  readonly behaviour?: Behaviour;
  readonly sections?: Readonly<Record<string, unknown>>;
  readonly analysis?: Readonly<Record<string, unknown>>;
  readonly steps?: readonly Readonly<Record<string, unknown>>[];
}

async function open({
  behaviour = {},
  sections: more,
  analysis = {},
  steps = GRAY,
}: Options): Promise<Workspace> {
  const edit = (sections: Sections): Sections => ({
    ...sections,
    rollout: { steps, key: "cookie:uid", drain: "10s" },
    analysis: { warmup: "1s", minRequests: 20, ...analysis },
    ...more,
  });
  const workspace = await openWorkspace({ releases: { v1: {}, v2: behaviour, v3: {} }, edit });
  onTestFinished(workspace.close);
  await workspace.bringUp("v1");
  return workspace;
}

interface Judged {
  readonly analysis: { readonly canary?: { readonly requests: number } };
}

interface Looked {
  readonly share: number;
  readonly canary: { readonly requests: number };
}

const answeredBy = ({ answers }: LoadReport, release: string): number =>
  answers
    .filter((one) => one.answeredBy.startsWith(release))
    .reduce((sum, { requests }) => sum + requests, 0);

describe.skipIf(!hasNginx("integration: the judge"))("a release that", () => {
  it("fails every request is left by itself, and the receipt has what it cost", async () => {
    const workspace = await open({ behaviour: { errorShare: 1 } });
    const load = await workspace.load(LOAD);
    const ran = await workspace.glidepath("release", "v2", "--json");
    const report = await load.stop();
    mustExit(ran, 1);
    const result = ran.events.at(-1);
    expect(result).toMatchObject({ outcome: "rolled-back" });
    expect(result?.["reason"]).toMatch(
      /^v2 is judged: more requests fail than is tolerated; failed: canary \d+/,
    );
    expect(failuresOf(report).length).toBeGreaterThan(0);
    expect(failuresOf(report).filter((one) => !/status 500/.test(one))).toEqual([]);
    expect(result).toMatchObject({ failed: report.failed, receipt: { missing: [] } });
    // Ten a second go to it: the judge knows by few of them. How soon it is gone is for the machine to say.
    const verdicts = ran.events.filter(({ event }) => event === "verdict") as unknown as readonly Looked[];
    expect(verdicts.at(-1)?.canary.requests).toBeLessThan(100);
    const history = await workspace.glidepath("history", String(result?.["id"]), "--json");
    const journal = history.events[0]?.["journal"] as readonly { kind: string; data: { kind: string } }[];
    const course = journal.filter(({ kind }) => kind === "verdict").map(({ data }) => data.kind);
    expect(course.at(-1)).toBe("fail");
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
  });

  it.each([
    {
      id: "fails 5 % of its requests",
      behaviour: { errorShare: 0.05 },
      says: /more requests fail/,
      most: 2000,
    },
    { id: "is 60 ms slower", behaviour: { delayMs: 60 }, says: /slower than is tolerated/, most: 800 },
  ])("$id is left by itself", async ({ behaviour, says, most }) => {
    const workspace = await open({ behaviour, steps: [{ share: "25%", bake: "10m" }, { share: "100%" }] });
    const load = await workspace.load(LOAD);
    const ran = await workspace.glidepath("release", "v2", "--json");
    const report = await load.stop();
    mustExit(ran, 1);
    expect(ran.events.at(-1)?.["reason"]).toMatch(says);
    expect(answeredBy(report, "v2")).toBeLessThan(most);
  });

  it("follows upon another is not held to account for what that one's canary was asked", async () => {
    const workspace = await open({ steps: BRIEF, analysis: UNHURRIED });
    const load = await workspace.load(LOAD);
    mustExit(await workspace.glidepath("release", "v2", "--json"), 0);
    // It takes a while until it serves: the judge has read the log by then.
    await workspace.addRelease("v3", { bootMs: 3000 });
    const ran = await workspace.glidepath("release", "v3", "--json");
    await load.stop();
    mustExit(ran, 0);
    const verdicts = ran.events.filter(({ event }) => event === "verdict") as unknown as readonly Looked[];
    const early = verdicts.filter(({ share }) => share === 0);
    expect(early.length).toBeGreaterThan(1);
    expect(early.filter(({ canary }) => canary.requests > 0)).toEqual([]);
    // Control: it is counted once there is one.
    expect(verdicts.at(-1)?.canary.requests).toBeGreaterThan(0);
  });

  it("is only observed is told about, and goes on", async () => {
    const steps = [{ share: "50%", bake: "4s" }, { share: "100%" }];
    const workspace = await open({ behaviour: { errorShare: 1 }, steps });
    const load = await workspace.load(LOAD);
    const ran = await workspace.glidepath("release", "v2", "--observe", "--json");
    await load.stop();
    mustExit(ran, 0);
    expect(ran.events.filter(({ event }) => event === "verdict").map(({ verdict }) => verdict)).toContain(
      "fail",
    );
  });

  it("fails every request is left while a smooth release widens", async () => {
    // The second slot takes a while to come up, as most applications do.
    const workspace = await open({
      behaviour: { errorShare: 1, bootMs: 2000 },
      steps: SMOOTH,
      analysis: LOOKS,
    });
    const load = await workspace.load(LOAD);
    const ran = await workspace.glidepath("release", "v2", "--json");
    await load.stop();
    mustExit(ran, 1);
    expect(ran.events.at(-1)).toMatchObject({ outcome: "rolled-back" });
    expect(ran.events.at(-1)?.["reason"]).toMatch(/^v2 is judged/);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
  });

  it("fails every request and boots at once is left all the same, before it is in every slot", async () => {
    const workspace = await open({ behaviour: { errorShare: 1 }, steps: SMOOTH, analysis: LOOKS });
    const load = await workspace.load(LOAD);
    const ran = await workspace.glidepath("release", "v2", "--json");
    await load.stop();
    mustExit(ran, 1);
    expect(ran.events.at(-1)?.["reason"]).toMatch(/^v2 is judged/);
    expect(JSON.stringify(ran.events)).not.toContain('"phase":"completed"');
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
  });

  it("hangs is left before it is in every slot, though nothing is told of what it was asked", async () => {
    // No smoke check asks a page of it.
    const sections = { smoke: [], rollout: { steps: SMOOTH, key: "cookie:uid", drain: "1s" } };
    const workspace = await open({ behaviour: HANGS, sections, analysis: LOOKS });
    const load = await workspace.load(LOAD);
    const ran = await workspace.glidepath("release", "v2", "--json");
    const report = await load.stop();
    mustExit(ran, 1);
    expect(ran.events.at(-1)?.["reason"]).toMatch(
      /^v2 is judged: requests to the canary are missing: 0 of \d+/,
    );
    const said = ran.events.map(({ because }) => String(because));
    expect(said).toContainEqual(
      expect.stringMatching(/watched: 0 of 20 requests seen, far fewer than it was asked/),
    );
    const [first, second] = workspace.slots;
    expect(said).toContainEqual(expect.stringContaining(`here:${first} drains`));
    expect(said).not.toContainEqual(expect.stringContaining(`here:${second} drains`));
    expect(answeredBy(report, "v2")).toBe(0);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
  });

  it.each([
    { what: "fails", user: "of the first slots", behaviour: FAILS },
    { what: "fails", user: "of the last slot", behaviour: FAILS },
    { what: "hangs", user: "of the first slots", behaviour: HANGS },
    { what: "hangs", user: "of the last slot", behaviour: HANGS },
  ])("$what for the one client that comes, who is a user $user, is left", async ({ user, behaviour }) => {
    const isFirst = user === "of the first slots";
    const app = ["a", "b", "c", "d", "e", "f"].find(
      (name) => bucketOfUser(name, "user-0") < 5000 === isFirst,
    );
    const rollout = { steps: SMOOTH, key: "cookie:uid", drain: "1s" };
    const analysis = isFirst ? LOOKS : SEES_NOBODY;
    const workspace = await open({ behaviour, sections: { app, smoke: [], rollout }, analysis });
    const load = await workspace.load({ rate: 60, users: 1, post: 0, slow: 0, timeoutMs: 4000 });
    const ran = await workspace.glidepath("release", "v2", "--json");
    await load.stop();
    mustExit(ran, 1);
    expect(ran.events.at(-1)?.["reason"]).toMatch(/^v2 is judged: it fails: \d+ of \d+/);
    expect(JSON.stringify(ran.events)).not.toContain('"phase":"completed"');
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
  });

  it("bakes while the controller is killed is judged on: each request counts once", async () => {
    const steps = [{ share: "50%", bake: "10m", approve: true }, { share: "100%" }];
    const workspace = await open({ steps, analysis: { early: false, ...UNHURRIED } });
    const load = await workspace.load(LOAD);
    const judged = async (): Promise<number> => {
      const { analysis } = (await workspace.status()) as unknown as Judged;
      return analysis.canary?.requests ?? 0;
    };
    const running = workspace.start(["release", "v2", "--json"]);
    await running.says(/"phase":"baking"/);
    await until(judged, (count) => count > 100);
    process.kill(running.pid, "SIGKILL");
    await running.done;
    const before = await judged();
    const resumed = workspace.start(["resume", "--wait", "--json"]);
    await until(judged, (count) => count > before + 100);
    const answered = answeredBy(await load.stop(), "v2");
    // What is on its way to the judge comes within seconds; then the count rests.
    const settled = await until(
      async () => [await judged(), await judged()] as const,
      ([one, other]) => one === other && one >= answered,
    );
    expect(before).toBeGreaterThan(100);
    expect(settled[0]).toBe(answered);
    mustExit(await workspace.glidepath("abort"), 0);
    await resumed.done;
  });

  it("is as good as the one before is never left", async () => {
    // A process that was never asked is slower: it is warm before it is judged, and some more is tolerated.
    const sections = { warm: [{ http: "/", times: 300 }] };
    const workspace = await open({ steps: SHORT, sections, analysis: { latency: { margin: "100ms" } } });
    const load = await workspace.load(LOAD);
    const runs = Number(process.env["GLIDEPATH_IDENTICAL"] ?? "2");
    for (let run = 0; run < runs; run++) {
      mustExit(await workspace.glidepath("release", run % 2 === 0 ? "v2" : "v3"), 0);
    }
    expect(failuresOf(await load.stop())).toEqual([]);
  });
});
