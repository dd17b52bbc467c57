import { describe, expect, it } from "vitest";
import { renderDiagnostic } from "./diagnostic.ts";
import { parseApplication } from "./parse.ts";

const LEAST = `app: shop
artifact: { url: shop.zip }
hosts: [{ address: local, root: /srv/shop, slots: [8001, 8002] }]
run: { command: node server.js }
`;
const read = (line: string) =>
  parseApplication(LEAST + line, { path: "glidepath.yaml", directory: "/home/u/shop" });

const GRPC = "protocol: grpc, listen: ['8080 http2']";
const LISTEN =
  'expected a port such as 80, or "address:port" such as "127.0.0.1:8080" or "[::1]:8080", ' +
  "then ssl, http2";
const PATH = "expected a path of letters, digits and . _ - + @ =";

describe("the time of a drain", () => {
  const policy = (line: string) => {
    const parsed = read(line);
    if (!parsed.ok) return parsed.error.map((one) => renderDiagnostic("", one).slice(1));
    const { drain, drainKinds } = parsed.value.application.policy;
    const warnings = parsed.value.warnings.map((one) => renderDiagnostic("", one).slice(1));
    return [drain, drainKinds, warnings.filter((one) => one.includes("drain"))];
  };
  it.each<[string, readonly unknown[]]>([
    ["rollout: {}", [30_000, undefined, []]],
    ["rollout: { drain: 5s }", [5000, undefined, []]],
    ["rollout: { drain: { websockets: 5s } }", [30_000, { websockets: 5000 }, []]],
    [
      "rollout: { drain: { requests: 10s, uploads: 2m, events: 0s } }",
      [10_000, { uploads: 120_000, events: 0 }, []],
    ],
    [
      "rollout: { drain: { websockets: 1h } }",
      [
        30_000,
        { websockets: 3_600_000 },
        [
          "5:21 rollout.drain.websockets: is not shorter than progressDeadline: " +
            "the rollout goes back before such a drain is over (raise rollout.progressDeadline)",
        ],
      ],
    ],
    ["rollout: { drain: { websockets: 1h }, progressDeadline: 2h }", [30_000, { websockets: 3_600_000 }, []]],
    [`rollout: { drain: { requests: 5s, grpc: 2m } }\ngateway: { ${GRPC} }`, [5000, { grpc: 120_000 }, []]],
    [
      "rollout: { drain: { grpc: 2m } }",
      [30_000, { grpc: 120_000 }, ["5:21 rollout.drain.grpc: has no effect with gateway.protocol: http"]],
    ],
    [
      `rollout: { drain: { websockets: 2m } }\ngateway: { ${GRPC} }`,
      [
        30_000,
        { websockets: 120_000 },
        ["5:21 rollout.drain.websockets: has no effect with gateway.protocol: grpc"],
      ],
    ],
    [
      `rollout: { drain: { grpc: { ask: { path: /go } } } }\ngateway: { ${GRPC} }`,
      [
        30_000,
        { grpc: 30_000 },
        [
          "5:36 rollout.drain.grpc.ask.path: asks by HTTP/1.1: a slot that understands nothing but gRPC " +
            "does not hear it (write signal, or run)",
        ],
      ],
    ],
    [
      "rollout: { drain: { gprc: 1s } }",
      ['5:21 rollout.drain.gprc: unknown key "gprc" (did you mean grpc?)'],
    ],
  ])("%s", (line, expected) => {
    expect(policy(line)).toEqual(expected);
  });
});

describe("what an application is asked when its slot drains", () => {
  const asks = (line: string) => {
    const parsed = read(line);
    if (!parsed.ok) return parsed.error.map((one) => renderDiagnostic("", one).slice(1));
    const { drain, drainKinds, asks: found } = parsed.value.application.policy;
    return [drain, drainKinds, found];
  };
  const signal = "ask: { signal: SIGUSR1 }";
  it.each<[string, readonly unknown[]]>([
    [
      `rollout: { drain: { events: { ${signal}, deadline: 9s }, websockets: { ${signal} }, uploads: 1m } }`,
      [
        30_000,
        { events: 9000, websockets: 30_000, uploads: 60_000 },
        [{ kinds: ["events", "websockets"], ask: { kind: "signal", signal: "SIGUSR1" } }],
      ],
    ],
    [
      "rollout: { drain: { requests: { ask: { path: /go }, deadline: 1m }, " +
        "websockets: { ask: { run: ./go } } } }",
      [
        60_000,
        { websockets: 30_000 },
        [
          { kinds: ["requests"], ask: { kind: "http", path: "/go", method: "POST" } },
          { kinds: ["websockets"], ask: { kind: "run", command: "./go" } },
        ],
      ],
    ],
    [
      "rollout: { drain: { events: { ask: { signal: SIGUSR1, method: PUT } } } }",
      ["5:55 rollout.drain.events.ask.method: goes with path, not with signal"],
    ],
    [
      "rollout: { drain: { events: { ask: {} } } }",
      ["5:31 rollout.drain.events.ask: one of signal, path, run is required"],
    ],
    [
      "rollout: { drain: { events: { ask: { signal: SIGKILL } } } }",
      [
        "5:38 rollout.drain.events.ask.signal: expected one of SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, " +
          'SIGUSR2, SIGWINCH, found "SIGKILL"',
      ],
    ],
  ])("%s", (line, expected) => {
    expect(asks(line)).toEqual(expected);
  });

  it("is no signal where nobody knows the process", () => {
    const text = LEAST.replace("command: node server.js", "start: ./a, stop: ./b, status: ./c");
    const parsed = parseApplication(`${text}rollout: { drain: { events: { ${signal} } } }`, {
      path: "glidepath.yaml",
      directory: "/home/u/shop",
    });
    expect(parsed.ok ? [] : parsed.error.map((one) => renderDiagnostic("", one).slice(1))).toEqual([
      "5:38 rollout.drain.events.ask.signal: " +
        "goes with a process of ours or systemd's, not with run.start",
    ]);
  });
});

