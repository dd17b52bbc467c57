// A gRPC server for tests to release, packed alone as server.mjs: it imports nothing of ours. A message is
// text, not a protobuf: no gateway looks into it. Release and faults are in release.txt and behaviour.json.
import { readFileSync } from "node:fs";
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import process from "node:process";

const PORT = Number(process.env["PORT"] ?? "0");
const release = readFileSync("release.txt", "utf8").trim();
const behaviour = JSON.parse(readFileSync("behaviour.json", "utf8")) as { readonly exitsAtOnce?: boolean };

/** Not compressed, then the length. */
function framed(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

type Hear = (message: string) => void;

function messages(stream: ServerHttp2Stream, hear: Hear): void {
  let bytes = Buffer.alloc(0);
  stream.on("data", (part: Buffer) => {
    bytes = Buffer.concat([bytes, part]);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
      const end = 5 + bytes.readUInt32BE(1);
      hear(bytes.toString("utf8", 5, end));
      bytes = bytes.subarray(end);
    }
  });
}

const TYPE = "application/grpc+text";

function begin(stream: ServerHttp2Stream): void {
  if (stream.headersSent || stream.destroyed) return;
  stream.respond({ ":status": 200, "content-type": TYPE, "x-release": release }, { waitForTrailers: true });
}

function say(stream: ServerHttp2Stream, text: string): void {
  begin(stream);
  if (!stream.destroyed) stream.write(framed(text));
}

function finish(stream: ServerHttp2Stream): void {
  begin(stream);
  stream.end();
}

/** One answer, after as many milliseconds as the message says. */
function ask(stream: ServerHttp2Stream): void {
  messages(stream, (text) => {
    const answer = (): void => {
      say(stream, release);
      finish(stream);
    };
    setTimeout(answer, Number(text));
  });
}

/** A message each 100 ms for as long as the message says. */
function watch(stream: ServerHttp2Stream): void {
  messages(stream, (text) => {
    const ends = Date.now() + Number(text);
    const timer = setInterval(() => {
      say(stream, release);
      if (Date.now() < ends) return;
      clearInterval(timer);
      finish(stream);
    }, 100);
    stream.on("close", () => clearInterval(timer));
  });
}

/** Says back what it hears until the client has no more to say. */
function chat(stream: ServerHttp2Stream): void {
  messages(stream, (text) => say(stream, text));
  stream.on("end", () => finish(stream));
}

const METHODS: Readonly<Record<string, (stream: ServerHttp2Stream) => void>> = {
  "/shop.Shop/Ask": ask,
  "/shop.Shop/Watch": watch,
  "/shop.Shop/Chat": chat,
};

/** Calls under way, and the status of those that do not end by themselves. */
const open = new Set<ServerHttp2Stream>();
const statuses = new WeakMap<ServerHttp2Stream, string>();

const sessions = new Set<ServerHttp2Session>();
const server = createServer();
server.on("session", (session) => {
  sessions.add(session);
  session.on("error", () => undefined);
  session.on("close", () => sessions.delete(session));
});
/** What is no gRPC: an answer after as many milliseconds as the path says. */
function plain(stream: ServerHttp2Stream, path: string): void {
  const answer = (): void => {
    if (stream.destroyed) return;
    stream.respond({ ":status": 200, "content-length": release.length, "x-release": release });
    stream.end(release);
  };
  setTimeout(answer, Number(path.split("=")[1] ?? "0"));
}

server.on("stream", (stream, headers) => {
  stream.on("error", () => undefined);
  if (headers[":method"] === "GET") return plain(stream, String(headers[":path"]));
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": statuses.get(stream) ?? "0" }));
  open.add(stream);
  stream.on("close", () => open.delete(stream));
  const method = METHODS[String(headers[":path"])];
  if (method !== undefined) return method(stream);
  stream.respond({ ":status": 200, "content-type": TYPE, "grpc-status": "12" }, { endStream: true });
});

const UNAVAILABLE = "14";

/** Asked to send its clients elsewhere, it ends its calls, so that they call again. */
process.on("SIGUSR1", () => {
  for (const stream of open) {
    statuses.set(stream, UNAVAILABLE);
    finish(stream);
  }
});

/** As gRPC's own servers do: GOAWAY, and an end when the last call is over. */
process.on("SIGTERM", () => {
  if (behaviour.exitsAtOnce === true) process.exit(0);
  server.close(() => process.exit(0));
  for (const session of sessions) session.close();
});
server.listen(PORT, "127.0.0.1");
