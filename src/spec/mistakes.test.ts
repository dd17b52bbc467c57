import { describe, expect, it } from "vitest";
import { renderDiagnostic } from "./diagnostic.ts";
import { parseApplication } from "./parse.ts";

/** Every mistake as the person reads it, without the file's name; empty when the file is good. */
function mistakes(text: string): readonly string[] {
  const parsed = parseApplication(text, { path: "glidepath.yaml", directory: "/home/u/shop" });
  return parsed.ok ? [] : parsed.error.map((one) => renderDiagnostic("", one).slice(1));
}

const LEAST = `app: shop
artifact: { url: shop.zip }
hosts: [{ address: local, root: /srv/shop, slots: [8001, 8002] }]
run: { command: node server.js }
`;

/** What is written on line 5, after a good file; and what is said of it. */
const ON_LINE_5: readonly (readonly [string, readonly string[]])[] = [
  ["gateway: {}", []],
  ["helth: {}", ['5:1 helth: unknown key "helth" (did you mean health?)']],
  [
    "gateway: { server_name: [a] }",
    ['5:12 gateway.server_name: unknown key "server_name" (did you mean serverName?)'],
  ],
  ["probe: on", []],
  ["probe: { websocket: /ws, http2: true }", []],
  ["probe: yes", ['5:1 probe: expected on, off, or a mapping, found "yes"']],
  ["probe: { rate: 0 }", ["5:10 probe.rate: expected a number of requests a second from 1 to 100, found 0"]],
  ["probe: { get: healthz }", ['5:10 probe.get: expected a path that begins with /, of …found "healthz"']],
  ["probe: { events: '/a b' }", ['5:10 probe.events: …found "/a b"']],
  ["probe: { post: /echo }", ['5:10 probe.post: expected a mapping with path, found "/echo"']],
  ["probe: { post: {} }", ["5:10 probe.post.path: is required: "]],
  [
    "probe: { upload: { path: /u, size: 1GB } }",
    ['5:30 probe.upload.size: expected a size such as 256KB, at most 100MB, found "1GB"'],
  ],
  ["probe: { hold: 10m }", ["5:10 probe.hold: expected a duration from 100ms to "]],
  ["ssh: { file: x }", ['5:8 ssh.file: unknown key "file" (known here: config)']],
  ["app: other", ["5:1 app: written twice: first at 1:1 (keep one of them)"]],
  [
    "health: { tcp: yes }",
    ['5:11 health.tcp: expected true, found "yes" (YAML 1.2 knows true and false only)'],
  ],
  [
    "health: { every: 5 }",
    ["5:11 health.every: expected a duration such as 500ms, 30s, 10m or 2h, found 5 (with a unit: 5s)"],
  ],
  ["health: { every: 0s }", ['5:11 health.every: expected a duration from 1ms to 720h, found "0s"']],
  ["health: { every: 2m }", ["5:11 health.every: every is longer than within: no answer could come in time"]],
  ["health: { status: 200 }", ["5:11 health.status: goes with http, which is not there"]],
  [
    "health: { http: /, tcp: true }",
    ["5:20 health.tcp: excludes http, which is there too: keep one of http, tcp, exec"],
  ],
  [
    "health: { exec: 'x {prot}' }",
    ["5:11 health.exec: {prot} is not substituted here: {port} {dir} {release} {host} is; for "],
  ],
  [
    "hooks: { onAbort: 'x {port}' }",
    ["5:10 hooks.onAbort: {port} is not substituted here: {release} is; for the shell's own …"],
  ],
  ["smoke: [{ run: x, http: / }]", ["5:19 smoke[0].http: excludes run"]],
  ["warm: [{ run: x, times: 2 }]", ["5:18 warm[0].times: goes with http, not with run"]],
  [
    "rollout: { split: servers, ramp: 30s }",
    ["5:28 rollout.ramp: goes with split: users, not with split: servers"],
  ],
  [
    "rollout: { ramp: 10m }",
    ["5:12 rollout.ramp: is not shorter than progressDeadline, which would end the rollout"],
  ],
  [
    "analysis: { look: 20s }\nrollout: { progressDeadline: 15s }",
    ["5:13 analysis.look: is not shorter than progressDeadline: … (shorten analysis.look, or raise …)"],
  ],
  ["warm: [{}]", ["5:8 warm[0]: one of http, run is required"]],
  ["smoke: [{}]", ["5:9 smoke[0]: one of http, run is required"]],
  ["smoke: [{ run: x, status: 200 }]", ["5:19 smoke[0].status: goes with http, not with run"]],
  [
    "shared: [a, b/c, b, a]",
    ["5:13 shared[1]: lies in shared[2], which is linked as a whole", "5:21 shared[3]: is there already"],
  ],
  ["shared: [../x, /etc]", ["5:10 shared[0]: …: two dots in a row", '5:16 shared[1]: …found "/etc"']],
  ["gateway: { hosts: [web9] }", ["5:20 gateway.hosts[0]: no host has this name: local"]],
  [
    "gateway: { hosts: [local, local] }",
    ["5:27 gateway.hosts[1]: the gateway local is taken by gateway.hosts[0]"],
  ],
  [
    "gateway: { listen: 80 }",
    ["5:12 gateway.listen: expected a list of …, at least 1, found 80 (write it as a list: [...])"],
  ],
  [
    "gateway: { listen: [0, '1.2.3.4:99999', 'x:80'] }",
    [
      "5:21 gateway.listen[0]: expected a port from 1 to 65535, found 0",
      '5:24 gateway.listen[1]: …found "1.2.3.4:99999": a port is 1 to 65535',
      '5:41 gateway.listen[2]: …found "x:80"',
    ],
  ],
  [
    "gateway: { serverName: ['~^x$', 'a b'] }",
    ['5:25 gateway.serverName[0]: …found "~^x$"', '5:33 gateway.serverName[1]: …found "a b"'],
  ],
  ["gateway: { mode: nginx }", ['5:12 gateway.mode: expected one of server, upstream, found "nginx"']],
  ["rollout: { steps: [] }", ["5:12 rollout.steps: expected a list of steps, at least 1, found a list of 0"]],
  [
    "rollout: { steps: [{ share: 5% }] }",
    ["5:20 rollout.steps[0]: the last step must be 100% (add - { share: 100% } after it)"],
  ],
  [
    "rollout: { steps: [{ share: 5% }, { share: 5% }, { share: 100% }] }",
    ["5:35 rollout.steps[1]: each step's share is greater than those before, found 5 % after 5 %"],
  ],
  ["rollout: { steps: [{ share: 5 }] }", ["5:22 rollout.steps[0].share: …found 5 (with a percent sign: 5%)"]],
  [
    "rollout: { steps: [{ share: 0.001% }] }",
    ['5:22 rollout.steps[0].share: expected a share …at most two decimals, …found "0.001%"'],
  ],
  [
    "rollout: { maxUnavailable: 2 }",
    ["5:12 rollout.maxUnavailable: the pool has 2 slots: at most 1 may be out at once, found 2"],
  ],
  ["rollout: { maxLoad: 0.5 }", ["5:12 rollout.maxLoad: expected a factor from 1 to 100, found 0.5"]],
  [
    "rollout: { key: 'cookie:' }",
    ['5:12 rollout.key: expected auto, address, cookie:NAME, header:NAME or arg:NAME, found "cookie:"'],
  ],
  [
    "rollout: { rules: [{ header: X, to: canary }] }",
    ["5:20 rollout.rules[0]: is, or in with a file, is required with header"],
  ],
  [
    "rollout: { rules: [{ header: X, is: include, to: canary }] }",
    ["5:33 rollout.rules[0].is: …a word that nginx keeps for itself"],
  ],
  [
    "rollout: { rules: [{ address: 10.0.0.0/33, to: canary }] }",
    ["5:22 rollout.rules[0].address: …not an IP address, or a prefix that is too long"],
  ],
  [
    "rollout: { rules: [{ address: 1::2::3, to: canary }] }",
    ["5:22 rollout.rules[0].address: …not an IP address, or a prefix that is too long"],
  ],
  [
    "state: postgres://db/x",
    ["5:1 state: a PostgreSQL state is not supported by this version (use a directory, such as .glidepath)"],
  ],
  [
    "analysis: { alpha: 2, eror: {} }",
    [
      "5:13 analysis.alpha: expected a probability from 0.000001 to 0.5, found 2",
      '5:23 analysis.eror: unknown key "eror" (did you mean errors?)',
    ],
  ],
  ["analysis: false", ["5:1 analysis: expected off, or a mapping, found false"]],
  ["gateway: [", ["5:11: Flow sequence in block collection must be sufficiently indented and end with a ]"]],
];