describe("what comes with TLS", () => {
  const TLS = "tls: { certificate: /a.pem, key: /a.key }";
  const said = (line: string) => {
    const parsed = read(line);
    if (!parsed.ok) return parsed.error.map((one) => renderDiagnostic("", one).slice(1));
    return parsed.value.application.gateways.map(({ redirect, http3 }) => ({ redirect, http3 }));
  };
  it.each<[string, readonly unknown[]]>([
    [`gateway: { listen: ["443 ssl"], ${TLS}, http3: shared }`, [{ redirect: undefined, http3: "shared" }]],
    [
      `gateway: { listen: ["443 ssl"], ${TLS}, redirect: { acme: www }, http3: true }`,
      [{ redirect: { listen: ["80"], acme: "/home/u/shop/www" }, http3: true }],
    ],
    [
      `gateway: { listen: ["443 ssl"], ${TLS}, redirect: { listen: [80, "[::]:80"] } }`,
      [{ redirect: { listen: ["80", "[::]:80"], acme: null }, http3: undefined }],
    ],
    [
      "gateway: { listen: [80], redirect: { listen: [81] }, http3: true }",
      ["redirect", "http3"].map(
        (key) =>
          `5:${key === "http3" ? 54 : 26} gateway.${key}: has no effect: no entry of gateway.listen has ssl`,
      ),
    ],
    [
      "gateway: { mode: upstream, http3: true }",
      ["5:28 gateway.http3: goes with gateway.mode: server, in which Glidepath writes the server block"],
    ],
    [
      `gateway: { listen: [80, "443 ssl"], ${TLS}, redirect: {} }`,
      ["5:80 gateway.redirect: 80 is in gateway.listen too: keep it in one of them"],
    ],
  ])("%s", (line, expected) => {
    expect(said(line)).toEqual(expected);
  });
});

describe("what gateways speak", () => {
  it("is TLS of each gateway, and words in listen", () => {
    const parsed = read(
      'gateway: { listen: [80, "443 ssl http2", "[::]:443 ssl"], ' +
        "tls: { certificate: tls/a.pem, key: /b.key } }",
    );
    expect(parsed.ok && parsed.value.application.gateways[0]).toMatchObject({
      listen: ["80", "443 ssl http2", "[::]:443 ssl"],
      tls: { certificate: "/home/u/shop/tls/a.pem", key: "/b.key" },
    });
  });

  it.each<[string, readonly string[]]>([
    [
      "gateway: { listen: ['443 quic', '443 ssl; include /etc/passwd', '443 http2 ssl', '443 ssl'] }",
      [
        `5:21 gateway.listen[0]: ${LISTEN}, found "443 quic"`,
        `5:33 gateway.listen[1]: ${LISTEN}, found "443 ssl; include /etc/passwd"`,
        `5:65 gateway.listen[2]: ${LISTEN}, found "443 http2 ssl"`,
      ],
    ],
    [
      "gateway: { listen: ['443 ssl'] }",
      [
        "5:12 gateway.listen: has ssl, for which gateway.tls is required " +
          "(write tls: {certificate: PATH, key: PATH})",
      ],
    ],
    [
      "gateway: { tls: { certificate: /a.pem, key: /a.key } }",
      [
        "5:12 gateway.tls: has no effect: no entry of gateway.listen has ssl " +
          '(write listen: [80, "443 ssl http2"])',
      ],
    ],
    [
      "gateway: { tls: { certificate: '/a;b', key: '$x' } }",
      [`5:19 gateway.tls.certificate: ${PATH}, found "/a;b"`, `5:40 gateway.tls.key: ${PATH}, found "$x"`],
    ],
    [
      "gateway: { protocol: grpc }",
      [
        "5:1 gateway.listen: has no entry with http2, which clients of gateway.protocol: grpc need " +
          '(write listen: ["443 ssl http2"], or ["8080 http2"] without TLS)',
      ],
    ],
    ["gateway: { protocol: grpc, listen: ['8080 http2'] }", []],
    ["gateway: { protocol: grpc, mode: upstream }", []],
  ])("%s", (line, expected) => {
    const parsed = read(line);
    const found = parsed.ok ? [] : parsed.error.map((one) => renderDiagnostic("", one).slice(1));
    expect(found).toEqual(expected);
  });
});

it.each([
  ["{ http: /healthz }", ["health.http"]],
  ["{ tcp: true }", []],
])("a slot that speaks gRPC is warned of when its health is %s", (health, where) => {
  const parsed = read(`gateway: { protocol: grpc, listen: ["8080 http2"] }\nhealth: ${health}`);
  if (!parsed.ok) throw new Error("refused");
  const said = parsed.value.warnings.map((one) => renderDiagnostic("", one));
  const found = said.flatMap((one) => /(\S+): asks by HTTP\/1\.1/.exec(one)?.[1] ?? []);
  expect(found).toEqual(where);
});
