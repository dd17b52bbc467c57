import { expect, it } from "vitest";
import { renderDiagnostic } from "./diagnostic.ts";
import { parseApplication } from "./parse.ts";

const LEAST = `app: shop
artifact: { url: shop.zip }
hosts: [{ address: local, root: /srv/shop, slots: [8001, 8002] }]
run: { command: node server.js }
`;
const read = (line: string) => {
  const parsed = parseApplication(LEAST + line, { path: "glidepath.yaml", directory: "/home/u/shop" });
  if (parsed.ok) return parsed.value.application.gateway.pin ?? "none";
  return parsed.error.map((one) => renderDiagnostic("", one).slice(1));
};

it.each<[string, unknown]>([
  ["rollout: { pin: 30m }", 1_800_000],
  ["rollout: {}", "none"],
  [
    "rollout: { split: servers, pin: 30m }",
    ["5:28 rollout.pin: goes with split: users, not with split: servers"],
  ],
  [
    "gateway: { passive: true }\nrollout: { pin: 30m }",
    ["6:12 rollout.pin: goes with split: users, not with gateway.passive"],
  ],
  [
    'gateway: { protocol: grpc, listen: ["80 http2"] }\nrollout: { pin: 30m }',
    ["6:12 rollout.pin: needs clients that keep cookies, which those of grpc do not"],
  ],
  [
    "rollout: { pin: 500ms }",
    [expect.stringContaining("5:12 rollout.pin: expected a duration from 1000ms to 24h")],
  ],
])("%s is read or refused", (line, expected) => {
  expect(read(line)).toEqual(expected);
});

it("a metric that grows with the traffic is warned of", () => {
  const metric = '{ name: orders, prometheus: "http://p:9090", query: up, grows: true, upper: 2 }';
  const text = `${LEAST.replace("shop.zip", '"shop-{release}.zip"')}analysis: { metrics: [${metric}] }\n`;
  const warned = (more: string): readonly string[] => {
    const parsed = parseApplication(text + more, { path: "glidepath.yaml", directory: "/home/u/shop" });
    return parsed.ok
      ? parsed.value.warnings.map((one) => renderDiagnostic("", one).slice(1))
      : parsed.error.map((one) => renderDiagnostic("", one));
  };
  expect(warned("")).toEqual([]);
  expect(warned("rollout: { pin: 30m }")).toEqual([
    expect.stringMatching(/^5:\d+ analysis\.metrics\[0\]\.grows: says nothing with rollout\.pin/),
  ]);
});
