import { describe, expect, test } from "vitest";
import type { GatewaySettings } from "../../model/application.ts";
import type { AppName } from "../../model/ids.ts";
import type { Site } from "./place.ts";
import { isIncluded, lossesBy } from "./doors.ts";

const site = {
  application: {
    name: "shop" as AppName,
    gateway: {} as GatewaySettings,
    hosts: [{ slots: [{ address: "127.0.0.1", port: 8001 }] }],
  },
  gateway: { config: "/etc/nginx/conf.d/shop.conf" },
} as unknown as Site;

const MAIN = "/etc/nginx/nginx.conf";
const OWN = "/etc/nginx/conf.d/shop.conf";
const SNIPPET = "/var/lib/glidepath/shop/location.conf";
const HEAD = "# glidepath app=shop pool=1 config=2\n";
const PASS = "proxy_pass http://$glidepath_shop_upstream;";
const INCLUDE = `location / { include ${SNIPPET}; }`;

const server = (listen: string, names: string, rest = `location / { ${PASS} }`): string =>
  `server { listen ${listen}; ${names === "" ? "" : `server_name ${names};`} ${rest} }\n`;
const ours = (...servers: readonly string[]): string => HEAD + servers.join("");

/** `present` is our file, null where there is none yet; the rest are the user's. */
function files(present: string | null, others: Readonly<Record<string, string>> = {}): Map<string, string> {
  const own = present === null ? {} : { [OWN]: `\n${present}` };
  const confd = Object.entries({
    ...own,
    ...Object.fromEntries(Object.entries(others).map(([name, text]) => [`/etc/nginx/conf.d/${name}`, text])),
  }).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return new Map([
    [MAIN, "events {} http { include conf.d/*.conf; }"],
    ...confd,
    [SNIPPET, `root /x; ${PASS}`],
  ]);
}

const NOTHING = ours();

describe("our server goes", () => {
  const now = ours(server("80", "shop.example.com"));
  test.each<[string, string, Record<string, string>, readonly string[]]>([
    [
      "nobody listens there then",
      now,
      {},
      [
        "listen 80, shop.example.com: no server{} listens there",
        "listen 80, any other name: no server{} listens there",
      ],
    ],
    [
      "one of the user's that leads to us stands behind it",
      now,
      { "site.conf": server("*:80", "shop.example.com", INCLUDE) },
      [],
    ],
    [
      "one that stands before it answers already",
      now,
      { "a.conf": server("80", "shop.example.com", INCLUDE) },
      [],
    ],
    [
      "one of that name does not lead to us",
      now,
      { "site.conf": server("80", "shop.example.com", "location / { return 503; }") },
      [
        "listen 80, shop.example.com: the server{} of /etc/nginx/conf.d/site.conf does not lead to shop",
        "listen 80, any other name: the server{} of /etc/nginx/conf.d/site.conf does not lead to shop",
      ],
    ],
    [
      "one that leads to us listens elsewhere",
      now,
      { "site.conf": server("8080", "shop.example.com", INCLUDE) },
      [
        "listen 80, shop.example.com: no server{} listens there",
        "listen 80, any other name: no server{} listens there",
      ],
    ],
    [
      "another site becomes the default, as ours is now",
      now,
      {
        "blog.conf": "",
        "sites.conf": server("80", "blog", "root /b;") + server("80", "shop.example.com", INCLUDE),
      },
      ["listen 80, any other name: the server{} of /etc/nginx/conf.d/sites.conf does not lead to shop"],
    ],
    [
      "it was not the default",
      now,
      { "a.conf": server("80", "blog", "root /b;"), "z.conf": server("80", ".example.com", INCLUDE) },
      [],
    ],
    [
      "theirs has no TLS",
      ours(server("443 ssl", "shop.example.com")),
      { "z.conf": server("443", "shop.example.com", INCLUDE) },
      [],
    ],
    [
      "what sends browsers to https does so still",
      ours(
        server("443 ssl", "shop.example.com"),
        server("80", "shop.example.com", "location / { return 308 x; }"),
      ),
      {
        "z.conf":
          server("443 ssl", "shop.example.com", INCLUDE) +
          server("80", "shop.example.com", "return 301 https://$host$request_uri;"),
      },
      [],
    ],
    [
      "wildcards are wildcards",
      ours(server("80", "*.shop.example.com _")),
      { "z.conf": server("80", "*.example.com", INCLUDE) },
      [],
    ],
    [
      "an address of its own is part of all of them",
      ours(server("10.0.0.1:80", "a")),
      { "z.conf": server("80", "a", INCLUDE) },
      [],
    ],
    [
      "one without `listen` listens at 80",
      now,
      { "z.conf": `server { server_name shop.example.com; ${INCLUDE} }` },
      [],
    ],
    [
      "localhost is an address",
      ours(server("127.0.0.1:80", "a")),
      { "z.conf": server("localhost:80", "a", INCLUDE) },
      [],
    ],
    [
      "what stands behind the switch leads there too",
      now,
      { "z.conf": server("80", "shop.example.com", `location / { ${PASS.replace(";", "/;")} }`) },
      [],
    ],
    [
      "another switch of a longer name does not",
      now,
      {
        "a.conf": server("80", "blog", "root /b;"),
        "z.conf": server("80", "shop.example.com", `location / { ${PASS.replace(";", "2;")} }`),
      },
      ["listen 80, shop.example.com: the server{} of /etc/nginx/conf.d/z.conf does not lead to shop"],
    ],
    [
      "theirs has TLS by the old word",
      ours(server("443 ssl", "shop.example.com")),
      { "z.conf": server("443", "shop.example.com", `ssl on; ${INCLUDE}`) },
      [],
    ],
    [
      "one address is not all of them",
      ours(server("80", "a")),
      { "z.conf": server("10.0.0.1:80", "a", INCLUDE) },
      ["listen 80, a: no server{} listens there", "listen 80, any other name: no server{} listens there"],
    ],
  ])("%s", (name, present, others, losses) => {
    const expected =
      name === "theirs has no TLS"
        ? ["shop.example.com", "any other name"].map(
            (door) => `listen 443, ${door}: it is served with ssl now, and would not be so`,
          )
        : losses;
    expect(lossesBy(site, { files: files(present, others), wanted: NOTHING })).toEqual(expected);
  });
});

