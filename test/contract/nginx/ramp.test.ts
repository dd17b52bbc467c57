// A slot that has joined takes its part of the traffic by and by: by buckets, through a real nginx.
import { expect, test } from "vitest";
import { bucketOfUser } from "../../../src/drivers/nginx/bucket.ts";
import { placeOf } from "../../../src/drivers/nginx/explain.ts";
import { NOTHING_ASKED } from "../../../src/model/asked.ts";
import type { Routing, RoutingTable } from "../../../src/model/routing.ts";
import { basisPoints } from "../../../src/model/share.ts";
import { crowd } from "../../support/crowd.ts";
import { fleet, type Fleet } from "./fleet.ts";

const USERS = Array.from({ length: 2000 }, (_, u) => `user-${u}@example.com`);

async function switchTo({ port, gateways }: Fleet, table: RoutingTable): Promise<void> {
  for (const gateway of gateways) {
    expect(await port.prepare(gateway, table)).toEqual({ kind: "done" });
    expect(await port.commit(gateway, table)).toEqual({ kind: "done" });
    expect(await port.observe(gateway, [])).toMatchObject({ value: { routing: table.routing } });
  }
}

/** The place in the pool of the slot that answered each user. */
async function placesOf({ gateways, ports }: Fleet): Promise<readonly number[]> {
  const visits = USERS.map((user) => ({ lines: [`X-User: ${user}`] }));
  const heard = await crowd({ port: gateways[0]?.listens ?? 0, visits });
  expect(heard.filter(({ status }) => status !== 200)).toEqual([]);
  return heard.map(({ body }) => ports.indexOf(Number(body)));
}

test("users reach a slot that ramps by their buckets, and none of them changes roles", async () => {
  const f = await fleet({ hosts: 1, slots: 4, gateways: 1 });
  try {
    const base = f.table(1, 2, 5000);
    const joined = base.routing.canary.slice(1);
    const buckets = USERS.map((user) => bucketOfUser(f.application.name, user));
    for (const [i, part] of [0, 1000, 5050, 10_000].entries()) {
      const ramp = { newcomers: joined, part: basisPoints(part) };
      const routing: Routing = part === 10_000 ? base.routing : { ...base.routing, ramp };
      await switchTo(f, { ...base, generation: (i + 1) as RoutingTable["generation"], routing });
      const places = await placesOf(f);
      const roles = USERS.map((user) => {
        const place = placeOf(f.application, routing, { ...NOTHING_ASKED, user });
        return place.ok ? place.value.role : place.error.code;
      });
      expect(places.map((place) => (place < 2 ? "canary" : "stable"))).toEqual(roles);
      const reached = buckets.filter((_, u) => places[u] === 1);
      // Round robin: about every other one of those that may reach it does.
      const may = buckets.filter((bucket) => bucket < (5000 * part) / 10_000).length;
      expect(reached.filter((bucket) => bucket >= (5000 * part) / 10_000)).toEqual([]);
      expect(reached.length).toBeGreaterThanOrEqual(Math.floor(may * 0.4));
      expect(reached.length).toBeLessThanOrEqual(Math.ceil(may * 0.6));
    }
  } finally {
    await f.close();
  }
});
