import { expect, test } from "vitest";
import { gapOf } from "../../base/gap.ts";
import { directivesOf, type Directive, globPattern, surveyOf } from "./survey.ts";

const DUMP = `# configuration file /etc/nginx/nginx.conf:
user www-data;
worker_shutdown_timeout 1h;
events { }
http {
    log_format a '{"x": "$uri}"; }'; # not a } block
    include mime.types;
    include /etc/nginx/conf.d/*.conf;
    include sites-enabled/*;
}
stream { server { listen 53; proxy_pass dns; } }

# configuration file /etc/nginx/mime.types:
types { text/html html; }

# configuration file /etc/nginx/conf.d/shop.conf:
upstream shop { server 10.0.0.1:801; server 10.0.0.1:802 fail_timeout=1s max_fails=1; keepalive 8; }

# configuration file /etc/nginx/sites-enabled/site:
server {
    listen 80 default_server;
    listen [::]:80;
    server_name shop.example.com "www.shop.example.com";
    location / { proxy_pass http://shop; }
    location ~ "\\.php$" { fastcgi_pass unix:/run/php.sock; }
}
`;

test("reads what nginx -T prints", () => {
  expect(surveyOf(DUMP)).toEqual({
    main: "/etc/nginx/nginx.conf",
    files: [
      "/etc/nginx/nginx.conf",
      "/etc/nginx/mime.types",
      "/etc/nginx/conf.d/shop.conf",
      "/etc/nginx/sites-enabled/site",
    ],
    includeDirs: ["/etc/nginx", "/etc/nginx/conf.d", "/etc/nginx/sites-enabled"],
    user: "www-data",
    workerShutdownTimeout: "1h",
    servers: [
      {
        listen: ["80", "[::]:80"],
        serverName: ["shop.example.com", "www.shop.example.com"],
        locations: [
          { path: "/", proxyPass: "http://shop" },
          { path: "\\.php$", proxyPass: null },
        ],
      },
    ],
    upstreams: [
      {
        name: "shop",
        servers: [
          { address: "10.0.0.1:801", params: [] },
          { address: "10.0.0.1:802", params: ["fail_timeout=1s", "max_fails=1"] },
        ],
      },
    ],
  });
});

test("what is no dump gives nothing", () => {
  expect(surveyOf("")).toBeNull();
  expect(surveyOf("nginx: [emerg] unknown directive")).toBeNull();
});

const bare = ({ name, args, block }: Directive): object => ({ name, args, block: block?.map(bare) ?? null });

test("tells where each directive stands", () => {
  const text = "a b; # c\nd { e; } f";
  const [a, d] = directivesOf(text);
  expect([a, d, d?.block?.[0]].map((one) => text.slice(...(one?.span ?? [0, 0])))).toEqual([
    "a b;",
    "d { e; }",
    "e;",
  ]);
});

test.each([
  ["a b;", [{ name: "a", args: ["b"], block: null }]],
  ["a 'x;y' \"{\";", [{ name: "a", args: ["x;y", "{"], block: null }]],
  ["a ${b}c $d;", [{ name: "a", args: ["${b}c", "$d"], block: null }]],
  [
    "a { b; } c;",
    [
      { name: "a", args: [], block: [{ name: "b", args: [], block: null }] },
      { name: "c", args: [], block: null },
    ],
  ],
  [
    "a; # b;\nc;",
    [
      { name: "a", args: [], block: null },
      { name: "c", args: [], block: null },
    ],
  ],
  ["a { b", [{ name: "a", args: [], block: [] }]],
])("tokenizes %j", (text, wanted) => {
  expect(directivesOf(text).map(bare)).toEqual(wanted);
});

test("a star matches within one directory", () => {
  expect(globPattern("/etc/nginx/conf.d/*.conf").test("/etc/nginx/conf.d/shop.conf")).toBe(true);
  expect(globPattern("/etc/nginx/conf.d/*.conf").test("/etc/nginx/conf.d/a/shop.conf")).toBe(false);
  expect(globPattern("/etc/nginx/conf.d/*.conf").test("/etc/nginx/conf.d/shopXconf")).toBe(false);
});

test("nothing is read of what nginx -T printed when its middle is missing", () => {
  const seam = DUMP.indexOf("# configuration file /etc/nginx/conf.d");
  expect(surveyOf(`${DUMP.slice(0, seam)}\n${gapOf(12)}\n${DUMP.slice(seam + 12)}`)).toBeNull();
});
