// The small application that the demo and the tests release. It is packed alone into the artifact, so it
// imports nothing of ours. Its release is written in release.txt beside it, its faults are in
// behaviour.json.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import process from "node:process";
import type { Duplex } from "node:stream";

export interface Behaviour {
  /** Runs, but never opens its port. */
  readonly neverListens?: boolean;
  /** Where it listens; 127.0.0.1 unless said. */
  readonly address?: string;
  /** /healthz answers 503. */
  readonly health503?: boolean;
  /** /login answers 500. */
  readonly smokeFails?: boolean;
  /** Milliseconds from the start to the open port. */
  readonly bootMs?: number;
  /** In the slot of this port it boots until that file is there. */
  readonly bootsUntil?: { readonly port: number; readonly file: string };
  /** Milliseconds from the open port to exit code 1. */
  readonly crashAfterMs?: number;
  /** Microseconds of computing for each request. */
  readonly costUs?: number;
  /** Milliseconds from the first request on in which it computes longer: 20 times, then less and less. */
  readonly coldMs?: number;
  readonly ignoresSigterm?: boolean;
  /** On SIGTERM exits at once, whatever is in flight. */
  readonly exitsAtOnce?: boolean;
  /** On SIGTERM answers 503 for so many milliseconds, then ends. */
  readonly refusesMs?: number;
  /** Never closes a connection, so that it does not end by itself either. */
  readonly leaks?: boolean;
  /** How long an idle connection stays open; Node's default is 5 s. */
  readonly keepAliveMs?: number;
  /** Milliseconds that an answer takes beyond what it is asked to take. */
  readonly delayMs?: number;
  /** A part of all requests, 0 to 1, that is answered with 500. */
  readonly errorShare?: number;
  /** POST answers 502. */
  readonly postFails?: boolean;
  /** On SIGTERM breaks off its WebSockets and event streams, and serves all else to its end. */
  readonly cutsStreams?: boolean;
}

const PORT = Number(process.env["PORT"] ?? "0");
const MAX_BODY = 1_000_000;
const LONGEST_MS = 60_000;

const readOr = (file: string, otherwise: string): string =>
  existsSync(file) ? readFileSync(file, "utf8").trim() : otherwise;

const release = readOr("release.txt", process.env["RELEASE"] ?? "unknown");
const behaviour = JSON.parse(readOr("behaviour.json", "{}")) as Behaviour;
const say = (text: string): void => void process.stdout.write(`${new Date().toISOString()} ${text}\n`);
let answered = 0;
let stopping = false;

const COLD = 20;
let firstAskedAt: number | null = null;

/** How many times longer a request takes than later on. */
function coldness(): number {
  firstAskedAt ??= performance.now();
  const left = 1 - (performance.now() - firstAskedAt) / Math.max(1, behaviour.coldMs ?? 0);
  return 1 + (COLD - 1) * Math.max(0, left);
}

function compute(path: string): void {
  const cold = path === "/healthz" || behaviour.coldMs === undefined ? 1 : coldness();
  const until = performance.now() + (cold * (behaviour.costUs ?? 0)) / 1000;
  while (performance.now() < until);
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
}

const page = (title: string): string =>
  `<!doctype html><title>Shop</title><h1>${title}</h1><p>This is release ${release}.</p>\n`;
const html = (status: number, title: string): Answer => ({ status, type: "text/html", body: page(title) });
const text = (status: number, body: string): Answer => ({ status, type: "text/plain", body });

function answerTo(path: string): Answer {
  answered += 1;
  const share = behaviour.errorShare ?? 0;
  if (path === "/healthz")
    return behaviour.health503 === true ? text(503, "no database\n") : text(200, "ok\n");
  if (path === "/login") return behaviour.smokeFails === true ? html(500, "Broken") : html(200, "Sign in");
  if (share > 0 && (answered * share) % 1 < share) return html(500, "Broken");
  return html(200, "Shop");
}

function send(res: ServerResponse, { status, type, body }: Answer): void {
  res.writeHead(status, {
    "Content-Type": type,
    "Content-Length": Buffer.byteLength(body),
    "X-Release": release,
    "X-Slot": String(PORT),
    ...(stopping ? { Connection: "close" } : {}),
  });
  res.end(body);
}

function echo(req: IncomingMessage, res: ServerResponse, wait: number): void {
  const parts: Buffer[] = [];
  let size = 0;
  req.on("data", (part: Buffer) => {
    size += part.length;
    if (size <= MAX_BODY) parts.push(part);
  });
  req.on("end", () => {
    if (behaviour.postFails === true) return send(res, text(502, "out of luck\n"));
    const all: Answer =
      size > MAX_BODY
        ? text(413, "too large\n")
        : { status: 200, type: "application/octet-stream", body: Buffer.concat(parts) };
    setTimeout(() => send(res, all), wait);
  });
}

/** Takes a body of any size and keeps nothing of it. */
function upload(req: IncomingMessage, res: ServerResponse): void {
  let size = 0;
  req.on("data", (part: Buffer) => (size += part.length));
  req.on("end", () => send(res, text(200, `${size} bytes\n`)));
}

/** What is cut when it is to break off, and how it is ended when its client is to connect again. */
const lasting = new Map<Duplex, () => void>();

function lasts(socket: Duplex, sendAway: () => void): void {
  lasting.set(socket, sendAway);
  socket.on("close", () => lasting.delete(socket));
}

/** Asked so by a signal or by a request, it has its clients connect again: elsewhere, if they can. */
function sendAwayAll(): void {
  say(`asked to reconnect: ${lasting.size} clients`);
  for (const sendAway of lasting.values()) sendAway();
}

