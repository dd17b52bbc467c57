import { describe, expect, it } from "vitest";
import { renderDiagnostic } from "./diagnostic.ts";
import { writeExample, writeFile } from "./example.ts";
import { PLAIN_PROBE } from "../model/probing.ts";
import { parseApplication } from "./parse.ts";

const CONTEXT = { path: "glidepath.yaml", directory: "/home/u/shop" };
const FILE = "glidepath.yaml";

/** Every mistake as the person reads it; empty when the file is good. */
function mistakes(text: string): readonly string[] {
  const parsed = parseApplication(text, CONTEXT);
  return parsed.ok ? [] : parsed.error.map((one) => renderDiagnostic(FILE, one));
}

function application(text: string, user?: string) {
  const parsed = parseApplication(text, { ...CONTEXT, ...(user === undefined ? {} : { user }) });
  if (!parsed.ok) throw new Error(parsed.error.map((one) => renderDiagnostic(FILE, one)).join("\n"));
  const { application, warnings } = parsed.value;
  return { ...application, warnings: warnings.map((one) => renderDiagnostic(FILE, one)) };
}

const HEAD = `app: shop
artifact: { url: 'dist/shop-{release}.tar.gz' }
hosts: [{ address: local, root: /srv/shop, slots: [8001, 8002] }]
`;
const LEAST = `${HEAD}run: { command: node server.js }
`;
/** A good file with four lines before `more`, which begins on line 5. */
const withMore = (more: string): string => LEAST + more;

describe("the least file", () => {
  it("gets every default", () => {
    expect(application(LEAST)).toEqual({
      name: "shop",
      artifact: {
        url: "/home/u/shop/dist/shop-{release}.tar.gz",
        sha256: null,
        keep: 5,
        maxBytes: 4_294_967_296,
        maxEntries: 200_000,
      },
      hosts: [
        {
          name: "local",
          address: "local",
          root: "/srv/shop",
          slots: [
            {
              key: "local:8001",
              host: "local",
              port: 8001,
              dir: "/srv/shop/slots/8001",
              address: "127.0.0.1",
            },
            {
              key: "local:8002",
              host: "local",
              port: 8002,
              dir: "/srv/shop/slots/8002",
              address: "127.0.0.1",
            },
          ],
        },
      ],
      sshConfig: null,
      shared: [],
      run: {
        kind: "command",
        command: "node server.js",
        stop: { signal: "SIGTERM", timeout: 30_000 },
        env: {},
        user: null,
      },
      health: { probe: { kind: "tcp" }, every: 500, timeout: 2000, within: 60_000 },
      smoke: [],
      gateways: [
        {
          name: "local",
          address: "local",
          config: "/etc/nginx/conf.d/shop.conf",
          main: "/etc/nginx/nginx.conf",
          nginx: "nginx",
          listen: ["80"],
          state: "/var/lib/glidepath",
          log: "/var/log/nginx/glidepath-shop.log",
        },
      ],
      gateway: {
        mode: "server",
        passive: false,
        serverName: ["_"],
        connectTimeout: 1000,
        readTimeout: 60_000,
        split: "users",
        key: { by: "auto" },
        rules: [],
        realIp: null,
        releaseHeader: null,
      },
      policy: {
        steps: [{ share: 10_000, bake: 0, approve: false }],
        maxUnavailable: 1,
        maxLoad: 2,
        drain: 30_000,
        progressDeadline: 600_000,
        onHostLost: "wait",
        hostLostAfter: 30_000,
      },
      analysis: {
        observe: false,
        alpha: 0.05,
        errors: { ratio: 1.1, margin: 0.0005 },
        latency: { ratio: 1.1, margin: 2 },
        bad: [{ from: 500, to: 599 }],
        unit: "user",
        warmup: 10_000,
        look: 2000,
        minRequests: 200,
        early: true,
        maxFailedRequests: 200,
        metrics: [],
      },
      hooks: {},
      probe: PLAIN_PROBE,
      state: "/home/u/shop/.glidepath",
      directory: "/home/u/shop",
      warnings: [],
    });
  });
});

