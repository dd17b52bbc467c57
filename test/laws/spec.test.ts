import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TRAFFIC_KINDS } from "../../src/model/drain.ts";
import { pathText } from "../../src/spec/diagnostic.ts";
import type { Path } from "../../src/spec/diagnostic.ts";
import { jsonSchema } from "../../src/spec/keys.ts";
import type { SchemaNode } from "../../src/spec/keys.ts";
import { parseApplication } from "../../src/spec/parse.ts";

type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

const GATEWAY = { config: "/etc/nginx/a.conf", main: "/etc/nginx/nginx.conf", nginx: "/usr/sbin/nginx" };
const GATEWAY_DATA = {
  listen: ["127.0.0.1:8080 ssl"],
  tls: { certificate: "/etc/ssl/a.pem", key: "/etc/ssl/a.key" },
  redirect: { listen: ["127.0.0.1:80"], acme: "/var/www/acme" },
  http3: true,
  state: "/var/lib/glidepath",
  log: "/var/log/a.log",
};

/** Files that between them have every string key; all are good, or good but for what is not supported. */
const BASE = {
  app: "shop",
  artifact: { url: "https://example.com/shop-{release}.tar.gz", sha256: "sums/{release}", maxBytes: "2GB" },
  hosts: [
    {
      name: "web1",
      address: "local",
      serves: "10.0.0.1",
      root: "/srv/shop",
      slots: [{ port: 1, dir: "/home/app1" }, 2],
      labels: { zone: "a" },
    },
  ],
  ssh: { config: "ssh_config" },
  shared: ["uploads"],
  assets: { paths: ["static"], for: "24h" },
  run: {
    command: "node x {port}",
    env: { MODE: "on" },
    user: "shop",
    stop: { signal: "SIGTERM", timeout: "5s" },
  },
  health: { http: "/healthz", host: "example.com", contains: "ok", every: "1s", timeout: "1s", within: "9s" },
  smoke: [{ http: "/login", contains: "in", timeout: "1s" }],
  warm: [{ http: "/login", timeout: "1s" }, { run: "./warm.sh" }],
  gateway: {
    hosts: [{ name: "web1", ...GATEWAY, ...GATEWAY_DATA }],
    ...GATEWAY,
    ...GATEWAY_DATA,
    serverName: ["example.com"],
    connectTimeout: "1s",
    readTimeout: "60s",
    mode: "server",
    protocol: "http",
    maxBody: "10MB",
    keepalive: "2s",
    releaseHeader: "X-Release",
    realIp: { from: ["10.0.0.0/8"], header: "X-Forwarded-For" },
  },
  rollout: {
    split: "users",
    key: "cookie:uid",
    rules: [
      { header: "X-Canary", is: ["always"], to: "canary" },
      { address: ["10.0.0.0/8"], to: "stable" },
    ],
    steps: [
      { mirror: "5%", bake: "1m" },
      { share: "5%", bake: "1m" },
      { servers: "50%" },
      { servers: ["zone=a"] },
    ],
    pin: "30m",
    drain: { requests: "30s", uploads: "5m", events: "5s", grpc: "5s", websockets: "5s" },
    ramp: "30s",
    progressDeadline: "10m",
    onHostLost: "exclude",
    hostLostAfter: "20s",
    maxUnavailable: "25%",
  },
  analysis: {
    errors: { margin: "1%" },
    latency: { margin: "2ms" },
    bad: ["5xx"],
    unit: "auto",
    warmup: "10s",
    look: "3s",
    metrics: [{ name: "orders", prometheus: "http://prometheus:9090", query: "up" }],
  },
  hooks: {
    beforeRelease: "a",
    beforeSlot: "b",
    afterSlot: "c",
    beforeShift: "d",
    afterShift: "e",
    afterRelease: "f",
    onAbort: "g",
  },
  probe: {
    timeout: "10s",
    hold: "2s",
    get: "/healthz",
    post: { path: "/echo", body: "one", type: "text/plain; charset=utf-8" },
    slow: "/slow",
    upload: { path: "/upload", size: "1MB" },
    websocket: "/ws",
    events: "/events",
  },
  state: ".glidepath",
} satisfies Json;

const drainAsking = (ask: Json): Json => ({
  ...BASE,
  rollout: {
    ...BASE.rollout,
    drain: Object.fromEntries(TRAFFIC_KINDS.map((kind) => [kind, { ask, deadline: "30s" }])),
  },
});

