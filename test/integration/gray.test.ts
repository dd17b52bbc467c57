// Gray releases: by users and by servers, every order at every step, hooks, and a third release.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, it, onTestFinished } from "vitest";
import { approvalAt } from "../support/command.ts";
import { failuresOf, goneBack } from "../support/load.ts";
import { mustExit } from "../support/exit.ts";
import { hasNginx } from "../support/nginx.ts";
import { until } from "../support/until.ts";
import { type Workspace, type WorkspaceOptions, openWorkspace } from "../support/workspace.ts";

const GATED = ["0%", "5%", "50%"].map((share) => ({ share, approve: true }));
const PATIENCE = 240_000;
/** Enough to notice, and little for a machine that does other things too. */
const RATE = { rate: 100 };

async function opened(rollout: object, options: WorkspaceOptions = {}): Promise<Workspace> {
  const workspace = await openWorkspace({
    ...options,
    edit: (sections, scene) => {
      const old = sections["rollout"] as object;
      const edited = { ...sections, rollout: { ...old, ...rollout } };
      return options.edit?.(edited, scene) ?? edited;
    },
  });
  onTestFinished(workspace.close);
  await workspace.bringUp("v1");
  return workspace;
}

async function order(workspace: Workspace, ...args: readonly string[]): Promise<void> {
  mustExit(await workspace.glidepath(...args), 0);
}

async function answersOf(workspace: Workspace, headers: Record<string, string>): Promise<string | null> {
  return (await fetch(workspace.url, { headers })).headers.get("x-release");
}

describe.skipIf(!hasNginx("integration: gray releases by users"))(
  "by users, on one host with two slots",
  () => {
    it(
      "testers first, then 5 %, 50 % and all, each when somebody says so",
      async () => {
        const rules = [{ header: "X-Canary", is: "always", to: "canary" }];
        const workspace = await opened({ rules, steps: [...GATED, { share: "100%" }] });
        const load = await workspace.load(RATE);
        const running = workspace.start(["release", "v2", "--json"]);
        await running.says(approvalAt(0));
        expect(await answersOf(workspace, { "X-Canary": "always" })).toBe("v2");
        expect(await answersOf(workspace, {})).toBe("v1");
        const early = await workspace.glidepath("promote", "--to", "0%");
        mustExit(early, 0);
        await until(workspace.status, ({ rollout }) => rollout?.phase === "approval" && rollout.share === 0);
        for (const share of [500, 5000]) {
          await order(workspace, "promote");
          await running.says(approvalAt(share));
        }
        await order(workspace, "promote");
        mustExit(await running.done, 0);
        const report = await load.stop();
        expect(failuresOf(report)).toEqual([]);
        expect(goneBack(report, ["v1", "v2"])).toEqual([]);
        expect(await workspace.inSlots()).toEqual(["v2", "v2"]);
      },
      PATIENCE,
    );

    it(
      "a jump to 50 %, a pause, a resume, and a jump to the end",
      async () => {
        const workspace = await opened({ steps: [...GATED.slice(1), { share: "100%" }] });
        const load = await workspace.load(RATE);
        const running = workspace.start(["release", "v2", "--json"]);
        await running.says(approvalAt(500));
        await order(workspace, "promote", "--to", "30%");
        await running.says(approvalAt(3000));
        const back = await workspace.glidepath("promote", "--to", "10%");
        mustExit(back, 3);
        expect(back.stderr).toContain("its step leads to 30 %; a jump goes further, `abort` goes back");
        await order(workspace, "pause");
        await until(workspace.status, ({ paused }) => paused);
        await order(workspace, "resume");
        await order(workspace, "promote", "--full");
        mustExit(await running.done, 0);
        const report = await load.stop();
        expect(failuresOf(report)).toEqual([]);
        expect(goneBack(report, ["v1", "v2"])).toEqual([]);
      },
      PATIENCE,
    );

    it(
      "abort at each step: nobody fails, and nobody sees the canary afterwards",
      async () => {
        const workspace = await opened({ steps: [...GATED, { share: "100%", approve: true }] });
        const load = await workspace.load(RATE);
        for (const share of [0, 500, 5000, 10_000]) {
          const running = workspace.start(["release", "v2", "--json"]);
          await running.says(approvalAt(0));
          for (const step of [500, 5000, 10_000].filter((each) => each <= share)) {
            await order(workspace, "promote");
            await running.says(approvalAt(step));
          }
          mustExit(await workspace.glidepath("abort", "--wait", "--reason", `at ${share}`), 1);
          mustExit(await running.done, 1);
          expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
          const answers = await Promise.all(Array.from({ length: 20 }, () => answersOf(workspace, {})));
          expect(answers.filter((release) => release !== "v1")).toEqual([]);
        }
        expect(failuresOf(await load.stop())).toEqual([]);
      },
      PATIENCE,
    );

    it("a list that is changed meanwhile is told of, and one that breaks stops no order", async () => {
      const rules = [{ cookie: "uid", in: "testers.txt", to: "canary" }];
      const file = (scene: { directory: string }): string => join(scene.directory, "testers.txt");
      const workspace = await opened(
        { rules, key: "cookie:uid", steps: [{ share: "0%", approve: true }, { share: "100%" }] },
        {
          edit: (sections, scene) => {
            writeFileSync(file(scene), "alice\n");
            return sections;
          },
        },
      );
      const running = workspace.start(["release", "v2", "--json"]);
      await running.says(approvalAt(0));
      const asked = ["explain", "--user", "alice"];
      const before = await workspace.glidepath(...asked);
      expect([before.code, before.stdout, before.stderr]).toEqual([
        0,
        expect.stringContaining("gets v2"),
        "",
      ]);
      writeFileSync(file(workspace), "bob\n");
      // nginx has the former list until a release installs another one.
      expect(await answersOf(workspace, { Cookie: "uid=alice" })).toBe("v2");
      const after = await workspace.glidepath(...asked);
      expect([after.code, after.stderr]).toEqual([0, expect.stringContaining("here still decides by")]);
      writeFileSync(file(workspace), "not a value\n");
      mustExit(await workspace.glidepath(...asked), 2);
      mustExit(await workspace.glidepath("status"), 0);
      const told = await workspace.glidepath("abort", "--wait");
      mustExit(told, 1);
      expect(told.stderr).toContain("testers.txt:1: expected a value");
      mustExit(await running.done, 1);
      expect(await answersOf(workspace, { Cookie: "uid=alice" })).toBe("v1");
    });

    it("a bake outlives the controller: what is left of it is baked by the next one", async () => {
      const steps = [{ share: "5%", bake: "30d" }, { share: "100%" }];
      const workspace = await opened({ steps });
      const load = await workspace.load(RATE);
      const first = workspace.start(["release", "v2", "--json"]);
      await first.says(/"phase":"baking"/);
      process.kill(first.pid, "SIGKILL");
      await first.done;
      const { rollout } = await workspace.status();
      // Nearly all of it is left, and rounded it is all.
      expect(rollout?.because).toMatch(/^baking 5 % for 30d: (30d|29d23h) left$/);
      const second = workspace.start(["resume", "--json"]);
      await second.says(/this process does from now on/);
      await order(workspace, "promote");
      mustExit(await second.done, 0);
      expect(failuresOf(await load.stop())).toEqual([]);
    });
  },
);