describe("what a file says", () => {
  it("own commands, checks, rules and steps reach the model", () => {
    const app = application(`${HEAD}run:
  start: ./ctl start {port}
  stop: { command: "./ctl stop {port}", timeout: 5s }
  status: ./ctl status {port}
  env: { DEBUG: 1, VERSION: 1.20, ON: yes, EMPTY: "" }
health: { http: /healthz, status: 204, host: shop.example.com:8080 }
smoke:
  - { http: /login?next=%2F, contains: "Sign in; $now" }
  - run: ./smoke.sh "$GLIDEPATH_URL"
rollout:
  key: "cookie:uid"
  rules:
    - { cookie: beta, is: [yes, 1], to: canary }
    - { address: "2001:db8::/32", to: stable }
  steps: [{ share: 0% }, { share: 0.25%, bake: 10m, approve: true }, { share: 100% }]
`);
    expect(app.run).toEqual({
      kind: "own",
      start: "./ctl start {port}",
      stopCommand: "./ctl stop {port}",
      status: "./ctl status {port}",
      stop: { signal: "SIGTERM", timeout: 5000 },
      env: { DEBUG: "1", VERSION: "1.20", ON: "yes", EMPTY: "" },
      user: null,
    });
    expect(app.health.probe).toEqual({
      kind: "http",
      path: "/healthz",
      status: 204,
      contains: null,
      host: "shop.example.com:8080",
    });
    expect(app.smoke).toEqual([
      { kind: "http", path: "/login?next=%2F", status: null, contains: "Sign in; $now", timeout: 10_000 },
      { kind: "run", command: './smoke.sh "$GLIDEPATH_URL"', timeout: 60_000 },
    ]);
    expect(app.gateway.key).toEqual({ by: "cookie", name: "uid" });
    expect(app.gateway.rules).toEqual([
      { by: "cookie", name: "beta", is: ["yes", "1"], to: "canary" },
      { by: "address", in: ["2001:db8::/32"], to: "stable" },
    ]);
    expect(app.policy.steps).toEqual([
      { share: 0, bake: 0, approve: false },
      { share: 25, bake: 600_000, approve: true },
      { share: 10_000, bake: 0, approve: false },
    ]);
  });
  it("rules take their values from files beside this one, one value a line", () => {
    const files: Readonly<Record<string, string>> = {
      "/home/u/shop/testers.txt": "\uFEFFalice # QA\r\n\r\n  # nobody\r\nbob\r\nAlice\r\n",
      "/etc/offices": "10.1.0.0/16\n2001:db8::1",
    };
    const text = withMore(`rollout:
  rules:
    - { cookie: uid, in: testers.txt, to: canary }
    - { address: { in: /etc/offices }, to: stable }
`);
    const parsed = parseApplication(text, { ...CONTEXT, read: (path) => files[path] ?? null });
    expect(parsed).toMatchObject({ ok: true });
    expect(parsed.ok && parsed.value.application.gateway.rules).toEqual([
      { by: "cookie", name: "uid", is: ["alice", "bob"], to: "canary", list: "testers.txt" },
      { by: "address", in: ["10.1.0.0/16", "2001:db8::1"], to: "stable", list: "/etc/offices" },
    ]);
  });
  it("what is wrong in a list is told with the list's line", () => {
    const text = withMore(`rollout:
  rules:
    - { cookie: uid, in: testers.txt, to: canary }
    - { address: { in: offices.txt }, to: canary }
    - { arg: q, in: gone.txt, to: canary }
    - { arg: q, in: empty.txt, to: canary }
`);
    const files: Readonly<Record<string, string>> = {
      "/home/u/shop/testers.txt": "alice\nb ob\ninclude\n",
      "/home/u/shop/offices.txt": "10.0.0.0/33\n",
      "/home/u/shop/empty.txt": "# nobody\n",
    };
    const parsed = parseApplication(text, { ...CONTEXT, read: (path) => files[path] ?? null });
    const told = parsed.ok ? [] : parsed.error.map((one) => renderDiagnostic("glidepath.yaml", one));
    const short = (line: string): string =>
      line
        .replace(/^glidepath.yaml:\d+:\d+ /, "")
        .replace(/expected .*, found/, "… found")
        .replace(/a prefix .*/, "…");
    expect(told.map(short)).toEqual([
      'rollout.rules[0].in: testers.txt:2: … found "b ob"',
      'rollout.rules[0].in: testers.txt:3: … found "include": a word that nginx keeps for itself',
      'rollout.rules[1].address.in: offices.txt:1: … found "10.0.0.0/33": not an IP address, or …',
      "rollout.rules[2].in: gone.txt cannot be read: a list of one value a line",
      "rollout.rules[3].in: empty.txt holds no value",
    ]);
    const anyway = parseApplication(text, { ...CONTEXT, withoutLists: true });
    expect(anyway.ok && anyway.value.application.gateway.rules[0]).toMatchObject({ name: "uid", is: [] });
  });
  it("trusted proxies reach the model, with the usual header", () => {
    expect(application(withMore("gateway: { realIp: { from: [10.0.0.0/8] } }\n")).gateway.realIp).toEqual({
      from: ["10.0.0.0/8"],
      header: "X-Forwarded-For",
    });
  });
  it("an entry of gateway.hosts overrides the rest, and relative paths start at the file", () => {
    const { gateways } = application(
      withMore(`gateway:
  hosts: [{ name: local, config: nginx/shop.conf, listen: ["127.0.0.1:8080", 81], nginx: ./bin/nginx }]
  main: nginx/nginx.conf
  state: state
  log: logs/access.log
`),
    );
    expect(gateways).toEqual([
      {
        name: "local",
        address: "local",
        config: "/home/u/shop/nginx/shop.conf",
        main: "/home/u/shop/nginx/nginx.conf",
        nginx: "/home/u/shop/bin/nginx",
        listen: ["127.0.0.1:8080", "81"],
        state: "/home/u/shop/state",
        log: "/home/u/shop/logs/access.log",
      },
    ]);
  });
  it("an adopted directory is the slot's", () => {
    const text = LEAST.replace("[8001, 8002]", "[{ port: 801, dir: /home/www/app1/ }, 802]");
    const dirs = application(text).hosts[0]!.slots.map((slot) => slot.dir);
    expect(dirs).toEqual(["/home/www/app1", "/srv/shop/slots/802"]);
  });
  it.each([
    ["1", 1],
    ["3", 3],
    ["25%", 1],
    ["50%", 2],
    ["100%", 3],
    ["0.5%", 1],
  ])("of a pool of four, maxUnavailable %s is %i", (asked, expected) => {
    const text = withMore(`rollout: { maxUnavailable: ${asked} }`).replace("8002", "8002, 8003, 8004");
    expect(application(text).policy.maxUnavailable).toBe(expected);
  });
  it.each([
    ["2GB", 2_000_000_000],
    ["1.5 MiB", 1_572_864],
    ["100B", 100],
  ])("artifact.maxBytes %s is %i", (asked, expected) => {
    const text = LEAST.replace(".gz' }", `.gz', maxBytes: ${asked} }`);
    expect(application(text).artifact.maxBytes).toBe(expected);
  });
  it("a pool of one slot is no mistake of the file", () => {
    expect(application(LEAST.replace(", 8002", "")).policy.maxUnavailable).toBe(1);
  });
});