const FILES: readonly Json[] = [
  BASE,
  {
    ...BASE,
    hosts: [{ name: "web1", address: "local", root: "/srv", slots: [1, 2] }],
    assets: ["/static/"],
    run: { start: "a", stop: { command: "b" }, status: "c" },
    health: { exec: "d" },
    smoke: [{ run: "e" }],
    gateway: { hosts: ["web1"] },
    rollout: {
      drain: "30s",
      rules: [
        { cookie: "beta", is: "1", to: "canary" },
        { arg: "beta", is: "1", to: "canary" },
        { address: "10.0.0.1", to: "canary" },
        { cookie: "uid", in: "testers.txt", to: "canary" },
        { address: { in: "offices.txt" }, to: "canary" },
      ],
    },
    analysis: "off",
    probe: "on",
  },
  drainAsking({ signal: "SIGUSR1" }),
  drainAsking({ path: "/drain", method: "POST" }),
  drainAsking({ run: "./drain.sh" }),
  { ...BASE, run: { start: "a", stop: "b", status: "c" } },
  { ...BASE, run: { static: true, reload: "f" } },
  { ...BASE, run: { systemd: "shop@{port}.service" } },
  { ...BASE, run: { command: "a", unit: "generate" } },
];

/** The user's own shell text, and texts that are only compared, sent or set. */
const RUN = String.raw`run\.(?:command|start|stop|stop\.command|status|reload)`;
const COMMANDS = new RegExp(
  String.raw`^(?:${RUN}|health\.exec|(?:smoke|warm)\[\d+\]\.run|rollout\.drain\.\w+\.ask\.run|hooks\.\w+)$`,
);
const PHRASES = /\.(?:contains|query|body)$|^run\.env\.MODE$/;
/** Read into numbers: a space around a share does no harm. */
const NUMBERS = /share|mirror$|servers$|margin|maxUnavailable|maxBytes|maxBody|size$/;

/** Compared with what a request says, so that dots mean nothing. */
const VALUES = /\.is(?:\[\d+\])?$/;

interface Leaf {
  readonly file: Json;
  readonly path: Path;
  readonly name: string;
  readonly value: string;
}

function leavesOf(file: Json, value: Json, path: Path): readonly Leaf[] {
  if (typeof value === "string") return [{ file, path, name: pathText(path), value }];
  if (Array.isArray(value)) return value.flatMap((one: Json, i) => leavesOf(file, one, [...path, i]));
  if (typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, one]) => leavesOf(file, one, [...path, key]));
}

const LEAVES = FILES.flatMap((file) => leavesOf(file, file, []));
const STRICT = LEAVES.filter(
  ({ name }) => !COMMANDS.test(name) && !PHRASES.test(name) && !NUMBERS.test(name),
);
const FREE = LEAVES.filter(({ name }) => COMMANDS.test(name) || PHRASES.test(name));

/** The file with another text at one path. */
function replaced(value: Json, [first, ...rest]: Path, text: string): Json {
  if (first === undefined) return text;
  if (Array.isArray(value))
    return value.map((one: Json, i) => (i === first ? replaced(one, rest, text) : one));
  const map = value as { readonly [key: string]: Json };
  return { ...map, [first]: replaced(map[first] as Json, rest, text) };
}

const CONTEXT = { path: "glidepath.yaml", directory: "/home/u", read: () => "10.0.0.1" };
const parse = (text: string) => parseApplication(text, CONTEXT);
const asText = (file: Json): string => JSON.stringify(file, null, 1);
const isBad = (code: string): boolean => code !== "unsupported";

/** The lines that a mistake at this path may be told on: those with its key, or with the item itself. */
function tells(text: string, leaf: Leaf): boolean {
  const parsed = parse(text);
  if (parsed.ok) return false;
  const mistake = parsed.error.find((one) => one.path === leaf.name && isBad(one.code));
  if (mistake === undefined) return false;
  const line = text.split("\n")[mistake.line - 1] ?? "";
  const key = leaf.path.at(-1);
  return typeof key === "number" || line.slice(mistake.column - 1).startsWith(JSON.stringify(key));
}

/** Refused with a place; or it passed a grammar, and then it has no character that breaks out of anything. */
function isHarmless(leaf: Leaf, text: string): boolean {
  const parsed = parse(asText(replaced(leaf.file, leaf.path, text)));
  if (!parsed.ok) return parsed.error.every(({ line, column }) => line >= 1 && column >= 1);
  if (!STRICT.includes(leaf)) return true;
  const stays = VALUES.test(leaf.name) || !text.split("/").includes("..");
  return stays && /^[A-Za-z0-9._~/?&=%:@+,*[\]{}-]*$/.test(text);
}

const HOSTILE = " ;{}\"'\\#$`\n\r\t\0|<>()!^*\u007f\u001b\u2028\u202eé中".split("");
const SHELL = ["$(id)", "`id`", "; rm x", "' x", '" x', "\n}", "/../", "%\0", "${IFS}", "\\n", "a b"];
const hostile = fc.constantFrom(...HOSTILE, ...SHELL);

describe("the files of this test", () => {
  it("are good, or good but for what is not supported", () => {
    const mistakes = FILES.map((file) => {
      const parsed = parse(asText(file));
      return parsed.ok ? [] : parsed.error.filter(({ code }) => isBad(code));
    });
    expect(mistakes.flat()).toEqual([]);
  });
  it("have every key of the schema that takes a text", () => {
    const had = new Set(LEAVES.map(({ name }) => name.replaceAll(/\[\d+\]/g, "[]")));
    const missing = textKeys("", jsonSchema()).filter((key) => !had.has(key));
    expect([...new Set(missing)]).toEqual([]);
  });
});

