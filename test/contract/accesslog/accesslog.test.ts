import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { instant, seconds } from "../../../src/base/time.ts";
import { accessLog } from "../../../src/drivers/accesslog/accesslog.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import type { Application, Gateway } from "../../../src/model/application.ts";
import { startOf } from "../../../src/model/evidence.ts";
import type { HostName } from "../../../src/model/ids.ts";
import type { LogCursor } from "../../../src/ports/telemetry.ts";

const START = 1_790_000_000;
const ROLES = { joined: {}, warmup: seconds(0) };
const application = { hosts: [], gateway: {}, analysis: null } as unknown as Application;
const port = accessLog({ application, hosts: localHost });
let directory: string;
let log: string;
let gateway: Gateway;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "glidepath-accesslog-"));
  log = join(directory, "it's the log.log");
  gateway = { name: "web1" as HostName, log } as Gateway;
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A request that ends in the second `at` after the start. */
const line = (at: number, duration = 0.01): string =>
  ["g1", (START + at + duration).toFixed(3), duration.toFixed(3), "200", "stable", "s0", "37/52", "GET"]
    .concat(["127.0.0.1:8001", "200", "0.000", duration.toFixed(3), "100", "OK", "", "12", "12"])
    .join("\t")
    .concat("\n");
const lines = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => line(from + i)).join("");
const write = (text: string): void => appendFileSync(log, text);

async function open(at: number): Promise<LogCursor> {
  const opened = await port.open(gateway, instant((START + at) * 1000));
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}

/** Seconds after the start in which requests ended, one number a request. */
async function read(cursor: LogCursor) {
  const got = await port.read(gateway, cursor, ROLES);
  if (!got.ok) throw new Error(got.error.message);
  const seen = got.value.slices.flatMap(({ slice, traffic }) =>
    Array.from({ length: traffic.requests }, () => startOf(slice) / 1000 - START),
  );
  return { cursor: got.value.cursor, seen, lost: got.value.losses };
}

test("what was written since is read once", async () => {
  write(lines(0, 3));
  const cursor = await open(100);
  write(lines(200, 2));
  const first = await read(cursor);
  expect(first).toMatchObject({ seen: [200, 201], lost: 0 });
  expect(await read(first.cursor)).toMatchObject({ seen: [], lost: 0 });
});

test("a log that is not there is empty, and is read from its beginning once it is", async () => {
  const cursor = await open(0);
  const before = await read(cursor);
  expect(before.seen).toEqual([]);
  write(lines(1, 2));
  expect(await read(before.cursor)).toMatchObject({ seen: [1, 2], lost: 0 });
});

test("a log that is no file says so, and not that it may not be read", async () => {
  const opened = await port.open({ ...gateway, log: directory }, instant(0));
  expect(opened).toMatchObject({ ok: false, error: { code: "host.command" } });
  expect(opened).toMatchObject({ error: { message: expect.stringContaining(`${directory} is no file`) } });
});

test("an unfinished line is read when it is finished", async () => {
  write(lines(0, 1));
  const cursor = await open(100);
  write(line(1).slice(0, 40));
  const half = await read(cursor);
  expect(half.seen).toEqual([]);
  write(line(1).slice(40) + line(2));
  expect(await read(half.cursor)).toMatchObject({ seen: [1, 2] });
});

test("garbage and bytes that are no ASCII are passed over", async () => {
  write(lines(0, 1));
  const cursor = await open(100);
  write("\u00e9\u4e2d nonsense\n");
  appendFileSync(log, Buffer.from([0, 0xff, 0xfe, 10]));
  write(line(1) + line(2).slice(0, 20));
  const first = await read(cursor);
  expect(first.seen).toEqual([1]);
  write(line(2).slice(20));
  expect(await read(first.cursor)).toMatchObject({ seen: [2], lost: 0 });
});

test("a renamed log is read to its end, whatever its name, and then the new one", async () => {
  write(lines(0, 2));
  const cursor = await open(100);
  write(line(1));
  renameSync(log, join(directory, "log-20261123"));
  appendFileSync(join(directory, "log-20261123"), line(2));
  writeFileSync(log, line(3));
  expect(await read(cursor)).toMatchObject({ seen: [1, 2, 3], lost: 0 });
});

test("a renamed log is not left while nothing is in the new one", async () => {
  write(lines(0, 1));
  const cursor = await open(100);
  renameSync(log, `${log}.1`);
  writeFileSync(log, "");
  const between = await read(cursor);
  appendFileSync(`${log}.1`, line(1));
  write(line(2));
  expect(await read(between.cursor)).toMatchObject({ seen: [1, 2], lost: 0 });
});

test("an unfinished line at the end of a renamed log is lost, and does not hold up the new one", async () => {
  write(lines(0, 1));
  const cursor = await open(100);
  write(line(1).slice(0, 30));
  renameSync(log, `${log}.1`);
  writeFileSync(log, line(2));
  const first = await read(cursor);
  expect(first).toMatchObject({ seen: [2], lost: 1 });
  expect(await read(first.cursor)).toMatchObject({ seen: [], lost: 0 });
});

test("a log that was rotated away unread counts as lost", async () => {
  write(lines(0, 2));
  const cursor = await open(100);
  write(line(1));
  // Its successor exists before it goes, so that the inode cannot be the same.
  writeFileSync(join(directory, "next"), line(2));
  unlinkSync(log);
  renameSync(join(directory, "next"), log);
  const first = await read(cursor);
  expect(first.seen).toEqual([2]);
  expect(first.lost).toBeGreaterThan(0);
  expect(await read(first.cursor)).toMatchObject({ seen: [], lost: 0 });
});

test("a log that was copied and emptied is read from the copy to its end", async () => {
  write(lines(0, 3));
  const cursor = await open(100);
  write(line(1));
  copyFileSync(log, `${log}.1`);
  truncateSync(log);
  write(line(2));
  const first = await read(cursor);
  expect(first).toMatchObject({ seen: [1, 2], lost: 0 });
  write(line(3));
  expect(await read(first.cursor)).toMatchObject({ seen: [3], lost: 0 });
});

test("a log that was emptied without a copy is read from its beginning, and the loss is said", async () => {
  write(lines(0, 3));
  const cursor = await open(100);
  truncateSync(log);
  write(line(2));
  const first = await read(cursor);
  expect(first.seen).toEqual([2]);
  expect(first.lost).toBeGreaterThan(0);
});

test("more than one piece is read in one go, and no line at a seam is lost", async () => {
  const cursor = await open(0);
  const count = 20_000;
  write(Array.from({ length: count }, (_, i) => line(i % 50)).join(""));
  const { seen, lost } = await read(cursor);
  expect({ requests: seen.length, lost }).toEqual({ requests: count, lost: 0 });
});

test("a line without end is passed over", async () => {
  const cursor = await open(0);
  write(`${"x".repeat(1_700_000)}\n${line(5)}`);
  expect(await read(cursor)).toMatchObject({ seen: [5], lost: 0 });
});

test("opened with a look back, the log is read from the first request that ended then", async () => {
  write(lines(0, 20_000));
  const { seen } = await read(await open(19_997));
  expect(seen).toEqual([19_997, 19_998, 19_999]);
});

test("opened with a look far back, the log is read from where it begins", async () => {
  write(lines(0, 12_000));
  const { seen } = await read(await open(-5));
  expect(seen.length).toBe(12_000);
});

test("opened where a line is being written, the log is read from that line", async () => {
  write(lines(0, 2) + line(7).slice(0, 25));
  const cursor = await open(100);
  write(line(7).slice(25));
  expect(await read(cursor)).toMatchObject({ seen: [7] });
});
