// `glidepath analyze`: what nginx wrote in a rollout of several steps, in JSON and with more fields than are
// asked for (fixtures/steps.json.log.gz: nginx 1.22, 60 requests/s; 0, 5, 25, 50 % for 15 s each, then back).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readRecorded, type Recorded } from "../../../src/drivers/accesslog/recorded.ts";
import { replay } from "../../../src/engine/replay.ts";
import { runCommand } from "../../support/command.ts";
import { SETTINGS } from "../../support/judged.ts";

const LOG = new URL("fixtures/steps.json.log.gz", import.meta.url).pathname;
const FORMAT =
  '{"time":"$time_iso8601","msec":$msec,"host":"$host","ip":"$remote_addr","user":"$remote_user",' +
  '"req":"$request","ua":"$http_user_agent","status":$status,"bytes":$body_bytes_sent,"rt":$request_time,' +
  '"up":"$upstream_addr","us":"$upstream_status","urt":"$upstream_response_time"}';
const CANARY = "10.0.0.2:8001";
const FOREIGN = { format: FORMAT, canary: { by: "address", addresses: new Set([CANARY]) } } as const;

const LINES = gunzipSync(readFileSync(LOG)).toString("utf8").trimEnd().split("\n");

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "glidepath-recorded-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const put = (name: string, content: string | Buffer): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};

async function read(files: readonly string[]): Promise<Recorded> {
  const recorded = await readRecorded(files, FOREIGN);
  if (!recorded.ok) throw new Error(`${recorded.error.message}: ${recorded.error.details ?? ""}`);
  return recorded.value;
}
const FREE = { shares: [], pinned: false };
const judged = ({ slices }: Recorded) => replay({ ...SETTINGS, minRequests: 50 }, slices, FREE)!;
const percents = ({ shares }: ReturnType<typeof judged>): readonly number[] =>
  shares.map(({ share }) => Math.round(share / 100));

/** Percent of the canary, as drawn in the recording. */
const near = (actual: readonly number[], expected: readonly number[]): void => {
  expect(actual).toHaveLength(expected.length);
  for (const [i, share] of actual.entries()) expect(Math.abs(share - expected[i]!)).toBeLessThanOrEqual(6);
};

describe("a recorded rollout of several steps", () => {
  it("is read to its last line, and its shares are seen", async () => {
    const recorded = await read([LOG]);
    expect(recorded).toMatchObject({ lines: LINES.length, garbage: 0, unasked: 12 });
    const course = judged(recorded);
    near(percents(course), [5, 25, 50, 0]);
    expect(course.course.map(({ kind }) => kind)).not.toContain("fail");
  });

  it("is the same in pieces, packed or not, in any order, with CR and no last end", async () => {
    const whole = await read([LOG]);
    const [first, rest] = [LINES.slice(0, 1500), LINES.slice(1500)];
    const old = put("access.log.2.gz", gzipSync(`${first.join("\n")}\n`));
    const now = put("access.log", rest.join("\r\n"));
    expect((await read([now, old])).slices).toEqual(whole.slices);
  });

  it("is judged by the share of the step when traffic goes missing", async () => {
    const at = 1950;
    // Five seconds into the second step, four of five requests of the canary never come back.
    const isKept = (line: string, i: number): boolean => i < at || i % 5 === 0 || !line.includes(CANARY);
    const kept = LINES.slice(0, 2500).filter(isKept);
    const course = judged(await read([put("missing.log", kept.join("\n"))]));
    near(percents(course), [5, 25]);
    expect(course.course.at(-1)).toMatchObject({ kind: "fail", by: "traffic" });
  });

  it("is not disturbed by lines that are none: they are counted", async () => {
    const whole = await read([LOG]);
    const hostile = [
      "x".repeat(300_000),
      "\0".repeat(5000),
      '{"time":"'.repeat(3000),
      LINES[0]!.slice(0, -9),
      LINES[0]!.replace('"status":200', '"status":2e2'),
      LINES[0]!.replace(/"msec":\d+/, '"msec":99999999999999999999'),
      "",
    ];
    const mixed = LINES.flatMap((line, i) => (i % 500 === 7 ? [line, hostile[(i - 7) / 500] ?? ""] : [line]));
    const recorded = await read([put("hostile.log", `${mixed.join("\n")}\n`)]);
    expect(recorded.slices).toEqual(whole.slices);
    expect(recorded.garbage).toBe(mixed.length - LINES.length);
  });

  it.each([
    ["is said to miss traffic where its share was larger than what came", "", "by the test of traffic"],
    ["is not, where visitors stay with their release", "rollout: { pin: 30m }\n", "nothing against it"],
  ])("%s", async (_, rollout, expected) => {
    const file = put(
      "glidepath.yaml",
      `app: shop\nartifact: { url: "shop-{release}.zip" }\nrun: { command: node server.js }\n` +
        `hosts: [{ address: local, root: ${directory}/srv, slots: [8001, 8002] }]\n` +
        `analysis: { minRequests: 50 }\n${rollout}`,
    );
    const log = put("steps.log", LINES.slice(0, 2500).join("\n"));
    const share = ["--share", "80%", "--format", FORMAT, "--canary", CANARY];
    const ran = await runCommand(["--file", file, "analyze", log, ...share], { cwd: directory });
    expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: "" });
    expect(ran.stdout).toContain(expected);
    expect(ran.stdout.includes("rollout.pin")).toBe(rollout !== "");
  });

  it.each(["nowhere.log", "."])("is refused by its name where it cannot be read: %s", async (name) => {
    const file = join(directory, name);
    const recorded = await readRecorded([file], FOREIGN);
    expect(recorded).toMatchObject({ error: { code: "file.missing", message: `${file} cannot be read` } });
    // A failure that nobody hears of ends the process: it comes a moment later.
    const yaml = `app: shop\nartifact: { url: "shop-{release}.zip" }\nrun: { command: node server.js }\n`;
    const hosts = `hosts: [{ address: local, root: ${directory}/srv, slots: [8001, 8002] }]\n`;
    const ran = await runCommand(["--file", put("glidepath.yaml", yaml + hosts), "analyze", file], {
      cwd: directory,
    });
    expect(ran.code).toBe(2);
    expect(ran.stderr).not.toContain("node:");
  });

  it.each([
    { name: "an empty log", text: "", foreign: null, says: "empty, there is no request to judge by" },
    {
      name: "an empty foreign log",
      text: "",
      foreign: FOREIGN,
      says: "empty, there is no request to judge by",
    },
    {
      name: "a log of another format than ours",
      text: LINES[0]!,
      foreign: null,
      says: "none of 1 lines is of the format of a gateway's log",
    },
    {
      name: "a log of another format than said",
      text: "GET / 200\nGET / 200",
      foreign: FOREIGN,
      says: "none of 2 lines is of the format that --format says",
    },
    {
      name: "a log of nothing that a slot was asked for",
      text: LINES.find((line) => line.includes('"up":""'))!,
      foreign: FOREIGN,
      says: "none of the 1 requests went to a slot",
    },
  ])("is refused where there is nothing to judge by: $name", async ({ text, foreign, says }) => {
    const file = put("nothing.log", text);
    const recorded = await readRecorded([file], foreign);
    expect(recorded).toMatchObject({ error: { code: "usage", message: `${file}: ${says}` } });
  });

  it("is refused where it is broken off within what is packed", async () => {
    const packed = put("broken.gz", readFileSync(LOG).subarray(0, 9000));
    const recorded = await readRecorded([packed], FOREIGN);
    expect(recorded).toMatchObject({ ok: false, error: { code: "file.missing" } });
  });
});