/** The whole line of run:, and what is said of it. */
const RUNS: readonly (readonly [string, readonly string[]])[] = [
  ["run: { static: true, reload: x, user: shop }", []],
  ["run: {}", ["4:1 run: one of command, systemd, start, static is required"]],
  ["run: { start: x, stop: y }", ["4:1 run: status is required with start"]],
  [
    "run: { start: x, status: y, stop: { timeout: 5s } }",
    ["4:29 run.stop: with start, stop is a command, or has one: {command, timeout}"],
  ],
  [
    "run: { command: x, stop: y }",
    ["4:20 run.stop: a command goes with start; with command, stop is {signal, timeout}"],
  ],
  [
    "run: { command: x, static: true }",
    ["4:20 run.static: excludes command, which is there too: keep one of command, systemd, start, static"],
  ],
  ["run: { command: x, reload: y }", ["4:20 run.reload: goes with static, not with command"]],
  ["run: { command: x, stop: { signal: TERM } }", ["4:28 run.stop.signal: expected one of SIGTERM"]],
  [
    'run: { command: x, env: { 1A: x, PORT: 3, A: null, B: "a\\nb" } }',
    [
      '4:27 run.env.1A: expected a variable\'s name of letters, digits and _, found "1A"',
      "4:34 run.env.PORT: …Glidepath sets this one itself",
      "4:43 run.env.A: …found null",
      '4:52 run.env.B: …found "a\\nb"',
    ],
  ],
  ["run: { command: x, env: { __proto__: x } }", ["4:20 run.env: a key must be plain text"]],
  ["run: { systemd: 'shop@{port}.service', env: { A: b }, stop: { timeout: 5s } }", []],
  ["run: { command: x, unit: generate, user: shop }", []],
  ["run: { command: x, unit: other }", ['4:20 run.unit: expected generate, found "other"']],
  [
    "run: { systemd: shop }",
    ["4:8 run.systemd: expected a unit's name ending in .service, such as shop@{po"],
  ],
  [
    "run: { systemd: shop@1.service }",
    ["4:8 run.systemd: shop@1.service is one unit, and there are hosts with more slots than one"],
  ],
  [
    "run: { systemd: 'shop@{port}.service', user: shop, unit: generate }",
    [
      "4:40 run.user: goes with command or start or static, not with systemd",
      "4:52 run.unit: goes with command, not with systemd",
    ],
  ],
  [
    "run: { systemd: 'shop@{port}.service', stop: ./stop }",
    ["4:40 run.stop: a command goes with start; with systemd, stop is {signal, timeout}"],
  ],
  [
    'run: { command: x, env: { A: "\\uFFFF" } }',
    ["4:27 run.env.A: expected a text without line breaks or NUL"],
  ],
  ["run: { start: ./ctl {port} }", ["4:21: … (put a text with {…} in quotes)"]],
];

