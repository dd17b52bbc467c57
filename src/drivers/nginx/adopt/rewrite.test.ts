import { describe, expect, test } from "vitest";
import { rewrite } from "./rewrite.ts";
import { filesOf } from "../survey.ts";
import { nearest, usesIn, usesOf } from "./uses.ts";

const SNIPPET = "/var/lib/glidepath/shop/location.conf";

const rewritten = (text: string, files: Readonly<Record<string, string>> = {}) => {
  const { uses, obstacles } = usesIn("/etc/nginx/conf.d/shop.conf", text, "shop");
  expect(obstacles).toEqual([]);
  const dumped = new Map(Object.entries({ "/etc/nginx/nginx.conf": "", ...files }));
  return rewrite(text, uses, { snippet: SNIPPET, files: dumped, addsHeader: true });
};

test("only what must change is changed; the rest stays, byte for byte", () => {
  const before = `# our shop
upstream shop { server 127.0.0.1:801; server 127.0.0.1:802; }
server {
\tlisten 80;   # plain
\tlocation /static/ { root /srv/static; }
\tlocation / {
\t\tproxy_pass http://shop;  # the application
\t\tproxy_set_header Host $http_host;
\t\tproxy_set_header X-Team shop;
\t\tproxy_read_timeout 90s;
\t\tclient_max_body_size 20m;
\t}
}`;
  expect(rewritten(before)).toEqual({
    text: `# our shop
upstream shop { server 127.0.0.1:801; server 127.0.0.1:802; }
server {
\tlisten 80;   # plain
\tlocation /static/ { root /srv/static; }
\tlocation / {
\t\tinclude ${SNIPPET};  # the application
\t\tproxy_set_header X-Team shop;
\t\tclient_max_body_size 20m;
\t}
}`,
    notes: [],
  });
});

test("all locations that lead there are changed, in one-line blocks too", () => {
  const before =
    "server { location / { proxy_pass http://shop; } location @app { proxy_pass http://shop; } }";
  const wanted = `server { location / { include ${SNIPPET}; } location @app { include ${SNIPPET}; } }`;
  expect(rewritten(before).text).toBe(wanted);
});

test("what the snippet's own lines would end the inheritance of is repeated", () => {
  const before = `server {
  access_log /var/log/nginx/shop.log main;
  add_header X-Frame-Options "DENY always";
  proxy_set_header Host $host;
  location / {
    proxy_pass http://shop;
  }
}`;
  const { text, notes } = rewritten(before);
  expect(text).toContain(`    include ${SNIPPET};
    access_log /var/log/nginx/shop.log main;
    add_header X-Frame-Options "DENY always";
  }`);
  expect(notes).toHaveLength(1);
});

test("an included file gives way to what of it is not in the snippet", () => {
  const before = "location / {\n  include proxy_params;\n  include extra;\n  proxy_pass http://shop;\n}\n";
  const { text } = rewritten(before, {
    "/etc/nginx/proxy_params":
      "proxy_set_header Host $http_host;\nproxy_set_header X-Real-IP $remote_addr;\n",
    "/etc/nginx/extra": 'proxy_set_header Host $host;\nproxy_hide_header "X Powered";\n',
    // Another one, which nginx does not mean.
    "/etc/nginx/conf.d/extra": "proxy_cache_path /var/cache/a keys_zone=a:1m;\n",
  });
  expect(text).toBe(`location / {\n  proxy_hide_header "X Powered";\n  include ${SNIPPET};\n}\n`);
});

/** As `nginx -T` tells it: a main file, and a site with its snippets. */
const dumpOf = (files: Readonly<Record<string, string>>): string =>
  Object.entries(files)
    .map(([path, text]) => `# configuration file ${path}:\n${text}\n`)
    .join("");

const HTTP = `http {
  access_log /var/log/nginx/access.log combined;
  add_header X-Frame-Options DENY always;
  proxy_set_header X-Request-Id $request_id;
  proxy_set_header Host $host;
  proxy_read_timeout 300s;
  limit_conn perip 20;
  include /etc/nginx/conf.d/*.conf;
}`;

const COMMON = String.raw`add_header X-Common "a \"b\"";`;

const adopted = (files: Readonly<Record<string, string>>) => {
  const dump = dumpOf({ "/etc/nginx/nginx.conf": HTTP, ...files });
  const { uses, obstacles } = usesOf(dump, "shop");
  const options = { snippet: SNIPPET, files: filesOf(dump), addsHeader: true };
  return { uses, obstacles, ...rewrite(uses[0]?.text ?? "", uses, options) };
};

test("what comes from the main file and from includes is repeated too, and told where it cannot be", () => {
  const site = `server {
  include snippets/common.conf;
  location / {
    proxy_pass http://shop;
  }
  location /api/ {
    include snippets/*-headers;
    proxy_pass http://shop;
    access_log off;
  }
}`;
  const { text, notes, uses } = adopted({
    "/etc/nginx/conf.d/shop.conf": site,
    "/etc/nginx/snippets/common.conf": COMMON,
    "/etc/nginx/snippets/api-headers": 'proxy_set_header X-Tenant "b l";\nproxy_set_header Host $host;\n',
  });
  expect(text.trim()).toBe(`server {
  include snippets/common.conf;
  location / {
    include ${SNIPPET};
    access_log /var/log/nginx/access.log combined;
    ${COMMON}
    proxy_set_header X-Request-Id $request_id;
  }
  location /api/ {
    proxy_set_header X-Tenant "b l";
    include ${SNIPPET};
    ${COMMON}
  }
}`);
  expect(notes.map((note) => note.replace(/ .*/, ""))).toEqual(["access_log,", "limit_conn", "access_log"]);
  expect(nearest(uses[0]?.levels ?? [], "proxy_read_timeout").map(({ args }) => args)).toEqual([["300s"]]);
});

