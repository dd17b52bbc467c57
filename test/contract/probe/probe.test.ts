import { mkdtemp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { millis, seconds } from "../../../src/base/time.ts";
import { runCommand } from "../../../src/drivers/local/command.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import { probes } from "../../../src/drivers/probe/probes.ts";
import type { Application, Probe, Slot, SmokeCheck, WarmUp } from "../../../src/model/application.ts";
import { slotKey, type HostName, type ReleaseId } from "../../../src/model/ids.ts";
import type { Outcome } from "../../../src/model/outcome.ts";
import type { ProbePort } from "../../../src/ports/probe.ts";

const WEB1 = "web1" as HostName;
const V2 = "v2" as ReleaseId;
const HTTP = { kind: "http", path: "/", host: null, status: null, contains: null } as const;
const paths: string[] = [];
let server: Server;
let root: string;
let slot: Slot;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "gp probe's "));
  server = createServer((request, response) => {
    paths.push(request.url ?? "");
    if (request.url === "/hang") return;
    response.statusCode = request.url === "/starting" ? 503 : request.url === "/moved" ? 302 : 200;
    response.end(request.url === "/starting" ? "star\u0007\nting" : `host ${request.headers.host ?? ""}`);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  slot = { key: slotKey(WEB1, port), host: WEB1, port, dir: join(root, "slot dir"), address: "127.0.0.1" };
  await mkdir(slot.dir);
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await rm(root, { recursive: true });
});

interface Given {
  readonly probe?: Probe;
  readonly smoke?: readonly SmokeCheck[];
  readonly warm?: readonly WarmUp[];
  readonly timeout?: number;
}

const application = (given: Given): Application =>
  ({
    name: "shop",
    directory: root,
    run: { kind: "static", env: { WORD: "it's" }, user: null, reload: null },
    health: { probe: given.probe ?? HTTP, timeout: millis(given.timeout ?? 60_000) },
    smoke: given.smoke ?? [],
    warm: given.warm,
    gateway: { serverName: ["*.shop.test", "shop.test"] },
  }) as unknown as Application;

const probing = (given: Given): ProbePort =>
  probes({ application: application(given), hosts: () => localHost(WEB1), runCommand });
const at = (): string => `127.0.0.1:${slot.port}`;

describe("health over HTTP", () => {
  const CASES: readonly { name: string; given: Given; healthy: boolean; answer: string }[] = [
    { name: "2xx is healthy", given: {}, healthy: true, answer: 'GET / on AT → 200 "host shop.test"' },
    {
      name: "3xx is healthy and not followed",
      given: { probe: { ...HTTP, path: "/moved" } },
      healthy: true,
      answer: 'GET /moved on AT → 302 "host shop.test"',
    },
    {
      name: "5xx is not, and what it says is made harmless",
      given: { probe: { ...HTTP, path: "/starting" } },
      healthy: false,
      answer: 'GET /starting on AT → 503 "star ting"',
    },
    {
      name: "another status than the one asked for is not",
      given: { probe: { ...HTTP, status: 204 } },
      healthy: false,
      answer: 'GET / on AT → 200 "host shop.test"',
    },
    {
      name: "the text asked for must be there",
      given: { probe: { ...HTTP, contains: "ready" } },
      healthy: false,
      answer: 'GET / on AT → 200 without "ready": "host shop.test"',
    },
    {
      name: "a host of its own",
      given: { probe: { ...HTTP, host: "other.test", contains: "host other.test" } },
      healthy: true,
      answer: 'GET / on AT → 200 "host other.test"',
    },
    {
      name: "silence",
      given: { probe: { ...HTTP, path: "/hang" }, timeout: 200 },
      healthy: false,
      answer: "GET /hang on AT: no answer within 200ms",
    },
  ];
  test.each(CASES)("$name", async ({ given, healthy, answer }) => {
    expect(await probing(given).health(slot, V2)).toEqual({ healthy, answer: answer.replace("AT", at()) });
  });
});

test("health by a connection", async () => {
  const port = probing({ probe: { kind: "tcp" } });
  expect(await port.health(slot, V2)).toEqual({ healthy: true, answer: `connection to ${at()} accepted` });
  expect(await port.health({ ...slot, port: 1 }, V2)).toEqual({
    healthy: false,
    answer: "connection to 127.0.0.1:1: connection refused",
  });
});

describe("health by a command on the host", () => {
  const asked = async (command: string, timeout = 60_000): ReturnType<ProbePort["health"]> =>
    probing({ probe: { kind: "exec", command }, timeout }).health(slot, V2);

  test("runs in the slot with its values and the user's", async () => {
    const command = `printf '%s|' {port} {release} {host} "$WORD" {dir}; [ "$PWD" = {dir} ]`;
    const health = await asked(command);
    expect(health?.healthy).toBe(true);
    expect(health?.answer).toContain(`→ exit code 0 "${slot.port}|v2|web1|it's|${slot.dir}|"`);
  });

  test("any other exit code is unhealthy, with its words", async () => {
    expect(await asked("echo {port} not ready >&2; exit 3")).toEqual({
      healthy: false,
      answer: `\`echo ${slot.port} not ready >&2; exit 3\` on web1 → exit code 3 "${slot.port} not ready"`,
    });
  });

  test("has its time", async () => {
    expect(await asked("sleep 60", 300)).toEqual({
      healthy: false,
      answer: "`sleep 60` on web1: no answer within 300ms",
    });
  });
});

