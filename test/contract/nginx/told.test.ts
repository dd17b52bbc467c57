// Who answered is told to the probe, and to nobody who does not know the pool.
import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { poolDigest } from "../../../src/drivers/nginx/config.ts";
import { hasNginx } from "../../support/nginx.ts";
import type { GatewaySettings } from "../../../src/model/application.ts";
import { ask, until, world, type World } from "./world.ts";

async function serving(settings: Partial<GatewaySettings>): Promise<World> {
  const made = await world({ settings });
  onTestFinished(() => made.close());
  const table = made.table(1, { stable: 1 });
  expect(await made.port.prepare(made.gateway, table)).toMatchObject({ kind: "done" });
  expect(await made.port.commit(made.gateway, table)).toMatchObject({ kind: "done" });
  return made;
}

describe.skipIf(!hasNginx("contract: who answered"))("the slot that answered", () => {
  it("is told to whoever names the digest of the pool, an error's too, and to nobody else", async () => {
    const made = await serving({ key: { by: "auto" } });
    const { listen, application, slots, backends } = made;
    const told = async (headers: Readonly<Record<string, string>>): Promise<unknown> =>
      (await ask({ port: listen, headers })).headers["x-glidepath-slot"];
    const probe = { "X-Glidepath-Probe": poolDigest(application) };
    const address = `127.0.0.1:${slots[1]?.port}`;
    expect(await told(probe)).toBe(address);
    expect(await told({})).toBeUndefined();
    expect(await told({ "X-Glidepath-Probe": "1" })).toBeUndefined();
    await backends[1]?.close();
    const broken = await ask({ port: listen, headers: probe });
    expect(broken.status).toBe(502);
    expect(broken.headers["x-glidepath-slot"]).toContain(address);
  });

  it("of a probe is in no log, whatever its header says", async () => {
    const { listen, application, gateway } = await serving({ key: { by: "auto" } });
    for (const value of [poolDigest(application), "1"]) {
      await ask({ port: listen, headers: { "X-Glidepath-Probe": value } });
    }
    await ask({ port: listen });
    await until(() => readFileSync(gateway.log, "utf8") !== "");
    expect(readFileSync(gateway.log, "utf8").trimEnd().split("\n")).toHaveLength(1);
  });

  it("is told to nobody where no header of ours is added and the file asks for no probe", async () => {
    const { listen, application } = await serving({});
    const { headers } = await ask({
      port: listen,
      headers: { "X-Glidepath-Probe": poolDigest(application) },
    });
    expect(headers["x-glidepath-slot"]).toBeUndefined();
  });
});
