import { expect, test } from "vitest";
import { overruled } from "./overruled.ts";
import type { Facts } from "./said.ts";

const facts = (http: string): Facts => {
  const dump = `# configuration file /etc/nginx/nginx.conf:\nhttp {\n${http}\n}\n`;
  return { sections: new Map([["dump", dump]]) } as unknown as Facts;
};

test("limits and headers of the http block are told of: nginx inherits neither beside ours", () => {
  const found = overruled(
    facts(
      "limit_conn perip 20;\nproxy_set_header X-A a;\nproxy_set_header X-B b;\nserver { limit_conn x 1; }",
    ),
  );
  expect(found.map((one) => one.found)).toEqual([
    expect.stringMatching(/^limit_conn perip limits nobody: /),
    expect.stringMatching(/^proxy_set_header X-A, X-B does not reach the application: /),
  ]);
});

test("without any nothing is told", () => {
  expect(overruled(facts("limit_req zone=all;\naccess_log /var/log/nginx/access.log;"))).toEqual([]);
});