/** The whole line of hosts:, and what is said of it. */
const HOSTS: readonly (readonly [string, readonly string[]])[] = [
  ["hosts: []", ["3:1 hosts: expected a list of hosts, at least 1, found a list of 0"]],
  ["hosts: [{ address: local, root: srv, slots: [1] }]", ['3:27 hosts[0].root: …found "srv"']],
  ["hosts: [{ address: local, root: /srv/../x, slots: [1] }]", ["3:27 hosts[0].root: …two dots in a row"]],
  [
    "hosts: [{ address: local, root: /srv }]",
    ["3:9 hosts[0].slots: is required: a list of ports, or of {port, dir}"],
  ],
  [
    "hosts: [{ address: local, root: /srv, slots: [1, 1] }]",
    ["3:50 hosts[0].slots[1]: port 1 is taken by hosts[0].slots[0]"],
  ],
  [
    "hosts: [{ address: local, root: /srv, slots: ['8001', 1.5, 99999] }]",
    [
      '3:47 hosts[0].slots[0]: expected a port, or {port, dir}, found "8001" (leave the quotes out)',
      "3:55 hosts[0].slots[1]: …found 1.5",
      "3:60 hosts[0].slots[2]: expected a port from 1 to 65535, found 99999",
    ],
  ],
  [
    "hosts: [{ address: local, root: /srv, slots: [{ port: 1, dri: /x }] }]",
    ['3:58 hosts[0].slots[0].dri: unknown key "dri" (did you mean dir?)'],
  ],
  [
    "hosts: [{ address: local, root: /srv, slots: [{ port: 1, dir: /a }, { port: 2, dir: /a/b }] }]",
    ["3:69 hosts[0].slots[1]: the directory /a/b lies in that of hosts[0].slots[0]"],
  ],
  [
    "hosts: [{ address: local, root: /srv, slots: [1, { port: 2, dir: /srv/slots/1 }] }]",
    ["3:50 hosts[0].slots[1]: the directory /srv/slots/1 is that of hosts[0].slots[0]"],
  ],
  [
    "hosts: [{ address: local, root: /srv, slots: [{ port: 2, dir: /srv/releases/x }] }]",
    ["3:47 hosts[0].slots[0]: the directory /srv/releases/x lies in /srv/releases"],
  ],
  [
    "hosts: [{ address: local, root: /srv/a, slots: [{ port: 2, dir: /srv }] }]",
    ["3:49 hosts[0].slots[0]: the directory /srv contains the root /srv/a"],
  ],
  [
    "hosts: [{ address: '-oProxyCommand=x', root: /srv, slots: [1] }]",
    ['3:11 hosts[0].address: …found "-oProxyCommand=x"'],
  ],
  [
    "hosts: [{ address: 'fe80::1', root: /srv, slots: [1] }]",
    ["3:9 hosts[0]: name is required here: fe80::1 is no name of letters, digits, . and -"],
  ],
  [
    "hosts: [{ address: local, root: /a, slots: [1] }, { address: local, root: /b, slots: [1] }]",
    [
      "3:51 hosts[1].name: the name local is taken by hosts[0].name",
      "3:87 hosts[1].slots[0]: port 1 is taken by hosts[0].slots[0]",
    ],
  ],
  [
    "hosts: [{ name: a, address: local, root: /a, slots: [1] }, { address: local, root: /b, slots: [2] }]",
    ["3:60 hosts[1]: the gateways a and local on one machine write the same files (name one"],
  ],
];

