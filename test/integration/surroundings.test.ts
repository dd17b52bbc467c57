// What the command makes of surroundings that a person does not think of.
import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { GLIDEPATH, runCommand } from "../support/command.ts";
import { isRoot, needs } from "../support/skip.ts";

/** No system gives it to anybody. */
const NOBODY_KNOWS = 1_954_321_000;

async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "glidepath-surroundings-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o755);
  return directory;
}

/** The working directory is removed before the command starts. */
function runInGone(
  directory: string,
  args: readonly string[],
): Promise<{ code: number | null; stderr: string }> {
  const script = 'rmdir "$1" && shift && exec "$@"';
  const child = spawn("sh", ["-c", script, "sh", directory, GLIDEPATH, ...args], { cwd: directory });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stderr })));
}

describe("the command", () => {
  it.skipIf(!needs(isRoot(), "integration: a user without a name", "needs root to become one"))(
    "runs as a user whom the system knows by no name, as where its directory is down",
    async () => {
      const cwd = await emptyDirectory();
      const ran = await runCommand(["status"], { cwd, uid: NOBODY_KNOWS, gid: NOBODY_KNOWS });
      expect(ran.stderr).toContain("✗ there is no glidepath.yaml");
      expect(ran.code).toBe(2);
    },
  );

  it("says so when the directory in which it was started is gone", async () => {
    const ran = await runInGone(await emptyDirectory(), ["status"]);
    expect(ran.stderr).toContain(
      "✗ there is no glidepath.yaml: the directory in which this was started is gone",
    );
    expect(ran.code).toBe(2);
  });
});
