// What comes with TLS in mode server: plain HTTP is led there, and HTTP/3 where nginx has it.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request, type IncomingMessage } from "node:http";
import { request as secureRequest } from "node:https";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../../src/demo/ports.ts";
import { minutes } from "../../../src/base/time.ts";
import { nginxBinary } from "../../../src/demo/nginx.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import { writeConfig } from "../../../src/drivers/nginx/config.ts";
import { nginxExaminer } from "../../../src/drivers/nginx/examine.ts";
import { lackIn } from "../../../src/drivers/nginx/http3.ts";
import type { Gateway, Tls } from "../../../src/model/application.ts";
import type { ReleaseId } from "../../../src/model/ids.ts";
import type { RoutingTable } from "../../../src/model/routing.ts";
import { basisPoints } from "../../../src/model/share.ts";
import { hasNginx } from "../../support/nginx.ts";
import { needs } from "../../support/skip.ts";
import { HOST, world, type World } from "./world.ts";

const canCertify = needs(
  spawnSync("openssl", ["version"]).status === 0,
  "contract: what comes with TLS",
  "there is no openssl here",
);
const build = spawnSync(nginxBinary() ?? "nginx", ["-V"]).stderr?.toString() ?? "";
const lack = lackIn(build);

function certify(directory: string): Tls {
  const tls = { certificate: join(directory, "shop.pem"), key: join(directory, "shop.key") };
  const files = ["-keyout", tls.key, "-out", tls.certificate, "-days", "90"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const subject = ["-subj", "/CN=shop.example.com", "-addext", "subjectAltName=DNS:shop.example.com"];
  execFileSync("openssl", ["req", "-x509", ...key, ...files, ...subject], { stdio: "ignore" });
  return tls;
}

interface Secure {
  readonly made: World;
  readonly plain: number;
  readonly secure: number;
  readonly gateway: Gateway;
  readonly port: World["port"];
}

async function opened(more: Partial<Gateway> = {}): Promise<Secure> {
  const made = await world();
  onTestFinished(() => made.close());
  const [plain, secure] = [await freePort(), await freePort()];
  const acme = join(made.nginx.directory, "acme");
  mkdirSync(join(acme, ".well-known/acme-challenge"), { recursive: true });
  writeFileSync(join(acme, ".well-known/acme-challenge/token"), "proof");
  const { port, gateway } = made.changed(
    {},
    {
      listen: [`127.0.0.1:${secure} ssl http2`],
      tls: certify(made.nginx.directory),
      redirect: { listen: [`127.0.0.1:${plain}`], acme },
      ...more,
    },
  );
  return { made, plain, secure, gateway, port };
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

function ask(port: number, path: string, { method = "GET", tls = false } = {}): Promise<Answer> {
  const headers = { host: "shop.example.com" };
  const options = { host: "127.0.0.1", port, path, method, headers, agent: false as const };
  return new Promise((resolve, reject) => {
    const got = (incoming: IncomingMessage): void => {
      let body = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (text: string) => (body += text));
      incoming.on("end", () => resolve({ status: incoming.statusCode, headers: incoming.headers, body }));
    };
    const outgoing = tls
      ? secureRequest({ ...options, rejectUnauthorized: false }, got)
      : request(options, got);
    outgoing.on("error", reject);
    outgoing.end();
  });
}

describe.skipIf(!hasNginx("contract: what comes with TLS") || !canCertify)("plain HTTP", () => {
  it("is led to TLS as it was asked for; an authority's questions are answered", async () => {
    const { made, plain, secure, gateway, port } = await opened();
    const table = made.table(1, { stable: 0 });
    expect(await port.prepare(gateway, table)).toEqual({ kind: "done" });
    expect(await port.commit(gateway, table)).toEqual({ kind: "done" });
    const to = (path: string): string => `https://shop.example.com:${secure}${path}`;
    const got = await ask(plain, "/a%20b?x=1&y=%2F");
    expect([got.status, got.headers.location]).toEqual([308, to("/a%20b?x=1&y=%2F")]);
    const posted = await ask(plain, "/order", { method: "POST" });
    expect([posted.status, posted.headers.location]).toEqual([308, to("/order")]);
    expect(await ask(plain, "/.well-known/acme-challenge/token")).toMatchObject({
      status: 200,
      body: "proof",
    });
    expect((await ask(plain, "/.well-known/acme-challenge/none")).status).toBe(404);
    expect((await ask(secure, "/", { tls: true })).status).toBe(200);
    expect(made.backends.flatMap(({ seen }) => seen)).toEqual(["GET /"]);
  });

  it("gets cookies for either way, and TLS those that are sent over TLS alone", async () => {
    const { made, plain, secure, gateway } = await opened();
    const { redirect, ...without } = gateway;
    const both = { ...without, listen: [...gateway.listen, ...(redirect?.listen ?? [])] };
    const pinned = made.changed({ key: { by: "auto" }, pin: minutes(30) }, both);
    const plainTable = made.table(1, { stable: 0 });
    const pins = { canary: true, stable: basisPoints(0) };
    const table: RoutingTable = {
      ...plainTable,
      routing: { ...plainTable.routing, pins },
      releases: { canary: null, stable: "v1" as ReleaseId },
    };
    expect(await pinned.port.prepare(both, table)).toEqual({ kind: "done" });
    expect(await pinned.port.commit(both, table)).toEqual({ kind: "done" });
    const cookies = async (tls: boolean): Promise<readonly string[]> => {
      const { headers } = await ask(tls ? secure : plain, "/page", { tls });
      return (headers["set-cookie"] ?? []).map((line) => line.replace(/=[0-9a-f]+; .*SameSite=Lax/, ""));
    };
    expect(await cookies(true)).toEqual(["glidepath_shop; Secure", "glidepin_shop; Secure"]);
    expect(await cookies(false)).toEqual(["glidepath_shop", "glidepin_shop"]);
  });

  it("is led to the usual port without its number; our two servers are no rivals for check", async () => {
    const { made, gateway, port } = await opened();
    const home = `${gateway.state}/${made.application.name}`;
    const usual = { ...gateway, listen: ["443 ssl", "8443 ssl"] };
    const { text } = writeConfig({ application: made.application, gateway: usual, home });
    expect(text).toContain("return 308 https://$host$request_uri;");
    const table = made.table(1, { stable: 0 });
    await port.prepare(gateway, table);
    const application = { ...made.application, gateways: [gateway] };
    const found = await nginxExaminer({ application, hosts: () => localHost(HOST) }).examine();
    expect(found.filter((one) => /another server|taken by/.test(one.found))).toEqual([]);
  });
});

describe.skipIf(!hasNginx("contract: HTTP/3") || !canCertify)("HTTP/3", () => {
  it("is written for each entry with ssl, and told to browsers", async () => {
    const { made, gateway } = await opened();
    const listen = ["80", "443 ssl http2", "[::]:8443 ssl"];
    const topology = { application: made.application, gateway: { ...gateway, listen, http3: true as const } };
    const { text } = writeConfig({ ...topology, home: "/var/lib/glidepath/shop" });
    const lines = text.split("\n").map((line) => line.trim());
    expect(lines.filter((line) => line.startsWith("listen ") && !line.includes(":7929"))).toEqual([
      "listen 80;",
      "listen 443 ssl http2;",
      "listen [::]:8443 ssl;",
      "listen 443 quic reuseport;",
      "listen [::]:8443 quic reuseport;",
      `listen ${gateway.redirect?.listen[0]};`,
    ]);
    expect(lines).toContain(`add_header Alt-Svc 'h3=":443"; ma=86400' always;`);
  });

  it.each([
    ["nginx version: nginx/1.22.1\n", "it is version 1.22.1"],
    ["nginx version: nginx/1.24.0\n--with-http_v3_module", "it is version 1.24.0"],
    ["nginx version: nginx/1.25.0\n", "it is version 1.25.0 without http_v3"],
    ["nginx version: nginx/1.25.0\n--with-http_v3_module", null],
    ["nginx version: openresty/2.1.4\n--with-http_v3_module", null],
  ])("%j has it, or what it lacks is named", (said, expected) => {
    const needed = ": gateway.http3 needs 1.25 or newer, built with http_v3";
    expect(lackIn(said)).toBe(expected === null ? null : `${expected}${needed}`);
  });

  it.skipIf(lack === null)(
    "is refused by check and before anything is written where nginx lacks it",
    async () => {
      const { made, gateway: without } = await opened();
      const first = made.table(1, { stable: 0 });
      await made.port.prepare(made.gateway, first);
      await made.port.commit(made.gateway, first);
      const before = readFileSync(made.gateway.config, "utf8");
      const { port, gateway } = made.changed({}, { ...without, http3: true });
      const refusal = await port.prepare(gateway, made.table(2, { stable: 0 }));
      expect(refusal).toMatchObject({
        kind: "refused",
        error: {
          code: "gateway.unsupported",
          message: `web1: ${gateway.nginx} cannot serve HTTP/3: ${lack}`,
          hint: expect.stringContaining("install a newer nginx"),
        },
      });
      expect(readFileSync(gateway.config, "utf8")).toBe(before);
      const application = { ...made.application, gateways: [gateway] };
      const found = await nginxExaminer({ application, hosts: () => localHost(HOST) }).examine();
      expect(found).toContainEqual(expect.objectContaining({ severity: "fault", found: lack }));
    },
  );
});
