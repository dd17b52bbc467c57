// The most telling cells of docs/faults.md. The whole table takes half an hour: see the README.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canLab } from "../support/lab/lab.ts";
import { CELLS, type Cell, GATEWAYS } from "./faults/cells.ts";
import { runCell } from "./faults/run-cell.ts";
import { openWorld, unrest, type World } from "./faults/world.ts";

const cell = (name: string): Cell => {
  const found = CELLS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no cell ${name}`);
  return found;
};

const ITS_CONFIG = "cat /etc/nginx/conf.d/shop.conf; readlink /srv/gateway/shop/*/cur";
const TAKE_PORT = `systemd-run --quiet --unit=taker node -e 'require("net").createServer().listen(8090)'
until ss -Hltn | grep -q :8090; do sleep 0.1; done`;

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

  test("one gateway refuses the new config: the other is as before, byte for byte", async () => {
    const asIs = (): Promise<readonly string[]> =>
      Promise.all([
        ...GATEWAYS.map((name) => world.lab.host(name).must(ITS_CONFIG)),
        world.inSlots().then(String),
      ]);
    const before = await asIs();
    await world.lab.host("gate2").must(TAKE_PORT);
    world.configure({ listen: [80, 8090] });
    const { code, stderr } = await world.glidepath("release", await world.pack());
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringMatching(/gate2[^]*8090/) });
    expect(await asIs()).toEqual(before);
    world.configure();
    await world.lab.host("gate2").must("systemctl stop taker");
    expect((await world.glidepath("release", await world.pack())).code).toBe(0);
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
