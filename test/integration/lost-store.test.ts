// The store is lost with a rollout half-way, as when a job's directory is wiped: what serves is still there.
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Sections } from "../../src/demo/scene.ts";
import { mustExit } from "../support/exit.ts";
import { failuresOf } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const PATIENCE = 120_000;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** v2 has its first users; its controller is killed, and with it goes the store. */
async function lostHalfWay(share: string): Promise<Workspace> {
  const rollout = { steps: [{ share, approve: true }, { share: "100%" }], drain: "30s" };
  const edit = (sections: Sections): Sections => ({ ...sections, rollout, analysis: "off" });
  const workspace = await openWorkspace({ edit, releases: { v1: {}, v2: {}, v3: {} } });
  closing.push(workspace.close);
  await workspace.bringUp("v1");
  const releasing = workspace.start(["release", "v2"]);
  await releasing.says(/until somebody approves/);
  releasing.child.kill("SIGKILL");
  await releasing.done;
  await rm(join(workspace.directory, ".glidepath"), { recursive: true });
  return workspace;
}

describe.skipIf(!hasNginx("integration: a lost store"))("a store that is lost half-way", () => {
  it(
    "leaves the next release to begin with what the gateway leads to, and no request fails",
    async () => {
      const workspace = await lostHalfWay("25%");
      const load = await workspace.load();
      expect(await workspace.inSlots()).toEqual(["v2", "v1"]);

      const again = await workspace.glidepath("release", "v1");
      mustExit(again, 3);
      expect(again.stderr).toContain(`v1 is what runs already, but not in here:${workspace.slots[0]}`);
      expect(again.stderr).toContain("`glidepath abort` leaves it at that");

      // What that says, word by word.
      const releasing = workspace.start(["release", "v3"]);
      await releasing.says(/until somebody approves/);
      expect(await workspace.inSlots()).toEqual(["v3", "v1"]);
      mustExit(await workspace.glidepath("abort"), 0);
      mustExit(await releasing.done, 1);
      expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
      expect(failuresOf(await load.stop())).toEqual([]);
    },
    PATIENCE,
  );

  it(
    "and is put back from before the release that all slots run leaves the next one to begin with that",
    async () => {
      const edit = (sections: Sections): Sections => ({ ...sections, analysis: "off" });
      const workspace = await openWorkspace({ edit, releases: { v1: {}, v2: {}, v3: { smokeFails: true } } });
      closing.push(workspace.close);
      await workspace.bringUp("v1");
      const store = join(workspace.directory, ".glidepath");
      await cp(store, `${store}-backup`, { recursive: true });
      mustExit(await workspace.glidepath("release", "v2"), 0);
      await rm(store, { recursive: true });
      await cp(`${store}-backup`, store, { recursive: true });
      const again = await workspace.glidepath("release", "v2");
      mustExit(again, 3);
      expect(again.stderr).toContain("v2 is what runs already");
      mustExit(await workspace.glidepath("release", "v3"), 1);
      expect(await workspace.inSlots()).toEqual(["v2", "v2"]);
    },
    PATIENCE,
  );

  it(
    "and is put back from before the release that most slots run takes no more slots away than may carry all",
    async () => {
      const rollout = { steps: [{ share: "75%", approve: true }, { share: "100%" }], drain: "30s" };
      const edit = (sections: Sections): Sections => ({ ...sections, rollout, analysis: "off" });
      const workspace = await openWorkspace({ edit, slots: 3, releases: { v1: {}, v2: {}, v3: {} } });
      closing.push(workspace.close);
      await workspace.bringUp("v1");
      const store = join(workspace.directory, ".glidepath");
      await cp(store, `${store}-backup`, { recursive: true });
      const halfWay = workspace.start(["release", "v2"]);
      await halfWay.says(/until somebody approves/);
      halfWay.child.kill("SIGKILL");
      await halfWay.done;
      await rm(store, { recursive: true });
      await cp(`${store}-backup`, store, { recursive: true });
      expect(await workspace.inSlots()).toEqual(["v2", "v2", "v1"]);

      const releasing = workspace.start(["release", "v3"]);
      await releasing.says(/until somebody approves/);
      mustExit(await workspace.glidepath("abort"), 0);
      const ran = await releasing.done;
      mustExit(ran, 1);
      expect(ran.stderr).not.toContain("leaves rotation (and 1 more)");
      expect(await workspace.inSlots()).toEqual(["v2", "v2", "v2"]);
    },
    PATIENCE,
  );
});
