// Long connections through a release: each kind is waited for as the file says, and only what is over is cut.
import { readFileSync } from "node:fs";
import { get, request, type ClientRequest } from "node:http";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { present } from "../../src/base/assert.ts";
import type { Behaviour } from "../support/app.ts";
import { mustExit } from "../support/exit.ts";
import { failuresOf } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { until } from "../support/until.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const PATIENCE = 150_000;

async function opened(drain: object, v1: Behaviour = { cutsStreams: true }): Promise<Workspace> {
  const workspace = await openWorkspace({
    releases: { v1, v2: {} },
    edit: (sections) => ({ ...sections, rollout: { ...(sections["rollout"] as object), drain } }),
  });
  onTestFinished(workspace.close);
  await workspace.bringUp("v1");
  return workspace;
}

interface Held {
  /** Broken off, or ended before the whole was there. */
  isCut: boolean;
  isOver: boolean;
  close(): void;
}

/** Over when its answer is whole, `last` in it. */
function ask(url: string, last: string, send?: (outgoing: ClientRequest) => void): Held {
  const held: Held = { isCut: false, isOver: false, close: () => outgoing.destroy() };
  const options = { headers: { accept: last === "end" ? "text/event-stream" : "*/*" } };
  const outgoing = send === undefined ? get(url, options) : request(url, { ...options, method: "POST" });
  const broken = (): void => void (held.isCut = held.isCut || !held.isOver);
  outgoing.on("error", broken);
  outgoing.on("response", (incoming) => {
    let body = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (text: string) => (body += text));
    incoming.on("error", broken);
    incoming.on("end", () => {
      held.isOver = incoming.statusCode === 200 && body.includes(last);
      if (!held.isOver) held.isCut = true;
    });
  });
  send?.(outgoing);
  return held;
}

/** Open until somebody ends it. */
async function webSocket(url: string): Promise<Held> {
  const held: Held = { isCut: false, isOver: false, close: () => undefined };
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    "sec-websocket-version": "13",
  };
  const outgoing = get(`${url}/ws`, { headers });
  await new Promise<void>((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("upgrade", (_answer, socket: Duplex) => {
      held.close = () => {
        held.isOver = true;
        socket.destroy();
      };
      socket.on("error", () => undefined);
      socket.on("close", () => void (held.isCut = !held.isOver));
      socket.resume();
      resolve();
    });
  });
  onTestFinished(() => held.close());
  return held;
}

/** A body that goes out in pieces of 100 ms. */
function slowly(pieces: number): (outgoing: ClientRequest) => void {
  return (outgoing) => {
    let left = pieces;
    const timer = setInterval(() => {
      left -= 1;
      if (left <= 0 || outgoing.destroyed) clearInterval(timer);
      if (left <= 0) outgoing.end("last");
      else outgoing.write("x".repeat(10_000));
    }, 100);
  };
}

const others = (url: string): readonly Held[] => [
  ask(`${url}/?ms=5000`, "Shop"),
  ask(`${url}/?ms=5000`, "Shop"),
  ask(`${url}/stream?ms=8000`, "end"),
  ask(`${url}/stream?ms=8000`, "end"),
  ask(`${url}/upload`, "bytes", slowly(60)),
  ask(`${url}/upload`, "bytes", slowly(60)),
];

const allEnded = (all: readonly Held[]): boolean => all.every(({ isOver, isCut }) => isOver || isCut);

interface ReceiptJson {
  readonly cut: number;
  readonly cutKinds?: Readonly<Record<string, number>>;
  readonly during: { readonly failed: number; readonly cut: number };
}

describe.skipIf(!hasNginx("integration: long connections"))("long connections", () => {
  it(
    "that are waited for are neither cut nor failed, and the slot is stopped once they are over",
    async () => {
      const workspace = await opened({ requests: "60s", websockets: "90s" });
      const sockets = await Promise.all([1, 2, 3, 4].map(() => webSocket(workspace.url.replace(/\/$/, ""))));
      const rest = others(workspace.url.replace(/\/$/, ""));
      const running = workspace.glidepath("release", "v2", "--json");
      await until(() => rest, allEnded, PATIENCE);
      expect(sockets.map(({ isCut }) => isCut)).toEqual(sockets.map(() => false));
      for (const one of sockets) one.close();
      const ran = await running;
      mustExit(ran, 0);
      expect(rest.map(({ isCut }) => isCut)).toEqual(rest.map(() => false));
      const receipt = present(ran.events.at(-1), "the result")["receipt"] as ReceiptJson;
      expect(receipt).toMatchObject({ cut: 0, during: { failed: 0, cut: 0 } });
      expect(receipt.cutKinds).toBeUndefined();
    },
    PATIENCE,
  );

  it(
    "that have had their time are cut, are in the receipt by kind, and nothing else is",
    async () => {
      const workspace = await opened(
        { requests: "8s", uploads: "5s", events: "6s", websockets: "7s" },
        { exitsAtOnce: true },
      );
      const url = workspace.url.replace(/\/$/, "");
      const load = await workspace.load({ rate: 20 });
      const sockets = await Promise.all([1, 2, 3, 4].map(() => webSocket(url)));
      const streams = [1, 2, 3].map(() => ask(`${url}/stream?ms=60000`, "end"));
      // Their bodies are there; their answers are not in time.
      const uploads = [1, 2].map(() =>
        ask(`${url}/?ms=60000`, "never", (to) => to.end("x".repeat(1_020_000))),
      );
      const posts = [ask(`${url}/?ms=60000`, "never", (to) => to.end("x"))];
      const brief = [ask(`${url}/stream?ms=2000`, "end"), ask(`${url}/?ms=3000`, "Shop")];
      const ran = await workspace.glidepath("release", "v2", "--json");
      mustExit(ran, 0);
      const all = { requests: posts, uploads, events: streams, websockets: sockets };
      await until(() => [...Object.values(all).flat(), ...brief], allEnded, PATIENCE);
      expect(failuresOf(await load.stop())).toEqual([]);
      expect(brief.map(({ isCut }) => isCut)).toEqual([false, false]);
      const observed = Object.entries(all).map(([kind, held]) => [
        kind,
        held.filter((one) => one.isCut).length,
      ]);
      const cutKinds = { requests: 1, uploads: 2, events: 3, websockets: 4 };
      expect(Object.fromEntries(observed)).toEqual(cutKinds);
      const receipt = present(ran.events.at(-1), "the result")["receipt"] as ReceiptJson;
      expect(receipt).toMatchObject({ cut: 10, cutKinds, during: { failed: 0, cut: 0 } });
      const words = "at the end of their drain were cut: 1 request, 2 uploads, 3 event streams, 4 WebSockets";
      const id = String(ran.events.at(-1)?.["id"]);
      const page = join(workspace.directory, "receipt.html");
      expect((await workspace.glidepath("history", id)).stdout).toContain(words);
      mustExit(await workspace.glidepath("history", id, "--html", page), 0);
      expect(readFileSync(page, "utf8").toLowerCase()).toContain(words.toLowerCase());
    },
    PATIENCE,
  );
});
