import { expect, test } from "vitest";
import { parse } from "yaml";
import type { Adoption, FoundProcess } from "../ports/adopt.ts";
import { parseApplication } from "../spec/parse.ts";
import { writeFile } from "../spec/example.ts";
import { seconds } from "../base/time.ts";
import { answersFor, doubtsOf, strangersIn } from "./adoption.ts";

const process = (port: number, more: Partial<FoundProcess> = {}): FoundProcess => ({
  user: "www",
  directory: `/home/wwwroot/app${port - 800}`,
  command: ["node", "server.js", "--port", String(port)],
  unit: null,
  ...more,
});

const adoption = (
  one: FoundProcess | null,
  two: FoundProcess | null,
  params: readonly string[] = [],
): Adoption => ({
  upstream: "Shop_App",
  slots: [
    { address: "local", port: 801, params: ["max_fails=1"], process: one },
    { address: "local", port: 802, params, process: two },
  ],
  chosen: [],
  nginx: { binary: "/usr/sbin/nginx", main: "/etc/nginx/nginx.conf" },
  confDir: "/etc/nginx/conf.d",
  site: "/etc/nginx/conf.d/shop.conf",
  serverName: ["shop.example.com"],
  connectTimeout: null,
  readTimeout: seconds(90),
});

const NOTHING = { app: null, url: null, root: null, state: null };
const written = (given: Adoption): Record<string, unknown> => {
  const text = writeFile(answersFor(given, NOTHING));
  const parsed = parseApplication(text, { path: "glidepath.yaml", directory: "/srv", user: "root" });
  expect(parsed.ok ? [] : parsed.error).toEqual([]);
  return parse(text) as Record<string, unknown>;
};

test("the file says what was found, and the parser takes it", () => {
  const file = written(adoption(process(801), process(802)));
  expect(file).toMatchObject({
    app: "shop-app",
    hosts: [
      {
        slots: [
          { port: 801, dir: "/home/wwwroot/app1" },
          { port: 802, dir: "/home/wwwroot/app2" },
        ],
      },
    ],
    run: {
      start: "setsid node server.js --port {port} </dev/null >>/srv/shop-app/adopted-{port}.log 2>&1 &",
      user: "www",
    },
    gateway: {
      mode: "upstream",
      config: "/etc/nginx/conf.d/00-glidepath-shop-app.conf",
      connectTimeout: "1s",
      readTimeout: "90s",
    },
  });
});

test("units without the port in their names are chosen by the port", () => {
  const file = written(
    adoption(process(801, { unit: "shop-a.service" }), process(802, { unit: "shop-b.service" })),
  );
  expect(file["run"]).toMatchObject({
    start:
      'set -- start; case {port} in 801) systemctl "$1" shop-a.service ;; ' +
      '802) systemctl "$1" shop-b.service ;; esac',
  });
});

test("slots of other machines are hosts of their own, and the gateway is here", () => {
  const given = adoption(process(801), null);
  const far = given.slots.map((slot, i) => (i === 1 ? { ...slot, address: "10.0.0.12" } : slot));
  const text = writeFile(answersFor({ ...given, slots: far }, NOTHING));
  expect(parse(text)).toMatchObject({
    hosts: [
      { address: "local", slots: [{ port: 801 }] },
      { address: "10.0.0.12", slots: [802] },
    ],
    gateway: { hosts: ["local"] },
  });
  expect(doubtsOf({ ...given, slots: far })[0]).toContain("10.0.0.12 was not seen");
});

test("what a person must look at is said", () => {
  expect(doubtsOf(adoption(process(801), null))).toEqual([
    "nobody was seen to listen on port 802: say in dir where its copy lives",
    "run.start is what the process list shows: see that it starts the application as you do",
  ]);
  expect(doubtsOf(adoption(process(801), process(802, { command: ["java"] })))[0]).toContain("different");
  expect(doubtsOf(adoption(process(801), process(802), ["backup"]))[0]).toContain("port 802 was backup");
  const chosen = ["hash $cookie_sid consistent", "least_conn"];
  expect(doubtsOf({ ...adoption(process(801), process(802)), chosen }).slice(0, 2)).toEqual([
    expect.stringMatching(/^hash \$cookie_sid consistent: Glidepath keeps nobody at one slot: see that/),
    "least_conn: slots are asked in turn instead",
  ]);
});

test.each([
  ["801, 802", []],
  ["802", []],
  ["801, 803", ["local:803"]],
])("a file that was there with slots %s: strangers are %j", (slots, expected) => {
  const text = `app: a
artifact: { url: a.zip }
hosts: [{ address: local, root: /srv, slots: [${slots}] }]
run: { command: x }
`;
  const parsed = parseApplication(text, { path: "glidepath.yaml", directory: "/srv", user: "u" });
  if (!parsed.ok) throw new Error("the file is good");
  expect(strangersIn(parsed.value.application, adoption(process(801), process(802)))).toEqual(expected);
});