function textKeys(path: string, node: SchemaNode): readonly string[] {
  const own = node.type === "string" && node.const === undefined ? [path] : [];
  const below = Object.entries(node.properties ?? {}).flatMap(([key, child]) =>
    textKeys(path === "" ? key : `${path}.${key}`, child),
  );
  const items = node.items === undefined ? [] : textKeys(`${path}[]`, node.items);
  return [...own, ...below, ...items, ...(node.anyOf ?? []).flatMap((branch) => textKeys(path, branch))];
}

describe("hostile text", () => {
  it("in a key with a grammar is refused, with its line and column", () => {
    fc.assert(
      fc.property(fc.constantFrom(...STRICT), hostile, fc.nat(), (leaf, bad, at) => {
        const i = at % (leaf.value.length + 1);
        // A star before a server name is how nginx writes "any": the only place where it has a meaning.
        fc.pre(!(bad === "/../" && VALUES.test(leaf.name)));
        fc.pre(!(bad === "*" && i === 0 && /serverName/.test(leaf.name)));
        const spoiled = leaf.value.slice(0, i) + bad + leaf.value.slice(i);
        expect([leaf.name, spoiled, tells(asText(replaced(leaf.file, leaf.path, spoiled)), leaf)]).toEqual([
          leaf.name,
          spoiled,
          true,
        ]);
      }),
      { numRuns: 400 },
    );
  });
  it("in a command or a phrase is refused if it has a NUL", () => {
    fc.assert(
      fc.property(fc.constantFrom(...FREE), (leaf) => {
        expect(tells(asText(replaced(leaf.file, leaf.path, `${leaf.value}\0`)), leaf)).toBe(true);
      }),
    );
  });
  it("anywhere is refused with a place, or passes a grammar that nothing can break out of", () => {
    const any = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.string({ unit: "grapheme" }),
      hostile,
    );
    fc.assert(
      fc.property(fc.constantFrom(...LEAVES), any, (leaf, text) => {
        expect([leaf.name, text, isHarmless(leaf, text)]).toEqual([leaf.name, text, true]);
      }),
      { numRuns: 200 },
    );
  });
  it("control: the unspoiled files would not pass for refused", () => {
    expect(STRICT.length).toBeGreaterThan(60);
    expect(STRICT.filter((leaf) => tells(asText(leaf.file), leaf)).map(({ name }) => name)).toEqual([]);
  });
});

describe("all mistakes", () => {
  it("are told at once, each at its own key", () => {
    const leaves = STRICT.filter(({ file }) => file === BASE);
    fc.assert(
      fc.property(fc.uniqueArray(fc.constantFrom(...leaves), { minLength: 1, maxLength: 12 }), (some) => {
        const spoiled = some.reduce<Json>((file, leaf) => replaced(file, leaf.path, `${leaf.value};`), BASE);
        const text = asText(spoiled);
        expect(some.filter((leaf) => !tells(text, leaf)).map(({ name }) => name)).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});

/** How many; null if the file is good. */
function mistakesIn(text: string): number | null {
  const parsed = parse(text);
  return parsed.ok ? null : parsed.error.length;
}

describe("any text at all", () => {
  const words =
    "app hosts run &a *a *b << !!binary !!set !x { } [ ] , | > ' # --- ... 1e999 0x7f 0o7 .inf -.inf .nan " +
    "on yes ~ null 2026-01-01 __proto__ constructor toString artifact slots shop";
  const spaced = ['"', "? ", ": ", "- ", "\n", "\n  ", "%YAML 1.1\n", "\t", "\uFEFF", "\0", " "];
  const word = fc.constantFrom(...words.split(" "), ...spaced);
  const yaml = fc.array(word, { maxLength: 40 }).map((words) => words.join(""));
  it("gives an answer, never an exception", () => {
    fc.assert(
      fc.property(fc.oneof(yaml, fc.string(), fc.string({ unit: "binary" })), (text) => {
        expect(mistakesIn(text)).toBeGreaterThan(0);
      }),
      { numRuns: 400 },
    );
  });
  it("nor does any value in the place of another", () => {
    const paths = LEAVES.flatMap(({ file, path }) =>
      path.map((_, i) => ({ file, path: path.slice(0, i + 1) })),
    );
    const value = fc.jsonValue().filter((one) => JSON.stringify(one).length < 2000);
    fc.assert(
      fc.property(fc.constantFrom(...paths), value, ({ file, path }, other) => {
        const mark = "the-other-value";
        const text = asText(replaced(file, path, mark)).replace(`"${mark}"`, () => JSON.stringify(other));
        expect(mistakesIn(text)).not.toBe(0);
      }),
      { numRuns: 200 },
    );
  });
  it.each(["- ", "? ", "a: [", "{a: ", "&a [*a, ", "- - ? "])("however often it says %j", (text) => {
    expect(parse(text.repeat(8000)).ok).toBe(false);
  });
});
