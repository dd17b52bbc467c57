import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { artifactExaminer } from "../../../src/drivers/artifact/examine.ts";
import { tar } from "./archives.ts";
import { startServer } from "./server.ts";
import type { Server } from "./server.ts";
import { makeWorld } from "./world.ts";
import type { World } from "./world.ts";

let server: Server;
let world: World;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());
beforeEach(() => {
  world = makeWorld();
});
afterEach(() => world.remove());

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const NOISE = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 31 + (i >> 3)) % 253));
const BODY = tar({ name: "noise", body: NOISE });
const OTHER = tar({ name: "noise", body: "another" });
const ETAG = '"one"';
const url = (): string => `${server.url}/shop-{release}.tar`;
const fetch = (options: Parameters<World["fetch"]>[1] = {}) =>
  world.fetch("v1", { ...options, artifact: { url: url(), ...options.artifact } });

async function codeOf(got: ReturnType<World["fetch"]>): Promise<string> {
  const result = await got;
  return result.ok ? "fine" : result.error.code;
}

test("it is loaded from the release's address, with progress to the end", async () => {
  server.serve({ body: BODY, etag: ETAG });
  const progress: (readonly [number, number | null])[] = [];
  const got = await fetch({ onProgress: ({ received, total }) => progress.push([received, total]) });
  expect(got).toMatchObject({ ok: true, value: { digest: digestOf(BODY), bytes: NOISE.length, entries: 1 } });
  expect(server.requests.map((request) => request.url)).toEqual(["/shop-v1.tar"]);
  expect(progress.at(-1)).toEqual([BODY.length, BODY.length]);
});

test("a proxy of the environment is asked, but not for what this machine has", async () => {
  vi.stubEnv("http_proxy", server.url).stubEnv("no_proxy", "").stubEnv("NO_PROXY", "");
  onTestFinished(() => void vi.unstubAllEnvs());
  server.serve({ body: BODY, etag: ETAG }, { body: OTHER, etag: ETAG });
  expect(await fetch({ artifact: { url: "http://artifacts.invalid/shop-{release}.tar" } })).toMatchObject({
    ok: true,
    value: { digest: digestOf(BODY) },
  });
  expect(server.requests.map((request) => request.url)).toEqual(["http://artifacts.invalid/shop-v1.tar"]);
  vi.stubEnv("http_proxy", "http://127.0.0.1:1");
  expect(await world.fetch("v2", { artifact: { url: url() } })).toMatchObject({ ok: true });
});

/** Speaks to nobody, or answers as told to whoever wants to be led on. */
async function proxyThat(answer: string | null): Promise<string> {
  const proxy = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => answer !== null && socket.end(answer));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void proxy.close());
  return `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

test.each([
  {
    id: "that is not there",
    scheme: "https",
    proxy: () => "127.0.0.1:1",
    why: "connect ECONNREFUSED 127.0.0.1:1",
  },
  {
    id: "that is not there, for http",
    scheme: "http",
    proxy: () => "127.0.0.1:1",
    why: "connect ECONNREFUSED",
  },
  {
    id: "that refuses",
    scheme: "https",
    proxy: () => proxyThat("HTTP/1.1 503 No\r\n\r\n"),
    why: "it answered 503",
  },
  {
    id: "that is silent",
    scheme: "https",
    proxy: () => proxyThat(null),
    why: "it did not open the way in time",
  },
])("a proxy $id is named, with its variable and what it was asked for", async ({ scheme, proxy, why }) => {
  const [variable, at] = [`${scheme.toUpperCase()}_PROXY`, await proxy()];
  for (const name of ["http_proxy", "https_proxy", "no_proxy", "NO_PROXY"]) vi.stubEnv(name, "");
  vi.stubEnv(variable, `http://me:secret@${at}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const from = `${scheme}://artifacts.invalid/shop-v1.tar`;
  const got = await fetch({ artifact: { url: from }, stall: 300 });
  expect(got).toMatchObject({ ok: false, error: { code: "artifact.unreachable" } });
  const details = got.ok ? "" : got.error.details;
  expect(details).toContain(
    `the proxy http://${at}/, which ${variable} names, does not lead to ${from}: ${why}`,
  );
  expect(details).not.toContain("secret");
});

