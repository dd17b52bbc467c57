import { expect, test } from "vitest";
import type { HostName } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import { poolOf } from "../model/application.ts";
import { largeApplication } from "../../test/support/large-application.ts";
import { outgrown } from "./outgrown.ts";

const application = largeApplication({ hosts: 2, gateways: 2 });
const plan = {
  slots: poolOf(application.hosts).map(({ key }) => key),
  gateways: application.gateways.map(({ name }) => name),
};
const rollout = { release: "v2", plan } as unknown as Rollout;

test("a rollout whose slots and gateways are all in the file is taken up", () => {
  expect(outgrown(rollout, application)).toBeNull();
});

test("what the file has besides does not matter", () => {
  const fewer = { ...plan, slots: plan.slots.slice(1), gateways: plan.gateways.slice(1) };
  expect(outgrown({ ...rollout, plan: fewer } as unknown as Rollout, application)).toBeNull();
});

test("a slot and a gateway that the file has lost are named", () => {
  const slots = [...plan.slots, "gone:8001"];
  const gateways = [...plan.gateways, "lost" as HostName];
  const error = outgrown(
    { ...rollout, plan: { ...plan, slots, gateways } } as unknown as Rollout,
    application,
  );
  expect(error?.code).toBe("rollout.refused");
  expect(error?.message).toContain("slot gone:8001, gateway lost");
});
