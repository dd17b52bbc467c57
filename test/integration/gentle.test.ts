// Slots that are warmed up, and take on their traffic by and by, under load through a real nginx.
import { describe, expect, it, onTestFinished } from "vitest";
import { mustExit } from "../support/exit.ts";
import { failuresOf, goneBack } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const PATIENCE = 180_000;
const RAMPS = /takes on its traffic/;

async function opened(ramp: string): Promise<Workspace> {
  const workspace = await openWorkspace({
    edit: (sections) => ({
      ...sections,
      warm: [{ http: "/", times: 5 }],
      rollout: { ramp },
      analysis: "off",
    }),
  });
  onTestFinished(workspace.close);
  await workspace.bringUp("v1");
  return workspace;
}

describe.skipIf(!hasNginx("integration: slots that join gently"))("a release with warm-up and ramp", () => {
  it(
    "loses nothing, turns nobody back, and tells what the warm-up was",
    async () => {
      const workspace = await opened("3s");
      const load = await workspace.load({ rate: 60 });
      const ran = await workspace.glidepath("release", "v2", "--json");
      const report = await load.stop();
      mustExit(ran, 0);
      expect(failuresOf(report)).toEqual([]);
      expect(goneBack(report, ["v1", "v2"])).toEqual([]);
      expect(await workspace.inSlots()).toEqual(["v2", "v2"]);
      expect(ran.stdout).toMatch(RAMPS);
      const ended = ran.events.at(-1);
      const history = await workspace.glidepath("history", String(ended?.["id"]), "--json");
      expect(history.stdout).toContain("GET /: 5 of 5 answered well");
    },
    PATIENCE,
  );

  it(
    "goes back at once when it is told to while a slot ramps",
    async () => {
      const workspace = await opened("10s");
      const load = await workspace.load({ rate: 60 });
      const running = workspace.start(["release", "v2", "--json"]);
      await running.says(RAMPS);
      mustExit(await workspace.glidepath("abort"), 0);
      await running.says(/"phase":"aborting"/);
      const ran = await running.done;
      const report = await load.stop();
      mustExit(ran, 1);
      expect(failuresOf(report)).toEqual([]);
      expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
    },
    PATIENCE,
  );
});