test("where no proxy is asked none is blamed", async () => {
  vi.stubEnv("http_proxy", "http://127.0.0.1:1").stubEnv("https_proxy", "http://127.0.0.1:1");
  vi.stubEnv("no_proxy", "artifacts.invalid");
  onTestFinished(() => void vi.unstubAllEnvs());
  for (const scheme of ["http", "https"]) {
    const got = await fetch({ artifact: { url: `${scheme}://artifacts.invalid/shop-v1.tar` } });
    expect(got).toMatchObject({ error: { details: expect.stringContaining("artifacts.invalid") } });
    expect(got).toMatchObject({ error: { details: expect.not.stringContaining("proxy") } });
  }
});

test("after a cut it goes on where it was, on the same version only", async () => {
  const body = { body: BODY, etag: ETAG };
  server.serve({ ...body, cutAfter: 100_000 }, { ...body, cutAfter: 50_000 }, body);
  expect(await fetch()).toMatchObject({ ok: true, value: { digest: digestOf(BODY) } });
  const [first, second, third] = server.requests;
  expect(first).toMatchObject({ range: null, ifRange: null });
  expect(second).toMatchObject({ range: expect.stringMatching(/^bytes=[1-9]\d*-$/), ifRange: ETAG });
  expect(third).toMatchObject({ range: expect.stringMatching(/^bytes=[1-9]\d*-$/), ifRange: ETAG });
});

const DATE = "Mon, 21 Sep 2026 14:13:20 GMT";

test.each([
  {
    id: "the date, where the mark is a weak one",
    script: [
      { body: BODY, etag: 'W/"one"', lastModified: DATE, cutAfter: 99_999 },
      { body: BODY, lastModified: DATE },
    ],
    ranges: [null, expect.stringMatching(/^bytes=\d+-$/)],
  },
  {
    id: "from the beginning, where there is no mark",
    script: [{ body: BODY, cutAfter: 99_999 }, { body: BODY }],
    ranges: [null, null],
  },
  {
    id: "from the beginning, where the server knows no ranges",
    script: [
      { body: BODY, etag: ETAG, cutAfter: 99_999 },
      { body: BODY, etag: ETAG, ignoreRange: true },
    ],
    ranges: [null, expect.stringMatching(/^bytes=\d+-$/)],
  },
  {
    id: "from the beginning, where it is another file now",
    script: [
      { body: OTHER, etag: '"zero"', cutAfter: 700 },
      { body: BODY, etag: ETAG },
    ],
    ranges: [null, "bytes=700-"],
  },
  {
    id: "from the beginning, where the range is not there any more",
    script: [{ body: BODY, etag: ETAG, cutAfter: 99_999 }, { status: 416 }, { body: BODY, etag: ETAG }],
    ranges: [null, expect.stringMatching(/^bytes=\d+-$/), null],
  },
  {
    id: "from the beginning, where another range comes than was asked for",
    script: [
      { body: BODY, etag: ETAG, cutAfter: 99_999 },
      { body: BODY, etag: ETAG, shiftRange: 5 },
      { body: BODY, etag: ETAG },
    ],
    ranges: [null, expect.stringMatching(/^bytes=\d+-$/), null],
  },
  {
    id: "after silence",
    stall: 5000,
    script: [
      { body: BODY, etag: ETAG, stallAfter: 99_999 },
      { body: BODY, etag: ETAG },
    ],
    ranges: [null, expect.stringMatching(/^bytes=\d+-$/)],
  },
  { id: "after a 503", script: [{ status: 503 }, { body: BODY }], ranges: [null, null] },
  {
    id: "where a body of unknown length was cut",
    script: [
      { body: BODY, etag: ETAG, cutAfter: 99_999, ignoreLength: true },
      { body: BODY, etag: ETAG },
    ],
    ranges: [null, expect.stringMatching(/^bytes=\d+-$/)],
  },
])("it is resumed $id", async ({ script, ranges, stall }) => {
  server.serve(...script);
  expect(await fetch(stall === undefined ? {} : { stall })).toMatchObject({
    ok: true,
    value: { digest: digestOf(BODY) },
  });
  expect(server.requests.map((request) => request.range)).toEqual(ranges);
});

test("a server that cuts for ever is given up, and each attempt is told", async () => {
  server.serve({ status: 503 });
  const got = await fetch();
  expect(got).toMatchObject({ ok: false, error: { code: "artifact.unreachable" } });
  expect(got.ok ? "" : got.error.details).toContain("attempt 3, at byte 0: the server answered 503");
  expect(server.requests.length).toBe(3);
});

test("nobody there is unreachable", async () => {
  const closed = await startServer();
  await closed.close();
  const got = await fetch({ artifact: { url: `${closed.url}/a.tar` } });
  expect(got).toMatchObject({ ok: false, error: { code: "artifact.unreachable" } });
  expect(got.ok ? "" : got.error.details).toContain("ECONNREFUSED");
});

