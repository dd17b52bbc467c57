import { expect, test } from "vitest";
import { poolOf } from "../model/application.ts";
import type { HostName, SlotKey } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import { largeApplication } from "../../test/support/large-application.ts";
import { outgrown } from "./outgrown.ts";

const application = largeApplication({ hosts: 2, gateways: 2 });
const slots = poolOf(application.hosts).map(({ key }) => key);
const gateways = application.gateways.map(({ name }) => name);
const hosts = application.hosts.map(({ name }) => name) as [HostName, HostName];
const rootOf = Object.fromEntries(application.hosts.map(({ name, root }) => [name, root]));
const from = (plan: Partial<Rollout["plan"]>, more: Partial<Rollout> = {}): Rollout =>
  ({
    release: "v2",
    plan: { slots, gateways, rootOf, ...plan },
    excluded: [],
    ...more,
  }) as unknown as Rollout;
const gone = (slot: string): SlotKey => slot as SlotKey;

test("a rollout whose slots and gateways are all in the file is taken up", () => {
  expect(outgrown(from({}), application)).toBeNull();
  expect(outgrown(from({ gateways: gateways.slice(1) }), application)).toBeNull();
  // Nobody wrote down where it was.
  expect(outgrown(from({ rootOf: {} }), application)).toBeNull();
});

test("the slots of a host that was left out are not missed", () => {
  const [lost] = application.hosts;
  const others = slots.filter((slot) => !slot.startsWith(`${lost?.name}:`));
  expect(others).toHaveLength(3);
  expect(outgrown(from({ slots: others }, { excluded: [lost?.name as HostName] }), application)).toBeNull();
});

test.each<[string, Partial<Rollout["plan"]>, string]>([
  [
    "a slot and a gateway that it has lost",
    { slots: [...slots, gone("gone:8001")], gateways: [...gateways, "lost" as HostName] },
    "with slot gone:8001, gateway lost, which the file no longer has",
  ],
  [
    "a slot that it has besides, whose place is in a gateway's groups",
    { slots: slots.slice(1) },
    `without slot ${slots[0]}, which the file has now`,
  ],
  [
    "its slots in another order, as when other steps name them",
    { slots: slots.toReversed() },
    `with slots in the order ${slots.toReversed().join(", ")}; the file has ${slots.join(", ")}`,
  ],
  [
    "another root of a host",
    { rootOf: { [hosts[1]]: "/srv/former" } },
    `with root /srv/former of ${hosts[1]}; the file has /srv/shop`,
  ],
])("the file has %s: that is said, and what to do", (_, plan, says) => {
  const error = outgrown(from(plan), application);
  expect(error?.code).toBe("rollout.refused");
  expect(error?.message).toBe(`the rollout of v2 was begun ${says}`);
  expect(error?.hint).toContain("put it back into the file");
  expect(error?.hint).toContain("`A host that is lost`");
});
