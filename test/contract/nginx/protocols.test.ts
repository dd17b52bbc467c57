// What clients speak to the gateway: TLS and HTTP/2 of its own, gRPC to the slots, bodies and streams.
import { readFileSync, writeFileSync } from "node:fs";
import {
  connect,
  createServer,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { request } from "node:http";
import { connect as dial, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../../src/demo/ports.ts";
import { seconds } from "../../../src/base/time.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import { nginxExaminer } from "../../../src/drivers/nginx/examine.ts";
import type { Gateway, GatewaySettings, Slot, Tls } from "../../../src/model/application.ts";
import { slotKey, type SlotKey } from "../../../src/model/ids.ts";
import type { InFlight } from "../../../src/model/observation.ts";
import type { RoutingTable } from "../../../src/model/routing.ts";
import type { Finding } from "../../../src/ports/examine.ts";
import { controlAddress } from "../../../src/drivers/nginx/names.ts";
import { nginxGateway } from "../../../src/drivers/nginx/gateway.ts";
import { certify, hasOpenssl } from "../../support/certificate.ts";
import { hasNginx } from "../../support/nginx.ts";
import { needs } from "../../support/skip.ts";
import { applicationOf, ask, HOST, until, world, type World } from "./world.ts";

async function opened(settings: Partial<GatewaySettings> = {}): Promise<World> {
  const made = await world({ settings });
  onTestFinished(() => made.close());
  return made;
}

interface Spoken {
  readonly status: number;
  readonly body: string;
}

function askHttp2(session: ClientHttp2Session, path = "/"): Promise<Spoken> {
  return new Promise((resolve, reject) => {
    let head: IncomingHttpHeaders = {};
    let body = "";
    const stream = session.request({ ":path": path, ":authority": "shop.example.com" });
    stream.setEncoding("utf8");
    stream.on("response", (headers) => (head = headers));
    stream.on("data", (chunk: string) => (body += chunk));
    stream.on("error", reject);
    stream.on("end", () => resolve({ status: Number(head[":status"]), body }));
    stream.end();
  });
}

function session(to: string): ClientHttp2Session {
  const made = connect(to, { rejectUnauthorized: false, servername: "shop.example.com" });
  made.on("error", () => undefined);
  onTestFinished(() => made.destroy());
  return made;
}

const canCertify = needs(hasOpenssl(), "contract: TLS", "there is no openssl here");

describe.skipIf(!hasNginx("contract: protocols") || !canCertify)("TLS in mode server", () => {
  it("serves HTTP/2 beside plain HTTP, and a switch holds for the next stream of a connection", async () => {
    const made = await opened();
    const tls = certify(made.nginx.directory);
    const secure = await freePort();
    const listen = [...made.gateway.listen, `127.0.0.1:${secure} ssl http2`];
    const { port, gateway } = made.changed({}, { listen, tls });
    const first = made.table(1, { stable: 1 });
    expect(await port.prepare(gateway, first)).toEqual({ kind: "done" });
    expect(await port.commit(gateway, first)).toEqual({ kind: "done" });
    const one = session(`https://127.0.0.1:${secure}`);
    expect(await askHttp2(one)).toEqual({ status: 200, body: String(made.slots[1]?.port) });
    const second = made.table(2, { canary: 1, stable: 2, share: 10_000 });
    await port.prepare(gateway, second);
    await port.commit(gateway, second);
    expect(await askHttp2(one)).toEqual({ status: 200, body: String(made.slots[0]?.port) });
    expect((await ask({ port: made.listen })).body).toBe(String(made.slots[0]?.port));
  });

  it("a key of another pair is refused, and what was served is served still", async () => {
    const made = await opened();
    const first = made.table(1, { stable: 0 });
    await made.port.prepare(made.gateway, first);
    await made.port.commit(made.gateway, first);
    const before = readFileSync(made.gateway.config, "utf8");
    const { certificate } = certify(made.nginx.directory);
    const { key } = certify(made.nginx.directory);
    const listen = [...made.gateway.listen, `127.0.0.1:${await freePort()} ssl`];
    const { port, gateway } = made.changed({}, { listen, tls: { certificate, key } });
    expect(await port.prepare(gateway, made.table(2, { stable: 0 }))).toMatchObject({ kind: "refused" });
    expect(readFileSync(gateway.config, "utf8")).toBe(before);
    expect((await ask({ port: made.listen })).status).toBe(200);
  });
});

describe.skipIf(!hasNginx("contract: certificates") || !canCertify)("check of a certificate", () => {
  const said = async (make: (directory: string) => Tls): Promise<readonly Finding[]> => {
    const made = await opened();
    const tls = make(made.nginx.directory);
    const gateway: Gateway = { ...made.gateway, listen: [`127.0.0.1:${made.listen} ssl http2`], tls };
    const application = { ...made.application, gateways: [gateway] };
    const all = await nginxExaminer({ application, hosts: () => localHost(HOST) }).examine();
    return all.filter(({ found }) => found.includes(tls.certificate) || found.includes(tls.key));
  };

  it("is content with a pair that is valid for months", async () => {
    const all = await said((directory) => certify(directory));
    expect(all.map(({ severity }) => severity)).toEqual(["fine"]);
  });

  it.each<[string, (directory: string) => Tls, RegExp]>([
    ["expires soon", (at) => certify(at, { days: 3 }), /^warning: .* expires in [23] days/],
    ["names another", (at) => certify(at, { name: "other.example.com" }), /^warning: .*does not name shop/],
    [
      "is not there",
      (at) => ({ ...certify(at), certificate: join(at, "none.pem") }),
      /^fault: .*no certificate/,
    ],
    ["has no key", (at) => ({ ...certify(at), key: join(at, "none.key") }), /^fault: .*is not there/],
    ["has another's key", (at) => ({ ...certify(at), key: certify(at).key }), /^fault: .*not the key of/],
    ["has a key that is none", (at) => noKey(at), /^fault: .*is no private key/],
  ])("says that it %s", async (_, make, expected) => {
    const lines = (await said(make)).map(({ severity, found }) => `${severity}: ${found}`);
    expect(lines.filter((line) => !line.startsWith("fine"))).toEqual([expect.stringMatching(expected)]);
  });
});

function noKey(directory: string): Tls {
  const tls = certify(directory);
  writeFileSync(tls.key, "nothing\n");
  return tls;
}

/** Answers `/shop.Shop/Ask` as a gRPC server does: a message, and the status in the trailers. */
async function grpcSlot(): Promise<{ readonly port: number; readonly seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    seen.push(headers);
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.on("error", () => undefined);
    stream.pipe(stream);
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (one) => sessions.add(one));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const one of sessions) one.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

describe.skipIf(!hasNginx("contract: gRPC"))("gRPC", () => {
  it("streams both ways with its trailers, is in flight until it ends, and follows a switch", async () => {
    const made = await opened();
    const servers = [await grpcSlot(), await grpcSlot()];
    const slots = servers.map(({ port }, i): Slot => {
      const slot = made.slots[i] as Slot;
      return { ...slot, port, key: slotKey(HOST, port) };
    });
    const gateway: Gateway = { ...made.gateway, listen: [`127.0.0.1:${made.listen} http2`] };
    const application = applicationOf(slots, gateway, { ...made.application.gateway, protocol: "grpc" });
    const port = nginxGateway({ application, hosts: () => localHost(HOST) });
    const keys = slots.map(({ key }) => key);
    const put = async (number: number, canary: number): Promise<void> => {
      const share = canary === 0 ? 0 : 10_000;
      const table = made.table(number, { share });
      const routing = { ...table.routing, canary: keys.slice(0, canary), stable: keys.slice(1 + canary) };
      expect(await port.prepare(gateway, { ...table, routing })).toEqual({ kind: "done" });
      expect(await port.commit(gateway, { ...table, routing })).toEqual({ kind: "done" });
    };
    const busy = async (): Promise<number> => {
      const state = await port.observe(gateway, slots);
      return state.known ? (state.value.inFlight[slots[0]?.key as SlotKey]?.requests ?? -1) : -1;
    };
    await put(1, 1);
    const client = session(`http://127.0.0.1:${made.listen}`);
    const stream = client.request({
      ":method": "POST",
      ":path": "/shop.Shop/Ask",
      "content-type": "application/grpc",
      te: "trailers",
    });
    let got = "";
    let trailers: IncomingHttpHeaders = {};
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => (got += text));
    stream.on("trailers", (all: IncomingHttpHeaders) => (trailers = all));
    stream.write("one");
    await until(() => got === "one");
    await put(2, 0);
    expect(await busy()).toBe(1);
    stream.write("two");
    await until(() => got === "onetwo");
    stream.end();
    await until(() => trailers["grpc-status"] === "0");
    await until(async () => (await busy()) === 0);
    expect(servers.map(({ seen }) => seen.length)).toEqual([1, 0]);
    const next = client.request({ ":method": "POST", ":path": "/shop.Shop/Ask", te: "trailers" });
    next.end();
    next.resume();
    await until(() => servers[1]?.seen.length === 1);
  });
});