test.each([401, 403, 404, 410])("%i is final: it is asked once", async (status) => {
  server.serve({ status });
  expect(await codeOf(fetch())).toBe("artifact.unreachable");
  expect(server.requests.length).toBe(1);
});

test("redirects are followed, a few of them", async () => {
  server.serve({ status: 302, location: "/there/x.tar" }, { status: 307, location: "y.tar" }, { body: BODY });
  expect(await codeOf(fetch())).toBe("fine");
  expect(server.requests.map((request) => request.url)).toEqual([
    "/shop-v1.tar",
    "/there/x.tar",
    "/there/y.tar",
  ]);
  server.serve({ status: 302, location: "/again" });
  expect(await codeOf(world.fetch("v2", { artifact: { url: url() } }))).toBe("artifact.unreachable");
  expect(server.requests.length).toBe(6);
});

test("a redirect to a file of this machine is not followed", async () => {
  server.serve({ status: 302, location: "file:///etc/passwd" });
  expect(await codeOf(fetch())).toBe("artifact.unreachable");
});

test("a password in the address is sent, and never shown", async () => {
  server.serve({ status: 403 });
  const secret = url().replace("http://", "http://me:s3cret@");
  const got = await fetch({ artifact: { url: `${secret}?token=t0ken` } });
  expect(server.requests[0]?.authorization).toBe(`Basic ${Buffer.from("me:s3cret").toString("base64")}`);
  expect(JSON.stringify(got)).not.toMatch(/s3cret|t0ken/);
});

test("a gz that the server labels as an encoding is kept as published", async () => {
  const body = gzipSync(BODY);
  server.serve({ body, encoding: "gzip" });
  const got = await fetch({ artifact: { url: `${server.url}/a.tar.gz` } });
  expect(got).toMatchObject({ ok: true, value: { digest: digestOf(body) } });
});

test("a download beyond the limit is stopped", async () => {
  server.serve({ body: BODY });
  expect(await codeOf(fetch({ artifact: { maxBytes: 200_000 } }))).toBe("artifact.too-large");
});

test("an interruption ends it at once and keeps nothing", async () => {
  server.serve({ body: BODY, etag: ETAG, stallAfter: 1000 });
  const controller = new AbortController();
  const got = await fetch({ signal: controller.signal, onProgress: () => controller.abort() });
  expect(got).toMatchObject({ ok: false, error: { code: "interrupted" } });
  expect(readdirSync(join(world.cache, "v1"))).toEqual([]);
});

const SUMS = () => Buffer.from(`${"0".repeat(64)}  shop-v0.tar\n${digestOf(BODY)}  shop-v1.tar\n`);

test("the digest of the command line decides", async () => {
  server.serve({ body: BODY });
  expect(await codeOf(fetch({ sha256: digestOf(OTHER) }))).toBe("artifact.digest");
  expect(await codeOf(fetch({ sha256: digestOf(BODY).toUpperCase() }))).toBe("fine");
  expect(await codeOf(fetch({ sha256: "abc" }))).toBe("usage");
});

test("the published digest decides", async () => {
  const sha256 = `${server.url}/sums-{release}`;
  server.serve({ body: SUMS() }, { body: OTHER });
  const got = await fetch({ artifact: { sha256 } });
  expect(got).toMatchObject({ ok: false, error: { code: "artifact.digest" } });
  expect(got.ok ? "" : got.error.details).toBe(`expected: ${digestOf(BODY)}\nfound:    ${digestOf(OTHER)}`);
  server.serve({ body: SUMS() }, { body: BODY });
  expect(await codeOf(fetch({ artifact: { sha256 } }))).toBe("fine");
  expect(server.requests.map((request) => request.url)).toEqual(["/sums-v1", "/shop-v1.tar"]);
});

test("a published digest that is not for this artifact is refused", async () => {
  server.serve({ body: Buffer.from(`${"0".repeat(64)}  other.tar\n`) });
  expect(await codeOf(fetch({ artifact: { sha256: `${server.url}/sums` } }))).toBe("artifact.digest");
});

test("a digest in a file beside the artifact is read", async () => {
  writeFileSync(join(world.directory, "a-v1.tar"), BODY);
  writeFileSync(join(world.directory, "a-v1.sha256"), `${digestOf(OTHER)}\n`);
  const artifact = { url: "a-{release}.tar", sha256: "a-{release}.sha256" };
  expect(await codeOf(fetch({ artifact }))).toBe("artifact.digest");
});

