// A terminal that is closed sends SIGHUP to all that runs in it.
import { spawn } from "node:child_process";
import { describe, expect, it, onTestFinished } from "vitest";
import { GLIDEPATH } from "../support/command.ts";
import { hasNginx } from "../support/nginx.ts";
import { openWorkspace } from "../support/workspace.ts";

const PATIENCE = 120_000;

describe.skipIf(!hasNginx("integration: hangup"))("a release whose terminal is closed", () => {
  it.each<[string, readonly string[], number, string]>([
    ["goes on where nohup started it", ["nohup"], 0, "v2"],
    // The control: the signal came, and while there was time left to hear it.
    ["is paused where it did not, as is every other", [], 5, "v1"],
  ])(
    "%s",
    async (_, before, code, stable) => {
      const workspace = await openWorkspace({
        edit: (sections) => ({
          ...sections,
          // Nobody asks for anything.
          analysis: "off",
          rollout: { steps: [{ share: "50%", bake: "3s" }, { share: "100%" }] },
        }),
      });
      onTestFinished(workspace.close);
      await workspace.bringUp("v1");
      const [program, ...args] = [...before, GLIDEPATH, "release", "v2", "--json"];
      // A process group of its own, as a shell makes one for each job.
      const child = spawn(program ?? GLIDEPATH, args, {
        cwd: workspace.directory,
        stdio: "pipe",
        detached: true,
      });
      let said = "";
      let isSent = false;
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        if (isSent || !said.includes('"phase":"baking"')) return;
        isSent = true;
        process.kill(-(child.pid ?? 0), "SIGHUP");
      });
      child.stdin.end();
      child.stderr.resume();
      const ended = await new Promise((resolve) => child.on("close", resolve));
      expect([isSent, ended]).toEqual([true, code]);
      expect((await workspace.status()).stable).toBe(stable);
      const result = JSON.parse(said.trimEnd().split("\n").at(-1) ?? "") as { readonly reason: string };
      expect(result.reason).toMatch(code === 5 ? /^paused by / : /^v2 runs in all 2 slots/);
    },
    PATIENCE,
  );
});

describe.skipIf(!hasNginx("integration: hangup of the demo"))("a demo whose terminal is closed", () => {
  it.each<[string, readonly string[], number]>([
    ["goes on where nohup started it, and so do its releases", ["nohup"], 0],
    ["ends where it did not, and leaves nothing", [], 5],
  ])(
    "%s",
    async (_, before, code) => {
      const [program, ...args] = [...before, GLIDEPATH, "demo", "--no-gray", "--json"];
      const child = spawn(program, args, { stdio: "pipe", detached: true });
      let said = "";
      let isSent = false;
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        // The second release is on its way. (For a moment at its start no Node can ignore the signal.)
        if (isSent || !said.includes("unpacking v2") || !said.endsWith("\n")) return;
        isSent = true;
        process.kill(-(child.pid ?? 0), "SIGHUP");
      });
      child.stdout.resume();
      child.stdin.end();
      const ended = await new Promise((resolve) => child.on("close", resolve));
      expect([isSent, ended]).toEqual([true, code]);
      expect(said).toContain("Everything that the demo started has ended, and its directory is gone.");
    },
    PATIENCE,
  );
});
