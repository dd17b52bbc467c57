// Applications that end in an awkward way: with the defaults no request fails through a release.
import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { writeSections, type Sections } from "../../src/demo/scene.ts";
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
  { id: "never closes a connection", behaviour: { leaks: true }, stop: "2s" },
];

describe.skipIf(!hasNginx("integration: awkward applications"))("an application that", () => {
  it.each(CASES)("$id loses no request", async ({ behaviour, stop }) => {
    const workspace = await openWorkspace({
      releases: { v1: behaviour, v2: behaviour },
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
    mustExit(await workspace.glidepath("release", "v2", "--json"), 0);
    const report = await load.stop();
    expect(failuresOf(report)).toEqual([]);
    expect(report.requests).toBeGreaterThan(100);
    expect(await workspace.inSlots()).toEqual(["v2", "v2"]);
  });

  it("closes idle connections after 1 s is told of, and loses none with what is told", async () => {
    const behaviour: Behaviour = { keepAliveMs: 1000 };
    const workspace = await openWorkspace({
      releases: { v1: behaviour, v2: behaviour, v3: behaviour },
      // It lasts for longer than the application keeps a connection.
      edit: (sections) => ({
        ...sections,
        analysis: "off",
        rollout: { steps: [{ share: "50%", bake: "5s" }, { share: "100%" }] },
      }),
    });
    onTestFinished(workspace.close);
    await workspace.bringUp("v1");
    const told = await workspace.glidepath("release", "v2");
    mustExit(told, 0);
    expect(told.stderr).toContain("idle connections  the application closes them after");
    const warned = await workspace.glidepath("check");
    const advice = /write gateway\.keepalive: (\w+)/.exec(warned.stdout)?.[1];
    expect(warned.stdout).toContain("a POST that meets the closing fails");
    expect(advice).toBeDefined();
    const sections = parse(readFileSync(workspace.file, "utf8")) as Sections;
    const gateway = { ...(sections["gateway"] as object), keepalive: advice };
    writeSections(workspace, { ...sections, gateway });
    expect((await workspace.glidepath("check")).stdout).toContain("kept for longer than the gateways'");
    // The gateway takes the new time with the next release.
    const fine = await workspace.glidepath("release", "v3");
    mustExit(fine, 0);
    expect(fine.stderr).not.toContain("idle connections");
    // What is left to see needs no bake.
    writeSections(workspace, { ...sections, gateway, rollout: { steps: [{ share: "100%" }] } });
    const load = await workspace.load({ rate: 60 });
    mustExit(await workspace.glidepath("release", "v1", "--json"), 0);
    const report = await load.stop();
    expect(failuresOf(report)).toEqual([]);
    expect(report.requests).toBeGreaterThan(100);
  });
});
