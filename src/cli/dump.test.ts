import { expect, test } from "vitest";
import { directivesOf, surveyOf } from "./dump.ts";

const DUMP = String.raw`# configuration file /etc/nginx/nginx.conf:
user www-data; # not "root"
include /etc/nginx/modules-enabled/*.conf;
events { worker_connections 768; }
http {
  log_format main '$remote_addr; {not a block}';
  include /etc/nginx/mime.types;
  include /etc/nginx/sites-enabled/*;
  include /etc/nginx/conf.d/*.conf;
}
# configuration file /etc/nginx/conf.d/shop.conf:
upstream shop { server 127.0.0.1:801 weight=2; server "127.0.0.1:802"; keepalive 16; }
server {
  listen 80 default_server;
  listen [::]:80;
  location ~ "\.(a|b){1,2}$" { proxy_pass http://shop; set $x ${"${y}"}z; }
}
server { listen 80; listen 8080 ssl; }
`;

test("what nginx tells is read: files, listens and upstreams", () => {
  expect(surveyOf("/usr/sbin/nginx", DUMP)).toEqual({
    binary: "/usr/sbin/nginx",
    main: "/etc/nginx/nginx.conf",
    confDir: "/etc/nginx/conf.d",
    listens: ["80", "[::]:80", "8080"],
    upstreams: [{ name: "shop", servers: ["127.0.0.1:801", "127.0.0.1:802"] }],
  });
});

test.each([
  ["an include of a whole directory", "http { include sites-enabled/*; }", "/etc/nginx/sites-enabled"],
  ["no include that takes a new file", "http { include /etc/nginx/mime.types; }", "/etc/nginx/conf.d"],
  ["one of another block", "stream { include /etc/nginx/streams/*.conf; }", "/etc/nginx/conf.d"],
])("a new file goes where it is read: %s", (_, text, directory) => {
  expect(surveyOf("nginx", `# configuration file /etc/nginx/nginx.conf:\n${text}`)?.confDir).toBe(directory);
});

test.each(["", "nginx: command not found"])("%j is no configuration", (text) => {
  expect(surveyOf("nginx", text)).toBeNull();
});

test("quotes, comments and braces in words do not confuse the reader", () => {
  expect(directivesOf(`a "b;c" 'd{' # e;\n; f{g h;}`)).toEqual([
    { within: [], name: "a", args: ["b;c", "d{"] },
    { within: [], name: "f", args: [] },
    { within: ["f"], name: "g", args: ["h"] },
  ]);
});