test("what was fetched is not loaded again while it is the same", async () => {
  server.serve({ body: BODY, etag: ETAG });
  const first = await fetch();
  expect(await fetch()).toEqual(first);
  expect(server.requests.length).toBe(2);
  // By its digest it is known without a question.
  expect(await fetch({ sha256: digestOf(BODY) })).toEqual(first);
  expect(server.requests.length).toBe(2);
});

test.each([
  { id: "is down", behaviour: { status: 503 } },
  { id: "has deleted it", behaviour: { status: 404 } },
])("what was fetched is at hand when the server $id", async ({ behaviour }) => {
  server.serve({ body: BODY, etag: ETAG });
  const first = await fetch();
  server.serve(behaviour);
  expect(await fetch({ artifact: { sha256: `${server.url}/sums` } })).toEqual(first);
});

test("the same release with another content is refused, until its memory is deleted", async () => {
  server.serve({ body: BODY, etag: ETAG });
  expect(await codeOf(fetch())).toBe("fine");
  server.serve({ body: OTHER, etag: '"two"' });
  const got = await fetch();
  expect(got).toMatchObject({ ok: false, error: { code: "artifact.changed" } });
  expect(got.ok ? "" : got.error.hint).toContain(join(world.cache, "v1"));
  expect(await codeOf(fetch({ sha256: digestOf(OTHER) }))).toBe("artifact.changed");
  rmSync(join(world.cache, "v1"), { recursive: true });
  expect(await codeOf(fetch())).toBe("fine");
});

test("a changed file on this machine is noticed", async () => {
  const artifact = { url: "a-{release}.tar" };
  writeFileSync(join(world.directory, "a-v1.tar"), BODY);
  expect(await codeOf(fetch({ artifact }))).toBe("fine");
  expect(await codeOf(fetch({ artifact }))).toBe("fine");
  writeFileSync(join(world.directory, "a-v1.tar"), OTHER);
  expect(await codeOf(fetch({ artifact }))).toBe("artifact.changed");
});

test("a changed directory on this machine is noticed", async () => {
  const artifact = { url: "out-{release}" };
  mkdirSync(join(world.directory, "out-v1"));
  writeFileSync(join(world.directory, "out-v1", "a"), "one");
  expect(await codeOf(fetch({ artifact }))).toBe("fine");
  writeFileSync(join(world.directory, "out-v1", "a"), "two");
  expect(await codeOf(fetch({ artifact }))).toBe("artifact.changed");
});

test("no artifact at a path says where it was looked for", async () => {
  const got = await fetch({ artifact: { url: "builds/{release}.tar" } });
  expect(got).toMatchObject({ ok: false, error: { code: "artifact.unreachable" } });
  expect(got.ok ? "" : got.error.message).toContain(join(world.directory, "builds/v1.tar"));
});

test("two that fetch the same release at once both have it", async () => {
  server.serve({ body: BODY, etag: ETAG });
  const both = await Promise.all([fetch(), fetch(), fetch()]);
  expect(new Set(both.map((got) => JSON.stringify(got))).size).toBe(1);
  expect(both[0]?.ok).toBe(true);
  expect(world.leftInCache("v1")).toEqual(["artifact.json"]);
});

test("of old releases the cache keeps the memory, but not the bytes", async () => {
  const artifact = { url: "a-{release}.tar" };
  for (const id of ["v1", "v2", "v3"]) {
    writeFileSync(join(world.directory, `a-${id}.tar`), tar({ name: id, body: id }));
    await world.fetched(id, { artifact });
  }
  expect(readdirSync(join(world.cache, "v1"))).toEqual(["artifact.json"]);
  expect(await codeOf(fetch({ artifact }))).toBe("fine");
  writeFileSync(join(world.directory, "a-v2.tar"), OTHER);
  expect(await codeOf(world.fetch("v2", { artifact }))).toBe("artifact.changed");
});

test("a damaged memory is none", async () => {
  server.serve({ body: BODY, etag: ETAG });
  await fetch();
  writeFileSync(join(world.cache, "v1", "artifact.json"), '{"digest":');
  expect(await codeOf(fetch())).toBe("fine");
});

test("check finds a cache that cannot be written, and changes nothing", async () => {
  expect(await artifactExaminer(world.cache).examine()).toMatchObject([
    { subject: `controller: ${world.cache}` },
  ]);
  expect(readdirSync(world.directory)).not.toContain("cache");
  const [finding] = await artifactExaminer("/proc/glidepath").examine();
  expect(finding).toMatchObject({
    severity: "fault",
    todo: "let the user that runs Glidepath write in /proc",
  });
});