test("a file that is included where other headers hold is refused, one where the same hold is not", () => {
  const files = (more: string) => ({
    "/etc/nginx/conf.d/shop.conf": `server { listen 80; include shop.locations; }
server { listen 443 ssl; ${more} include shop.locations; }`,
    "/etc/nginx/shop.locations": "location / { proxy_pass http://shop; }",
  });
  expect(adopted(files("")).obstacles).toEqual([]);
  expect(adopted(files("add_header X-Secure yes;")).obstacles).toEqual([
    expect.stringContaining("shop.locations:2: location / is included where other headers or logs"),
  ]);
});

test("a file with the line ends of Windows has no empty lines afterwards", () => {
  const crlf = "location / {\r\n  proxy_pass http://shop;\r\n  proxy_http_version 1.1; # yes\r\n}\r\n";
  expect(rewritten(crlf).text).toBe(`location / {\r\n  include ${SNIPPET};\r\n}\r\n`);
});

test.each([
  ["limit_conn perip 20;", "limits.conf:2: limit_conn: the snippet makes"],
  ["try_files /maintenance.html @shop;", "limits.conf:2: try_files: the snippet sets root"],
  ["proxy_set_header X-Room $1;", "limits.conf:2: proxy_set_header: $1 would be something of the snippet's"],
  ["location = /own { return 204; }", "limits.conf:2: location: what is not said inside"],
])("what cannot stand in a location is refused where it comes from an include: %s", (line, said) => {
  const { obstacles } = adopted({
    "/etc/nginx/conf.d/shop.conf": "server { location / { include limits.conf; proxy_pass http://shop; } }",
    "/etc/nginx/limits.conf": line,
  });
  expect(obstacles).toEqual([expect.stringContaining(said)]);
});

test("a header of a level above that is made of a numbered capture is refused, once", () => {
  const { obstacles } = adopted({
    "/etc/nginx/conf.d/shop.conf": String.raw`server {
  server_name ~^(.+)[.]example[.]com$;
  proxy_set_header X-Tenant $1;
  location / { proxy_pass http://shop; }
  location /a { proxy_pass http://shop; }
}`,
  });
  expect(obstacles).toEqual([
    expect.stringMatching(/shop.conf:4: proxy_set_header: \$1 would be .* \(\?<it>…\), \$it$/),
  ]);
});

test.each(["rewrite ^/old/(.*)$ /$1 break;", "proxy_cookie_path ~^/a/(.*)$ /$1;", "set $id $1;"])(
  "%s has its capture as before",
  (line) => {
    const text = `location ~ ^/(old|new)/ { ${line} proxy_pass http://shop; }`;
    expect(usesIn("shop.conf", text, "shop").obstacles).toEqual([]);
  },
);

test.each([
  ["proxy_set_header Host shop.internal;", "proxy_set_header Host shop.internal gives way"],
  ["proxy_next_upstream off;", "proxy_next_upstream off gives way"],
  ["root /srv;", "root /srv gives way"],
])("says so where %s means something else afterwards", (line, said) => {
  const { notes } = rewritten(`server {
  proxy_set_header Host $host;
  location / {
    proxy_pass http://shop;
    ${line}
  }
}`);
  expect(notes).toHaveLength(1);
  expect(notes[0]).toContain(said);
});

describe("what cannot be taken over is refused with its line", () => {
  test.each([
    ["location / {\n  proxy_pass http://shop/base/;\n}", "shop.conf:2: proxy_pass http://shop/base/: a path"],
    ["location / {\n  proxy_pass https://shop;\n}", "shop.conf:2: proxy_pass https://shop: the slots"],
    [
      "location / {\n  proxy_pass http://shop$request_uri;\n}",
      "shop.conf:2: proxy_pass http://shop$request_uri",
    ],
    ["location / {\n  fastcgi_pass shop;\n}", "shop.conf:2: fastcgi_pass shop: only HTTP"],
    [
      "location / {\n  if ($a) { proxy_pass http://shop; }\n}",
      "shop.conf:2: proxy_pass http://shop stands in if",
    ],
    ["location / {\n  alias /srv/;\n  proxy_pass http://shop;\n}", "shop.conf:2: alias: "],
    [
      "location / {\n  proxy_pass http://shop;\n  location ~ [.]css$ { expires 1d; }\n}",
      "shop.conf:3: location: what is not said inside would be the snippet's",
    ],
    [
      "location ~ ^/(ws|live)/ {\n  proxy_pass http://shop;\n  proxy_set_header X-Room room-${1};\n}",
      "shop.conf:3: proxy_set_header: $1 would be",
    ],
    ["location / {\n  try_files $uri =404;\n  proxy_pass http://shop;\n}", "shop.conf:2: try_files: "],
    ["stream {\n server { proxy_pass shop; }\n}", "shop.conf:2: proxy_pass shop in stream"],
  ])("%s", (text, said) => {
    const { obstacles } = usesIn("/etc/nginx/conf.d/shop.conf", text, "shop");
    expect(obstacles).toHaveLength(1);
    expect(obstacles[0]).toContain(said);
  });

  test("another upstream whose name begins the same is not meant", () => {
    const text =
      "location / { proxy_pass http://shop2; } location /a { proxy_pass http://shop.example.com; }";
    expect(usesIn("f", text, "shop")).toEqual({ uses: [], obstacles: [] });
  });
});
