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

const HANDSHAKE = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-key": "MDEyMzQ1Njc4OWFiY2RlZg==",
  "sec-websocket-version": "13",
};

/** Open until somebody ends it. */
async function webSocket(url: string): Promise<Held> {
  const held: Held = { isCut: false, isOver: false, close: () => undefined };
  const outgoing = get(`${url}/ws`, { headers: HANDSHAKE });
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

/** Connects again whenever it is sent away; `trouble` is every other end. */
interface Client {
  release: string;
  readonly trouble: string[];
}

const CLOSED = Buffer.from([0x88, 0x02, 0x03, 0xf4]);

function faithful(url: string): Client {
  const client: Client = { release: "", trouble: [] };
  let isOver = false;
  const dial = (): void => {
    if (isOver) return;
    const outgoing = get(`${url}/ws`, { headers: HANDSHAKE });
    outgoing.on("error", (error) => client.trouble.push(error.message));
    outgoing.on("response", ({ statusCode }) => client.trouble.push(`status ${statusCode}`));
    outgoing.on("upgrade", (answer, socket: Duplex) => {
      client.release = String(answer.headers["x-release"]);
      let heard = Buffer.alloc(0);
      socket.on("data", (part: Buffer) => (heard = Buffer.concat([heard, part])));
      socket.on("error", (error) => client.trouble.push(error.message));
      socket.on("close", () => {
        if (!isOver && !heard.equals(CLOSED)) client.trouble.push(`closed after ${heard.toString("hex")}`);
        dial();
      });
      onTestFinished(() => {
        isOver = true;
        socket.destroy();
      });
    });
  };
  dial();
  return client;
}

function faithfulStream(url: string): Client {
  const client: Client = { release: "", trouble: [] };
  let isOver = false;
  const dial = (): void => {
    if (isOver) return;
    const outgoing = get(`${url}/stream?ms=60000`, { headers: { accept: "text/event-stream" } });
    onTestFinished(() => {
      isOver = true;
      outgoing.destroy();
    });
    const broken = (error: Error): void => void (isOver || client.trouble.push(error.message));
    outgoing.on("error", broken);
    outgoing.on("response", (incoming) => {
      client.release = String(incoming.headers["x-release"]);
      let body = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (text: string) => (body = (body + text).slice(-100)));
      incoming.on("error", broken);
      incoming.on("end", () => {
        if (!body.includes("reconnect")) client.trouble.push(`ended after ${body}`);
        dial();
      });
    });
  };
  dial();
  return client;
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
  ask(`${url}/?ms=3000`, "Shop"),
  ask(`${url}/?ms=3000`, "Shop"),
  ask(`${url}/stream?ms=4000`, "end"),
  ask(`${url}/stream?ms=4000`, "end"),
  ask(`${url}/upload`, "bytes", slowly(35)),
  ask(`${url}/upload`, "bytes", slowly(35)),
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
        { requests: "6s", uploads: "3s", events: "4s", websockets: "5s" },
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

  it.each<[string, object]>([
    ["a signal", { signal: "SIGUSR1" }],
    ["a request", { path: "/reconnect" }],
    ["a command", { run: "curl -fsS -X POST http://127.0.0.1:$PORT/reconnect" }],
  ])(
    "whose clients the application sends away when it is asked by %s are not cut, and end at the release",
    async (_, ask) => {
      const policy = { ask, deadline: "60s" };
      const workspace = await opened({ requests: "60s", events: policy, websockets: policy });
      const url = workspace.url.replace(/\/$/, "");
      const clients = [1, 2, 3, 4].map(() => faithful(url));
      const streams = [1, 2, 3].map(() => faithfulStream(url));
      const all = [...clients, ...streams];
      await until(
        () => all,
        (each) => each.every(({ release }) => release === "v1"),
        PATIENCE,
      );
      const ran = await workspace.glidepath("release", "v2", "--json");
      mustExit(ran, 0);
      await until(
        () => all,
        (each) => each.every(({ release }) => release === "v2"),
        PATIENCE,
      );
      // Each was sent away by a word of the application's, and found one that serves each time.
      expect(all.map(({ trouble }) => trouble)).toEqual(all.map(() => []));
      const result = present(ran.events.at(-1), "the result");
      expect(result["receipt"]).toMatchObject({ cut: 0, during: { failed: 0, cut: 0 } });
      const told = await workspace.glidepath("history", String(result["id"]));
      expect(told.stdout).toMatch(/was asked to end its (events, websockets|events|websockets): done/);
    },
    PATIENCE,
  );

  it(
    "of an application that cannot be asked are cut when their time is over, and it is told why",
    async () => {
      const policy = { ask: { path: "/nowhere" }, deadline: "4s" };
      const v1 = { exitsAtOnce: true, postFails: true };
      const workspace = await opened({ requests: "60s", websockets: policy }, v1);
      const url = workspace.url.replace(/\/$/, "");
      const sockets = await Promise.all([1, 2, 3].map(() => webSocket(url)));
      const ran = await workspace.glidepath("release", "v2", "--json");
      mustExit(ran, 0);
      expect(sockets.map(({ isCut }) => isCut)).toEqual(sockets.map(() => true));
      const result = present(ran.events.at(-1), "the result");
      expect(result["receipt"]).toMatchObject({ cut: 3, cutKinds: { websockets: 3 } });
      const told = await workspace.glidepath("history", String(result["id"]));
      expect(told.stdout).toContain("POST /nowhere: was answered with 502");
    },
    PATIENCE,
  );
});
