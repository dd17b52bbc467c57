// What becomes of a command whose output cannot be written, and of one whose reader leaves.
import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { GLIDEPATH } from "../support/command.ts";
import { hasNginx } from "../support/nginx.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const PATIENCE = 120_000;
const LOST = "✗ the answer could not be written to stdout: ENOSPC: no space left on device, write\n";

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

/** `full`: stdout is a full disk. `gone`: it is a pipe that nobody reads. */
function run({ directory }: Workspace, to: "full" | "gone", args: readonly string[]): Promise<Ended> {
  const stdout = to === "full" ? openSync("/dev/full", "w") : "pipe";
  const child = spawn(GLIDEPATH, args, { cwd: directory, stdio: ["ignore", stdout, "pipe"] });
  child.stdout?.destroy();
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stderr })));
}

describe.skipIf(!hasNginx("integration: output"))("output", () => {
  it(
    "that cannot be written fails the command, and not the release behind it; a reader may leave",
    async () => {
      const workspace = await openWorkspace();
      onTestFinished(workspace.close);
      await workspace.bringUp("v1");
      const answers = [
        ["--version"],
        ["--help"],
        ["check"],
        ["check", "--json"],
        ["plan", "v2"],
        ["status"],
        ["status", "--json"],
        ["status", "--watch"],
        ["history"],
        ["history", "--json"],
        ["explain", "--user", "7"],
        ["explain", "--user", "7", "--json"],
      ];
      for (const args of answers) {
        const [full, gone] = await Promise.all([run(workspace, "full", args), run(workspace, "gone", args)]);
        expect({ args, ...full }).toEqual({ args, code: 2, stderr: LOST });
        expect({ args, ...gone }).toEqual({ args, code: 0, stderr: "" });
      }
      const released = await run(workspace, "full", ["release", "v2", "--json"]);
      expect(released.code).toBe(2);
      expect(released.stderr).toContain(LOST);
      expect((await workspace.status()).stable).toBe("v2");
      expect((await run(workspace, "gone", ["release", "v1", "--json"])).code).toBe(0);
      expect((await workspace.status()).stable).toBe("v1");
    },
    PATIENCE,
  );
});
