// Long connections through a release: each kind is waited for as the file says, and only what is over is cut.
import { get, request, type ClientRequest } from "node:http";
import type { Duplex } from "node:stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { present } from "../../src/base/assert.ts";
import { mustExit } from "../support/exit.ts";
import { hasNginx } from "../support/nginx.ts";
import { until } from "../support/until.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const PATIENCE = 150_000;

async function opened(drain: object | string): Promise<Workspace> {
  const workspace = await openWorkspace({
    releases: { v1: { cutsStreams: true }, v2: {} },
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
    "that have had their time are cut, are in the receipt, and nothing else is",
    async () => {
      const workspace = await opened({ requests: "60s", websockets: "14s" });
      const sockets = await Promise.all([1, 2, 3, 4].map(() => webSocket(workspace.url.replace(/\/$/, ""))));
      // Over long before the WebSockets' time is: what nginx keeps idle after them would be counted too.
      const rest = others(workspace.url.replace(/\/$/, ""));
      const ran = await workspace.glidepath("release", "v2", "--json");
      mustExit(ran, 0);
      await until(() => rest, allEnded, PATIENCE);
      expect(sockets.map(({ isCut }) => isCut)).toEqual(sockets.map(() => true));
      expect(rest.map(({ isCut }) => isCut)).toEqual(rest.map(() => false));
      const receipt = present(ran.events.at(-1), "the result")["receipt"] as ReceiptJson;
      expect(receipt).toMatchObject({ cut: 4, cutKinds: { websockets: 4 }, during: { failed: 0 } });
      const told = await workspace.glidepath("history", String(ran.events.at(-1)?.["id"]));
      expect(told.stdout).toContain("at the end of their drain were cut: 4 WebSockets");
    },
    PATIENCE,
  );
});
