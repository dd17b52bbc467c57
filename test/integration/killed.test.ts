// The controller is killed at any instant; the next command reaches the same end. GLIDEPATH_KILLS=50 for the
// long run, GLIDEPATH_SEED=N for the same instants again.
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it, onTestFailed, onTestFinished } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { failuresOf, goneBack } from "../support/load.ts";
import { mustExit } from "../support/exit.ts";
import { seed } from "../support/seed.ts";
import { hasNginx } from "../support/nginx.ts";
import { type Workspace, openWorkspace } from "../support/workspace.ts";

const KILLS = Number(process.env["GLIDEPATH_KILLS"] ?? "5");
const PATIENCE = 60_000 + KILLS * 25_000;
/** At most so many kills to one release; as many releases as it takes. */
const KILLS_EACH = 5;
/** About as long as a release takes: later instants lie behind its end. */
const LATEST = 3500;
const names = Array.from({ length: KILLS + 1 }, (_, n) => `v${n + 1}`);

async function killAfter(workspace: Workspace, args: readonly string[], ms: number): Promise<boolean> {
  const running = workspace.start(args);
  const ended = running.done.then(() => true);
  const first = await Promise.race([ended, wait(ms, false)]);
  if (!first) process.kill(running.pid, "SIGKILL");
  await running.done;
  return !first;
}

describe.skipIf(!hasNginx("integration: a killed controller"))("a controller that is killed", () => {
  it(
    `${KILLS} times leaves nothing that resume cannot finish (seed ${seed})`,
    async () => {
      console.log(`GLIDEPATH_SEED=${seed} repeats these instants`);
      const random = seededRandom(seed);
      const workspace = await openWorkspace({
        releases: Object.fromEntries(names.map((name) => [name, {}])),
      });
      onTestFinished(workspace.close);
      await workspace.bringUp("v1");
      const load = await workspace.load({ rate: 300, slowMs: 1500 });
      const log: string[] = [];
      onTestFailed(() => console.error(log.join("\n")));
      let kills = 0;
      let last = "v1";

      for (const release of names.slice(1)) {
        if (kills >= KILLS) break;
        last = release;
        let args: readonly string[] = ["release", release];
        for (let n = 0; n < KILLS_EACH && kills < KILLS; n++) {
          const ms = random.int(0, LATEST);
          const killed = await killAfter(workspace, args, ms);
          log.push(`${args.join(" ")}: ${killed ? `killed after ${ms} ms` : "ended"}`);
          if (killed) kills += 1;
          // A kill before the rollout was noted leaves nothing to resume: then it is asked for again.
          const { rollout, stable } = await workspace.status();
          if (rollout === null && stable === release) break;
          args = rollout === null ? ["release", release] : ["resume"];
        }
        const { rollout, stable } = await workspace.status();
        if (rollout === null && stable === release) continue;
        const ran = await workspace.glidepath(...(rollout === null ? ["release", release] : ["resume"]));
        log.push(`at last ${rollout === null ? "release" : "resume"}: ${ran.code}`);
        mustExit(ran, 0);
        expect(await workspace.inSlots()).toEqual([release, release]);
      }
      const report = await load.stop();

      // Control: most of the instants lay within a release.
      expect(kills).toBeGreaterThanOrEqual(Math.ceil(KILLS / 2));
      expect(failuresOf(report)).toEqual([]);
      expect(goneBack(report, names)).toEqual([]);
      expect(await workspace.inSlots()).toEqual([last, last]);
      const status = await workspace.status();
      expect(status).toMatchObject({ stable: last, rollout: null });
      expect(status.slots.every(({ inRotation }) => inRotation)).toBe(true);
    },
    PATIENCE,
  );

  it("leaves its lease to the next command at once, as its process is seen to be dead", async () => {
    const workspace = await openWorkspace({ releases: { v1: {} } });
    onTestFinished(workspace.close);
    await workspace.addHeld("v2");
    await workspace.bringUp("v1");
    const running = workspace.start(["release", "v2", "--json"]);
    await running.says(/"phase":"updating"/);
    process.kill(running.pid, "SIGKILL");
    await running.done;
    const ran = await workspace.glidepath("abort", "--wait", "--yes");
    mustExit(ran, 1);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
  });
});
