// What `plan` says of each kind of release, from the file to the words. `vitest -u` writes the texts anew.
import { harmOf } from "../../src/analysis/harm.ts";
import { describe, expect, it } from "vitest";
import { planLines } from "../../src/cli/render/plan.ts";
import { textOf } from "../../src/cli/render/text.ts";
import type { ReleaseId } from "../../src/model/ids.ts";
import { arithmeticOf } from "../../src/rollout/story.ts";
import { parseApplication } from "../../src/spec/parse.ts";

const HEAD = `app: shop
artifact: { url: '/dist/shop-{release}.tar.gz' }
run: { command: node server.js }
smoke: [{ http: /login }]
`;
const TWO = "hosts: [{ name: web1, address: local, root: /srv, slots: [8001, 8002] }]\n";
const host = (i: number, zone: string): string => {
  const slots = `slots: [${i}001, ${i}002, ${i}003], labels: { zone: ${zone} }`;
  return `  - { name: web${i}, address: local, root: /srv/${i}, ${slots} }\n`;
};
const SIX = `hosts:\n${[1, 2, 3, 4, 5, 6].map((i) => host(i, i < 3 ? "a" : "b")).join("")}`;
const ONE_GATEWAY = "gateway: { hosts: [web1] }\n";
const TWO_GATEWAYS = `gateway:
  hosts:
    - { name: web1, config: /etc/nginx/a.conf, log: /a.log }
    - { name: web2, config: /etc/nginx/b.conf, log: /b.log }
`;
const rollout = (text: string): string => `rollout: { ${text} }\n`;
const TESTERS = "{ share: 0% }, { share: 5%, bake: 10m }, { share: 50%, approve: true }, { share: 100% }";

const CASES: readonly { readonly title: string; readonly file: string; readonly from?: null }[] = [
  { title: "one host, two slots, straight to all", file: TWO },
  {
    title: "one host, two slots, testers first, hooks",
    file: `${TWO}${rollout(`rules: [{ header: X, is: y, to: canary }], steps: [${TESTERS}]`)}
hooks: { beforeRelease: ./migrate.sh, afterShift: ./tell.sh }
`,
  },
  {
    title: "six hosts, three slots each, two gateways",
    file: `${SIX}${TWO_GATEWAYS}${rollout(
      "maxUnavailable: 2, steps: [{ share: 5%, bake: 1h }, { share: 25%, bake: 1d }, { share: 100% }]",
    )}`,
  },
  {
    title: "by servers",
    file: `${SIX}${ONE_GATEWAY}${rollout(
      "split: servers, maxUnavailable: 3, " +
        "steps: [{ servers: [web1] }, { servers: 50%, approve: true }, { share: 100% }]",
    )}`,
  },
  {
    title: "a slot, then a zone, then all",
    file: `${SIX}${TWO_GATEWAYS}${rollout(
      'steps: [{ servers: ["web6:6003"], share: 1% }, { servers: [zone=a], bake: 2h }, { share: 100% }]',
    )}`,
  },
  { title: "a first release", file: `${SIX}${TWO_GATEWAYS}`, from: null },
];

function told(file: string, from: string | null): string {
  const parsed = parseApplication(HEAD + file, { path: "glidepath.yaml", directory: "/srv" });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  const { application } = parsed.value;
  const sums = arithmeticOf(application, "v2" as ReleaseId, from as ReleaseId | null);
  if ("code" in sums) throw new Error(sums.message);
  const gateways = application.gateways.map(({ name, config: path }) => {
    const current = from === null ? null : "a\n";
    return { name, config: { path, current, wanted: "a\n", reload: from === null, lack: null } };
  });
  return planLines(
    { ...sums, gateways, harm: harmOf(application.analysis, application.policy.steps) },
    application,
    100,
  )
    .map(textOf)
    .join("\n");
}

describe("plan reads like a story", () => {
  it("whatever the release", async () => {
    const texts = CASES.map(({ title, file, from = "v1" }) => `── ${title}\n\n${told(file, from)}\n`);
    await expect(texts.join("\n")).toMatchFileSnapshot("fixtures/plans.txt");
  });
});
