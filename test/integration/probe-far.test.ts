// The probe where the gateways are on other machines: it asks them from here, and they are told over SSH.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { present } from "../../src/base/assert.ts";
import { prepareNginx, startNginx, stopNginx, type Nginx } from "../../src/demo/nginx.ts";
import { freePorts } from "../../src/demo/ports.ts";
import { mustExit } from "../support/exit.ts";
import { failuresOf } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { canSsh, mostSessions, startFleet, type Fleet } from "../support/sshd.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const PATIENCE = 240_000;
const can = hasNginx("integration: the probe over SSH") && canSsh("integration: the probe over SSH");

interface Far {
  readonly workspace: Workspace;
  readonly fleet: Fleet;
}

/** Two machines behind sshds, each with an nginx and a slot. */
async function opened(): Promise<Far> {
  const fleet = await startFleet(2, { server: ["LogLevel DEBUG1", "MaxSessions 8"] });
  const [second = 0] = await freePorts(1);
  const made: { other: Nginx | null } = { other: null };
  const workspace = await openWorkspace({
    edit: (sections, { directory, root, slots, nginx, port }) => {
      const other = prepareNginx(join(directory, "other"));
      made.other = other;
      const shared = sections["gateway"] as object;
      mkdirSync(join(directory, "other-switch"));
      const own = {
        name: "target1",
        config: join(other.confd, "shop.conf"),
        main: other.main,
        listen: [`127.0.0.1:${second}`],
        state: join(directory, "other-switch"),
        log: join(other.directory, "logs", "shop.log"),
      };
      return {
        ...sections,
        ssh: { config: fleet.config },
        hosts: fleet.targets.map(({ address }, i) => ({
          name: address,
          address,
          serves: "127.0.0.1",
          root: `${root}/${address}`,
          slots: slots.slice(i, i + 1),
        })),
        gateway: { ...shared, nginx: nginx.binary, listen: [`127.0.0.1:${port}`], hosts: ["target0", own] },
        probe: {
          rate: 20,
          hold: "500ms",
          post: { path: "/echo", body: "one" },
          upload: { path: "/upload", size: "64KB" },
          websocket: "/ws",
          events: "/stream?ms=3000",
        },
        rollout: { drain: "10s", steps: [{ share: "50%", bake: "3s" }, { share: "100%" }] },
      };
    },
  });
  const other = present(made.other, "the other nginx");
  onTestFinished(async () => {
    await stopNginx(other);
    await workspace.close();
    await fleet.close();
  });
  await startNginx(other);
  await workspace.bringUp("v1");
  return { workspace, fleet };
}

describe.skipIf(!can)("a probed release through gateways over SSH", () => {
  it(
    "loses no request of any kind at either, and names the slots that answered",
    async () => {
      const { workspace, fleet } = await opened();
      const load = await workspace.load({ rate: 60 });
      const ran = await workspace.glidepath("release", "v2", "--json");
      mustExit(ran, 0);
      expect(failuresOf(await load.stop())).toEqual([]);
      const receipt = present(ran.events.at(-1), "the result")["receipt"] as {
        readonly probe: {
          readonly slots: Readonly<Record<string, number>>;
          readonly kinds: readonly {
            readonly gateway: string;
            readonly kind: string;
            readonly sent: number;
          }[];
        };
        readonly skew: number | null;
      };
      expect(receipt.probe).toMatchObject({
        failed: 0,
        cut: 0,
        declined: 0,
        late: 0,
        losses: [],
        notProbed: [],
      });
      const kinds = ["events", "get", "post", "upload", "websocket"];
      const asked = receipt.probe.kinds.filter(({ sent }) => sent > 0);
      expect(asked.map(({ gateway, kind }) => `${gateway} ${kind}`).toSorted()).toEqual(
        ["target0", "target1"].flatMap((gateway) => kinds.map((kind) => `${gateway} ${kind}`)),
      );
      expect(Object.keys(receipt.probe.slots).toSorted()).toEqual(
        workspace.slots.map((port, i) => `target${i}:${port}`).toSorted(),
      );
      expect(receipt.skew).not.toBeNull();
      // It takes none of the sessions that the release needs.
      for (const target of fleet.targets) expect(mostSessions(target.log())).toBeLessThanOrEqual(8);
    },
    PATIENCE,
  );
});
