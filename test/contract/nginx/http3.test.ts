// HTTP/3 for real: an nginx that has it, the config that we write, and a client that speaks it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../../src/demo/ports.ts";
import { startNginx } from "../../../src/demo/nginx.ts";
import type { Gateway } from "../../../src/model/application.ts";
import { certify } from "../../support/certificate.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import { nginxExaminer } from "../../../src/drivers/nginx/examine.ts";
import { curl, http3Here, type Curl } from "../../support/http3.ts";
import { settledWorkers } from "../../support/nginx.ts";
import { HOST, until, world, type World } from "./world.ts";

const here = http3Here("contract: HTTP/3 for real");

interface Opened {
  readonly made: World;
  readonly port: World["port"];
  readonly gateway: Gateway;
  readonly target: Curl;
}

async function opened(): Promise<Opened> {
  const made = await world({ binary: here?.nginx ?? "nginx" });
  onTestFinished(() => made.close());
  const secure = await freePort();
  const tls = certify(made.nginx.directory);
  const listen = [`127.0.0.1:${secure} ssl http2`];
  const { port, gateway } = made.changed({}, { listen, tls, http3: true });
  const target = { binary: here?.curl ?? "curl", port: secure, certificate: tls.certificate };
  const table = made.table(1, { stable: 0 });
  expect(await port.prepare(gateway, table)).toEqual({ kind: "done" });
  expect(await port.commit(gateway, table)).toEqual({ kind: "done" });
  return { made, port, gateway, target };
}

const TOLD = ["--write-out", " %{http_code} HTTP/%{http_version}"];

/** What `check` says is wrong, and what to do. */
async function faultsOf(made: World, gateway: Gateway): Promise<readonly string[]> {
  const application = { ...made.application, gateways: [gateway] };
  const all = await nginxExaminer({ application, hosts: () => localHost(HOST) }).examine();
  return all.filter(({ severity }) => severity === "fault").map(({ found, todo }) => `${found}; ${todo}`);
}

describe.skipIf(here === null)("HTTP/3 for real", () => {
  it("is served with the certificate, GET and POST, and the application is told the port too", async () => {
    const { made, target } = await opened();
    const only = ["--http3-only", ...TOLD];
    const ports = made.backends.map(({ port }) => port).join("|");
    expect(await curl(target, "/", ...only)).toMatch(new RegExp(`^(${ports}) 200 HTTP/3$`));
    expect(await curl(target, "/", ...only, "--data", "one")).toMatch(new RegExp(`^(${ports}) 200 HTTP/3$`));
    expect(made.backends.flatMap(({ seen }) => seen).toSorted()).toEqual(["GET /", "POST /"]);
    const hosts = made.backends.flatMap(({ heads }) => heads.map(({ host }) => host));
    expect(hosts).toEqual(hosts.map(() => `shop.example.com:${target.port}`));
  });

  it("is what a client that came by TCP is told of, and comes by then", async () => {
    const { made, target } = await opened();
    mkdirSync(join(made.nginx.directory, "client"));
    const known = join(made.nginx.directory, "client", "alt-svc.txt");
    const ask = (): Promise<string> =>
      curl(target, "/", ...TOLD, "--alt-svc", known, "--output", "/dev/null");
    expect(await ask()).toBe(" 200 HTTP/2");
    expect(readFileSync(known, "utf8")).toContain(` h3 shop.example.com ${target.port} `);
    expect(await ask()).toBe(" 200 HTTP/3");
  });

  it("has a UDP socket for each worker", async () => {
    const { made, target } = await opened();
    const hex = target.port.toString(16).toUpperCase().padStart(4, "0");
    const sockets = readFileSync("/proc/net/udp", "utf8").split("\n");
    const ours = sockets.filter((socket) => socket.includes(` 0100007F:${hex} `));
    expect(ours).toHaveLength((await settledWorkers(made.nginx)).length);
  });

  it("follows the switch: the next request on the same connection", async () => {
    const { made, port, gateway, target } = await opened();
    // Its own server is none beside it.
    expect(await faultsOf(made, gateway)).toEqual([]);
    const first = made.table(2, { canary: 1, stable: 1, share: 10_000 });
    await port.prepare(gateway, first);
    await port.commit(gateway, first);
    const to = (n: number): string => `\n${made.backends[n]?.port ?? "?"} 200 connects`;
    const told = ["--http3-only", "--write-out", " %{http_code} connects %{num_connects}\n"];
    // One connection: a request that is held at the first slot, and one after it.
    const asked = curl(target, "/{hold,after}", ...told);
    const [slot] = made.backends;
    await until(() => slot?.held.length === 1);
    const second = made.table(3, { canary: 0, stable: 1 });
    await port.prepare(gateway, second);
    await port.commit(gateway, second);
    slot?.held[0]?.end(String(slot.port));
    expect(`\n${await asked}`).toBe(`${to(0)} 1${to(1)} 0\n`);
  });

  it("is shared with another server of that nginx where the file says so, else refused", async () => {
    const made = await world({ binary: here?.nginx ?? "nginx", start: false });
    onTestFinished(() => made.close());
    const secure = await freePort();
    const tls = certify(made.nginx.directory);
    const quic = `listen 127.0.0.1:${secure} quic reuseport; server_name blog.example.com;`;
    const files = `ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key};`;
    writeFileSync(join(made.nginx.confd, "blog.conf"), `server { ${quic} ${files} return 200 blog; }\n`);
    await startNginx(made.nginx);
    const listen = [`127.0.0.1:${secure} ssl http2`];
    const table = made.table(1, { stable: 0 });
    const alone = made.changed({}, { listen, tls, http3: true });
    const where = `blog\\.conf listens with quic .* on 127\\.0\\.0\\.1:${secure}, `;
    const said = `${where}.*"duplicate listen options".*shared`;
    expect(await faultsOf(made, alone.gateway)).toEqual([expect.stringMatching(said)]);
    expect(await alone.port.prepare(alone.gateway, table)).toMatchObject({
      kind: "refused",
      error: { details: expect.stringContaining("duplicate listen options") },
    });
    const shared = made.changed({}, { listen, tls, http3: "shared" });
    expect(await faultsOf(made, shared.gateway)).toEqual([]);
    expect(await shared.port.prepare(shared.gateway, table)).toEqual({ kind: "done" });
    expect(await shared.port.commit(shared.gateway, table)).toEqual({ kind: "done" });
    const target = { binary: here?.curl ?? "curl", port: secure, certificate: tls.certificate };
    const ports = made.backends.map(({ port }) => port).join("|");
    expect(await curl(target, "/", "--http3-only", ...TOLD)).toMatch(new RegExp(`^(${ports}) 200 HTTP/3$`));
  });
});
