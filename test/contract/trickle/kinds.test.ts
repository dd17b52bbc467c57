// Every kind of request against servers that answer well, badly, in part, or not at all.
import { createHash } from "node:crypto";
import { createServer as createHttp, type IncomingMessage } from "node:http";
import { createServer as createHttp2 } from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { present } from "../../../src/base/assert.ts";
import { minutes, seconds, type Duration } from "../../../src/base/time.ts";
import { kindsOf } from "../../../src/drivers/trickle/kinds.ts";
import { PLAIN_PROBE, type ProbeKind } from "../../../src/model/probing.ts";

/** Everything that a server may do wrong; `at` is what happens to one request. */
type Conduct = (req: IncomingMessage, socket: Socket) => void;

const said = (socket: Duplex, head: string, body = ""): void =>
  void socket.write(`HTTP/1.1 ${head}\r\n${body}`);
const LONG = "Content-Length: 100\r\n\r\nhalf";

function accept(req: IncomingMessage, socket: Duplex): void {
  const key = `${req.headers["sec-websocket-key"] ?? ""}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const proof = createHash("sha1").update(key).digest("base64");
  const lines = ["Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${proof}`];
  const head = `101 Switching Protocols\r\n${lines.join("\r\n")}\r\n`;
  said(socket, head);
}

const CLOSE_1001 = Buffer.from([0x88, 2, 0x03, 0xe9]);

/** A server that only accepts, and does to each request what it is told. */
async function served(conduct: Conduct): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createHttp((req) => conduct(req, req.socket));
  server.on("upgrade", (req: IncomingMessage, socket: Socket) => conduct(req, socket));
  server.on("connection", (socket: Socket) => sockets.add(socket.on("error", () => undefined)));
  return listening(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

async function listening(server: Server, end: () => void): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    end();
  });
  return (server.address() as AddressInfo).port;
}

const SETTINGS = {
  ...PLAIN_PROBE,
  post: { path: "/post", body: "one", type: "text/plain" },
  slow: "/slow",
  upload: { path: "/upload", size: 500_000 },
  websocket: "/ws",
  events: "/events",
  http2: true,
};

interface Patience {
  readonly timeout: Duration;
  /** Of what is kept open. */
  readonly hold: Duration;
}

/** Only where a test is about its end does time come into it: this machine itself may pause. */
const PATIENCE: Patience = { timeout: minutes(1), hold: minutes(1) };

/** One request of a kind; how it ended, in a line. */
async function outcome(kind: ProbeKind, port: number, patience: Patience = PATIENCE): Promise<string> {
  const found = present(
    kindsOf(SETTINGS).find((one) => one.kind === kind),
    kind,
  );
  const answer = await found.asker.ask({
    place: { address: "127.0.0.1", port, tls: false, http2: kind === "http2" },
    path: found.path,
    headers: { Host: "shop.example.com" },
    serverName: null,
    timeout: patience.timeout,
    hold: found.lasts === true ? patience.hold : seconds(0),
    signal: new AbortController().signal,
  });
  found.asker.close();
  return answer === null ? "nothing" : `${answer.end}: ${answer.said}`;
}