describe("our server comes", () => {
  const wanted = ours(server("80", "shop.example.com"));
  const static_ = "location /static/ { root /s; }";
  const hides = (why: string, ...names: readonly string[]): readonly string[] =>
    ["shop.example.com", ...names].map(
      (name) => `listen 80, ${name}: it would hide the server{} of /etc/nginx/conf.d/site.conf, ${why}`,
    );
  const REST = "any other name";
  test.each<[string, string | null, Record<string, string>, readonly string[]]>([
    ["nobody is there", null, {}, []],
    [
      "one that does the same goes behind it",
      NOTHING,
      { "site.conf": server("80", "shop.example.com", INCLUDE) },
      [],
    ],
    [
      "one that does more would be hidden",
      NOTHING,
      { "site.conf": server("80", "shop.example.com", INCLUDE + static_) },
      hides("which does more than this", REST),
    ],
    [
      "one that asks for a password would be hidden",
      null,
      {
        "site.conf": server("80", "shop.example.com", "location / { auth_basic x; proxy_pass http://shop; }"),
      },
      hides("which does more than this"),
    ],
    [
      "one without `listen` that asks for a password would be hidden",
      null,
      {
        "site.conf":
          "server { server_name shop.example.com; location / { auth_basic x; proxy_pass http://shop; } }",
      },
      hides("which does more than this"),
    ],
    [
      "one that leads to another path would be hidden",
      null,
      { "site.conf": server("80", "", "location / { proxy_pass http://127.0.0.1:8001/shop/; }") },
      hides("which does more than this", REST),
    ],
    [
      "one that leads to the same path goes",
      null,
      { "site.conf": server("80", "", "location / { proxy_pass http://127.0.0.1:8001/; }") },
      [],
    ],
    [
      "one with TLS would be hidden by one without",
      NOTHING,
      { "site.conf": server("80 ssl", "shop.example.com", INCLUDE) },
      hides("which listens with ssl", REST),
    ],
    [
      "one that stands before it goes on",
      NOTHING,
      { "a.conf": server("80", "shop.example.com", INCLUDE + static_) },
      [],
    ],
    [
      "other sites are found by their names",
      null,
      { "z.conf": server("80", "blog.example.com", "root /b;") },
      [],
    ],
    [
      "one that serves the slots for every name would be hidden",
      null,
      {
        "site.conf":
          "upstream old { server 127.0.0.1:8001; }\n" +
          server("80", "_", `location / { proxy_pass http://old; } ${static_}`),
      },
      hides("which does more than this", REST),
    ],
    [
      "one that does nothing but serve them goes",
      null,
      { "site.conf": server("80", "", "location / { proxy_pass http://127.0.0.1:8001; }") },
      [],
    ],
    [
      "the default that says so stays it",
      null,
      { "z.conf": server("80 default_server", "_", "root /b;") },
      [],
    ],
    [
      "it was there already",
      ours(server("80", "shop.example.com")),
      { "z.conf": server("80", "shop.example.com", "root /b;") },
      [],
    ],
    ["it listens elsewhere than before: that is what the file says", ours(server("81", "x")), {}, []],
  ])("%s", (_, present, others, losses) => {
    expect(lossesBy(site, { files: files(present, others), wanted })).toEqual(losses);
  });
});

test("whether a location includes ours", () => {
  expect(isIncluded(site, files(ours(server("80", "a"))))).toBe(false);
  expect(isIncluded(site, files(NOTHING, { "z.conf": server("80", "a", INCLUDE) }))).toBe(true);
  expect(isIncluded(site, files(NOTHING, { "z.conf": server("80", "a", `location /a { ${PASS} }`) }))).toBe(
    true,
  );
});
