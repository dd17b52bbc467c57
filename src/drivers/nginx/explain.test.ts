import { expect, test } from "vitest";
import type { Application, GatewaySettings } from "../../model/application.ts";
import { NOTHING_ASKED, type Asked } from "../../model/asked.ts";
import type { SlotKey } from "../../model/ids.ts";
import { basisPoints } from "../../model/share.ts";
import { bucketOfUser } from "./bucket.ts";
import { placeOf } from "./explain.ts";

const [A, B] = ["web1:1", "web1:2"] as unknown as [SlotKey, SlotKey];
const HALF = { canary: [A], stable: [B], share: basisPoints(5000) };

const shop = (gateway: Partial<GatewaySettings>): Application =>
  ({
    name: "shop",
    gateway: { split: "users", key: { by: "auto" }, rules: [], realIp: null, ...gateway },
  }) as never;
const place = (gateway: Partial<GatewaySettings>, asked: Partial<Asked>, routing = HALF) =>
  placeOf(shop(gateway), routing, { ...NOTHING_ASKED, ...asked });
const value = (name: string, text: string) => ({ name, value: text });

const UID = { by: "cookie", name: "uid" } as const;
const alice = bucketOfUser("shop", "alice");
const byAlice = { user: "alice", by: { bucket: alice, of: 10_000 }, changesAt: alice + 1 };

test.each<readonly [string, Partial<GatewaySettings>, Partial<Asked>, object]>([
  ["a key that is given", { key: UID }, { user: "alice" }, byAlice],
  ["the same in a cookie", { key: UID }, { cookies: [value("uid", "alice")] }, byAlice],
  ["the same in a header Cookie", { key: UID }, { headers: [value("cookie", "a=1; uid=alice")] }, byAlice],
  ["a name of another case", { key: UID }, { headers: [value("COOKIE", "UID = alice;x")] }, byAlice],
  ["the first of two", { key: UID }, { cookies: [value("uid", "alice"), value("uid", "bob")] }, byAlice],
  [
    "a header up to its first comma",
    { key: { by: "header", name: "X-User" } },
    { headers: [value("x-user", "alice, bob"), value("X-User", "carol")] },
    byAlice,
  ],
  ["an argument", { key: { by: "arg", name: "u" } }, { args: [value("U", "alice")] }, byAlice],
  [
    "the gateway's own cookie",
    {},
    { cookies: [value("glidepath_shop", "4999")] },
    { user: "4999", role: "canary", by: { bucket: 4999, of: 10_000 }, changesAt: 5000 },
  ],
  [
    "the own cookie's value as the key",
    {},
    { user: "5000" },
    { role: "stable", by: { bucket: 5000, of: 10_000 }, changesAt: 5001 },
  ],
  [
    "a stranger, by address and browser",
    { key: UID },
    { address: "10.0.0.1", headers: [value("User-Agent", "curl, 8")] },
    { user: "10.0.0.1|curl, 8", by: { bucket: bucketOfUser("shop", "10.0.0.1|curl, 8"), of: 10_000 } },
  ],
  [
    "a rule, whatever the case of its value",
    { rules: [{ by: "header", name: "X-Canary", is: ["Always"], to: "canary", list: "who.txt" }] },
    { headers: [value("x-canary", "ALWAYS")] },
    { role: "canary", by: { rule: "header X-Canary is ALWAYS (who.txt)" }, changesAt: null },
  ],
  [
    "the client behind a trusted proxy",
    {
      realIp: { from: ["127.0.0.0/8"], header: "X-Forwarded-For" },
      rules: [{ by: "address", in: ["192.0.2.0/24"], to: "canary" }],
    },
    { address: "127.0.0.1", headers: [value("X-Forwarded-For", "6.6.6.6, 192.0.2.7, 127.0.0.9")] },
    { role: "canary", by: { rule: "address 192.0.2.7 is in 192.0.2.0/24" } },
  ],
  [
    "what somebody says who is not trusted",
    {
      key: { by: "address" },
      realIp: { from: ["127.0.0.0/8"], header: "X-Forwarded-For" },
      rules: [{ by: "address", in: ["192.0.2.0/24"], to: "canary" }],
    },
    { address: "10.0.0.1", headers: [value("X-Forwarded-For", "192.0.2.7")] },
    { user: "10.0.0.1", by: { bucket: bucketOfUser("shop", "10.0.0.1"), of: 10_000 } },
  ],
])("explain knows %s", (_, gateway, asked, expected) => {
  expect(place(gateway, asked)).toMatchObject({ ok: true, value: expected });
});

test("a role without slots is served by the other, whatever a rule says", () => {
  const rules = [{ by: "arg", name: "v", is: ["new"], to: "canary" }] as const;
  const asked = { args: [value("v", "new")] };
  expect(place({ rules }, asked, { ...HALF, canary: [] })).toMatchObject({ value: { role: "stable" } });
  expect(place({ rules }, asked)).toMatchObject({ value: { role: "canary" } });
});

test.each([
  [{ split: "servers" as const }, { user: "1" }],
  [{ passive: true }, { user: "1" }],
  [{ key: UID }, { headers: [value("X-Other", "1")] }],
  [{ key: { by: "address" as const } }, { cookies: [value("uid", "1")] }],
])("explain says what it would have to know: %#", (gateway, asked) => {
  expect(place(gateway, asked)).toMatchObject({
    ok: false,
    error: { code: "usage", hint: expect.any(String) },
  });
});
