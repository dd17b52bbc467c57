import { describe, expect, it } from "vitest";
import { renderDiagnostic } from "./diagnostic.ts";
import { parseApplication } from "./parse.ts";

interface File {
  readonly steps: readonly string[];
  readonly rollout?: string;
  readonly gateway?: string;
  readonly analysis?: string;
  readonly slots?: number;
}

const ports = (slots: number): string => Array.from({ length: slots }, (_, i) => 8001 + i).join(", ");

/** The steps begin on line 7. */
const text = ({ steps, rollout = "", gateway = "", analysis = "{}", slots = 4 }: File): string => `app: shop
artifact: { url: 'dist/shop-{release}.tar.gz' }
hosts: [{ name: web1, address: local, root: /srv/a, slots: [${ports(slots)}] }]
run: { command: node server.js }
gateway: { ${gateway} }
rollout: { ${rollout}steps: [
${steps.map((step) => `  ${step},\n`).join("")} ] }
analysis: ${analysis}
`;

function read(file: File) {
  const parsed = parseApplication(text(file), { path: "glidepath.yaml", directory: "/home/u" });
  return parsed.ok
    ? { steps: parsed.value.application.policy.steps, said: parsed.value.warnings.map(shown) }
    : { steps: [], said: parsed.error.map(shown) };
}

const shown = (one: Parameters<typeof renderDiagnostic>[1]): string => renderDiagnostic("f", one);
const ALL = "{ share: 100% }";
const MIRROR = "{ mirror: 10%, bake: 2m }";

describe("a step that mirrors", () => {
  it.each([
    { title: "alone", step: MIRROR, is: { share: 0, mirror: 1000, bake: 120_000 } },
    {
      title: "beside a share of nothing",
      step: "{ share: 0%, mirror: 0.5%, approve: true }",
      is: { share: 0, mirror: 50, approve: true },
    },
    {
      title: "with the slots named that do it",
      step: "{ servers: ['web1:8003'], mirror: 10%, bake: 1m }",
      is: { share: 0, mirror: 1000, slots: 1, named: ["web1:8003"] },
    },
  ])("$title", ({ step, is }) => {
    const { steps, said } = read({ steps: [step, ALL] });
    expect(said).toEqual([]);
    expect(steps[0]).toMatchObject(is);
  });

  it("comes after testers and before users, and mirrors more each time", () => {
    const steps = ["{ share: 0% }", MIRROR, "{ mirror: 30%, bake: 1m }", "{ share: 5% }", ALL];
    const rollout = "rules: [{ header: X-Canary, is: always, to: canary }], ";
    expect(read({ steps, rollout }).said).toEqual([]);
  });
});

const at = (line: number, rest: string): string => `f:${line}:${rest}`;

describe("a step cannot mirror", () => {
  it.each([
    {
      title: "while users get the release",
      steps: ["{ share: 5%, mirror: 10% }", ALL],
      said: at(
        7,
        "16 rollout.steps[0].mirror: nobody sees the release while requests are mirrored, and the step's " +
          "share is 5 % (make it a step of its own before this one, such as - { mirror: 10%, bake: 2m })",
      ),
    },
    {
      title: "nothing",
      steps: ["{ mirror: 0%, bake: 1m }", ALL],
      said: at(7, "5 rollout.steps[0].mirror: is more than 0%, found 0% (or leave it out)"),
    },
    {
      title: "what is no part",
      steps: ["{ mirror: some, bake: 1m }", ALL],
      said: at(7, "5 rollout.steps[0].mirror: "),
    },
    {
      title: "more than the slots take that may be out",
      steps: ["{ mirror: 40%, bake: 1m }", ALL],
      said: at(
        7,
        "5 rollout.steps[0].mirror: 1 slot of 4 can take the copies of at most 33.33 % without more load " +
          "than the others (write mirror: 33.33% at most, or raise maxUnavailable or servers)",
      ),
    },
    {
      title: "less than the step before it",
      steps: [MIRROR, "{ mirror: 5%, bake: 1m }", ALL],
      said: at(8, "3 rollout.steps[1]: each step's mirror is greater than those before"),
    },
    {
      title: "after users got the release",
      steps: ["{ share: 5% }", MIRROR, ALL],
      said: at(8, "3 rollout.steps[1]: requests are mirrored before anybody sees the release: it stands"),
    },
    {
      title: "where slots are split",
      rollout: "split: servers, ",
      steps: [MIRROR, ALL],
      said: at(
        7,
        "5 rollout.steps[0].mirror: goes with split: users, not with split: servers (leave mirror out)",
      ),
    },
    {
      title: "in nginx's config of yours",
      gateway: "mode: upstream",
      steps: [MIRROR, ALL],
      said: at(
        7,
        "5 rollout.steps[0].mirror: goes with gateway.mode: server, not with mode: upstream " +
          "(leave mirror out: copies need a location of ours in the server block)",
      ),
    },
    {
      title: "gRPC",
      gateway: "protocol: grpc, listen: ['443 ssl http2'], tls: { certificate: /c, key: /k }",
      steps: [MIRROR, ALL],
      said: at(
        7,
        "5 rollout.steps[0].mirror: goes with protocol: http, not with protocol: grpc " +
          "(leave mirror out: every gRPC call is a POST)",
      ),
    },
    {
      title: "without a config of ours",
      gateway: "passive: true",
      steps: [MIRROR, ALL],
      said: at(7, "5 rollout.steps[0].mirror: goes with a config of ours, not with gateway.passive"),
    },
  ])("$title", ({ said, title: _title, ...file }) => {
    const found = read(file).said;
    expect(found.some((one) => one.startsWith(said))).toBe(true);
  });

  it("for more than half of the requests with three slots, nor for less than all with two", () => {
    expect(read({ steps: ["{ mirror: 50%, bake: 1m }", ALL], slots: 3 }).said).toEqual([]);
    expect(read({ steps: ["{ mirror: 51%, bake: 1m }", ALL], slots: 3 }).said).toHaveLength(1);
    expect(read({ steps: ["{ mirror: 100%, bake: 1m }", ALL], slots: 2 }).said).toEqual([]);
  });
});

describe("a step that mirrors, and is probably not meant so, is told", () => {
  it.each([
    {
      title: "for no time",
      steps: ["{ mirror: 10% }", ALL],
      said: "f:7:5 rollout.steps[0].mirror: is over as soon as it has begun (add how long, such as bake: 2m)",
    },
    {
      title: "for no judge",
      steps: [MIRROR, ALL],
      analysis: "off",
      said: "f:7:5 rollout.steps[0].mirror: nobody judges what is mirrored with analysis: off",
    },
  ])("$title", ({ said, title: _title, ...file }) => {
    expect(read(file).said).toEqual([said]);
  });
});
