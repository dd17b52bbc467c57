// nginx has no room for its log: what it could not write is unknown, which is not the same as nothing.
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { instant, seconds } from "../../../src/base/time.ts";
import { accessLog } from "../../../src/drivers/accesslog/accesslog.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import type { Application, Gateway } from "../../../src/model/application.ts";
import type { HostName } from "../../../src/model/ids.ts";
import type { LogCursor } from "../../../src/ports/telemetry.ts";
import { canMount, fill, mountSmall, needs, unmount } from "../../support/skip.ts";

const application = { hosts: [], gateway: {}, analysis: null } as unknown as Application;
const port = accessLog({ application, hosts: localHost });
let directory: string;
let log: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "glidepath-full-log-"));
  log = join(directory, "logs", "shop.log");
  mkdirSync(join(directory, "logs"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
});

const gatewayOf = (): Gateway => ({ name: "web1" as HostName, log }) as Gateway;

const LINE = ["g1", "1790000000.010", "0.010", "200", "stable", "s0", "37/52", "GET", "127.0.0.1:8001"]
  .concat(["200", "0.000", "0.010", "100", "OK", "", "12", "12"])
  .join("\t")
  .concat("\n");

/** As nginx does: one write, and what it does not take is gone. Nobody in particular, who is not root. */
function write(lines: number): void {
  const script = `
    if (process.getuid() === 0) process.setuid(64321);
    try { require("node:fs").writeSync(3, process.argv[1]); } catch {}`;
  const sh = 'exec 3>>"$1" && exec "$2" -e "$3" "$4"';
  spawnSync("sh", ["-c", sh, "sh", log, process.execPath, script, LINE.repeat(lines)]);
}

async function open(): Promise<LogCursor> {
  const opened = await port.open(gatewayOf(), instant(0));
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}

async function read(cursor: LogCursor) {
  const got = await port.read(gatewayOf(), cursor, { joined: {}, warmup: seconds(0) });
  if (!got.ok) throw new Error(got.error.message);
  const { slices, losses, full } = got.value;
  const seen = slices.reduce((sum, { traffic }) => sum + traffic.requests, 0);
  return { cursor: got.value.cursor, seen, losses, full: full ?? null };
}

const NO_ROOM = { seen: 0, losses: 1, full: { code: "host.disk", hint: "free some space there" } };
const FINE = { losses: 0, full: null };

/** All but so many bytes are taken. */
function leave(bytes: number): () => void {
  appendFileSync(join(directory, "logs", "spare"), Buffer.alloc(bytes));
  const makeRoom = fill(join(directory, "logs"));
  rmSync(join(directory, "logs", "spare"));
  return makeRoom;
}

const canFill = needs(canMount(), "contract: a full disk of the log", "no file system can be mounted here");

describe.runIf(canFill)("a log whose disk gets full", () => {
  beforeEach(() => {
    mountSmall(join(directory, "logs"), "1m");
    onTestFinished(() => unmount(join(directory, "logs")));
  });

  test("is lost for as long as nothing can be written, and is told by its path", async () => {
    write(3);
    const first = await read(await open());
    expect(first).toMatchObject({ ...FINE, seen: 3 });
    expect(await read(first.cursor)).toMatchObject({ ...FINE, seen: 0 });
    const makeRoom = fill(join(directory, "logs"));
    const full = await read(first.cursor);
    expect(full).toMatchObject(NO_ROOM);
    expect(full.full?.message).toBe(`web1: no room on the disk to log requests in ${log}`);
    expect(await read(full.cursor)).toMatchObject(NO_ROOM);
    makeRoom();
    expect(await read(full.cursor)).toMatchObject({ ...FINE, seen: 0 });
    write(2);
    expect(await read(full.cursor)).toMatchObject({ ...FINE, seen: 2 });
  });

  test("and has room again before anybody looks: a line without its end tells of the loss", async () => {
    write(1);
    const { cursor } = await read(await open());
    const makeRoom = leave(4096);
    write(100);
    makeRoom();
    write(2);
    const after = await read(cursor);
    expect(after).toMatchObject({ losses: 1, full: null });
    // What fitted in, and of the next two the one that does not stand behind half a line.
    expect(after.seen).toBeGreaterThan(1);
    expect(after.seen).toBeLessThan(100);
    expect(await read(after.cursor)).toMatchObject({ ...FINE, seen: 0 });
  });

  test("had lost something before it was opened: that is no loss of who begins now", async () => {
    write(1);
    const makeRoom = leave(4096);
    write(100);
    makeRoom();
    write(2);
    expect(await read(await open())).toMatchObject(FINE);
  });

  test("but still takes lines is read as ever", async () => {
    const { cursor } = await read(await open());
    write(1);
    fill(join(directory, "logs"));
    expect(await read(cursor)).toMatchObject({ ...FINE, seen: 1 });
  });
});

