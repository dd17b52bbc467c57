// gRPC as its clients speak it: calls over one HTTP/2 connection, each with a status in its trailers.
import { readFileSync } from "node:fs";
import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from "node:http2";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { APP_FILE } from "../../src/demo/artifacts.ts";

/** The files of a release of the gRPC application. */
export function grpcFiles(): Readonly<Record<string, string>> {
  const source = readFileSync(join(import.meta.dirname, "grpc-app.ts"), "utf8");
  return { [APP_FILE]: stripTypeScriptTypes(source, { mode: "strip" }) };
}

function framed(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** Whole messages; null where the last one is not. */
function messagesIn(bytes: Buffer): readonly string[] | null {
  const all: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + (bytes.length < at + 5 ? 0 : bytes.readUInt32BE(at + 1));
    if (end > bytes.length) return null;
    all.push(bytes.toString("utf8", at + 5, end));
    at = end;
  }
  return all;
}

export interface Call {
  /** What came so far. */
  readonly messages: () => readonly string[];
  readonly say: (message: string) => void;
  readonly hangUp: () => void;
  /** `ok`, or what its client has instead. */
  readonly over: Promise<string>;
}

interface Seen {
  head?: IncomingHttpHeaders;
  trailers?: IncomingHttpHeaders;
}

/** By the rules of gRPC: what has no status of its own in its trailers is a failure. */
function endOf({ rstCode }: ClientHttp2Stream, { head, trailers }: Seen): string {
  const status = trailers?.["grpc-status"] ?? head?.["grpc-status"];
  if (status !== undefined) return status === "0" ? "ok" : `grpc-status ${String(status)}`;
  return `HTTP ${String(head?.[":status"] ?? "without an answer")}, no trailers, reset ${rstCode}`;
}

function begin(session: ClientHttp2Session, method: string, type: string): Call {
  const stream = session.request({
    ":method": "POST",
    ":path": `/shop.Shop/${method}`,
    "content-type": type,
    te: "trailers",
  });
  const seen: Seen = {};
  let bytes = Buffer.alloc(0);
  stream.on("response", (head) => (seen.head = head));
  stream.on("trailers", (trailers: IncomingHttpHeaders) => (seen.trailers = trailers));
  stream.on("data", (part: Buffer) => (bytes = Buffer.concat([bytes, part])));
  stream.on("error", () => undefined);
  const over = new Promise<string>((resolve) => {
    stream.on("close", () => {
      const end = endOf(stream, seen);
      resolve(end === "ok" && messagesIn(bytes) === null ? "half a message" : end);
    });
  });
  return {
    messages: () => messagesIn(bytes) ?? [],
    say: (message) => void (stream.destroyed || stream.write(framed(message))),
    hangUp: () => void stream.end(),
    over,
  };
}

/** What is no gRPC: `ok` when it is answered, after so many milliseconds. */
function get(session: ClientHttp2Session, ms: number): Promise<string> {
  const stream = session.request({ ":path": `/?ms=${ms}` });
  let status = 0;
  let body = "";
  stream.setEncoding("utf8");
  stream.on("response", (head) => (status = Number(head[":status"])));
  stream.on("data", (text: string) => (body += text));
  stream.on("error", () => undefined);
  return new Promise((resolve) => {
    stream.on("close", () => resolve(status === 200 && body !== "" ? "ok" : `HTTP ${status}`));
  });
}

export interface Channel {
  /** A call with one message in it, or none yet. */
  readonly call: (method: string, message?: string) => Call;
  readonly get: (ms: number) => Promise<string>;
  readonly close: () => void;
}

/** One connection, and another when the gateway has said that it takes no more calls on it. */
export function openChannel(url: string, type = "application/grpc+text"): Channel {
  let session: ClientHttp2Session | null = null;
  const all = new Set<ClientHttp2Session>();
  const usable = (): ClientHttp2Session => {
    if (session !== null && !session.closed && !session.destroyed) return session;
    const made = connect(url);
    made.on("error", () => undefined);
    made.on("goaway", () => void (session = session === made ? null : session));
    all.add(made);
    return (session = made);
  };
  return {
    call: (method, message) => {
      const made = begin(usable(), method, type);
      if (message !== undefined) {
        made.say(message);
        made.hangUp();
      }
      return made;
    },
    get: (ms) => get(usable(), ms),
    close: () => all.forEach((one) => one.destroy()),
  };
}

export interface CallsMade {
  /** `ok v1`, or how a call failed; and how many. */
  readonly answers: ReadonlyMap<string, number>;
}

/** Unary calls, one after the other on each of some channels, never tried again. */
export function startCalls(url: string): { stop(): Promise<CallsMade> } {
  const stopping = new AbortController();
  const answers = new Map<string, number>();
  const lane = async (ms: number): Promise<void> => {
    const channel = openChannel(url);
    while (!stopping.signal.aborted) {
      const call = channel.call("Ask", String(ms));
      const answer = [await call.over, ...call.messages()].join(" ");
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
    channel.close();
  };
  const all = [5, 10, 20, 40, 300, 1500].map(lane);
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all(all);
      return { answers };
    },
  };
}
