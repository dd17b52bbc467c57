// Clients of each kind, in processes of their own, and what they have counted so far.
import { fileURLToPath } from "node:url";
import { startClients } from "../../../src/demo/load/child.ts";
import type { LoadFailure, LoadReport } from "../../../src/demo/load/report.ts";
import { type Load, type LoadOptions, startLoad } from "../../support/load.ts";

const LANES = fileURLToPath(new URL("lanes.ts", import.meta.url));

export interface Front {
  readonly port: number;
  /** TLS and HTTP/2. */
  readonly tlsPort: number;
}

export interface Tally {
  readonly kind: string;
  readonly requests: number;
  /** All that were not answered well and in whole. */
  readonly failed: number;
  /** Of them: the connection broke before the answer began, or there was none. */
  readonly reset: number;
  /** Of them: broken off after the answer had begun, or an upload before its end. */
  readonly cut: number;
}

type Counted = { -readonly [Key in keyof Tally]: Tally[Key] };

type Mix = Omit<LoadOptions, "url">;

/** What is short: the demo's load. */
const LOADS: Readonly<Record<string, Mix>> = {
  "keep-alive": { rate: 130, users: 60, post: 0, slow: 0 },
  "connection per request": { rate: 60, users: 40, post: 0, slow: 0, fresh: 1 },
  POST: { rate: 60, users: 30, post: 1, slow: 0 },
  "slow answer, 5 s": { rate: 1, users: 10, post: 0, slow: 1, slowMs: 5000 },
};

interface Lanes {
  readonly kind: string;
  readonly lanes: number;
  /** Milliseconds between a lane's requests. */
  readonly pause?: number;
  readonly tls?: true;
}

const LASTING: Readonly<Record<string, Lanes>> = {
  "HTTP/2": { kind: "http2", lanes: 10, pause: 180, tls: true },
  "upload, 20 MB at 2 MB/s": { kind: "uploads", lanes: 2 },
  "event stream, 20 s": { kind: "events", lanes: 3 },
  "WebSocket, 20 s": { kind: "websockets", lanes: 3 },
};

export interface Clients {
  readonly tallies: () => readonly Tally[];
  /** Lets what is under way end. */
  readonly stop: () => Promise<readonly Tally[]>;
}

/** Whoever started it ends it. */
const LONG = { seconds: 86_400, requests: 1_000_000_000 };

export async function startAll(
  front: Front,
  onFailure: (kind: string, failure: LoadFailure) => void,
): Promise<Clients> {
  const counted: Counted[] = [];
  const loads: Load[] = [];
  const begin = (kind: string, start: (listener: Mix) => Load): void => {
    const tally = { kind, requests: 0, failed: 0, reset: 0, cut: 0 };
    counted.push(tally);
    const listener: Mix = {
      onSecond: ({ requests, failed }) => {
        tally.requests += requests;
        tally.failed += failed;
      },
      onFailure: (failure) => {
        if (failure.kind === "reset" || failure.kind === "refused") tally.reset += 1;
        if (failure.kind === "cut") tally.cut += 1;
        onFailure(kind, failure);
      },
    };
    loads.push(start(listener));
  };
  for (const [kind, mix] of Object.entries(LOADS)) {
    begin(kind, (listener) =>
      startLoad({ url: `http://127.0.0.1:${front.port}/`, ...LONG, ...mix, ...listener }),
    );
  }
  for (const [kind, { lanes, pause = 0, tls, kind: name }] of Object.entries(LASTING)) {
    const port = tls === true ? front.tlsPort : front.port;
    const args = [`--kind=${name}`, `--port=${port}`, `--lanes=${lanes}`, `--pause=${pause}`];
    begin(kind, (listener) => startClients(LANES, args, listener));
  }
  await Promise.all(loads.map((load) => load.warm));
  return {
    tallies: () => counted.map((one) => ({ ...one })),
    stop: async () => {
      const reports = await Promise.all(loads.map((load) => load.stop()));
      return reports.map((report, at) => tallyOf(counted[at]?.kind ?? "", report));
    },
  };
}

const tallyOf = (kind: string, { requests, failed, byKind }: LoadReport): Tally => ({
  kind,
  requests,
  failed,
  reset: (byKind.reset ?? 0) + (byKind.refused ?? 0),
  cut: byKind.cut ?? 0,
});