const inShell = (script: string, ...args: readonly string[]): boolean =>
  spawnSync("sh", ["-c", script, "sh", ...args]).status === 0;

test.runIf(canFill)("what is kept for root is no room for nginx's workers", async () => {
  const mounts = join(directory, "logs");
  const mounting = 'truncate -s 8M "$1" && mkfs.ext4 -q -m 30 "$1" && mount -o loop "$1" "$2"';
  const isMounted = inShell(mounting, join(directory, "image"), mounts);
  if (!needs(isMounted, "contract: room that is kept for root", "no ext4 can be mounted here")) return;
  onTestFinished(() => unmount(mounts));
  execFileSync("chmod", ["777", directory, mounts]);
  write(1);
  const { cursor } = await read(await open());
  const filling = 'setpriv --reuid 64321 --clear-groups sh -c "cat /dev/zero" >"$1"';
  inShell(`touch "$1" && chown 64321 "$1" && ${filling}`, join(mounts, "ballast"));
  // Root has room, and the log has none.
  appendFileSync(join(mounts, "of-root"), Buffer.alloc(100_000));
  write(1000);
  const { cursor: behind } = await read(cursor);
  expect(await read(behind)).toMatchObject(NO_ROOM);
});

test.runIf(canFill)("a file system that tells no room is not taken for a full one", async () => {
  execFileSync("mount", ["-t", "ramfs", "none", join(directory, "logs")]);
  onTestFinished(() => unmount(join(directory, "logs")));
  write(1);
  const { cursor } = await read(await open());
  expect(await read(cursor)).toMatchObject({ ...FINE, seen: 0 });
});

test.each([
  ["no number", "-", FINE],
  ["less than nothing, as more than root's reserve is used", "-5", NO_ROOM],
  ["some", "82132", FINE],
])("a log is read also where df tells %s", async (_, free, expected) => {
  const df = join(directory, "df");
  writeFileSync(df, `#!/bin/sh\necho Filesystem\necho "none 100 100 ${free} 100% /"\n`, { mode: 0o755 });
  vi.stubEnv("PATH", `${directory}:${process.env["PATH"] ?? ""}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  write(1);
  const first = await read(await open());
  expect(first).toMatchObject({ ...FINE, seen: 1 });
  expect(await read(first.cursor)).toMatchObject(expected);
});

test("half a line that nobody goes on with is a loss, as of a quota; one just begun is none", async () => {
  write(1);
  const { cursor } = await read(await open());
  appendFileSync(log, LINE.slice(0, 30));
  expect(await read(cursor)).toMatchObject({ ...FINE, seen: 0 });
  const before = Date.now() / 1000 - 60;
  utimesSync(log, before, before);
  const half = await read(cursor);
  expect(half).toMatchObject({ seen: 0, losses: 1, full: { code: "host.disk" } });
  expect(half.full?.message).toBe(`web1: nginx wrote half a line to ${log} and stopped`);
  appendFileSync(log, LINE.slice(30));
  expect(await read(cursor)).toMatchObject({ ...FINE, seen: 1 });
});
