import { describe, expect, it } from "vitest";
import { poolOf } from "../model/application.ts";
import { renderDiagnostic } from "./diagnostic.ts";
import { parseApplication } from "./parse.ts";
import type { HostNameOf } from "./serving.ts";

/** What an ssh_config says. */
const hostNameOf: HostNameOf = (address) =>
  address.endsWith("web9") ? "10.0.0.9" : address.slice(address.indexOf("@") + 1);

function parse(hosts: string) {
  const head = "app: shop\nartifact: { url: 'dist/shop-{release}.tar.gz' }\n";
  const context = { path: "glidepath.yaml", directory: "/home/u", hostNameOf };
  return parseApplication(`${head}${hosts}\nrun: { command: node server.js }\n`, context);
}

function addressesOf(hosts: string): readonly string[] {
  const parsed = parse(hosts);
  if (!parsed.ok) throw new Error(parsed.error.map((one) => renderDiagnostic("f", one)).join("\n"));
  return poolOf(parsed.value.application.hosts).map(({ address, port }) => `${address} ${port}`);
}

describe("gateways reach the slots", () => {
  it.each([
    {
      title: "at 127.0.0.1 on the one machine that has everything, near",
      hosts: "hosts: [{ address: local, root: /srv, slots: [1, 2] }]",
      at: ["127.0.0.1 1", "127.0.0.1 2"],
    },
    {
      title: "and far",
      hosts: "hosts: [{ address: u@web1, root: /srv, slots: [1, 2] }]",
      at: ["127.0.0.1 1", "127.0.0.1 2"],
    },
    {
      title: "but not where a smoke check asks them from the controller",
      hosts: "hosts: [{ address: web9, root: /srv, slots: [1, 2] }]\nsmoke: [{ run: ./smoke.sh }]",
      at: ["10.0.0.9 1", "10.0.0.9 2"],
    },
    {
      title: "at 127.0.0.1 beside the only gateway, at the address elsewhere",
      hosts:
        "hosts: [{ address: local, root: /a, slots: [1] }, { address: u@10.0.0.2, root: /a, slots: [1] }]\n" +
        "gateway: { hosts: [local] }",
      at: ["127.0.0.1 1", "10.0.0.2 1"],
    },
    {
      title: "at what ssh_config says of a name",
      hosts: "hosts: [{ address: 10.0.0.2, root: /a, slots: [1] }, { address: web9, root: /a, slots: [1] }]",
      at: ["10.0.0.2 1", "10.0.0.9 1"],
    },
    {
      title: "at what the file says, first",
      hosts:
        "hosts: [{ address: local, serves: 10.0.0.1, root: /a, slots: [1] },\n" +
        "  { address: web9, serves: '2001:db8::9', root: /a, slots: [1] }]",
      at: ["10.0.0.1 1", "2001:db8::9 1"],
    },
    {
      title: "nowhere on a host that has only a gateway",
      hosts:
        "hosts: [{ address: gw1, slots: [] }, { address: 10.0.0.2, root: /a, slots: [1, 2] }]\n" +
        "gateway: { hosts: [gw1] }",
      at: ["10.0.0.2 1", "10.0.0.2 2"],
    },
  ])("$title", ({ hosts, at }) => {
    expect(addressesOf(hosts)).toEqual(at);
  });
});

const MISTAKES: readonly (readonly [string, readonly string[]])[] = [
  [
    "hosts: [{ address: u@web1, root: /srv, slots: [1] }, { address: u@web2, root: /srv, slots: [1] }]",
    [
      "3:9 hosts[0]: serves is required here: u@web1 is web1 and no IP address, which nginx needs (serves:",
      "3:54 hosts[1]: serves is required here: u@web2",
    ],
  ],
  [
    "hosts: [{ address: local, root: /srv, slots: [1] }, { address: u@10.0.0.1, root: /srv, slots: [1] }]",
    ["3:9 hosts[0]: serves is required here: gateways on other hosts reach the slots of local"],
  ],
  [
    "hosts: [{ name: a, address: 10.0.0.1, root: /a, slots: [1] }, " +
      "{ address: b, serves: 10.0.0.1, root: /a, slots: [1] }]",
    ["3:113 hosts[1].slots[0]: 10.0.0.1:1 is taken by hosts[0].slots[0]"],
  ],
  [
    "hosts: [{ address: web1, serves: web1.example.com, root: /srv, slots: [1] }]",
    ["3:26 hosts[0].serves: expected an IP address such as 10.0.0.11 or 2001:db8::11"],
  ],
  [
    "hosts: [{ address: local, root: /srv, slots: [] }]",
    ["3:1 hosts: no host has slots: two at least are needed, on one host or several"],
  ],
  ["hosts: [{ address: local, slots: [1] }]", ["3:9 hosts[0].root: is required for a host with slots"]],
  [
    "hosts: [{ address: local, root: /srv, slots: [1] }, { address: gw1, slots: [] }]\n" +
      "gateway: { hosts: [local] }",
    ["3:69 hosts[1].slots: no slots here, and no gateway: nothing to do"],
  ],
];

describe("a mistake about hosts is told with its line, column and key", () => {
  it.each(MISTAKES)("%s", (hosts, expected) => {
    const parsed = parse(hosts);
    const told = parsed.ok ? [] : parsed.error.map((one) => renderDiagnostic("", one).slice(1));
    expect(told.map((line, i) => line.slice(0, expected[i]?.length ?? 0))).toEqual(expected);
  });
});

describe("nginx takes no port of a slot on the same machine", () => {
  const HOSTS = "hosts: [{ address: local, root: /srv, slots: [8001, 8002] }]";
  it.each([
    ["listen: [80, 8002]", ["4:25 gateway.listen[1]: port 8002 is taken by hosts[0].slots[1]"]],
    ["listen: ['0.0.0.0:8001']", ["4:21 gateway.listen[0]: port 8001 is taken by hosts[0].slots[0]"]],
    [
      "hosts: [{ name: local, listen: [8001] }]",
      ["4:44 gateway.hosts[0].listen[0]: port 8001 is taken by hosts[0].slots[0]"],
    ],
    ["listen: ['10.0.0.1:8001']", []],
    ["mode: upstream, listen: [8001]", []],
  ])("%s", (gateway, expected) => {
    const parsed = parse(`${HOSTS}\ngateway: { ${gateway} }`);
    const told = parsed.ok ? [] : parsed.error.map((one) => renderDiagnostic("", one).slice(1));
    expect(told).toEqual(expected);
  });
});
