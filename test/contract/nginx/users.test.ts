import process from "node:process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { placeOf } from "../../../src/drivers/nginx/explain.ts";
import type { GatewaySettings } from "../../../src/model/application.ts";
import { NOTHING_ASKED, type Asked, type Named } from "../../../src/model/asked.ts";
import type { RoutingTable } from "../../../src/model/routing.ts";
import { crowd, type Visit } from "../../support/crowd.ts";
import { fleet, type Fleet, type FleetOptions } from "./fleet.ts";

const opened: Fleet[] = [];
const open = async (options: FleetOptions): Promise<Fleet> => {
  const made = await fleet(options);
  opened.push(made);
  return made;
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

const DONE = { kind: "done" };

async function switchTo({ port, gateways }: Fleet, table: RoutingTable): Promise<void> {
  for (const act of ["prepare", "commit"] as const) {
    const all = await Promise.all(gateways.map((gateway) => port[act](gateway, table)));
    expect(all).toEqual(gateways.map(() => DONE));
  }
}

/** `canary`, `stable`, or a status that is not 200, for each visit. */
async function rolesAt(
  { gateways, ports }: Fleet,
  { table, visits, from }: { table: RoutingTable; visits: readonly Visit[]; from?: string },
  which = 0,
): Promise<readonly string[]> {
  const port = gateways[which]?.listens ?? 0;
  const heard = await crowd({ port, visits, ...(from === undefined ? {} : { from }) });
  const canary = new Set(ports.slice(0, table.routing.canary.length).map(String));
  return heard.map(({ status, body }) =>
    status === 200 ? (canary.has(body) ? "canary" : "stable") : `${status}`,
  );
}

describe("steps of a gray release by users", () => {
  const ALL = process.env["GLIDEPATH_ALL_USERS"] !== undefined;
  const STEPS = [0, 100, 500, 2500, 5000, 10_000];
  const many = (share: number): number => (ALL || share === 500 || share === 5000 ? 20_000 : 5000);

  test.each([
    ["one host with two slots", { hosts: 1, slots: 2, gateways: 1 }],
    ["six hosts with three slots and two gateways", { hosts: 6, slots: 3, gateways: 2 }],
  ])("on %s: the share, nobody back, all gateways and explain agree, nothing fails", async (_, options) => {
    const f = await open(options);
    const { length } = f.ports;
    await switchTo(f, f.table(1, 0, 0));
    let before: ReadonlySet<string> = new Set();
    for (const [i, share] of STEPS.entries()) {
      const table = f.table(
        2 + i,
        share === 10_000 ? length : Math.max(1, Math.ceil((share * (length - 1)) / 10_000)),
        share,
      );
      await switchTo(f, table);
      const users = Array.from({ length: many(share) }, (__, u) => `user-${u}@example.com`);
      const visits = users.map((user) => ({ lines: [`X-User: ${user}`] }));
      const computed = users.map((user) => {
        const place = placeOf(f.application, table.routing, { ...NOTHING_ASKED, user });
        return place.ok ? place.value.role : place.error.code;
      });
      const told = await Promise.all(f.gateways.map((__, which) => rolesAt(f, { table, visits }, which)));
      for (const roles of told) expect(roles).toEqual(computed);
      const canary = new Set(users.filter((__, u) => computed[u] === "canary"));
      expect([...before].filter((user) => users.includes(user) && !canary.has(user))).toEqual([]);
      const off = Math.abs(canary.size / users.length - share / 10_000);
      expect(users.length === 20_000 ? off : 0).toBeLessThan(0.005);
      before = canary;
    }
  });
});

// ── explain and nginx, request by request ──────────────────────────────

const LIST = Array.from({ length: 1000 }, (_, i) => `${i}-${"Tester".repeat(21)}`.slice(0, 128));
const SHORT = Array.from({ length: 1000 }, (_, i) => `tester${i}@example.com`);
const random = seededRandom(20_260_314);
const pick = <T>(all: readonly T[]): T => all[Math.floor(random.next() * all.length)] as T;

const VALUES = [
  "",
  "alice",
  "ALICE",
  "Alice",
  "bob",
  "a b",
  "a,b",
  "alice , bob",
  " ,alice",
  "x;y",
  '"alice"',
  "älice",
  // A letter of which JavaScript, but not nginx, makes a k in lower case.
  "\u212Aelvin",
  "kelvin",
  "日本",
  "%61lice",
  "a=b",
  "../..",
  "$remote_addr",
  "canary",
  "default",
  "include",
  "0",
  "x".repeat(300),
  "~*^.*$",
  "\\",
  "a\tb",
  "alice\t",
  "tester7@example.com",
  "TESTER7@EXAMPLE.COM",
  "tester7@example.comx",
  "tester7@exampleXcom",
  "3752",
  "37/52",
  "0000",
  "9999",
  "99999",
  "12a4",
  LIST[3] ?? "",
  (LIST[900] ?? "").toUpperCase(),
  `${LIST[3]}x`,
];
const any = (): string => (random.chance(0.3) ? `u${Math.floor(random.next() * 1e6)}` : pick(VALUES));

const COOKIES: readonly ((v: string) => readonly string[])[] = [
  () => [],
  (v) => [`Cookie: uid=${v}`],
  (v) => [`cookie: a=1; UID=${v}; b=2`],
  (v) => [`Cookie: uid = ${v}`],
  (v) => [`Cookie: uid=${v}; uid=${any()}`],
  (v) => ["Cookie: a=1", `Cookie: uid=${v}`, `Cookie: uid=${any()}`],
  () => ["Cookie: uid"],
  (v) => [`Cookie: xuid=${v}; uid2=${v}`],
  (v) => [`Cookie: ;;uid=${v}`],
  (v) => [`Cookie: a=1,uid=${v}`],
  (v) => [`Cookie: uid; uid=${v}`],
  (v) => [`Cookie: glidepath_shop=${v}`],
  (v) => [`Cookie: glidepath_shop=${v}; glidepath_shop=0001; uid=${any()}`],
];
const HEADERS: readonly ((v: string) => readonly string[])[] = [
  () => [],
  (v) => [`X-User: ${v}`],
  (v) => [`x-uSER:${v}  `],
  (v) => [`X-User: ${v}`, `X-User: ${any()}`],
  (v) => [`X_User: ${v}`],
  (v) => [`X-User-Id: ${v}`],
];
const QUERIES: readonly ((v: string) => string)[] = [
  () => "",
  (v) => `u=${v}`,
  (v) => `U=${v}&x=1`,
  (v) => `x=1&u=${v}&u=${encodeURI(any())}`,
  (v) => `u&u=${v}`,
  (v) => `xu=${v}`,
  () => "u=",
  () => "u",
];

interface Weird {
  readonly visit: Visit;
  readonly asked: Asked;
}

function weird(from: string, realIp: string): Weird {
  const query = pick(QUERIES)(encodeURI(any()).replaceAll("&", "%26"));
  const forwarded = pick([
    [],
    ["192.0.2.7"],
    ["6.6.6.6, 192.0.2.7, 127.0.0.9"],
    ["192.0.2.8:99, nonsense"],
    ["2001:DB8::0:7", "127.0.0.77"],
    ["127.0.0.9,, 192.0.2.07"],
    [
      pick([
        "192.0.2.7:0",
        "192.0.2.7:99999",
        "255.255.255.255",
        "[2001:db8::7]",
        "[2001:db8::7]:8",
        "fe80::1%eth0",
        "::ffff:c000:207",
      ]),
    ],
  ]).map((said) => `${realIp}: ${said}`);
  const agent = random.chance(0.5) ? [`User-Agent: Mozilla/5.0 (KHTML, like ${any()})`] : [];
  const lines = [...pick(COOKIES)(any()), ...pick(HEADERS)(any()), ...forwarded, ...agent];
  const args = query.split("&").flatMap((part): readonly Named[] => {
    const at = part.indexOf("=");
    return at === -1 ? [] : [{ name: part.slice(0, at), value: part.slice(at + 1) }];
  });
  const headers = lines.map((line): Named => {
    const at = line.indexOf(":");
    return { name: line.slice(0, at), value: line.slice(at + 1) };
  });
  const visit = { path: query === "" ? "/" : `/?${query}`, lines };
  return { visit, asked: { ...NOTHING_ASKED, headers, args, address: from } };
}

const RULES: GatewaySettings["rules"] = [
  { by: "header", name: "X-User", is: ["bob", "include", "kelvin"], to: "stable" },
  { by: "address", in: ["192.0.2.0/25", "2001:db8::/32", "127.0.0.3"], to: "canary" },
  { by: "cookie", name: "uid", is: LIST, to: "canary", list: "long.txt" },
  { by: "cookie", name: "uid", is: SHORT, to: "canary", list: "short.txt" },
  { by: "arg", name: "u", is: ["ALICE", "default", "bob"], to: "canary" },
];
const OTHER = { from: ["127.0.0.2", "127.0.0.8/30"], header: "X-Real-IP" };
const TRUSTED = { from: ["127.0.0.2", "127.0.0.8/30"], header: "X-Forwarded-For" };

test.each<readonly [string, Partial<GatewaySettings>]>([
  ["a cookie, without rules", { key: { by: "cookie", name: "uid" } }],
  ["a header", { key: { by: "header", name: "X-User" }, rules: RULES }],
  ["an argument", { key: { by: "arg", name: "u" }, rules: RULES.slice(0, 2), realIp: TRUSTED }],
  ["the address", { key: { by: "address" }, rules: RULES.slice(2), realIp: TRUSTED }],
  ["the address, as another header says it", { key: { by: "address" }, rules: RULES, realIp: OTHER }],
  ["the gateway's own cookie", { key: { by: "auto" }, rules: RULES, realIp: TRUSTED }],
])("explain agrees with nginx on 3,000 odd requests: the key is %s", async (_, settings) => {
  const f = await open({ hosts: 1, slots: 2, gateways: 1, settings });
  const table = f.table(1, 1, 5000);
  await switchTo(f, table);
  for (const from of ["127.0.0.1", "127.0.0.2", "127.0.0.3"]) {
    const all = Array.from({ length: 1000 }, () => weird(from, settings.realIp?.header ?? TRUSTED.header));
    const roles = await rolesAt(f, { table, visits: all.map(({ visit }) => visit), from });
    const different = all.flatMap(({ visit, asked }, i) => {
      const place = placeOf(f.application, table.routing, asked);
      const role = place.ok ? place.value.role : place.error.message;
      return role === roles[i] ? [] : [{ visit, nginx: roles[i], explain: place }];
    });
    expect(different).toEqual([]);
    expect(new Set(roles)).toEqual(new Set(["canary", "stable"]));
  }
});

test("a thousand testers of 128 letters fit an nginx with its own settings, without a warning", async () => {
  const settings = { rules: RULES.slice(2), key: { by: "cookie", name: "uid" } } as const;
  const f = await open({ hosts: 1, slots: 2, gateways: 1, settings });
  const table = f.table(1, 1, 0);
  await switchTo(f, table);
  const visits = [...LIST, ...SHORT].map((value) => ({ lines: [`Cookie: uid=${value}`] }));
  expect(new Set(await rolesAt(f, { table, visits }))).toEqual(new Set(["canary"]));
  const strangers = LIST.map((value) => ({ lines: [`Cookie: uid=${value.slice(1)}`] }));
  expect(new Set(await rolesAt(f, { table, visits: strangers }))).toEqual(new Set(["stable"]));
  const { directory } = f.temporary[0]?.nginx ?? { directory: "" };
  expect(readFileSync(join(directory, "error.log"), "utf8")).not.toMatch(/\[(warn|error|crit|emerg)\]/);
});

test("a computation with another salt does not agree: the control of the tests above", async () => {
  const f = await open({ hosts: 1, slots: 2, gateways: 1 });
  const table = f.table(1, 1, 5000);
  await switchTo(f, table);
  const users = Array.from({ length: 200 }, (_, i) => `user-${i}`);
  const roles = await rolesAt(f, { table, visits: users.map((user) => ({ lines: [`X-User: ${user}`] })) });
  const other = { ...f.application, name: "shup" as typeof f.application.name };
  const computed = users.map((user) => {
    const place = placeOf(other, table.routing, { ...NOTHING_ASKED, user });
    return place.ok ? place.value.role : "";
  });
  expect(computed).not.toEqual(roles);
});
