import { Agent } from "node:http";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { ask, until, world, type World } from "./world.ts";

const opened: World[] = [];
const open = async (options = {}): Promise<World> => {
  const made = await world(options);
  opened.push(made);
  return made;
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

const children = (pidFile: string): string => {
  const pid = readFileSync(pidFile, "utf8").trim();
  return `${pid}: ${readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim()}`;
};

test("installs, proves, observes and switches", async () => {
  const w = await open();
  expect(await w.port.observe(w.gateway, [])).toMatchObject({
    known: true,
    value: { running: true, serving: false, generation: 0, routing: null },
  });
  const first = w.table(1, {});
  expect(await w.port.prepare(w.gateway, first)).toEqual({ kind: "done" });
  expect(await w.port.commit(w.gateway, first)).toEqual({ kind: "done" });
  expect(await w.port.observe(w.gateway, w.slots)).toMatchObject({
    known: true,
    value: { serving: true, generation: 1, routing: first.routing },
  });
  expect((await ask({ port: w.listen })).status).toBe(200);
});
