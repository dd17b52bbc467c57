import { expect, test } from "vitest";
import type { AppName } from "../../model/ids.ts";
import { bucketOfUser, murmur2 } from "./bucket.ts";
import {
  cidr,
  controlAddress,
  endpoint,
  mapKeys,
  path,
  prefix,
  requestVariable,
  serverName,
  listenWords,
} from "./names.ts";

const HOSTILE = ["a b", "a;b", "a{b", "a}b", 'a"b', "a'b", "a\\b", "a#b", "a$b", "a\nb", "a\tb", ""];

test.each(HOSTILE)("%j breaks out of nothing", (text) => {
  for (const writer of [listenWords, serverName, cidr, path])
    expect(() => writer(text)).toThrow("cannot stand");
  expect(() => mapKeys(["a", text])).toThrow("cannot stand");
  expect(() => path(`/srv/${text || "../x"}`)).toThrow("cannot stand");
  for (const by of ["header", "cookie", "arg"] as const)
    expect(() => requestVariable(by, text)).toThrow("cannot");
  expect(() => endpoint(text, 80)).toThrow("IP address");
});

test("a server name is no pattern, an address no name, a port no text", () => {
  expect(() => serverName("~^.*$")).toThrow("cannot stand");
  expect(() => endpoint("web1.example.com", 80)).toThrow("IP address");
  expect(() => endpoint("127.0.0.1", 0)).toThrow("1 to 65535");
  expect(endpoint("::1", 8001)).toBe("[::1]:8001");
});

test.each([
  [
    ["always", "a.b"],
    ['"always"', '"a.b"'],
  ],
  [
    ["Alice", "bob", "ALICE"],
    ['"ALICE"', '"bob"'],
  ],
  [
    ["include", "on", "default"],
    ['"on"', '"~*^(?:include|default)$"'],
  ],
  [["a.".repeat(30)], [`"~*^(?:${String.raw`a\.`.repeat(30)})$"`]],
  [[], []],
])("a rule's values %j are written %j: what means something to a map is a pattern", (values, written) => {
  expect(mapKeys(values)).toEqual(written);
});

test("a thousand long values are a few patterns, none longer than a word that nginx reads", () => {
  const values = Array.from({ length: 1000 }, (_, i) => `${String(i).padStart(4, "0")}${"x.".repeat(62)}`);
  const keys = mapKeys(values);
  expect(keys.length).toBeLessThan(60);
  expect(Math.max(...keys.map((key) => key.length))).toBeLessThan(4000);
  expect(keys.join("").match(/\d{4}/g)).toHaveLength(1000);
});

test("nginx's names of the application are short enough, and told apart", () => {
  expect(prefix("my-shop" as AppName)).toBe("glidepath_my_shop");
  const long = prefix("a-very-long-application-name-x-y" as AppName);
  expect(long).toHaveLength(30);
  expect(long).not.toBe(prefix("a-very-long-application-name-x-z" as AppName));
});

test("the control server has a loopback address of its own", () => {
  const { address, port } = controlAddress("shop" as AppName, "/etc/nginx/conf.d/shop.conf");
  expect(address).toMatch(/^127\.\d+\.\d+\.\d+$/);
  expect(port).toBe(7929);
  expect(controlAddress("shop" as AppName, "/etc/nginx/conf.d/other.conf").address).not.toBe(address);
});

test("murmur2 agrees with nginx's", () => {
  const hash = (text: string): number => murmur2(new TextEncoder().encode(text));
  expect(hash("")).toBe(0);
  expect(new Set(["a", "ab", "abc", "abcd", "abcde"].map(hash)).size).toBe(5);
  const buckets = Array.from({ length: 20_000 }, (_, i) => bucketOfUser("shop", `user-${i}`));
  expect(buckets.every((bucket) => bucket >= 0 && bucket < 10_000)).toBe(true);
  const below = buckets.filter((bucket) => bucket < 2500).length;
  expect(Math.abs(below - 5000)).toBeLessThan(250);
});
