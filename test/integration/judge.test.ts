// The judge on real nginx: a release that harms is left by itself, one that does not is not.
import { describe, expect, it, onTestFinished } from "vitest";
import type { Behaviour } from "../support/app.ts";
import type { Sections } from "../../src/demo/scene.ts";
import { mustExit } from "../support/exit.ts";
import { hasNginx } from "../support/nginx.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const USERS = 2000;
const LOAD = { rate: 200, users: USERS, post: 0, slow: 0 };

interface Options {
  readonly behaviour?: Behaviour;
  readonly analysis?: Readonly<Record<string, unknown>>;
  readonly steps?: readonly Readonly<Record<string, unknown>>[];
}

const GRAY = [{ share: "5%", bake: "10m" }, { share: "100%" }];

async function open({ behaviour = {}, analysis = {}, steps = GRAY }: Options): Promise<Workspace> {
  const edit = (sections: Sections): Sections => ({
    ...sections,
    rollout: { steps, key: "cookie:uid", drain: "10s" },
    analysis: { warmup: "1s", ...analysis },
  });
  const workspace = await openWorkspace({ releases: { v1: {}, v2: behaviour }, edit });
  onTestFinished(workspace.close);
  await workspace.bringUp("v1");
  return workspace;
}

describe.skipIf(!hasNginx("integration: the judge"))("a release that", () => {
  it("fails every request is left by itself", async () => {
    const workspace = await open({ behaviour: { errorShare: 1 } });
    const load = await workspace.load(LOAD);
    const ran = await workspace.glidepath("release", "v2", "--json");
    const report = await load.stop();
    mustExit(ran, 1);
    const said = report.failures.filter(({ answeredBy }) => answeredBy?.startsWith("v2") === true);
    expect(said.length).toBeGreaterThan(0);
    expect(report.failures.length).toBe(said.length);
  });
});
