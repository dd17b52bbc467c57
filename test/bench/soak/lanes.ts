// Clients of what lasts, a process of its own: in each lane one request after the other, over a connection
// that is the lane's own, by the means of the probe. Speaks the lines of the demo's load.
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { millis } from "../../../src/base/time.ts";
import { now } from "../../../src/demo/load/client.ts";
import { Recorder } from "../../../src/demo/load/recorder.ts";
import type { FailureKind, LoadLine } from "../../../src/demo/load/report.ts";
import type { Answer, Asker } from "../../../src/drivers/trickle/asking.ts";
import { httpAsker } from "../../../src/drivers/trickle/http.ts";
import { http2Asker } from "../../../src/drivers/trickle/http2.ts";
import { webSocketAsker } from "../../../src/drivers/trickle/websocket.ts";

const UPLOAD_BYTES = 20_000_000;
const UPLOAD_MS = 10_000;
const LASTS_MS = 20_000;
const TIMEOUT_MS = 30_000;

interface Lasting {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly asker: () => Asker;
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: true;
  /** Milliseconds that it lasts; one that was over sooner was not whole. */
  readonly hold: number;
}

const KINDS: Readonly<Record<string, Lasting>> = {
  http2: { method: "GET", path: "/", asker: http2Asker, tls: true, hold: 0 },
  uploads: { method: "POST", path: "/upload", asker: uploader(), hold: UPLOAD_MS },
  events: {
    method: "GET",
    path: `/stream?ms=${LASTS_MS}`,
    // Read to the end that the server gives it.
    asker: () => httpAsker({ method: "GET" }),
    headers: { Accept: "text/event-stream" },
    hold: LASTS_MS,
  },
  websockets: { method: "GET", path: "/ws", asker: webSocketAsker, hold: LASTS_MS },
};

function uploader(): () => Asker {
  const type = "application/octet-stream";
  return () => httpAsker({ method: "POST", type, body: Buffer.alloc(UPLOAD_BYTES, "x"), slowly: true });
}

const { values } = parseArgs({
  options: {
    kind: { type: "string", default: "" },
    port: { type: "string", default: "" },
    lanes: { type: "string", default: "1" },
    pause: { type: "string", default: "0" },
  },
});

const print = (line: LoadLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const REFUSED = "connection refused";
const RESET = "connection reset";

function failureKind({ end, said }: Answer): FailureKind {
  if (end === "cut") return "cut";
  if (/^\d{3}$/.test(said)) return "status";
  if (said.startsWith("no ")) return "timeout";
  return ({ [REFUSED]: "refused", [RESET]: "reset" } as const)[said] ?? "other";
}

/** What is wrong with it, or null. */
function faultOf(answer: Answer, took: number, hold: number): { kind: FailureKind; message: string } | null {
  if (answer.end !== "answered") return { kind: failureKind(answer), message: answer.said };
  // Timers may be early by a millisecond for each part of an upload.
  const isShort = took < hold * 0.98;
  return isShort ? { kind: "cut", message: `over after ${Math.round(took)} ms of ${hold}` } : null;
}

async function run(lasting: Lasting): Promise<void> {
  const { method, path, hold } = lasting;
  const place = {
    address: "127.0.0.1",
    port: Number(values.port),
    tls: lasting.tls === true,
    http2: lasting.tls === true,
  };
  const recorder = new Recorder(now(), false);
  const stopping = new AbortController();
  const never = new AbortController();
  const lanes = Number(values.lanes);
  const pause = Number(values.pause);

  async function once(asker: Asker, lane: number): Promise<void> {
    const sentAt = now();
    const headers = {
      Host: `127.0.0.1:${place.port}`,
      "User-Agent": `lane/${values.kind}/${lane}`,
      ...lasting.headers,
    };
    const how = { timeout: millis(TIMEOUT_MS), hold: millis(hold), signal: never.signal, serverName: null };
    const answer = await asker.ask({ place, path, headers, ...how });
    if (answer === null) return;
    const took = now() - sentAt;
    const fault = faultOf(answer, took, hold);
    const nobody = { status: null, release: null, slot: answer.told };
    const ended = {
      user: lane,
      method,
      path,
      fresh: false,
      sentAt,
      took,
      asked: hold,
      failure: fault,
      ...nobody,
    };
    const failure = recorder.add(ended);
    if (failure !== null) print({ kind: "failure", failure });
  }

  async function drive(lane: number): Promise<void> {
    // Spread, so that at each moment some are young and some are old.
    const spread = Math.max(hold, pause);
    await wait((lane * spread) / lanes, null, { signal: stopping.signal }).catch(() => null);
    const asker = lasting.asker();
    while (!stopping.signal.aborted) {
      await once(asker, lane);
      if (pause > 0) await wait(pause, null, { signal: stopping.signal }).catch(() => null);
    }
    asker.close();
  }

  const timer = setInterval(() => print({ kind: "second", second: recorder.endSecond(now()) }), 1000);
  const stop = (): void => stopping.abort();
  process.stdin.on("end", stop).on("error", stop);
  process.stdin.resume();
  await Promise.all(Array.from({ length: lanes }, (_, lane) => drive(lane)));
  clearInterval(timer);
  recorder.endSecond(now());
  print({ kind: "report", report: recorder.report(now()) });
  process.stdin.destroy();
}

const lasting = KINDS[values.kind];
if (lasting === undefined) throw new Error(`--kind is one of ${Object.keys(KINDS).join(", ")}`);
await run(lasting);
