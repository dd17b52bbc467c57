import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { type ReleaseId } from "../../../src/model/ids.ts";
import { EXAMINE } from "../../../src/drivers/slots/script/examine.ts";
import { OBSERVE, TAIL, TAIL_JOURNAL } from "../../../src/drivers/slots/script/observe.ts";
import { START_UNIT } from "../../../src/drivers/slots/script/start-unit.ts";
import { START_COMMAND, START_OWN, START_STATIC } from "../../../src/drivers/slots/script/start.ts";
import { STOP_PROCESS, STOP_OWN, STOP_STATIC } from "../../../src/drivers/slots/script/stop.ts";
import { SUPERVISOR } from "../../../src/drivers/slots/script/supervisor.ts";
import { SWITCH } from "../../../src/drivers/slots/script/switch.ts";
import { commandRun, place, stamp, until, type Place } from "./place.ts";

const places: Place[] = [];
afterEach(async () => {
  for (const one of places.splice(0)) await one.close();
});

test("an application outlives the controller that started it, its group and its terminal", async () => {
  const here = await place(commandRun("sleep 1000"));
  places.push(here);
  await here.driver.switch(here.slot, "v1" as ReleaseId, stamp(1));
  const controller = spawn(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      fileURLToPath(new URL("./controller.ts", import.meta.url)),
      JSON.stringify(here.application),
    ],
    { detached: true, stdio: ["ignore", "pipe", "inherit"] },
  );
  const [said] = (await once(controller.stdout, "data")) as [Buffer];
  expect(said.toString()).toBe("done\n");
  await until(async () => (await here.processes()).length === 1);
  const before = await here.processes();
  const exited = once(controller, "exit");
  for (const signal of ["SIGHUP", "SIGKILL"] as const) {
    try {
      process.kill(-controller.pid!, signal);
    } catch {
      // The first signal was enough.
    }
  }
  await exited;
  expect(await here.processes()).toEqual(before);
  expect(await here.seen()).toMatchObject({ process: "running", generation: 2 });
  // Still supervised: what dies is started again.
  for (const pid of before) process.kill(pid, "SIGKILL");
  await until(async () => (await here.seen()).restarts === 1);
  await until(async () => (await here.processes()).length === 1);
  expect(await here.processes()).not.toEqual(before);
});

test("the user's values are nobody else's to read, also after a start that was cut", async () => {
  const here = await place(commandRun("sleep 1000"));
  places.push(here);
  await here.driver.switch(here.slot, "v1" as ReleaseId, stamp(1));
  const state = join(here.root, `slots/.${here.slot.port}`);
  await writeFile(join(state, ".new/launch"), "", { mode: 0o644 });
  expect(await here.driver.start(here.slot, stamp(2))).toMatchObject({ kind: "done" });
  expect((await stat(join(state, "launch"))).mode & 0o077).toBe(0);
  expect((await stat(join(state, "intent"))).mode & 0o044).toBe(0o044);
});

const SCRIPTS = Object.entries({
  EXAMINE,
  OBSERVE,
  START_COMMAND,
  START_OWN,
  START_STATIC,
  START_UNIT,
  STOP_PROCESS,
  STOP_OWN,
  STOP_STATIC,
  SUPERVISOR,
  SWITCH,
  TAIL,
  TAIL_JOURNAL,
});

test.each(SCRIPTS)("%s is a script that a POSIX shell understands", async (name, text) => {
  const here = await place(commandRun("true"));
  places.push(here);
  const file = join(here.root, `${name}.sh`);
  await writeFile(file, text);
  expect(execFileSync("/bin/sh", ["-n", file], { encoding: "utf8" })).toBe("");
});