/** `…` in an expectation stands for any text; the end may be left off. `{…}` stands for itself. */
function fits(found: readonly string[], expected: readonly string[]): boolean {
  return found.length === expected.length && expected.every((one, i) => fitsOne(found[i] ?? "", one));
}
function fitsOne(found: string, expected: string): boolean {
  let from = 0;
  return expected
    .replaceAll("{…}", "{\u0000}")
    .split("…")
    .every((part, i) => {
      const text = part.replaceAll("{\u0000}", "{…}");
      const at = found.indexOf(text, from);
      from = at + text.length;
      return i === 0 ? at === 0 : at !== -1;
    });
}

/** The mistakes as they are expected, if they fit; else as they are. */
function told(text: string, expected: readonly string[]): readonly string[] {
  const found = mistakes(text);
  return fits(found, expected) ? expected : found;
}

describe("a mistake is told with its line, column and key", () => {
  it.each(ON_LINE_5)("%s", (line, expected) => {
    expect(told(LEAST + line, expected)).toEqual(expected);
  });
  it.each(RUNS)("%s", (line, expected) => {
    const text = LEAST.replace(/^run:.*$/m, () => line);
    expect(told(text, expected)).toEqual(expected);
  });
  it.each(HOSTS)("%s", (line, expected) => {
    const text = LEAST.replace(/^hosts:.*$/m, () => line);
    expect(told(text, expected)).toEqual(expected);
  });
  it.each([
    ["", "1:1: expected a mapping with app, artifact, hosts and run, found null"],
    ["- a", "1:1: expected a mapping with app, artifact, hosts and run, found a list of 1"],
    ["42", "1:1: expected a mapping with app, artifact, hosts and run, found 42"],
  ])("a file that is %j", (text, expected) => {
    expect(mistakes(text)).toEqual([expected]);
  });
});

