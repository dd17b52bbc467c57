// A release under the load of clients that speak HTTP/3, through an nginx that has it.
import { describe, expect, it, onTestFinished } from "vitest";
import { reloadsOf, stopNginx, workerPids } from "../../src/demo/nginx.ts";
import type { SceneOptions } from "../../src/demo/scene.ts";
import { certify } from "../support/certificate.ts";
import { mustExit } from "../support/exit.ts";
import { http3Here, startHttp3Load, type Curl } from "../support/http3.ts";
import { settledWorkers } from "../support/nginx.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const PATIENCE = 120_000;
const here = http3Here("integration: HTTP/3");

async function opened(): Promise<{ workspace: Workspace; target: Curl }> {
  let certificate = "";
  const edit: SceneOptions["edit"] = (sections, scene) => {
    const tls = certify(scene.directory);
    ({ certificate } = tls);
    const secure = {
      listen: [`127.0.0.1:${scene.port} ssl http2`],
      serverName: ["shop.example.com"],
      tls,
      http3: true,
    };
    const steps = [{ share: "50%", bake: "2s" }, { share: "100%" }];
    return {
      ...sections,
      gateway: { ...(sections["gateway"] as object), ...secure },
      rollout: { steps, drain: "10s" },
    };
  };
  const workspace = await openWorkspace({ edit, nginx: { workers: 3, binary: here?.nginx ?? "nginx" } });
  onTestFinished(workspace.close);
  await workspace.bringUp("v1");
  return { workspace, target: { binary: here?.curl ?? "curl", port: workspace.port, certificate } };
}

const lostOf = (answers: ReadonlyMap<string, number>): readonly string[] =>
  [...answers].flatMap(([answer, count]) => (answer.startsWith("200 3 ") ? [] : [`${count}: ${answer}`]));
const total = (answers: ReadonlyMap<string, number>): number =>
  [...answers.values()].reduce((sum, count) => sum + count, 0);

describe.skipIf(here === null)("a release under HTTP/3", () => {
  it(
    "loses no request, whether a connection outlives it or is new, and reloads nothing",
    async () => {
      const { workspace, target } = await opened();
      // Those that the first reload has replaced are leaving, and are none of those that stay.
      const before = { workers: await settledWorkers(workspace.nginx), reloads: reloadsOf(workspace.nginx) };
      const load = startHttp3Load(target);
      const ran = await workspace.glidepath("release", "v2");
      const { answers } = await load.stop();
      mustExit(ran, 0);
      expect(lostOf(answers)).toEqual([]);
      expect([...answers.keys()].toSorted()).toEqual(["200 3 v1", "200 3 v2"]);
      expect(total(answers)).toBeGreaterThan(100);
      expect({ workers: workerPids(workspace.nginx), reloads: reloadsOf(workspace.nginx) }).toEqual(before);
      expect(await workspace.inSlots()).toEqual(["v2", "v2"]);
    },
    PATIENCE,
  );

  it(
    "would be told of one that was lost",
    async () => {
      const { workspace, target } = await opened();
      const load = startHttp3Load(target);
      await stopNginx(workspace.nginx);
      const { answers } = await load.stop();
      expect(lostOf(answers)).not.toEqual([]);
    },
    PATIENCE,
  );
});