/** Two hosts with two slots each, both on this machine, in two zones; one nginx. */
const twoHosts: WorkspaceOptions = {
  slots: 4,
  edit: (sections, { root, slots }) => {
    const host = (name: string, own: readonly number[]) => ({
      name,
      address: "local",
      root: join(root, name),
      slots: own,
      labels: { zone: name },
    });
    const gateway = { ...(sections["gateway"] as object), hosts: ["a"] };
    return { ...sections, hosts: [host("a", slots.slice(0, 2)), host("b", slots.slice(2))], gateway };
  },
};

/** Of how many answers in a hundred the release gave. */
async function partOf(workspace: Workspace, release: string): Promise<number> {
  const answers = await Promise.all(Array.from({ length: 100 }, () => answersOf(workspace, {})));
  return answers.filter((one) => one === release).length;
}

describe.skipIf(!hasNginx("integration: gray releases by servers"))(
  "by servers, on two hosts with two slots",
  () => {
    it(
      "a zone, then all; and back from the zone",
      async () => {
        const steps = [{ servers: ["zone=b"], approve: true }, { share: "100%" }];
        const workspace = await opened({ split: "servers", steps }, twoHosts);
        const load = await workspace.load(RATE);
        const first = workspace.start(["release", "v2", "--json"]);
        await first.says(approvalAt(5000));
        expect(await workspace.inSlots()).toEqual(["v1", "v1", "v2", "v2"]);
        const part = await partOf(workspace, "v2");
        expect([part > 30, part < 70]).toEqual([true, true]);
        mustExit(await workspace.glidepath("abort", "--wait"), 1);
        mustExit(await first.done, 1);
        expect(await partOf(workspace, "v2")).toBe(0);
        const second = workspace.start(["release", "v2", "--json"]);
        await second.says(approvalAt(5000));
        await order(workspace, "promote");
        mustExit(await second.done, 0);
        expect(failuresOf(await load.stop())).toEqual([]);
        expect(await workspace.inSlots()).toEqual(["v2", "v2", "v2", "v2"]);
      },
      PATIENCE,
    );
  },
);

