// The main job: releases in a row under load, nothing lost. GLIDEPATH_RELEASES=100 for the long run.
import process from "node:process";
import { describe, expect, it, onTestFinished } from "vitest";
import { masterPid, reloadsOf, workerPids } from "../../src/demo/nginx.ts";
import { answeredIn, failuresOf, goneBack } from "../support/load.ts";
import { mustExit } from "../support/exit.ts";
import { hasNginx, settledWorkers } from "../support/nginx.ts";
import { watchSwitches } from "../support/switches.ts";
import { openWorkspace } from "../support/workspace.ts";

const RELEASES = Number(process.env["GLIDEPATH_RELEASES"] ?? "5");
const PATIENCE = 30_000 + RELEASES * 20_000;
/** Three processes tell when something was, each by a clock that it began to count from by itself; ms. */
const CLOCKS = 50;
/** More of it, and for longer, than elsewhere: this is the main job. */
const LOAD = { rate: 300, slowMs: 1500 };
const names = Array.from({ length: RELEASES + 1 }, (_, n) => `v${n + 1}`);

describe.skipIf(!hasNginx("integration: releases in a row"))("releases in a row under load", () => {
  it(
    `lose no request, reload nothing, and no slot is asked once it is out: ${RELEASES} of them`,
    async () => {
      const workspace = await openWorkspace({
        releases: Object.fromEntries(names.map((name) => [name, {}])),
      });
      onTestFinished(workspace.close);
      await workspace.bringUp("v1");
      const { nginx } = workspace;
      const pids = { master: masterPid(nginx), workers: await settledWorkers(nginx) };
      const reloads = reloadsOf(nginx);
      const watch = watchSwitches(workspace);
      onTestFinished(watch.close);
      const load = await workspace.load(LOAD);

      const codes: (number | null)[] = [];
      for (const name of names.slice(1)) {
        const ran = await workspace.glidepath("release", name);
        if (ran.code !== 0) console.error(ran.stdout, ran.stderr);
        codes.push(ran.code);
      }
      const report = await load.stop();

      expect(codes).toEqual(names.slice(1).map(() => 0));
      expect(failuresOf(report)).toEqual([]);
      expect({ master: masterPid(nginx), workers: workerPids(nginx) }).toEqual(pids);
      expect(reloadsOf(nginx) - reloads).toBe(0);
      expect(goneBack(report, names)).toEqual([]);
      expect(await workspace.inSlots()).toEqual([names.at(-1), names.at(-1)]);

      // A request sent after a switch was seen in place must not reach a slot that it had taken out. One that
      // is answered after the next switch tells nothing: a busy worker may have read it only then.
      const spans = watch.switches.flatMap(({ seenAt, slots }, at) => {
        const to = watch.switches[at + 1]?.madeAt ?? report.endedAt;
        const out = workspace.slots.filter((slot) => !slots.includes(slot));
        return out.map((slot) => ({ slot, from: seenAt + CLOCKS, to: to - CLOCKS }));
      });
      expect(spans.length).toBeGreaterThanOrEqual(2 * RELEASES);
      expect(spans.map(({ slot, ...span }) => answeredIn(report, slot, span))).toEqual(spans.map(() => 0));
      // Control: the same slots are asked when they are in.
      const inAll = watch.switches.findIndex(({ slots }) => slots.length === workspace.slots.length);
      const full = {
        from: watch.switches[inAll]!.seenAt,
        to: watch.switches[inAll + 1]?.madeAt ?? report.endedAt,
      };
      expect(answeredIn(report, workspace.slots[0]!, full)).toBeGreaterThan(0);
    },
    PATIENCE,
  );

  it("rolls back to the release before, again without a lost request", async () => {
    const workspace = await openWorkspace();
    onTestFinished(workspace.close);
    await workspace.bringUp("v1");
    await workspace.bringUp("v2");
    const load = await workspace.load(LOAD);
    const ran = await workspace.glidepath("rollback", "--yes");
    const report = await load.stop();

    mustExit(ran, 0);
    expect(failuresOf(report)).toEqual([]);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
    const history = await workspace.glidepath("history", "--json");
    expect(history.events.map(({ release, from, outcome }) => ({ release, from, outcome }))).toEqual([
      { release: "v1", from: "v2", outcome: "completed" },
      { release: "v2", from: "v1", outcome: "completed" },
      { release: "v1", from: null, outcome: "completed" },
    ]);
  });
});
