// The most telling cells of docs/faults.md. The whole table takes half an hour: see the README.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canLab } from "../support/lab/lab.ts";
import { CELLS, type Cell } from "./faults/cells.ts";
import { runCell } from "./faults/run-cell.ts";
import { openWorld, unrest, type World } from "./faults/world.ts";

const cell = (name: string): Cell => {
  const found = CELLS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no cell ${name}`);
  return found;
};

/** Each is a whole release, and more. */
const LONG = { timeout: 240_000 };

describe.runIf(canLab("faults during a release"))("on six hosts, two of them gateways", LONG, () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world?.close());

  test.each([
    ["a gateway's nginx is killed while the share is shifted", "nginx-shifting"],
    ["a gateway is cut off while the share is shifted", "network-shifting"],
    ["a host that is being updated loses its power", "power-updating"],
    ["a gateway's host stays dead, is left out, and is taken in again", "dead-gate2-exclude"],
  ])("%s: nobody else notices, and all slots end the same", async (_, name) => {
    const { outcome, coherent, others, afterwards, reloaded } = await runCell(world, cell(name));
    expect({ outcome, others, coherent }).toEqual({ outcome: "completed", others: [], coherent: true });
    expect(afterwards).not.toMatch(/exit [1-9]/);
    // Only a pool without the lost host needs one.
    expect(reloaded).toEqual(cell(name).policy === null ? [] : ["gate1"]);
    expect(await unrest(world)).toBeNull();
  });

  test("control: a fault that nobody owns up to is seen", async () => {
    const { others } = await runCell(world, cell("nginx-baking"), async ({ lab }) => {
      const other = lab.host("gate1");
      await other.killNginx();
      await other.must("systemctl reset-failed nginx; sleep 1; systemctl start nginx");
    });
    expect(others.length).toBeGreaterThan(0);
  });
});
