// A pool that is made larger between two releases, and one whose machine was rebooted.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { reloadsOf } from "../../src/demo/nginx.ts";
import { processesIn, signal } from "../../src/demo/processes.ts";
import { freePort } from "../../src/demo/ports.ts";
import { mustExit } from "../support/exit.ts";
import { failuresOf } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

async function opened(): Promise<Workspace> {
  const workspace = await openWorkspace();
  onTestFinished(workspace.close);
  await workspace.bringUp("v1");
  return workspace;
}

describe.skipIf(!hasNginx("integration: grown"))("a pool that serves", () => {
  it("takes a further slot in with the next release, at the cost of one reload", async () => {
    const workspace = await opened();
    const { file, slots } = workspace;
    const third = await freePort();
    const text = readFileSync(file, "utf8");
    const last = String(slots.at(-1));
    writeFileSync(file, text.replace(last, `${last}\n      - ${third}`));
    const running = await workspace.load();
    const ran = await workspace.glidepath("release", "v2");
    const report = await running.stop();
    mustExit(ran, 0);
    // A reload closes idle connections without reading them: what was on its way there is reset, and nothing
    // else.
    expect(failuresOf(report).filter((one) => !one.includes(": reset, "))).toEqual([]);
    expect(reloadsOf(workspace.nginx)).toBe(2);
    const status = await workspace.status();
    expect(status.slots.map((slot) => [slot.port, slot.release, slot.inRotation])).toEqual(
      [...slots, third].map((port) => [port, "v2", true]),
    );
  });

  it("is not taken for an empty one when its host is given another name", async () => {
    const workspace = await opened();
    const text = readFileSync(workspace.file, "utf8");
    writeFileSync(workspace.file, text.replaceAll("name: here", "name: there"));
    const refused = await workspace.glidepath("release", "v2");
    mustExit(refused, 3);
    expect(refused.stderr).toContain(`users are led to here:${workspace.slots[0]}`);
    writeFileSync(workspace.file, text);
    // Nothing was begun: the next release needs no other word.
    mustExit(await workspace.glidepath("release", "v2"), 0);
    expect(await workspace.inSlots()).toEqual(["v2", "v2"]);
  });

  it("has no slot started a second time because one of its hosts is given another name", async () => {
    const workspace = await openWorkspace({
      slots: 3,
      edit: (sections) => {
        const [host] = sections["hosts"] as [{ root: string; slots: number[] }];
        const second = { name: "far", address: "local", root: `${host.root}/far`, slots: [host.slots[2]] };
        const hosts = [{ ...host, slots: host.slots.slice(0, 2) }, second];
        return { ...sections, hosts, gateway: { ...(sections["gateway"] as object), hosts: ["here"] } };
      },
    });
    onTestFinished(workspace.close);
    mkdirSync(`${workspace.root}/far`);
    await workspace.bringUp("v1");
    const text = readFileSync(workspace.file, "utf8");
    writeFileSync(workspace.file, text.replace("name: far", "name: away"));
    const refused = await workspace.glidepath("release", "v2");
    mustExit(refused, 3);
    expect(refused.stderr).toContain(`users are led to far:${workspace.slots[2]}`);
    expect(await workspace.inSlots()).toEqual(["v1", "v1", "v1"]);
  });

  it("comes up again with its own release after everything was killed", async () => {
    const workspace = await opened();
    for (const pid of processesIn(workspace.root)) signal(pid, "SIGKILL");
    mustExit(await workspace.glidepath("release", "v1"), 0);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
    const answer = await fetch(workspace.url);
    expect(answer.headers.get("x-release")).toBe("v1");
  });
});
