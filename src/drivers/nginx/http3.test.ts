import { expect, test } from "vitest";
import { http3 } from "./http3.ts";
import type { Facts } from "./said.ts";

const BUILD = "nginx version: nginx/1.26.3\nconfigure arguments: --with-http_v3_module";
const OWN = "/etc/nginx/conf.d/shop.conf";

/** Another file of that nginx, and what `check` finds to be wrong. */
function faultsBeside(
  text: string,
  how: true | "shared" = true,
  listen = "443 ssl http2",
): readonly string[] {
  const files = [
    ["/etc/nginx/nginx.conf", "http { include conf.d/*.conf; }"],
    ["/etc/nginx/conf.d/blog.conf", text],
    [OWN, "# glidepath app=shop pool=1 config=2\nserver { listen 443 quic reuseport; }"],
    [
      "/etc/nginx/sites/shop.conf",
      "# glidepath app=shop pool=1 config=1\nserver { listen 443 quic reuseport; }",
    ],
  ];
  const dump = files.map(([path, content]) => `# configuration file ${path}:\n${content}\n`).join("");
  const facts = {
    application: { name: "shop" },
    gateway: { config: OWN, listen: [listen, "80"], http3: how },
    sections: new Map(Object.entries({ build: BUILD, dump })),
  } as unknown as Facts;
  return http3(facts).flatMap(({ severity, found }) => (severity === "fault" ? [found] : []));
}

const NOBODY: readonly string[] = [];
const says = (who: string, on = "443"): unknown => [
  expect.stringContaining(`${who} listens with quic and options of its own on ${on}, as this would`),
];

test.each([
  ["a server of the user's", "server { listen *:443 quic reuseport; }", says("/etc/nginx/conf.d/blog.conf")],
  [
    "another application",
    "# glidepath app=blog pool=1 config=2\nserver { listen 443 ssl; listen 0.0.0.0:443 quic reuseport; }",
    says("blog.conf (the application blog)"),
  ],
  ["with any option", "server { listen 443 quic rcvbuf=8m; }", says("blog.conf")],
  ["without options", "server { listen 443 quic; }", NOBODY],
  ["by TCP alone", "server { listen 443 ssl reuseport; }", NOBODY],
  [
    "at another address",
    "server { listen [::]:443 quic reuseport; listen 10.0.0.1:443 quic reuseport; }",
    NOBODY,
  ],
  ["in a comment", "# listen 443 quic reuseport;", NOBODY],
])("one server of nginx has the options of a port for QUIC: %s", (_, text, expected) => {
  expect(faultsBeside(text)).toEqual(expected);
  expect(faultsBeside(text, "shared")).toEqual([]);
});

test("an address of ours is compared as it is written", () => {
  const text = "server { listen [::1]:8443 quic reuseport; }";
  expect(faultsBeside(text, true, "[::1]:8443 ssl")).toEqual(says("blog.conf", "[::1]:8443"));
  expect(faultsBeside(text, true, "127.0.0.1:8443 ssl")).toEqual([]);
});
