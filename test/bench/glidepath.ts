// The same release by Glidepath.
import { reloadsOf, workerPids } from "../../src/demo/nginx.ts";
import type { Ran } from "../support/command.ts";
import { openWorkspace } from "../support/workspace.ts";
import { type Measured, RELEASES, measure } from "./measure.ts";

/** From the start of the process to the end of the rollout; what follows it is the count of the receipt. */
function releasedAfter({ events, startedAt }: Ran): number {
  return Date.parse(String(events.at(-1)?.["endedAt"])) - startedAt;
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
    return await measure({ name: "glidepath", workspace, act });
  } finally {
    await workspace.close();
  }
}