describe("what a file says of the analysis", () => {
  const METRIC = "{ name: orders, prometheus: http://p:9090, query: up, grows: false, upper: 1.5 }";
  it("is built with ranges of statuses, fractions and bounds", () => {
    const text = `analysis: { errors: { margin: 1% }, bad: [5xx, 429], unit: request, metrics: [${METRIC}] }`;
    const built = application(withMore(text)).analysis;
    expect(built?.bad).toEqual([
      { from: 500, to: 599 },
      { from: 429, to: 429 },
    ]);
    expect(built?.errors).toEqual({ ratio: 1.1, margin: 0.01 });
    expect(built?.unit).toBe("request");
    expect(built?.metrics).toEqual([
      { name: "orders", prometheus: "http://p:9090", query: "up", grows: false, lower: null, upper: 1.5 },
    ]);
  });
  it.each([
    ["analysis: off", null],
    ["rollout: { split: servers }", "request"],
    ["rollout: { split: users }", "user"],
  ])("%s is judged by %s", (text, unit) => {
    expect(application(withMore(text)).analysis?.unit ?? null).toBe(unit);
  });
});

describe("warnings", () => {
  const METRIC =
    "{ name: orders, prometheus: http://p:9090, query: 'rate(x{release=\"{release}\"}[1m])', lower: 0.9 }";
  it.each([
    [
      "rollout: { split: servers, key: address }",
      "glidepath.yaml:5:28 rollout.key: has no effect with split: servers",
    ],
    [
      "rollout: { steps: [{ share: 0% }, { share: 100% }] }",
      "glidepath.yaml:5:20 rollout.steps[0]: nobody reaches the release at 0% without a rule " +
        "(rollout.rules could send testers to it)",
    ],
  ])("%s", (more, expected) => {
    expect(application(withMore(more)).warnings).toEqual([expected]);
  });
  it.each([
    "analysis: off",
    `analysis: { alpha: 0.05, errors: { margin: 0.05% }, bad: [5xx, 429], metrics: [${METRIC}] }`,
  ])("%s is silent", (analysis) => {
    expect(application(withMore(analysis)).warnings).toEqual([]);
  });
  it("root is told, unless another user is named", () => {
    const told = "glidepath.yaml:4:1 run: the application runs as root (name another user in run.user)";
    expect(application(LEAST, "root").warnings).toEqual([told]);
    expect(application(LEAST.replace("server.js", "server.js, user: shop"), "root").warnings).toEqual([]);
    expect(application(LEAST, "alice").warnings).toEqual([]);
  });
});