/** The first release is not what this is about. */
const NOT_V1 = '[ "$GLIDEPATH_RELEASE" = v1 ] && exit 0;';
const SCRIPT = `${NOT_V1} echo "$GLIDEPATH_HOOK $GLIDEPATH_HOST$GLIDEPATH_SHARE" >>hooks.log
echo "said by $GLIDEPATH_HOOK"`;
const MIGRATE = `${NOT_V1} echo begun >>hooks.log; until [ -e go ]; do sleep 0.05; done; echo migrated`;
const HOOKS = {
  beforeRelease: MIGRATE,
  beforeSlot: SCRIPT,
  afterSlot: SCRIPT,
  beforeShift: SCRIPT,
  afterShift: SCRIPT,
  afterRelease: SCRIPT,
};
const heard = (workspace: Workspace): readonly string[] =>
  readFileSync(join(workspace.directory, "hooks.log"), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.trim());

describe.skipIf(!hasNginx("integration: hooks"))("hooks", () => {
  it(
    "run once each, also over a kill of the controller while one runs; what they say is in the history",
    async () => {
      const workspace = await opened({}, { edit: (sections) => ({ ...sections, hooks: HOOKS }) });
      const load = await workspace.load(RATE);
      const first = workspace.start(["release", "v2", "--json"]);
      await until(
        () => existsSync(join(workspace.directory, "hooks.log")),
        (isThere) => isThere,
      );
      process.kill(first.pid, "SIGKILL");
      await first.done;
      const second = workspace.start(["resume", "--json"]);
      await second.says(/this process does from now on/);
      writeFileSync(join(workspace.directory, "go"), "");
      mustExit(await second.done, 0);
      expect(failuresOf(await load.stop())).toEqual([]);
      expect(heard(workspace)).toEqual([
        "begun",
        "beforeSlot here",
        "beforeShift 100%",
        "afterSlot here",
        "afterShift 100%",
        "beforeSlot here",
        "afterSlot here",
        "afterRelease",
      ]);
      const { id } = (await workspace.glidepath("history", "--json")).events[0] as { id: string };
      const told = (await workspace.glidepath("history", id)).stdout;
      expect(told).toMatch(/hook beforeRelease: done in .*\n +migrated\n/);
      expect(told).toMatch(/hook afterShift \(100 %\): done in .*\n +said by afterShift\n/);
    },
    PATIENCE,
  );
});

describe.skipIf(!hasNginx("integration: supersede"))("a third release", () => {
  it(
    "takes the place of the one that bakes: v2 gives way, v3 starts from v1, nobody fails",
    async () => {
      const steps = [{ share: "50%", bake: "1h" }, { share: "100%" }];
      const workspace = await opened({ steps }, { releases: { v1: {}, v2: {}, v3: {} } });
      const load = await workspace.load(RATE);
      const first = workspace.start(["release", "v2", "--json"]);
      await first.says(/"phase":"baking"/);
      mustExit(await workspace.glidepath("release", "v3"), 3);
      // For a release that could not begin nobody goes back.
      for (const release of ["v1", "v33"]) {
        const refused = await workspace.glidepath("release", release, "--supersede");
        mustExit(refused, 3);
        expect(refused.stderr).toContain("the rollout of v2 is as it was");
      }
      expect((await workspace.status()).rollout).toMatchObject({ release: "v2", phase: "baking" });
      const third = workspace.start(["release", "v3", "--supersede", "--json"]);
      mustExit(await first.done, 3);
      await third.says(/"release":"v3"[^\n]*"phase":"baking"/);
      expect((await workspace.status()).rollout).toMatchObject({ from: "v1", share: 5000 });
      await order(workspace, "promote");
      mustExit(await third.done, 0);
      const report = await load.stop();
      expect(failuresOf(report)).toEqual([]);
      expect(
        report.changes.filter(({ from, to }) => from === "v3" || (from === "v2" && to === "v3")),
      ).toEqual([]);
      expect(await workspace.inSlots()).toEqual(["v3", "v3"]);
      const history = (await workspace.glidepath("history", "--json")).events;
      expect(history.map(({ release, from, outcome }) => [release, from, outcome])).toEqual([
        ["v3", "v1", "completed"],
        ["v2", "v1", "superseded"],
        ["v1", null, "completed"],
      ]);
      expect(history[1]).toMatchObject({ reason: "v3 takes its place", failed: 0 });
    },
    PATIENCE,
  );
});