describe("control: an expectation", () => {
  it("does not fit another message, nor fewer or more", () => {
    expect(fits(["1:1 a: found 5"], ["1:1 a: …found 5"])).toBe(true);
    expect(fits(["1:1 a: found 5"], ["1:1 a: …found 6"])).toBe(false);
    expect(fits(["1:2 a: found 5"], ["1:1 a: …found 5"])).toBe(false);
    expect(fits(["1:1 a"], [])).toBe(false);
  });
});

describe("all mistakes at once", () => {
  it("in the order of the file, whatever else is wrong", () => {
    const text = `app: Shop
artifact:
  ulr: x
  keep: 0
hosts:
  - address: local
    root: srv
    slots: [1, 1]
run: { command: x, start: y }
smoke: [{ http: x }, 5]
foo: 1
`;
    const expected = [
      "1:1 app: ",
      "2:1 artifact.url: is required",
      "3:3 artifact.ulr: ",
      "4:3 artifact.keep: ",
      "7:5 hosts[0].root: ",
      "8:16 hosts[0].slots[1]: ",
      "9:20 run.start: ",
      "10:11 smoke[0].http: ",
      "10:22 smoke[1]: ",
      "11:1 foo: ",
    ];
    expect(told(text, expected)).toEqual(expected);
  });
  it("and with a syntax error those that stand outside its line", () => {
    const expected = ["1:1 app: ", "2:1 foo: unknown key", "3:", "4:1 smoke: "];
    expect(told(`app: Shop\nfoo: 1\nhooks: { onAbort: "x" y }\nsmoke: 5\n`, expected)).toEqual(expected);
  });
});

describe("what YAML can do and a file for people does not need", () => {
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 12; i += 1)
    bomb.push(
      `a${i}: &a${i} [${Array(9)
        .fill(i === 1 ? "*a" : `*a${i - 1}`)
        .join(", ")}]`,
    );
  it.each([
    ["aliases in aliases", bomb.join("\n"), "more than 20000 values"],
    ["an alias within itself", "app: &a [*a]", "nested more than 32 deep"],
    ["brackets in brackets", "[".repeat(10_000), "nested more than 32 deep"],
    ["brackets, less deep", `app: ${"[".repeat(50)}${"]".repeat(50)}`, "nested more than 32 deep"],
    ["a file of megabytes", "#".repeat(300_000), "more than 256 KiB"],
    ["an alias of nothing", "app: *nobody", 'no anchor "nobody" stands above this alias'],
    ["a merge", `${LEAST}health: { <<: { tcp: true } }`, '5:11 health.<<: unknown key "<<"'.slice(0, 12)],
    ["a tag", "app: !!python/object x", "Unresolved tag"],
    ["a second document", `${LEAST}---\na: 1`, "a second document begins here"],
    ["a key that is a list", `${LEAST}? [a]\n: b`, "a key must be plain text"],
    ["a path with a space", `${LEAST}artifact: { url: "/my app/x.zip" }`, "letters, digits and . _ -"],
    ["a huge number", `${LEAST}artifact: { url: x.zip, keep: 1e400 }`, "found "],
    ["not a number", `${LEAST}rollout: { maxLoad: .nan }`, "found "],
    ["a date", LEAST.replace("app: shop", "app: 2026-11-23"), 'found "2026-11-23"'],
  ])("%s is refused", (_, text, expected) => {
    const found = mistakes(text);
    expect(found.length).toBeGreaterThan(0);
    expect(found.join("\n")).toContain(expected);
  });
  it("an anchor and its alias are taken", () => {
    const text = `${LEAST}hooks: { beforeRelease: &x ./notify.sh, onAbort: *x }\n`;
    expect(mistakes(text)).toEqual([]);
  });
});