describe("the written file", () => {
  it("is taken as it is", () => {
    expect(application(writeExample())).toMatchObject({
      name: "shop",
      hosts: [{ name: "web1", slots: [{ port: 8001 }, { port: 8002 }] }],
      run: { kind: "command", command: "node server.js", user: "shop" },
      health: { probe: { kind: "http", path: "/healthz" } },
      gateways: [{ name: "web1", config: "/etc/nginx/conf.d/shop.conf", listen: ["80"] }],
      gateway: { serverName: ["shop.example.com"] },
      warnings: [],
    });
  });
  it.each([
    'sh -c "echo: $PORT # not a comment" {port}',
    "true",
    "- x",
    "echo '100%' | tee {dir}/log",
    "a\nb\tc",
    "# nothing",
    "@x",
    "it's 中文",
  ])("carries the command %j", (command) => {
    const text = writeFile({
      app: "shop",
      url: "file:///srv/dist/{release}.zip",
      root: "/srv/shop",
      ports: [1, 2],
      command,
      health: "",
      listen: ["127.0.0.1:8080", "[::1]:80", "81"],
      config: "/etc/nginx/x.conf",
      main: "/etc/nginx/nginx.conf",
      nginx: "/usr/sbin/nginx",
    });
    const { run, gateways, health } = application(text);
    expect(run).toMatchObject({ command });
    expect(gateways[0]!.listen).toEqual(["127.0.0.1:8080", "[::1]:80", "81"]);
    expect(health.probe).toEqual({ kind: "tcp" });
  });
  it("an application of files only is static", () => {
    const answers = { app: "a", url: "x.zip", root: "/s", ports: [1, 2], health: "/", listen: ["80"] };
    const nginx = { config: "/c", main: "/m", nginx: "nginx" };
    expect(application(writeFile({ ...answers, ...nginx, command: null })).run).toMatchObject({
      kind: "static",
    });
  });
});

describe("a line for the person who reads it", () => {
  it("names file, line, column and key", () => {
    expect(mistakes(LEAST.replace("8002", "x"))).toEqual([
      'glidepath.yaml:3:58 hosts[0].slots[1]: expected a port, or {port, dir}, found "x"',
    ]);
  });
  it("shows nothing that a terminal would obey", () => {
    expect(mistakes(LEAST.replace("app: shop", 'app: "\\e[2J\\u202e\\n"'))).toEqual([
      "glidepath.yaml:1:1 app: expected a name of a-z, 0-9 and -, beginning with a letter, at most 32 long" +
        String.raw`, found "\u001b[2J\u{202e}\n"`,
    ]);
  });
});