/** One event each 100 ms for as long as asked. */
function stream(res: ServerResponse, forMs: number): void {
  if (res.socket !== null) lasts(res.socket, () => res.end("event: reconnect\ndata:\n\n"));
  res.writeHead(200, { "Content-Type": "text/event-stream", "X-Release": release, "X-Slot": String(PORT) });
  const ends = Date.now() + forMs;
  const timer = setInterval(() => {
    if (res.writableEnded) return;
    res.write(`data: ${release}\n\n`);
    if (Date.now() >= ends) res.end("data: end\n\n");
  }, 100);
  res.on("close", () => clearInterval(timer));
}

const FIN = 0x80;
const CLOSE = 0x8;
/** 1012: the service is restarting. */
const RESTARTING = Buffer.from([0x03, 0xf4]);
const PING = 0x9;
const PONG = 0xa;
/** Longer messages are none of this application's. */
const LONGEST_FRAME = 65_535;

/** The first whole frame of a client, unmasked, and what follows it; null: not all of it is there yet. */
function readFrame(bytes: Buffer): { opcode: number; payload: Buffer; rest: Buffer } | null {
  if (bytes.length < 6) return null;
  const isLong = (bytes.readUInt8(1) & 0x7f) === 126;
  const head = isLong ? 8 : 6;
  if (bytes.length < head) return null;
  const length = isLong ? bytes.readUInt16BE(2) : bytes.readUInt8(1) & 0x7f;
  if (bytes.length < head + length) return null;
  const mask = bytes.subarray(head - 4, head);
  const payload = bytes.subarray(head, head + length).map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return {
    opcode: bytes.readUInt8(0) & 0x0f,
    payload: Buffer.from(payload),
    rest: bytes.subarray(head + length),
  };
}

function frame(opcode: number, payload: Buffer): Buffer {
  const short = payload.length < 126;
  const head = Buffer.alloc(short ? 2 : 4);
  head.writeUInt8(FIN | opcode, 0);
  head.writeUInt8(short ? payload.length : 126, 1);
  if (!short) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

/** A WebSocket that says everything back. */
function webSocket(req: IncomingMessage, socket: Duplex): void {
  lasts(socket, () => socket.end(frame(CLOSE, RESTARTING)));
  const key = `${req.headers["sec-websocket-key"] ?? ""}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash("sha1").update(key).digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\nX-Release: ${release}\r\nX-Slot: ${PORT}\r\n\r\n`,
  );
  let bytes: Buffer = Buffer.alloc(0);
  socket.on("error", () => socket.destroy());
  socket.on("data", (part: Buffer) => {
    bytes = Buffer.concat([bytes, part]);
    for (let read = readFrame(bytes); read !== null; read = readFrame(bytes)) {
      bytes = read.rest;
      socket.write(frame(read.opcode === PING ? PONG : read.opcode, read.payload));
      if (read.opcode === CLOSE) socket.end();
    }
    if (bytes.length > LONGEST_FRAME) socket.destroy();
  });
}

const server = createServer((req, res) => {
  const url = new URL(req.url ?? "/", "http://any");
  compute(url.pathname);
  const asked = Math.min(Math.max(Number(url.searchParams.get("ms") ?? "0") || 0, 0), LONGEST_MS);
  if (stopping && behaviour.refusesMs !== undefined) return send(res, text(503, "closing\n"));
  const wait = asked + (url.pathname === "/healthz" ? 0 : (behaviour.delayMs ?? 0));
  if (url.pathname === "/reconnect" && req.method === "POST") {
    sendAwayAll();
    send(res, text(200, "they go\n"));
  } else if (url.pathname === "/upload") upload(req, res);
  else if (req.method === "POST") echo(req, res, wait);
  else if (url.pathname === "/stream") stream(res, wait);
  else if (wait > 0) setTimeout(() => send(res, answerTo(url.pathname)), wait);
  else send(res, answerTo(url.pathname));
});
server.on("upgrade", (req, socket) => {
  if (new URL(req.url ?? "/", "http://any").pathname === "/ws") webSocket(req, socket);
  else socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
});
// Node adds a second of its own to what it promises.
server.keepAliveTimeoutBuffer = 0;
server.keepAliveTimeout = behaviour.leaks === true ? 0 : (behaviour.keepAliveMs ?? 5000);

function stop(): void {
  if (behaviour.ignoresSigterm === true) return say("SIGTERM ignored");
  say("SIGTERM: closing");
  stopping = true;
  if (behaviour.exitsAtOnce === true) process.exit(0);
  if (behaviour.refusesMs !== undefined) return void setTimeout(() => process.exit(0), behaviour.refusesMs);
  if (behaviour.cutsStreams === true) for (const socket of lasting.keys()) socket.destroy();
  server.close(() => process.exit(0));
  if (behaviour.leaks !== true) server.closeIdleConnections();
}

function listen(): void {
  const { bootsUntil } = behaviour;
  if (bootsUntil?.port === PORT && !existsSync(bootsUntil.file)) return void setTimeout(listen, 50);
  server.listen(PORT, behaviour.address ?? "127.0.0.1", () =>
    say(`release ${release} listens on port ${PORT}`),
  );
  if (behaviour.crashAfterMs === undefined) return;
  setTimeout(() => {
    process.stderr.write("Error: out of luck\n");
    process.exit(1);
  }, behaviour.crashAfterMs);
}

process.on("SIGTERM", stop);
process.on("SIGUSR1", sendAwayAll);
server.on("error", (error) => {
  process.stderr.write(`cannot listen on port ${PORT}: ${error.message}\n`);
  process.exit(1);
});
say(`release ${release} starts as process ${process.pid}`);
if (behaviour.neverListens === true) setInterval(() => say("still thinking"), 1000);
else setTimeout(listen, behaviour.bootMs ?? 0);
