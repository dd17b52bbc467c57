import { describe, expect, it } from "vitest";
import { poolOf } from "../model/application.ts";
import { renderDiagnostic } from "./diagnostic.ts";
import { parseApplication } from "./parse.ts";

/** Two hosts in two zones, with three slots each; the steps begin on line 8. */
const file = (steps: readonly string[], rollout = ""): string => `app: shop
artifact: { url: 'dist/shop-{release}.tar.gz' }
hosts:
  - { name: web1, address: local, root: /srv/a, slots: [8001, 8002, 8003], labels: { zone: a } }
  - { name: web2, address: local, root: /srv/b, slots: [9001, 9002, 9003], labels: { zone: b, disk: ssd } }
run: { command: node server.js }
gateway: { hosts: [web1] }
rollout: { ${rollout}steps: [
${steps.map((step) => `  ${step},\n`).join("")} ] }
`;
const parse = (text: string) => parseApplication(text, { path: "glidepath.yaml", directory: "/home/u" });

function stepsOf(steps: readonly string[], rollout?: string) {
  const parsed = parse(file(steps, rollout));
  if (!parsed.ok) throw new Error(parsed.error.map((one) => renderDiagnostic("f", one)).join("\n"));
  const { policy, hosts } = parsed.value.application;
  const pool = poolOf(hosts).map(({ key }) => key);
  return { pool, steps: policy.steps.map(({ share, slots }) => [share, slots ?? "-"]) };
}

const BY_ROWS = ["web1:8001", "web2:9001", "web1:8002", "web2:9002", "web1:8003", "web2:9003"];
const ALL = "{ share: 100% }";

describe("what a step names goes first in the pool's order", () => {
  it.each([
    { title: "nothing", steps: [ALL], pool: BY_ROWS },
    { title: "a number", steps: ["{ servers: 2 }", ALL], pool: BY_ROWS },
    {
      title: "a slot",
      steps: ["{ servers: ['web2:9002'] }", ALL],
      pool: ["web2:9002", "web1:8001", "web2:9001", "web1:8002", "web1:8003", "web2:9003"],
    },
    {
      title: "a host",
      steps: ["{ servers: [web2] }", ALL],
      pool: ["web2:9001", "web2:9002", "web2:9003", "web1:8001", "web1:8002", "web1:8003"],
    },
    {
      title: "a label, after a slot of an earlier step, before the rest",
      steps: ["{ servers: ['web1:8003'] }", "{ servers: [disk=ssd] }", ALL],
      pool: ["web1:8003", "web2:9001", "web2:9002", "web2:9003", "web1:8001", "web1:8002"],
    },
    {
      title: "one slot twice: the first step counts",
      steps: ["{ servers: ['web2:9001'] }", "{ servers: [zone=b, 'web2:9001'] }", ALL],
      pool: ["web2:9001", "web2:9002", "web2:9003", "web1:8001", "web1:8002", "web1:8003"],
    },
  ])("$title", ({ steps, pool }) => {
    expect(stepsOf(steps).pool).toEqual(pool);
  });
});

describe("how many slots carry the canary, and which share they get", () => {
  it.each([
    { title: "the share alone", steps: ["{ share: 30% }"], split: "users", is: [[3000, "-"]] },
    { title: "a number: its share is even", steps: ["{ servers: 2 }"], split: "users", is: [[3333, 2]] },
    { title: "a percentage, rounded up", steps: ["{ servers: 40% }"], split: "users", is: [[5000, 3]] },
    { title: "both", steps: ["{ servers: 2, share: 25% }"], split: "users", is: [[2500, 2]] },
    { title: "testers only", steps: ["{ servers: 1, share: 0% }"], split: "users", is: [[0, 1]] },
    {
      title: "names add up",
      steps: ["{ servers: ['web1:8001'] }", "{ servers: ['web1:8002'] }"],
      split: "users",
      is: [
        [1666, 1],
        [3333, 2],
      ],
    },
    { title: "by servers, a share of them", steps: ["{ share: 5% }"], split: "servers", is: [[1666, 1]] },
    { title: "by servers, a host", steps: ["{ servers: [web2] }"], split: "servers", is: [[5000, 3]] },
  ])("$title", ({ steps, split, is }) => {
    expect(stepsOf([...steps, ALL], `split: ${split}, `).steps).toEqual([...is, [10_000, "-"]]);
  });

  it("all servers is everything", () => {
    expect(stepsOf(["{ servers: 1 }", "{ servers: 100% }"]).steps).toEqual([
      [1666, 1],
      [10_000, "-"],
    ]);
  });
});

