// The probe and its receipt: every kind of request goes through a release unharmed, and the receipt says so.
import { describe, expect, it, onTestFinished } from "vitest";
import { present } from "../../src/base/assert.ts";
import { mustExit } from "../support/exit.ts";
import { failuresOf } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { type Workspace, type WorkspaceOptions, openWorkspace } from "../support/workspace.ts";

const PATIENCE = 240_000;

/** Everything that the application offers. */
export const EVERY_KIND = {
  rate: 20,
  hold: "1s",
  post: { path: "/echo", body: "one" },
  slow: "/?ms=700",
  upload: { path: "/upload", size: "64KB" },
  websocket: "/ws",
  events: "/stream?ms=5000",
};

const KINDS = ["events", "get", "post", "slow", "upload", "websocket"];

interface ProbeJson {
  readonly sent: number;
  readonly failed: number;
  readonly cut: number;
  readonly declined: number;
  readonly late: number;
  readonly slots: Readonly<Record<string, number>>;
  readonly kinds: readonly { readonly kind: string; readonly sent: number; readonly longestGap: number }[];
  readonly losses: readonly {
    readonly kind: string;
    readonly slot: string | null;
    readonly action: string | null;
  }[];
  readonly notProbed: readonly string[];
}

async function opened(options: WorkspaceOptions): Promise<Workspace> {
  const workspace = await openWorkspace(options);
  onTestFinished(workspace.close);
  await workspace.bringUp("v1");
  return workspace;
}

const probing =
  (probe: object): NonNullable<WorkspaceOptions["edit"]> =>
  (sections) => ({ ...sections, probe, rollout: { ...(sections["rollout"] as object), steps: STEPS } });

const STEPS = [{ share: "30%", bake: "3s" }, { share: "100%" }];

describe.skipIf(!hasNginx("integration: the probe"))("a probed release", () => {
  it(
    "loses no request of any kind under load",
    async () => {
      const workspace = await opened({ edit: probing(EVERY_KIND) });
      const load = await workspace.load({ rate: 100 });
      const ran = await workspace.glidepath("release", "v2", "--json");
      mustExit(ran, 0);
      expect(failuresOf(await load.stop())).toEqual([]);
      const result = present(ran.events.at(-1), "the result");
      const { probe } = result["receipt"] as { readonly probe: ProbeJson };
      expect(probe).toMatchObject({ failed: 0, cut: 0, declined: 0, late: 0, losses: [], notProbed: [] });
      expect(probe.kinds.map(({ kind }) => kind).toSorted()).toEqual(KINDS);
      expect(Object.keys(probe.slots).toSorted()).toEqual(
        workspace.slots.map((port) => `here:${port}`).toSorted(),
      );
      const told = await workspace.glidepath("history", String(result["id"]));
      expect(told.stdout).toContain("no request came to a slot that had left by a switch");
      expect(told.stdout).toMatch(/here WebSocket +\d+ +0 +0/);
    },
    PATIENCE,
  );
});
