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

describe.runIf(canLab("faults during a release"))("on six hosts, two of them gateways", () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world?.close());

  test.each([
    [
      "a gateway's nginx is killed while the share is shifted",
      "nginx-shifting",
      ["completed", "rolled-back"],
    ],
    ["a host that is being updated loses its power", "power-updating", ["completed", "rolled-back"]],
    ["a host stays dead and is left out", "dead-gate2-exclude", ["completed"]],
  ])("%s: nobody else notices, and all slots end the same", async (_, name, outcomes) => {
    const { outcome, coherent, others, reason } = await runCell(world, cell(name));
    expect({ others, coherent, reason }).toEqual({ others: [], coherent: true, reason });
    expect(outcomes).toContain(outcome);
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