describe("a smoke check", () => {
  const smoke = (check: SmokeCheck): Promise<Outcome> => probing({ smoke: [check] }).smoke(slot, V2, 0);
  const http = { kind: "http", path: "/", status: null, contains: null, timeout: seconds(60) } as const;

  test("over HTTP wants an answer of 2xx or 3xx, or what it asks for", async () => {
    expect(await smoke(http)).toEqual({ kind: "done", note: `GET / on ${at()} → 200 "host shop.test"` });
    expect(await smoke({ ...http, path: "/moved", status: 302 })).toMatchObject({ kind: "done" });
    expect(await smoke({ ...http, path: "/moved" })).toMatchObject({ kind: "done" });
    expect(await smoke({ ...http, path: "/moved", status: 200 })).toMatchObject({
      kind: "refused",
      error: {
        code: "slot.smoke",
        message: `slot ${slot.key}: expected 200, got GET /moved on ${at()} → 302 "host shop.test"`,
      },
    });
    expect(await smoke({ ...http, contains: "Sign in" })).toMatchObject({
      kind: "refused",
      error: { message: expect.stringContaining('expected 2xx or 3xx with "Sign in", got GET / on') },
    });
  });

  test("on the controller gets the slot's values, in the file's directory", async () => {
    const command = `sh ./show.sh {release} >seen`;
    const show = `set -- $GLIDEPATH_URL $GLIDEPATH_RELEASE $GLIDEPATH_HOST $GLIDEPATH_PORT "$1" "$PWD"
printf '%s\\n' "$@"`;
    await writeFile(join(root, "show.sh"), show);
    expect(await smoke({ kind: "run", command, timeout: seconds(60) })).toEqual({ kind: "done" });
    expect(await readFile(join(root, "seen"), "utf8")).toBe(
      `http://${at()}\nv2\nweb1\n${slot.port}\nv2\n${root}\n`,
    );
  });

  test("on the controller that fails shows the last of its words", async () => {
    await writeFile(
      join(root, "smoke.sh"),
      'i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo "line $i"; done; echo end >&2; exit 4',
    );
    const outcome = await smoke({ kind: "run", command: "sh ./smoke.sh", timeout: seconds(60) });
    const lines = Array.from({ length: 19 }, (_, i) => `line ${i + 12}`);
    expect(outcome).toMatchObject({
      kind: "refused",
      error: {
        code: "slot.smoke",
        message: `slot ${slot.key}: \`sh ./smoke.sh\` expected exit code 0, got exit code 4`,
        details: [...lines, "end"].join("\n"),
      },
    });
  });

  test("on the controller that hangs is killed with its children", async () => {
    const command = `sh -c 'echo $$ >child; exec sleep 1000' & wait`;
    // Long enough for the child to be there, whatever this machine does meanwhile.
    expect(await smoke({ kind: "run", command, timeout: seconds(5) })).toMatchObject({
      error: { message: expect.stringContaining("got not finished within 5s") },
    });
    const child = (await readFile(join(root, "child"), "utf8")).trim();
    const gone = async (): Promise<boolean> =>
      / Z |^$/.test(await readFile(`/proc/${child}/stat`, "utf8").catch(() => ""));
    while (!(await gone())) await new Promise((done) => setTimeout(done, 10));
    expect(await gone()).toBe(true);
  });
});

describe("the warm-up", () => {
  const warmed = async (part: WarmUp): Promise<Outcome> => {
    paths.length = 0;
    return probing({ warm: [part] }).warm(slot, V2, 0);
  };
  const requests = (path: string, times: number, timeout = 60_000): WarmUp => ({
    kind: "http",
    path,
    times,
    timeout: millis(timeout),
  });

  test("asks the slot itself so many times", async () => {
    const outcome = await warmed(requests("/", 20));
    expect(outcome).toEqual({ kind: "done", note: "GET /: 20 of 20 answered well" });
    expect(paths).toEqual(Array.from({ length: 20 }, () => "/"));
  });

  test("tells what failed, and fails nothing", async () => {
    const well = "GET /starting: 0 of 3 answered well";
    const note = `${well}; the last that failed: GET /starting on ${at()} → 503 "star ting"`;
    expect(await warmed(requests("/starting", 3))).toEqual({ kind: "done", note });
  });

  test("ends with its time, whatever is left", async () => {
    const outcome = await warmed(requests("/hang", 5, 2000));
    expect(outcome).toMatchObject({ kind: "done" });
    expect(JSON.stringify(outcome)).toContain("0 of 1 answered well; 4 not asked within 2s");
  });

  test("a command knows the slot, and fails it with any exit code but 0", async () => {
    const command = 'echo "$GLIDEPATH_RELEASE at $GLIDEPATH_URL"; exit 3';
    const outcome = await warmed({ kind: "run", command, timeout: seconds(60) });
    expect(outcome).toMatchObject({ kind: "refused", error: { code: "slot.warm" } });
    expect(JSON.stringify(outcome)).toContain(`v2 at http://${at()}`);
    expect(await warmed({ kind: "run", command: "true", timeout: seconds(60) })).toEqual({ kind: "done" });
  });
});
