// All kinds through a real nginx in front of a real application: plain, TLS, and HTTP/2 over both.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../../src/drivers/system/clock.ts";
import { trickle } from "../../../src/drivers/trickle/trickle.ts";
import { freePorts } from "../../../src/demo/ports.ts";
import type { Application } from "../../../src/model/application.ts";
import { PLAIN_PROBE, type ProbeKind, type Shot } from "../../../src/model/probing.ts";
import { millis, minutes } from "../../../src/base/time.ts";
import { startApp } from "../../support/app.ts";
import { certify, hasOpenssl } from "../../support/certificate.ts";
import { needs } from "../../support/skip.ts";
import { hasNginx, temporaryNginx } from "../../support/nginx.ts";

const SETTINGS = {
  ...PLAIN_PROBE,
  rate: 50,
  timeout: minutes(1),
  hold: millis(300),
  post: { path: "/echo", body: "one", type: "text/plain" },
  slow: "/?ms=300",
  upload: { path: "/upload", size: 64_000 },
  websocket: "/ws",
  events: "/stream?ms=3000",
};
const KINDS: readonly ProbeKind[] = ["get", "post", "slow", "upload", "websocket", "events"];

interface Front {
  readonly listens: readonly string[];
  readonly slot: string;
}

/** nginx tells who answered, as the config that Glidepath writes does. */
async function front(): Promise<Front> {
  const directory = mkdtempSync(join(tmpdir(), "glidepath-trickle-"));
  const [slot = 0, plain = 0, tls = 0, h2c = 0] = await freePorts(4);
  const app = await startApp({ directory, port: slot, release: "v1" });
  const temporary = temporaryNginx();
  onTestFinished(async () => {
    await temporary.close();
    await app.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  const { certificate, key } = certify(directory);
  const server = (listen: string): string => `server {
    listen ${listen};
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    location / {
      add_header X-Glidepath-Slot $upstream_addr always;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $hop;
      proxy_pass http://127.0.0.1:${slot};
    }
  }\n`;
  const map = 'map $http_upgrade $hop { default ""; websocket upgrade; }\n';
  const listens = [`127.0.0.1:${plain}`, `127.0.0.1:${tls} ssl http2`, `127.0.0.1:${h2c} http2`];
  writeFileSync(join(temporary.nginx.confd, "front.conf"), map + listens.map(server).join(""));
  await temporary.start();
  return { listens, slot: `web1:${slot}` };
}

async function shotsThrough({ listens, slot }: Front, kinds: readonly ProbeKind[]): Promise<readonly Shot[]> {
  const port = Number(slot.split(":")[1]);
  const application = {
    hosts: [{ name: "web1", slots: [{ key: slot, host: "web1", port, address: "127.0.0.1" }] }],
    gateways: [{ name: "web1", listen: listens }],
  } as unknown as Application;
  const probe = trickle({
    application,
    clock: systemClock,
    host: "shop.example.com",
    token: "x",
    users: [{ headers: { Cookie: "a=1" }, argument: null }],
    reach: () => "127.0.0.1",
  });
  const controller = new AbortController();
  const shots: Shot[] = [];
  const isDone = (): boolean => kinds.every((kind) => shots.filter((shot) => shot.kind === kind).length >= 2);
  await probe.run({
    settings: { ...SETTINGS, http2: kinds.includes("http2") },
    signal: controller.signal,
    onShot: (shot) => {
      shots.push(shot);
      if (isDone()) controller.abort();
    },
    onBlind: (_, why) => {
      if (why === null) return;
      controller.abort();
      throw new Error(why);
    },
  });
  return shots;
}

const WHAT = "contract: the probe through nginx";
const canRun = hasNginx(WHAT) && needs(hasOpenssl(), WHAT, "there is no openssl here");

describe.skipIf(!canRun)("through a real nginx", () => {
  it.each<readonly [string, (listens: readonly string[]) => readonly string[], readonly ProbeKind[]]>([
    ["plain", ([plain = ""]) => [plain], KINDS],
    ["plain, and HTTP/2 without TLS", ([plain = "", , h2c = ""]) => [plain, h2c], [...KINDS, "http2"]],
    ["over TLS, and HTTP/2", ([, tls = ""]) => [tls], [...KINDS, "http2"]],
  ])("%s: each kind is answered, and by whom is told", async (_, chosen, kinds) => {
    const whole = await front();
    const shots = await shotsThrough({ ...whole, listens: chosen(whole.listens) }, kinds);
    expect(shots.filter(({ end }) => end !== "answered")).toEqual([]);
    expect([...new Set(shots.map(({ slot }) => slot))]).toEqual([whole.slot]);
  });
});
