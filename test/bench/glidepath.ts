// The same release by Glidepath.
import { reloadsOf, workerPids } from "../../src/demo/nginx.ts";
import { defaultSections, writeSections } from "../../src/demo/scene.ts";
import type { Ran } from "../support/command.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";
import { type Act, type Measured, RELEASES, measure } from "./measure.ts";

/** From the start of the process to the end of the rollout; what follows it is the count of the receipt. */
function releasedAfter({ events, startedAt }: Ran): number {
  return Date.parse(String(events.at(-1)?.["endedAt"])) - startedAt;
}

const HALF = [{ share: "50%", approve: true }, { share: "100%" }];

/** Half of the users have it when somebody types `glidepath abort`. */
async function turnRound(workspace: Workspace, release: string): Promise<Act> {
  await workspace.addRelease(release);
  const sections = defaultSections(workspace);
  const rollout = { ...(sections["rollout"] as object), steps: HALF };
  writeSections(workspace, { ...sections, rollout });
  const running = workspace.start(["release", release, "--json"]);
  await running.says(/"phase":"approval"/);
  const startedAt = performance.timeOrigin + performance.now();
  await workspace.glidepath("abort");
  const ran = await running.done;
  if (ran.code !== 1) throw new Error(`the abort ended with ${ran.code}: ${ran.stdout}${ran.stderr}`);
  return { startedAt, endedAt: ran.endedAt };
}

export async function benchGlidepath(): Promise<Measured> {
  const workspace = await openWorkspace({ releases: RELEASES });
  const { nginx } = workspace;
  try {
    const first = await workspace.glidepath("release", "v1", "--json");
    if (first.code !== 0) throw new Error(`the first release failed: ${first.stdout}${first.stderr}`);
    const act = async (
      release: string,
    ): Promise<Awaited<ReturnType<Parameters<typeof measure>[0]["act"]>>> => {
      const workers = workerPids(nginx).join(" ");
      const reloads = reloadsOf(nginx);
      const ran = await workspace.glidepath("release", release, "--json");
      if (ran.code !== 0) throw new Error(`the release failed: ${ran.stdout}${ran.stderr}`);
      const last = ran.events.at(-1);
      return {
        ...ran,
        released: releasedAfter(ran),
        extra: {
          cpuMs: ran.cost.cpu,
          ownCpuMs: ran.cost.own,
          maxRssMb: ran.cost.maxRss,
          reloads: reloadsOf(nginx) - reloads,
          sameWorkers: workerPids(nginx).join(" ") === workers,
          result: last,
        },
      };
    };
    return await measure({
      name: "glidepath",
      workspace,
      act,
      turnRound: (release) => turnRound(workspace, release),
    });
  } finally {
    await workspace.close();
  }
}
