import { expect, test } from "vitest";
import { overruled } from "./overruled.ts";
import type { Facts } from "./said.ts";

const SNIPPET = "/var/lib/glidepath/shop/location.conf";

const told = (http: string, mode: "server" | "upstream" = "server"): readonly string[] => {
  const dump = `# configuration file /etc/nginx/nginx.conf:\nhttp {\n${http}\n}
# configuration file ${SNIPPET}:\nproxy_pass http://x;\nproxy_set_header Host $http_host;\n`;
  const site = { application: { name: "shop", gateway: { mode } }, gateway: { state: "/var/lib/glidepath" } };
  return overruled({ ...site, sections: new Map([["dump", dump]]) } as unknown as Facts).map(
    ({ found }) => found,
  );
};

test("limits and headers of the http block are told of: nginx inherits neither beside ours", () => {
  const http =
    "limit_conn perip 20;\nproxy_set_header X-A a;\nproxy_set_header X-B b;\nserver { limit_conn x 1; }";
  expect(told(http)).toEqual([
    expect.stringMatching(/^limit_conn perip limits nobody: /),
    expect.stringMatching(/^proxy_set_header X-A, X-B does not reach the application: /),
  ]);
});

test("a header that Glidepath sends alike is not missed, one with a value of its own is", () => {
  const http = "proxy_set_header host $host;\nproxy_set_header X-Real-IP $remote_addr;";
  expect(told(http)).toEqual([]);
  expect(told("proxy_set_header Host shop.internal;")).toEqual([
    expect.stringMatching(/^proxy_set_header Host does not reach/),
  ]);
});

test("headers are not missed where every location with the snippet says its own", () => {
  const location = (path: string, more: string): string => `location ${path} { include ${SNIPPET}; ${more} }`;
  const http = (more: string): string =>
    `proxy_set_header X-A a;\nserver { ${location("/", "proxy_set_header x-a a;")} ${more} }`;
  expect(told(http(""), "upstream")).toEqual([]);
  expect(told(http(location("/b", "proxy_set_header X-B b;")), "upstream")).toEqual([]);
  const missed = [expect.stringMatching(/^proxy_set_header X-A does not reach/)];
  expect(told(http(location("/b", "")), "upstream")).toEqual(missed);
  expect(told(http(""), "server")).toEqual(missed);
});

test("without any nothing is told", () => {
  expect(told("limit_req zone=all;\naccess_log /var/log/nginx/access.log;")).toEqual([]);
});