describe("one request of a kind", () => {
  it.each<readonly [ProbeKind, string, Conduct, RegExp]>([
    [
      "get",
      "is answered",
      (_, socket) => said(socket, "200 OK\r\nContent-Length: 0\r\n\r\n"),
      /^answered: 200$/,
    ],
    [
      "get",
      "is answered with 502",
      (_, socket) => said(socket, "502 Bad\r\nContent-Length: 0\r\n\r\n"),
      /^failed: 502$/,
    ],
    [
      "get",
      "finds nothing there",
      (_, socket) => said(socket, "404 No\r\nContent-Length: 0\r\n\r\n"),
      /^declined: 404$/,
    ],
    [
      "get",
      "is broken off",
      (_, socket) => {
        said(socket, "200 OK", LONG);
        setTimeout(() => socket.destroy(), 20);
      },
      /^cut: /,
    ],
    ["get", "has no answer, and the connection ends", (_, socket) => socket.destroy(), /^failed: /],
    [
      "post",
      "is answered",
      (req, socket) => {
        req.resume().on("end", () => said(socket, "201 OK\r\nContent-Length: 0\r\n\r\n"));
      },
      /^answered: 201$/,
    ],
    [
      "upload",
      "is refused early",
      (_, socket) => said(socket, "413 Large\r\nContent-Length: 0\r\n\r\n"),
      /^declined: 413$/,
    ],
    [
      "upload",
      "is broken off in the middle",
      (req, socket) => {
        req.once("data", () => setTimeout(() => socket.resetAndDestroy(), 50));
      },
      /^cut: /,
    ],
    [
      "events",
      "are cut",
      (_, socket) => {
        said(socket, "200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        setTimeout(() => socket.destroy(), 20);
      },
      /^cut: /,
    ],
    [
      "events",
      "are no events",
      (_, socket) => said(socket, "200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"),
      /^declined: 200$/,
    ],
    [
      "websocket",
      "is none",
      (_, socket) => said(socket, "404 No\r\nContent-Length: 0\r\n\r\n"),
      /^declined: 404$/,
    ],
    [
      "websocket",
      "is closed by the server",
      (req, socket) => {
        accept(req, socket);
        socket.once("data", () => socket.write(Buffer.concat([Buffer.from([0x8a, 0]), CLOSE_1001])));
      },
      /^cut: closed by the server with 1001$/,
    ],
    [
      "websocket",
      "is dropped",
      (req, socket) => {
        accept(req, socket);
        socket.once("data", () => socket.destroy());
      },
      /^cut: connection (?:closed|reset)$/,
    ],
    [
      "websocket",
      "answers no ping",
      (req, socket) => {
        accept(req, socket);
        setTimeout(() => socket.write(CLOSE_1001), 100);
      },
      /^cut: a ping was not answered$/,
    ],
    ["http2", "meets a server of HTTP/1.1", (_, socket) => socket.destroy(), /^failed: /],
  ])("%s %s", async (kind, _, conduct, expected) => {
    expect(await outcome(kind, await served(conduct))).toMatch(expected);
  });

  it.each<readonly [ProbeKind, string, Conduct, RegExp, Partial<Patience>]>([
    [
      "get",
      "has no answer in time",
      () => undefined,
      /^failed: no answer within 1s$/,
      { timeout: seconds(1) },
    ],
    [
      "get",
      "has half an answer in time",
      (_, socket) => said(socket, "200 OK", LONG),
      /^cut: no whole answer within 5s$/,
      { timeout: seconds(5) },
    ],
    [
      "events",
      "are held",
      (_, socket) => said(socket, "200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
      /^answered: 200$/,
      { hold: seconds(1) },
    ],
  ])("%s %s: its time is over", async (kind, _, conduct, expected, patience) => {
    const port = await served(conduct);
    expect(await outcome(kind, port, { ...PATIENCE, ...patience })).toMatch(expected);
  });

  it.each<readonly [string, number, string]>([
    ["is answered", 200, "answered: 200"],
    ["is answered with 503", 503, "failed: 503"],
  ])("http2 %s", async (_, status, expected) => {
    const server = createHttp2((_request, response) => response.writeHead(status).end("ok"));
    const port = await listening(server, () => undefined);
    expect(await outcome("http2", port)).toBe(expected);
  });

  it("of any kind that nobody takes has failed", async () => {
    const kinds: readonly ProbeKind[] = ["get", "post", "slow", "upload", "websocket", "events", "http2"];
    const server = createHttp();
    const gone = await listening(server, () => undefined);
    await new Promise((resolve) => server.close(resolve));
    for (const kind of kinds) expect(await outcome(kind, gone)).toBe("failed: connection refused");
  });
});
