// Applications that end in an awkward way: with the defaults no request fails through two releases.
import { describe, expect, it, onTestFinished } from "vitest";
import type { Behaviour } from "../support/app.ts";
import { mustExit } from "../support/exit.ts";
import { failuresOf } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { openWorkspace } from "../support/workspace.ts";

const CASES: readonly { readonly id: string; readonly behaviour: Behaviour; readonly stop?: string }[] = [
  { id: "closes its port at SIGTERM", behaviour: {} },
  { id: "exits at SIGTERM, whatever is in flight", behaviour: { exitsAtOnce: true } },
  { id: "ignores SIGTERM", behaviour: { ignoresSigterm: true }, stop: "2s" },
  { id: "answers 503 while it shuts down", behaviour: { refusesMs: 1500 } },
  { id: "closes idle connections after 1 s", behaviour: { keepAliveMs: 1000 } },
  { id: "never closes a connection", behaviour: { leaks: true }, stop: "2s" },
];

describe.skipIf(!hasNginx("integration: awkward applications"))("an application that", () => {
  it.each(CASES)("$id loses no request", async ({ behaviour, stop }) => {
    const workspace = await openWorkspace({
      releases: { v1: behaviour, v2: behaviour, v3: behaviour },
      edit: (sections) => {
        if (stop === undefined) return sections;
        const run = { ...(sections["run"] as object), stop: { timeout: stop } };
        return { ...sections, run };
      },
    });
    onTestFinished(workspace.close);
    await workspace.bringUp("v1");
    // Few requests, so that connections are idle for longer than the application keeps them.
    const load = await workspace.load({ rate: 60 });
    for (const release of ["v2", "v3"]) mustExit(await workspace.glidepath("release", release, "--json"), 0);
    const report = await load.stop();
    expect(failuresOf(report)).toEqual([]);
    expect(report.requests).toBeGreaterThan(100);
    expect(await workspace.inSlots()).toEqual(["v3", "v3"]);
  });
});