describe.skipIf(!hasNginx("contract: bodies"))("a body", () => {
  const upload = (port: number, bytes: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { host: "shop.example.com", "content-length": bytes };
      const outgoing = request({ host: "127.0.0.1", port, method: "POST", headers }, (incoming) => {
        incoming.resume();
        resolve(incoming.statusCode ?? 0);
      });
      outgoing.on("error", reject);
      outgoing.end(Buffer.alloc(bytes));
    });

  it("is as large as maxBody says, and not larger", async () => {
    const made = await opened({ maxBody: 2_000_000 });
    const table = made.table(1, { stable: 0 });
    await made.port.prepare(made.gateway, table);
    await made.port.commit(made.gateway, table);
    expect(await upload(made.listen, 2_000_000)).toBe(200);
    expect(await upload(made.listen, 2_000_001).catch(() => 413)).toBe(413);
  });
});

describe.skipIf(!hasNginx("contract: kinds in flight"))("what is in flight", () => {
  /** Through a gateway whose file tells kinds apart, to a slot that then leaves the rotation. */
  async function leaving(begin: (w: World) => Promise<void>, isTold = true) {
    const made = await opened();
    const drainKinds = { websockets: seconds(5) };
    const application = { ...made.application, policy: { ...made.application.policy, drainKinds } };
    const port = nginxGateway({ application, hosts: () => localHost(HOST) });
    const put = async (by: typeof port, table: RoutingTable): Promise<void> => {
      expect(await by.prepare(made.gateway, table)).toEqual({ kind: "done" });
      expect(await by.commit(made.gateway, table)).toEqual({ kind: "done" });
    };
    await put(isTold ? port : made.port, made.table(1, { canary: 1, stable: 2, share: 10_000 }));
    await begin(made);
    await put(port, made.table(2, { stable: 1 }));
    const slot = made.slots[0] as Slot;
    const flying = async (): Promise<InFlight | undefined> => {
      const seen = await port.observe(made.gateway, [slot]);
      if (!seen.known) throw new Error(seen.why);
      return seen.value.inFlight[slot.key];
    };
    const kinds = async (): Promise<unknown> => Object.keys((await flying())?.kinds ?? {});
    return { made, kinds, flying };
  }
  /** What the control server says of the group that serves the canary. */
  async function isBusy({ application, gateway }: World): Promise<boolean> {
    const { address, port } = controlAddress(application.name, gateway.config);
    return (await fetch(`http://${address}:${port}/busy/p1`)).status === 409;
  }
  const HEAD = "Host: shop.example.com\r\n";
  const TYPE = "Content-Type: ";
  const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n";
  const send = async (w: World, text: string): Promise<Socket> => {
    const socket = dial(w.listen, "127.0.0.1");
    socket.on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
    socket.write(text);
    await new Promise<void>((resolve) => void socket.once("connect", resolve));
    return socket;
  };

  it.each<[string, string]>([
    ["requests", `GET /hold HTTP/1.1\r\n${HEAD}\r\n`],
    ["events", `GET /stream HTTP/1.1\r\n${HEAD}Accept: text/event-stream\r\n\r\n`],
    ["websockets", `GET /ws HTTP/1.1\r\n${HEAD}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`],
    ["uploads", `POST /upload HTTP/1.1\r\n${HEAD}Content-Length: 1000000\r\n\r\nbegun`],
    ["uploads", `POST /upload HTTP/1.1\r\n${HEAD}${CHUNKED}`],
    ["grpc", `POST /hold HTTP/1.1\r\n${HEAD}${TYPE}application/grpc\r\nContent-Length: 9\r\n\r\nb`],
    ["grpc", `POST /hold HTTP/1.1\r\n${HEAD}${TYPE}application/grpc+proto\r\n${CHUNKED}`],
    ["grpc", `POST /hold HTTP/1.1\r\n${HEAD}${TYPE}Application/GRPC;charset=utf-8\r\n${CHUNKED}`],
    ["requests", `POST /hold HTTP/1.1\r\n${HEAD}${TYPE}application/grpc-web\r\nContent-Length: 9\r\n\r\nb`],
    ["requests", `POST /hold HTTP/1.1\r\n${HEAD}Content-Length: 999999\r\n\r\nbegun`],
    // Nobody gets another kind than there is by asking for our path, nor out of the count.
    ["websockets", `POST /.glidepath/busy/x/websockets HTTP/1.1\r\n${HEAD}Content-Length: 9\r\n\r\nb`],
    ["requests", `POST /.glidepath/busy/x/other HTTP/1.1\r\n${HEAD}Content-Length: 9\r\n\r\nb`],
  ])("is known as %s: %j", async (kind, text) => {
    let socket: Socket | null = null;
    const { made, kinds } = await leaving(async (w) => {
      socket = await send(w, text);
      if (/hold|stream/.test(text) && text.startsWith("GET"))
        await until(() => w.backends[0]?.held.length === 1);
      else await until(() => isBusy(w));
    });
    await until(async () => JSON.stringify(await kinds()) === JSON.stringify([kind]));
    made.backends[0]?.held[0]?.end();
    (socket as Socket | null)?.destroy();
    await until(async () => JSON.stringify(await kinds()) === "[]");
    expect(await kinds()).toEqual([]);
  });

  it("is of no kind when it began under a config that counted in another way", async () => {
    const { made, flying } = await leaving(async (w) => {
      await send(w, `GET /hold HTTP/1.1\r\n${HEAD}\r\n`);
      await until(() => w.backends[0]?.held.length === 1);
    }, false);
    const found = await flying();
    expect([found?.requests, found?.kinds]).toEqual([1, undefined]);
    made.backends[0]?.held[0]?.end();
    await until(async () => (await flying())?.requests === 0);
  });

  it("is counted by kind, and of WebSockets alone it is known how many", async () => {
    const upgrade = `GET /ws HTTP/1.1\r\n${HEAD}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`;
    const { made, kinds } = await leaving(async (w) => {
      const sockets = [await send(w, upgrade), await send(w, upgrade), await send(w, upgrade)];
      await Promise.all(sockets.map((one) => new Promise((resolve) => one.once("data", resolve))));
      await send(w, `GET /hold HTTP/1.1\r\n${HEAD}\r\n`);
      await until(() => w.backends[0]?.held.length === 1);
    });
    expect(await kinds()).toEqual(["requests", "websockets"]);
    made.backends[0]?.held[0]?.end();
    await until(async () => JSON.stringify(await kinds()) === '["websockets"]');
    const application = { ...made.application, policy: { ...made.application.policy, drainKinds: {} } };
    const port = nginxGateway({ application, hosts: () => localHost(HOST) });
    await until(async () => {
      const seen = await port.observe(made.gateway, made.slots.slice(0, 1));
      const found = seen.known ? seen.value.inFlight[made.slots[0]?.key as SlotKey] : undefined;
      return found?.kinds?.websockets === 3 && found.requests === 3;
    });
  });
});
