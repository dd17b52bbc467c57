import { ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp, Server as HttpServer } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { millis, seconds } from "../../../src/base/time.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import type { HostName } from "../../../src/model/ids.ts";
import type { HostAnswer, HostPort } from "../../../src/ports/host.ts";
import { sshTo } from "../../support/ssh-host.ts";
import { canSsh, startTarget } from "../../support/sshd.ts";

const overSsh = canSsh("the contract of a host over SSH");

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function scratch(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "gp host '"));
  cleanups.push(() => rm(dir, { recursive: true }));
  return dir;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  cleanups.push(() => {
    if (server instanceof HttpServer) server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Nothing is read for so long after a child was seen to end, as on a machine that is held up. */
function standStillAtExit(ms: number): void {
  const emit = Reflect.get(ChildProcess.prototype, "emit") as (...event: unknown[]) => boolean;
  const still = vi.spyOn(ChildProcess.prototype, "emit").mockImplementation(function (
    this: ChildProcess,
    ...event: unknown[]
  ) {
    const heard = Reflect.apply(emit, this, event);
    if (event[0] === "exit") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return heard;
  });
  cleanups.push(() => still.mockRestore());
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((done) => setTimeout(done, 10));
}

interface Kind {
  readonly kind: string;
  readonly can: boolean;
  readonly make: (name: HostName) => Promise<{ readonly host: HostPort; readonly close: () => unknown }>;
}

const KINDS: readonly Kind[] = [
  { kind: "local", can: true, make: async (name) => ({ host: localHost(name), close: () => {} }) },
  {
    kind: "ssh",
    can: overSsh,
    make: async (name) => {
      const target = await startTarget();
      return { host: sshTo(target, name), close: () => target.close() };
    },
  },
];

describe.each(KINDS.filter(({ can }) => can))("a host, $kind:", ({ kind, make }) => {
  let host: HostPort;
  let close: () => unknown = () => {};
  beforeAll(async () => {
    ({ host, close } = await make("here" as HostName));
  });
  afterAll(() => close());

  describe("run", () => {
    test("arguments reach the script as they are", async () => {
      const hostile = ["a b", "it's", '"; exit 9', "$(id)", "", "two\nlines", "-n"];
      const script = `printf '<%s>' "$@"; echo oops >&2; exit 3`;
      expect(await host.run({ script, args: hostile, timeout: seconds(20) })).toEqual({
        kind: "exited",
        code: 3,
        stdout: hostile.map((text) => `<${text}>`).join(""),
        stderr: "oops\n",
      });
    });

    test("bytes and files are the standard input", async () => {
      const file = join(await scratch(), "in put");
      await writeFile(file, "from a file");
      const inputs = [{ file }, new TextEncoder().encode("bytes"), undefined];
      const seen: string[] = [];
      for (const input of inputs) {
        const reply = await host.run({ script: "cat", timeout: seconds(20), ...(input && { input }) });
        seen.push(reply.kind === "exited" ? reply.stdout : reply.why);
      }
      expect(seen).toEqual(["from a file", "bytes", ""]);
    });

    test("a script that does not read a large input is no failure", async () => {
      const input = new Uint8Array(4 << 20);
      expect(await host.run({ script: "exit 0", input, timeout: seconds(20) })).toMatchObject({ code: 0 });
    });

    test("a missing input file is lost before anything runs", async () => {
      const dir = await scratch();
      const reply = await host.run({
        script: 'touch "$1"',
        args: [join(dir, "ran")],
        input: { file: join(dir, "none") },
        timeout: seconds(20),
      });
      expect(reply).toMatchObject({ kind: "lost", why: expect.stringContaining("ENOENT") });
      expect(
        await host.run({ script: 'test -e "$1"', args: [join(dir, "ran")], timeout: seconds(20) }),
      ).toMatchObject({
        code: 1,
      });
    });

    test("endless output is bounded to its two ends", async () => {
      const script = `printf first; head -c 5000000 /dev/zero | tr '\\0' x; printf last`;
      const reply = await host.run({ script, timeout: seconds(20) });
      if (reply.kind !== "exited") throw new Error(reply.why);
      expect(reply.stdout.length).toBeLessThan(1_100_000);
      expect(reply.stdout.slice(0, 6)).toBe("firstx");
      expect(reply.stdout.slice(-5)).toBe("xlast");
    });

    test.runIf(kind === "local")("the deadline kills the whole group", async () => {
      const file = join(await scratch(), "pid");
      const script = `sh -c 'echo $$ >"$1"; exec sleep 60' sh "$1" & wait`;
      const reply = await host.run({ script, args: [file], timeout: seconds(5) });
      expect(reply).toEqual({ kind: "lost", why: "not finished within 5s" });
      const found = await host.run({ script: 'cat "$1"', args: [file], timeout: seconds(20) });
      const pid = Number(found.kind === "exited" ? found.stdout : "");
      expect(pid).toBeGreaterThan(1);
      await until(() => !alive(pid));
    });

    test("an abort is lost at once", async () => {
      const control = new AbortController();
      const running = host.run({ script: "sleep 60", timeout: seconds(100), signal: control.signal });
      control.abort();
      expect(await running).toMatchObject({ kind: "lost", why: expect.stringContaining("interrupted") });
    });

    test("something left behind that holds the output open does not hold us", async () => {
      const reply = await host.run({ script: "sleep 60 & echo $!", timeout: seconds(30) });
      if (reply.kind !== "exited") throw new Error(reply.why);
      const left = Number(reply.stdout);
      expect(alive(left)).toBe(true);
      process.kill(left, "SIGKILL");
    });

    test.runIf(kind === "local")(
      "what is said while this process stands still is heard all the same",
      async () => {
        standStillAtExit(1500);
        const script = "(sleep 0.3; echo late) & echo soon";
        const reply = await host.run({ script, timeout: seconds(30) });
        expect(reply).toMatchObject({ kind: "exited", code: 0, stdout: "soon\nlate\n" });
      },
    );

    test("a script that is killed is lost, not finished", async () => {
      expect(await host.run({ script: "kill -9 $$", timeout: seconds(20) })).toEqual({
        kind: "lost",
        why: "the script was killed by SIGKILL",
      });
    });
  });

  describe("get", () => {
    const server = (): Server =>
      createHttp((request, response) => {
        if (request.url === "/slow") return;
        if (request.url === "/cut") {
          response.writeHead(200, { "content-length": "100" });
          response.write("part", () => response.destroy());
          return;
        }
        if (request.url === "/large") {
          response.end("x".repeat(1_000_000));
          return;
        }
        response.writeHead(request.url === "/moved" ? 302 : 200, { location: "/elsewhere" });
        response.end(`hello ${request.headers.host}`);
      });

    test("an answer has its status and body; a redirect is an answer", async () => {
      const port = await listen(server());
      const headers = { Host: "shop.test" };
      expect(await host.get({ to: { port }, path: "/", headers, timeout: seconds(20) })).toEqual({
        kind: "answered",
        status: 200,
        body: "hello shop.test",
      });
      expect(await host.get({ to: { port }, path: "/moved", timeout: seconds(20) })).toMatchObject({
        status: 302,
      });
    });

    test("where it is asked for, it is told when the other end closes the idle connection", async () => {
      const keeping = async (idleMs: number): Promise<HostAnswer> => {
        const made = server() as HttpServer;
        // The header that Node adds says something else: what happens counts.
        made.keepAliveTimeout = idleMs;
        const port = await listen(made);
        return host.get({ to: { port }, path: "/", timeout: seconds(20), idle: seconds(60) });
      };
      const closed = await keeping(200);
      expect(closed).toMatchObject({ kind: "answered", status: 200, closedAfter: expect.any(Number) });
      expect(closed.kind === "answered" && Number(closed.closedAfter) > 0).toBe(true);
      // 0: Node never closes it by itself.
      const port = await listen(Object.assign(server() as HttpServer, { keepAliveTimeout: 0 }));
      const kept = await host.get({ to: { port }, path: "/", timeout: seconds(20), idle: millis(300) });
      expect(kept).toMatchObject({ kind: "answered", closedAfter: null });
      const ending = createHttp((_, response) => response.writeHead(200, { connection: "close" }).end("x"));
      const ended = {
        to: { port: await listen(ending) },
        path: "/",
        timeout: seconds(20),
        idle: seconds(60),
      };
      expect(await host.get(ended)).toMatchObject({ kind: "answered", closedAfter: 0 });
      const endless = createHttp((_, response) => void response.writeHead(200).write("and"));
      const never = {
        to: { port: await listen(endless) },
        path: "/",
        timeout: millis(300),
        idle: seconds(60),
      };
      expect(await host.get(never)).toMatchObject({
        kind: "failed",
        why: expect.stringContaining("no answer"),
      });
      const gone = await host.get({ to: { port: 1 }, path: "/", timeout: seconds(20), idle: seconds(1) });
      expect(gone).toEqual({ kind: "failed", why: "connection refused" });
    });

    test("whoever waits for an idle connection's end can leave, and the connection is closed", async () => {
      const made = Object.assign(server() as HttpServer, { keepAliveTimeout: 0 });
      const closed = new Promise<void>((resolve) => {
        made.on("connection", (socket) => socket.on("close", () => resolve()));
      });
      const port = await listen(made);
      const leaving = new AbortController();
      made.on("request", (_, response) => response.on("finish", () => leaving.abort()));
      const { signal } = leaving;
      const left = host.get({ to: { port }, path: "/", timeout: seconds(60), idle: seconds(3600), signal });
      expect(await left).toMatchObject({ kind: "failed" });
      await closed;
      const late = host.get({ to: { port }, path: "/", timeout: seconds(60), idle: seconds(3600), signal });
      expect(await late).toMatchObject({ kind: "failed" });
    });

    test("a body beyond the limit is left out", async () => {
      const port = await listen(server());
      const answer = await host.get({ to: { port }, path: "/large", timeout: seconds(20), limit: 10 });
      expect(answer).toEqual({ kind: "answered", status: 200, body: "xxxxxxxxxx" });
    });

    test("failures say why, for people", async () => {
      const port = await listen(server());
      const babble = await listen(createServer((socket) => socket.end("hello, who is there?\r\n\r\n")));
      const silent = await listen(createServer((socket) => socket.destroy()));
      const gone = createServer();
      const free = await listen(gone);
      await new Promise((done) => gone.close(done));
      const why = async (to: number, path: string, timeout = seconds(20)): Promise<string> => {
        const answer = await host.get({ to: { port: to }, path, timeout });
        return answer.kind === "answered" ? `answered ${answer.status}` : answer.why;
      };
      expect(await why(port, "/slow", millis(300))).toBe("no answer within 300ms");
      expect(await why(port, "/cut")).toBe("connection closed in the middle of an answer with status 200");
      expect(await why(port, "/a b")).toContain("unescaped characters");
      expect(await why(free, "/")).toBe("connection refused");
      expect(await why(silent, "/")).toBe("connection closed without an answer");
      expect(await why(babble, "/")).toContain("the answer is not HTTP");
    });
  });

  test("connect tells whether somebody listens", async () => {
    const server = createServer();
    const port = await listen(server);
    expect(await host.connect({ port }, seconds(20))).toEqual({ kind: "connected" });
    await new Promise((done) => server.close(done));
    expect(await host.connect({ port }, seconds(20))).toEqual({ kind: "failed", why: "connection refused" });
  });
});
