// A real nginx, tiny backends that can be slow or stream, and the application that describes them.
import { mkdirSync } from "node:fs";
import {
  type Agent,
  createServer,
  request,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { millis, seconds } from "../../../src/base/time.ts";
import { freePort } from "../../../src/demo/ports.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import { nginxGateway } from "../../../src/drivers/nginx/gateway.ts";
import type { Application, Gateway, GatewaySettings, Policy, Slot } from "../../../src/model/application.ts";
import { generation, slotKey, type AppName, type HostName, type RolloutId } from "../../../src/model/ids.ts";
import { PLAIN_PROBE } from "../../../src/model/probing.ts";
import type { RoutingTable } from "../../../src/model/routing.ts";
import { basisPoints } from "../../../src/model/share.ts";
import type { GatewayPort } from "../../../src/ports/gateway.ts";
import { temporaryNginx, type TemporaryNginx } from "../../support/nginx.ts";

export const HOST = "web1" as HostName;

export interface Backend {
  readonly port: number;
  readonly server: Server;
  /** Requests that arrived. */
  readonly seen: string[];
  /** Their headers. */
  readonly heads: IncomingMessage["headers"][];
  /** Answers that wait for `release`, by path `/hold`. */
  readonly held: ServerResponse[];
  close(): Promise<void>;
}

/** `/` says the port; `/hold` waits; `/stream` begins an answer and waits; upgrades are echoed. */
export async function backend(): Promise<Backend> {
  const seen: string[] = [];
  const heads: IncomingMessage["headers"][] = [];
  const held: ServerResponse[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming, answer) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    heads.push(incoming.headers);
    incoming.resume();
    if (incoming.url === "/stream") {
      answer.write("first\n");
      held.push(answer);
    } else if (incoming.url === "/hold") held.push(answer);
    else
      answer
        .setHeader("content-type", incoming.url === "/page" ? "text/html" : "text/plain")
        .end(String(portOf(server)));
  });
  // Only nginx decides how long a connection is kept.
  server.keepAliveTimeout = 0;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("upgrade", (_incoming, socket: Socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
    socket.on("data", (data) => socket.write(data));
    socket.on("error", () => socket.destroy());
    socket.on("end", () => socket.end());
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return { port: portOf(server), server, seen, heads, held, close };
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

interface At {
  readonly canary?: number;
  readonly stable?: number;
  readonly share?: number;
  readonly mirror?: number;
}

export interface World {
  readonly nginx: TemporaryNginx["nginx"];
  readonly backends: readonly Backend[];
  readonly slots: readonly Slot[];
  readonly application: Application;
  readonly gateway: Gateway;
  readonly port: GatewayPort;
  readonly listen: number;
  /** A table whose roles are given by places: the first `canary`, and those from `stable` on. */
  table(number: number, at: At): RoutingTable;
  /** The same world, described differently. */
  changed(
    change: Partial<GatewaySettings>,
    gateway?: Partial<Gateway>,
  ): { port: GatewayPort; gateway: Gateway };
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly slots?: number;
  readonly settings?: Partial<GatewaySettings>;
  readonly start?: boolean;
  readonly http?: string;
  readonly binary?: string;
  readonly policy?: Partial<Policy>;
}

export const SETTINGS: GatewaySettings = {
  mode: "server",
  passive: false,
  serverName: ["shop.example.com"],
  connectTimeout: seconds(10),
  readTimeout: seconds(60),
  split: "users",
  key: { by: "header", name: "X-User" },
  rules: [],
  realIp: null,
  releaseHeader: null,
};

export async function world(options: WorldOptions = {}): Promise<World> {
  const { http, binary } = options;
  const temporary = temporaryNginx({ ...(http && { http }), ...(binary && { binary }) });
  const { nginx } = temporary;
  const backends = await Promise.all(Array.from({ length: options.slots ?? 2 }, () => backend()));
  const listen = await freePort();
  const slots = backends.map(({ port }): Slot => ({
    key: slotKey(HOST, port),
    host: HOST,
    port,
    dir: `/srv/shop/slots/${port}`,
    address: "127.0.0.1",
  }));
  const gateway: Gateway = {
    name: HOST,
    address: "local",
    config: join(nginx.confd, "shop.conf"),
    main: nginx.main,
    nginx: nginx.binary,
    listen: [`127.0.0.1:${listen}`],
    state: join(nginx.directory, "state"),
    log: join(nginx.directory, "logs", "shop.log"),
  };
  mkdirSync(gateway.state, { recursive: true });
  const plain = applicationOf(slots, gateway, { ...SETTINGS, ...options.settings });
  const application = { ...plain, policy: { ...plain.policy, ...options.policy } };
  const hosts = () => localHost(HOST);
  if (options.start !== false) await temporary.start();
  return {
    nginx,
    backends,
    slots,
    application,
    gateway,
    listen,
    port: nginxGateway({ application, hosts }),
    table: (number, at) => tableOf(slots, number, at),
    changed: (change, other = {}) => {
      const changedGateway = { ...gateway, ...other };
      const settings = { ...application.gateway, ...change };
      const next = { ...application, gateways: [changedGateway], gateway: settings };
      return { port: nginxGateway({ application: next, hosts }), gateway: changedGateway };
    },
    close: async () => {
      await Promise.all(backends.map((one) => one.close()));
      await temporary.close();
    },
  };
}

function tableOf(slots: readonly Slot[], number: number, at: At): RoutingTable {
  const keys = slots.map((slot) => slot.key);
  return {
    generation: generation(number),
    writer: "r1" as RolloutId,
    routing: {
      canary: keys.slice(0, at.canary ?? 0),
      stable: keys.slice(at.stable ?? 0),
      share: basisPoints(at.share ?? 0),
      ...(at.mirror === undefined ? {} : { mirror: basisPoints(at.mirror) }),
    },
  };
}

/** Only what the gateway reads is real. */
export function applicationOf(
  slots: readonly Slot[],
  gateway: Gateway,
  settings: GatewaySettings,
): Application {
  return {
    name: "shop" as AppName,
    artifact: { url: "/srv/shop-{release}.tar.gz", sha256: null, keep: 5, maxBytes: 1e9, maxEntries: 1e5 },
    hosts: [{ name: HOST, address: "local", root: "/srv/shop", slots }],
    sshConfig: null,
    shared: [],
    run: { kind: "static", env: {}, user: null, reload: null },
    health: { probe: { kind: "tcp" }, every: millis(500), timeout: seconds(2), within: seconds(60) },
    smoke: [],
    gateways: [gateway],
    gateway: settings,
    policy: {
      steps: [{ share: basisPoints(10_000), bake: millis(0), approve: false }],
      maxUnavailable: 1,
      maxLoad: 2,
      drain: seconds(30),
      progressDeadline: seconds(600),
      onHostLost: "wait",
      hostLostAfter: seconds(30),
    },
    analysis: null,
    probe: PLAIN_PROBE,
    hooks: {},
    state: "/srv/shop/.glidepath",
    directory: "/srv/shop",
  };
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}

export interface Ask {
  readonly port: number;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
  readonly method?: string;
  /** Another address of the loopback network. */
  readonly from?: string;
}

/** One request through the gateway; a broken connection is status 0. */
export function ask({ port, path = "/", headers = {}, agent, method = "GET", from }: Ask): Promise<Answer> {
  return new Promise((resolve) => {
    const options = {
      host: "127.0.0.1",
      port,
      path,
      method,
      headers: { host: "shop.example.com", ...headers },
      ...(from === undefined ? {} : { localAddress: from }),
    };
    const outgoing = request(agent === undefined ? options : { ...options, agent }, (incoming) => {
      let body = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk: string) => (body += chunk));
      incoming.on("error", () => resolve({ status: 0, body, headers: incoming.headers }));
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode ?? 0, body, headers: incoming.headers }),
      );
    });
    outgoing.on("error", (error) => resolve({ status: 0, body: String(error), headers: {} }));
    outgoing.end();
  });
}

/** Waits for what must come; the test's own time limit is the only clock. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 20));
}