describe("steps that cannot be are refused at their place", () => {
  it.each([
    {
      steps: ["{ servers: [web1, web9] }"],
      told:
        '9:21 rollout.steps[0].servers[1]: names no slot of this pool: "web9" (there are ' +
        "web1, web2, zone=a, zone=b, disk=ssd; a slot is HOST:PORT)",
    },
    {
      steps: ["{ servers: [zone=c] }"],
      told:
        '9:15 rollout.steps[0].servers[0]: names no slot of this pool: "zone=c" (there are ' +
        "web1, web2, zone=a, zone=b, disk=ssd; a slot is HOST:PORT)",
    },
    { steps: ["{ bake: 1m }"], told: "9:3 rollout.steps[0]: one of share, servers, mirror is required" },
    { steps: ["{ servers: 7 }"], told: "9:5 rollout.steps[0].servers: the pool has 6 slots, found 7" },
    {
      steps: ["{ servers: web1 }"],
      told:
        "9:5 rollout.steps[0].servers: expected a number of slots, a share of them such as " +
        '25%, or a list of hosts, slots and labels, found "web1"',
    },
    {
      steps: ["{ servers: 3 }", "{ servers: ['web1:8001'] }"],
      told:
        "10:5 rollout.steps[1].servers: gives the new release fewer slots than a step before " +
        "it: 1 after 3",
    },
    {
      steps: ["{ servers: 2, share: 60% }"],
      told:
        "9:17 rollout.steps[0].share: 2 of 6 slots can carry from 20 % to 40 %, so that no " +
        "slot gets too much (leave share out: it is 33.33 % then)",
    },
    {
      steps: ["{ servers: 3, share: 5% }"],
      told:
        "9:17 rollout.steps[0].share: 3 of 6 slots can carry from 40 % to 60 %, so that no " +
        "slot gets too much (leave share out: it is 50 % then)",
    },
    {
      steps: ["{ servers: [web1] }", "{ servers: ['web1:8002'] }"],
      told: "10:3 rollout.steps[1]: each step's share is greater than those before, found 50 % after 50 %",
    },
  ])("$told", ({ steps, told }) => {
    const parsed = parse(file([...steps, ALL]));
    expect(parsed.ok ? [] : parsed.error.map((one) => renderDiagnostic("f", one))).toEqual([`f:${told}`]);
  });

  it("two shares that are the same slots, where slots are what is split", () => {
    const parsed = parse(file(["{ share: 5% }", "{ share: 10% }", ALL], "split: servers, "));
    expect(parsed.ok ? [] : parsed.error.map((one) => renderDiagnostic("f", one))).toEqual([
      "f:10:3 rollout.steps[1]: each step's share is greater than those before, found 16.66 % after " +
        "16.66 % (split: servers rounds up to whole slots, here to 1 of 6)",
    ]);
  });

  it("a share beside servers, where slots are what is split", () => {
    const parsed = parse(file(["{ servers: 2, share: 25% }", ALL], "split: servers, "));
    expect(parsed.ok ? [] : parsed.error.map((one) => renderDiagnostic("f", one))).toEqual([
      "f:9:17 rollout.steps[0].share: excludes servers with split: servers: the share is that of the slots",
    ]);
  });
});
