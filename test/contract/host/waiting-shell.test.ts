import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { seconds } from "../../../src/base/time.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import { told, WAIT } from "../../../src/drivers/local/shell.ts";
import type { HostName } from "../../../src/model/ids.ts";
import { until } from "../../support/until.ts";

const host = localHost("here" as HostName);
const HOST = fileURLToPath(new URL("../../../src/drivers/local/host.ts", import.meta.url));

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const childrenOf = (pid: number): readonly number[] =>
  textOf(`/proc/${pid}/task/${pid}/children`).trim().split(" ").filter(Boolean).map(Number);

const waits = (pid: number): boolean => textOf(`/proc/${pid}/cmdline`).includes(WAIT);

const waitingUnder = (pid: number): Promise<readonly number[]> =>
  until(
    () => childrenOf(pid).filter(waits),
    (found) => found.length > 0,
  );

test("a script of which a part arrives does nothing, wherever it is cut", () => {
  const directory = mkdtempSync(join(tmpdir(), "gp-cut-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "ran");
  const leavesTrace = (text: string): boolean => {
    const way = join(directory, "way");
    writeFileSync(way, text);
    const fd = openSync(way, "r");
    spawnSync("/bin/sh", ["-c", WAIT, "glidepath"], { stdio: ["ignore", "ignore", "ignore", fd] });
    closeSync(fd);
    return existsSync(file);
  };
  const lines = told(`touch "$1"\nif true; then\n  touch "$1"\nfi\ntouch "$1"`, [file]).trim().split("\n");
  const parts = lines.map((_, count) => lines.slice(0, count).join("\n"));
  expect(parts.filter(leavesTrace)).toEqual([]);
  expect(leavesTrace(lines.join("\n"))).toBe(true);
});

test("the shell that waits for the next script may be killed", async () => {
  const run = () => host.run({ script: "echo $$", timeout: seconds(60) });
  await run();
  const killed = await waitingUnder(process.pid);
  for (const pid of killed) process.kill(pid, "SIGKILL");
  await until(
    () => childrenOf(process.pid).filter((pid) => killed.includes(pid)),
    (left) => left.length === 0,
  );
  expect(await run()).toMatchObject({ kind: "exited", code: 0 });
});

const ENDS = [
  { how: "by itself", code: 0, signal: null, kill: false },
  { how: "killed", code: null, signal: "SIGKILL", kill: true },
] as const;

test.each(ENDS)("the shell that waits ends with the controller, $how", async ({ code, signal, kill }) => {
  const source = `import { localHost } from ${JSON.stringify(HOST)};
    await localHost("here").run({ script: ":", timeout: 60000 });
    process.stdin.resume();`;
  const stdio = ["pipe", "ignore", "ignore"] as const;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: [...stdio] });
  const pid = child.pid ?? 0;
  const ended = new Promise((done) => child.on("exit", (...how) => done(how)));
  const waiting = await waitingUnder(pid);
  if (kill) child.kill("SIGKILL");
  // Nothing is left for it to do.
  else child.stdin?.end();
  expect(await ended).toEqual([code, signal]);
  await until(
    () => waiting.filter(waits),
    (left) => left.length === 0,
  );
});
