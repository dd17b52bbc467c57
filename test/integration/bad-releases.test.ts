// A bad release goes back by itself; no user meets it, and the operator reads why.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { reloadsOf } from "../../src/demo/nginx.ts";
import type { Behaviour } from "../support/app.ts";
import { failuresOf } from "../support/load.ts";
import { mustExit } from "../support/exit.ts";
import { hasNginx } from "../support/nginx.ts";
import { ownCommands } from "../support/own-commands.ts";
import { openWorkspace, patient, type Workspace } from "../support/workspace.ts";

interface Case {
  readonly name: string;
  readonly release: string;
  readonly behaviour: Behaviour;
  /** Each must be in what the operator reads: the slot comes on top. */
  readonly says: readonly RegExp[];
}

/** Long enough for what is good, and what is not takes all of it. */
const PATIENCE = "5s";

const cases: readonly Case[] = [
  {
    name: "never listens",
    release: "v2",
    behaviour: { neverListens: true },
    says: [/\/healthz/, /refused/i, /still thinking/],
  },
  {
    name: "answers 503 on its health check",
    release: "v3",
    behaviour: { health503: true },
    says: [/\/healthz/, /503/, /no database/, /listens on port/],
  },
  {
    name: "fails its smoke check",
    release: "v4",
    behaviour: { smokeFails: true },
    says: [/\/login/, /500/, /200/, /listens on port/],
  },
  {
    name: "ends itself right after its start",
    release: "v5",
    behaviour: { crashAfterMs: 0 },
    says: [/\/healthz/, /out of luck/],
  },
];

describe.skipIf(!hasNginx("integration: bad releases"))("a release that", () => {
  /** It serves v1, whatever was tried before. */
  let serving: Workspace;
  beforeAll(async () => {
    const bad = Object.fromEntries(cases.map(({ release, behaviour }) => [release, behaviour]));
    serving = await openWorkspace({
      releases: { v1: {}, ...bad, good: {} },
      edit: (sections) => patient(sections, PATIENCE),
    });
    await serving.bringUp("v1");
  });
  afterAll(() => serving?.close());

  it.each(cases)("$name goes back, and nobody notices", async ({ release: bad, says }) => {
    const reloads = reloadsOf(serving.nginx);
    const load = await serving.load();
    const ran = await serving.glidepath("release", bad);
    const report = await load.stop();

    mustExit(ran, 1);
    expect(failuresOf(report)).toEqual([]);
    expect(report.answers.filter(({ answeredBy }) => answeredBy.startsWith(bad))).toEqual([]);
    expect(reloadsOf(serving.nginx)).toBe(reloads);
    expect(await serving.inSlots()).toEqual(["v1", "v1"]);
    for (const words of [new RegExp(String(serving.slots[0])), ...says])
      expect(ran.stdout + ran.stderr).toMatch(words);
    const status = await serving.status();
    expect(status).toMatchObject({ stable: "v1", rollout: null });
    expect(status.slots.map(({ release, inRotation }) => ({ release, inRotation }))).toEqual([
      { release: "v1", inRotation: true },
      { release: "v1", inRotation: true },
    ]);
  });

  it("does not exist is refused before anything is touched", async () => {
    const ran = await serving.glidepath("release", "v77");
    mustExit(ran, 3);
    expect(ran.stdout + ran.stderr).toMatch(/shop-v77\.tar\.gz/);
    expect(await serving.inSlots()).toEqual(["v1", "v1"]);
    expect(await serving.status()).toMatchObject({ stable: "v1", rollout: null });
  });

  it("is good can follow a bad one", async () => {
    const load = await serving.load();
    mustExit(await serving.glidepath("release", "v4"), 1);
    mustExit(await serving.glidepath("release", "good"), 0);
    expect(failuresOf(await load.stop())).toEqual([]);
    expect(await serving.inSlots()).toEqual(["good", "good"]);
  });

  it.each([
    { by: "and is started again", own: false, says: [/ has ended by itself once, /, /out of luck/] },
    { by: "and nobody starts it again", own: true, says: [/ has ended by itself, as run.status says, /] },
  ])("ends itself soon after users came $by goes back, though nobody asks it", async ({ own, says }) => {
    const workspace = await openWorkspace({
      // Counted from its open port: by then it has its users, on a slow machine too.
      releases: { v1: {}, v2: { crashAfterMs: 5000 } },
      edit: (sections, { directory }) => ({
        ...sections,
        ...(own ? { run: ownCommands(directory) } : {}),
        rollout: { steps: [{ share: "50%", bake: "10m" }, { share: "100%" }] },
      }),
    });
    onTestFinished(workspace.close);
    await workspace.bringUp("v1");
    const ran = await workspace.glidepath("release", "v2");

    mustExit(ran, 1);
    for (const words of [/:\d+: the process of v2 /, ...says]) expect(ran.stdout + ran.stderr).toMatch(words);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
    expect(await workspace.status()).toMatchObject({ stable: "v1", rollout: null });
  });

  it("never was here is nothing to roll back to: which are is told", async () => {
    const workspace = await openWorkspace({ releases: { v1: {}, v2: {}, v3: {} } });
    onTestFinished(workspace.close);
    await workspace.bringUp("v1");
    await workspace.bringUp("v2");
    for (const nowhere of ["v77", "v3"]) {
      const ran = await workspace.glidepath("rollback", nowhere);
      mustExit(ran, 2);
      expect(ran.stderr).toContain(`there is no release ${nowhere} to go back to`);
      expect(ran.stderr).toContain("there are: v1. ");
    }
    expect(await workspace.glidepath("history", "--json")).toMatchObject({
      events: [{ release: "v2" }, { release: "v1" }],
    });
    // A store that is lost knows no release; the host still has it.
    rmSync(join(workspace.directory, ".glidepath"), { recursive: true });
    mustExit(await workspace.glidepath("rollback", "v1"), 0);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
  });

  it("is not let begin by its hook is refused: no slot and no gateway was touched", async () => {
    const beforeRelease = '[ "$GLIDEPATH_RELEASE" = v1 ] || { echo no such table; exit 2; }';
    const workspace = await openWorkspace({
      edit: (sections) => ({ ...sections, hooks: { beforeRelease } }),
    });
    onTestFinished(workspace.close);
    await workspace.bringUp("v1");
    const ran = await workspace.glidepath("release", "v2");
    mustExit(ran, 3);
    expect(ran.stdout).toMatch(/v2 was refused, and no slot and no gateway was touched/);
    expect(ran.stdout).toMatch(/no such table/);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
  });
});
