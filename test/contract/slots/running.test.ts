import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { millis } from "../../../src/base/time.ts";
import { type ReleaseId } from "../../../src/model/ids.ts";
import { carrying, commandRun, kill, place, stamp, until, type Place } from "./place.ts";

const V1 = "v1" as ReleaseId;
const V2 = "v2" as ReleaseId;
const DONE = { kind: "done" };
const places: Place[] = [];
afterEach(async () => {
  for (const one of places.splice(0)) await one.close();
});

async function begun(...args: Parameters<typeof place>): Promise<Place> {
  const here = await place(...args);
  places.push(here);
  return here;
}

/** On v1 and started, at generation 2. */
async function running(command: string, more = {}, processes = 1): Promise<Place> {
  const here = await begun(commandRun(command, more));
  expect(await here.driver.switch(here.slot, V1, stamp(1))).toMatchObject(DONE);
  expect(await here.driver.start(here.slot, stamp(2))).toMatchObject(DONE);
  // While a process becomes another program, its environment cannot be read.
  await until(async () => (await here.processes()).length >= processes);
  return here;
}

const says = (here: Place, text: string): Promise<void> =>
  until(async () => (await here.log()).includes(text));

describe("a slot's life", () => {
  test("nothing, then a release that runs, then another, then nothing", async () => {
    const here = await begun(commandRun("sleep 1000"));
    const { driver, slot } = here;
    expect(await here.seen()).toEqual({ generation: 0, release: null, process: "stopped", restarts: 0 });
    expect(await driver.stop(slot, stamp(1))).toMatchObject(DONE);
    expect(await driver.switch(slot, V1, stamp(2))).toMatchObject(DONE);
    expect(await here.seen()).toEqual({
      generation: 2,
      writer: "r1",
      release: "v1",
      process: "stopped",
      restarts: 0,
    });
    expect(await driver.start(slot, stamp(3))).toMatchObject(DONE);
    expect(await here.seen()).toEqual({
      generation: 3,
      writer: "r1",
      release: "v1",
      process: "running",
      restarts: 0,
    });
    expect(await driver.switch(slot, V2, stamp(4))).toMatchObject({
      kind: "refused",
      error: { code: "slot.stop" },
    });
    expect(await driver.stop(slot, stamp(5))).toMatchObject(DONE);
    expect(await here.processes()).toEqual([]);
    expect(await driver.switch(slot, V2, stamp(6))).toMatchObject(DONE);
    expect(await driver.start(slot, stamp(7))).toMatchObject(DONE);
    expect(await here.seen()).toEqual({
      generation: 7,
      writer: "r1",
      release: "v2",
      process: "running",
      restarts: 0,
    });
    expect(await driver.stop(slot, stamp(8))).toMatchObject(DONE);
    expect(await driver.switch(slot, null, stamp(9))).toMatchObject(DONE);
    expect(await here.seen()).toEqual({
      generation: 9,
      writer: "r1",
      release: null,
      process: "stopped",
      restarts: 0,
    });
  });

  test("the same generation of another writer is refused by every verb", async () => {
    const { driver, slot, ...here } = await running("sleep 1000");
    const stranger = stamp(2, "r2");
    const outcomes = [
      await driver.stop(slot, stranger),
      await driver.switch(slot, V2, stranger),
      await driver.start(slot, stranger),
    ];
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ kind: "refused", error: { code: "slot.fenced" } });
    }
    expect(await here.seen()).toMatchObject({ generation: 2, writer: "r1", process: "running" });
    expect(await driver.stop(slot, stamp(3, "r2"))).toMatchObject(DONE);
    expect(await here.seen()).toMatchObject({ generation: 3, writer: "r2", process: "stopped" });
  });

  test("a write says how the slot stands after it, as a look then finds it", async () => {
    const { driver, slot, ...here } = await running("sleep 1000");
    const writes = [
      () => driver.stop(slot, stamp(3)),
      () => driver.switch(slot, V2, stamp(4)),
      () => driver.start(slot, stamp(5)),
    ];
    for (const write of writes) {
      const outcome = await write();
      expect(outcome).toEqual({ ...DONE, slot: await here.seen() });
    }
  });

  test("every verb can be repeated", async () => {
    const here = await running("sleep 1000");
    const [first] = await here.processes();
    expect(await here.driver.start(here.slot, stamp(2))).toMatchObject(DONE);
    expect(await here.processes()).toEqual([first]);
    for (const _ of [1, 2]) expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    for (const _ of [1, 2]) expect(await here.driver.switch(here.slot, V2, stamp(4))).toMatchObject(DONE);
    for (const _ of [1, 2]) expect(await here.driver.switch(here.slot, null, stamp(5))).toMatchObject(DONE);
  });

  test("an older generation is refused by every verb, and changes nothing", async () => {
    const here = await running("sleep 1000");
    const before = await here.processes();
    const { driver, slot } = here;
    const late = [
      await driver.stop(slot, stamp(1)),
      await driver.switch(slot, V2, stamp(1)),
      await driver.switch(slot, null, stamp(1)),
      await driver.start(slot, stamp(1)),
    ];
    for (const outcome of late)
      expect(outcome).toMatchObject({ kind: "refused", error: { code: "slot.fenced" } });
    expect(await here.processes()).toEqual(before);
    expect(await here.seen()).toMatchObject({ generation: 2, release: "v1", process: "running" });
  });

  test("a release that is not there is refused, and so is a start of nothing", async () => {
    const here = await begun(commandRun("sleep 1000"));
    expect(await here.driver.switch(here.slot, "v9" as ReleaseId, stamp(1))).toMatchObject({
      kind: "refused",
      error: { code: "release.unknown" },
    });
    expect(await here.driver.start(here.slot, stamp(2))).toMatchObject({
      kind: "refused",
      error: { code: "slot.start" },
    });
    expect((await here.seen()).process).toBe("stopped");
  });
});

describe("the application", () => {
  test("gets its values and the user's, and stands in its own release", async () => {
    const hostile = `it's "$(id)" \\ ü\nsecond line`;
    const command = `./show {port} {release} {host} "{dir}" {dir}`;
    const here = await begun(commandRun(command, { env: { ODD: hostile, PORT: "1", log: "a", state: "b" } }));
    const line = `printf '%s|' "$@" "$PORT" "$ODD" "$log$state" "$GLIDEPATH_APP" "$(pwd -P)"`;
    const show = `#!/bin/sh\n${line}\necho\nexec sleep 1000\n`;
    await writeFile(join(here.root, "releases/v1/show"), show, { mode: 0o755 });
    await here.driver.switch(here.slot, V1, stamp(1));
    await here.driver.start(here.slot, stamp(2));
    const { port } = here.slot;
    const dir = `${here.root}/releases/v1`;
    const expected = [port, "v1", "web1", dir, dir, port, hostile, "ab", "shop", dir].map(
      (value) => `${value}|`,
    );
    await says(here, `${expected.join("")}\n`);
    expect(await here.driver.logTail(here.slot, 1)).toBe(`second line|ab|shop|${dir}|\n`);
  });

  test.runIf(userInfo().uid === 0)("runs as its user", async () => {
    const command = `sh -c 'id -un; echo "$HOME"; exec sleep 1000'`;
    const here = await running(command, { user: "nobody" });
    await says(here, "/nonexistent");
    expect(await here.log()).toMatch(/nobody\n\/nonexistent\n$/);
  });

  test("the tail of its log begins where it was last started", async () => {
    const here = await running(`sh -c 'echo "I am $$"; exec sleep 1000'`);
    await says(here, "I am");
    const first = await here.driver.logTail(here.slot, 100);
    await here.driver.stop(here.slot, stamp(10));
    await here.driver.start(here.slot, stamp(11));
    await until(async () => {
      const tail = await here.driver.logTail(here.slot, 100);
      return tail !== first && /^I am \d+\n$/.test(tail);
    });
    expect(await here.log()).toContain("--- glidepath: v1 starts, generation 11 ---");
  });

  test("an unknown user is refused", async () => {
    const here = await begun(commandRun("sleep 1000", { user: "no-such-user" }));
    await here.driver.switch(here.slot, V1, stamp(1));
    expect(await here.driver.start(here.slot, stamp(2))).toMatchObject({
      kind: "refused",
      error: { code: "host.rights", details: expect.stringContaining("no-such-user") },
    });
    expect(await here.seen()).toMatchObject({ release: "v1", process: "stopped" });
  });

  test("does not inherit ignored signals", async () => {
    const here = await running(`sh -c 'grep SigIgn /proc/self/status; exec sleep 1000'`);
    await says(here, "SigIgn");
    expect(await here.log()).toMatch(/SigIgn:\s+0+\n/);
  });

  test("that crashes is started again, later and later, and the restarts are counted", async () => {
    const here = await running(`sh -c 'echo up; exit 3'`, {}, 0);
    await until(async () => (await here.seen()).restarts >= 3);
    const log = await here.log();
    expect(log).toContain("ended with 3; it is started again after 0.1 s");
    expect(log).toContain("ended with 3; it is started again after 0.2 s");
    expect(log).toContain("ended with 3; it is started again after 0.4 s");
    expect((await here.seen()).process).toBe("running");
    expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    expect((await here.seen()).process).toBe("stopped");
  });

  test("whose program is missing says so in the log", async () => {
    const here = await running("no-such-interpreter server.js", {}, 0);
    await says(here, "is started again");
    expect(await here.log()).toContain("no-such-interpreter: not found");
  });

  test("has a log that is rotated, with three kept", async () => {
    const here = await running(
      `sh -c 'while :; do echo 0123456789012345678901234567890123456789; sleep 0.0005; done'`,
    );
    const log = join(here.root, "slots", `.${here.slot.port}`, "log");
    await until(() => existsSync(`${log}.3`));
    await here.driver.stop(here.slot, stamp(3));
    expect((await readFile(`${log}.1`, "utf8")).slice(-41)).toBe(
      "0123456789012345678901234567890123456789\n",
    );
    await expect(stat(`${log}.4`)).rejects.toThrow("ENOENT");
  });
});

describe("a stop", () => {
  test("asks the application politely, with the signal it wants", async () => {
    const script = `trap "echo bye; exit 0" INT; echo ready; while :; do sleep 0.05; done`;
    const here = await running(`sh -c '${script}'`, { stop: { signal: "SIGINT", timeout: millis(60_000) } });
    await says(here, "ready");
    expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    expect(await here.log()).toContain("bye");
    expect(await here.processes()).toEqual([]);
  });

  test("reaches a program behind a shell", async () => {
    const script = `process.on("SIGTERM", () => { console.log("bye"); process.exit(0); });
      setInterval(() => {}, 1000);
      console.log("ready");`;
    const here = await begun(
      commandRun(`cd . && "${process.execPath}" app.js && true`, {
        stop: { signal: "SIGTERM", timeout: millis(60_000) },
      }),
    );
    await writeFile(join(here.root, "releases/v1/app.js"), script);
    await here.driver.switch(here.slot, V1, stamp(1));
    await here.driver.start(here.slot, stamp(2));
    await says(here, "ready");
    expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    expect(await here.log()).toContain("bye");
  });

  test("kills what ignores it, after the time", async () => {
    const here = await running(`sh -c 'trap "" TERM; echo ready; while :; do sleep 0.05; done'`, {
      stop: { signal: "SIGTERM", timeout: millis(300) },
    });
    await says(here, "ready");
    expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    expect(await here.processes()).toEqual([]);
    expect((await here.seen()).process).toBe("stopped");
  });

  test("leaves no orphan, however it hid", async () => {
    const hidden = `setsid sh -c "trap \\"\\" TERM HUP; sh -c \\"sleep 1000\\" & setsid -f sleep 1001"`;
    const here = await running(`sh -c '${hidden} & sleep 1002 & echo ready; wait'`, {
      stop: { signal: "SIGTERM", timeout: millis(300) },
    });
    await until(async () => (await here.processes()).length >= 4);
    expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    expect(await here.processes()).toEqual([]);
  });

  test("also ends those of the session that overwrote their environment", async () => {
    const here = await running(`sh -c 'env -i sleep 1003 & echo "child $!"; wait'`);
    await says(here, "child ");
    const child = Number(/child (\d+)/.exec(await here.log())?.[1]);
    // In between it is still `env`, which has overwritten its environment already.
    await until(async () => (await readFile(`/proc/${child}/stat`, "utf8")).includes("(sleep)"));
    expect(await here.processes()).not.toContain(child);
    expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    expect(
      (await readFile(`/proc/${child}/stat`, "utf8").catch(() => "gone")).replace(/.*\) (\w) .*/s, "$1"),
    ).toMatch(/^(gone|Z)/);
  });

  test("spares a process whose marker is nearly the same", async () => {
    const here = await running("sleep 1000");
    const marker = `GLIDEPATH_SLOT=shop/${here.slot.key}@${here.root}`;
    const near = [`${marker}1`, `X${marker}`, marker.slice(0, -1)].map((pair) =>
      spawn("sleep", ["1000"], {
        env: { [pair.slice(0, pair.indexOf("="))]: pair.slice(pair.indexOf("=") + 1) },
      }),
    );
    await here.driver.stop(here.slot, stamp(3));
    expect(near.map(({ exitCode, signalCode }) => exitCode ?? signalCode)).toEqual([null, null, null]);
    for (const child of near) {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }
  });
});

describe("a dead supervisor", () => {
  const supervisor = async (here: Place): Promise<number> => {
    const pids = await carrying(`GLIDEPATH_SUPERVISOR=shop/${here.slot.key}@${here.root}`);
    return Math.min(...pids);
  };

  test("leaves the application running, seen, and stoppable", async () => {
    const here = await running("sleep 1000");
    const before = await here.processes();
    for (const pid of await carrying(`GLIDEPATH_SUPERVISOR=shop/${here.slot.key}@${here.root}`)) kill(pid);
    await until(async () => !Number.isFinite(await supervisor(here)));
    expect(await here.processes()).toEqual(before);
    expect((await here.seen()).process).toBe("running");
    expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    expect((await here.seen()).process).toBe("stopped");
    expect(await here.processes()).toEqual([]);
  });

  test("is replaced by a start, which takes the old application away", async () => {
    const here = await running("sleep 1000");
    const before = await here.processes();
    kill(await supervisor(here));
    await until(async () => !Number.isFinite(await supervisor(here)));
    expect(await here.driver.start(here.slot, stamp(3))).toMatchObject(DONE);
    await until(async () => (await here.processes()).length >= 1);
    const after = await here.processes();
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
  });

  test("with a dead application is a stopped slot, whatever was intended", async () => {
    const here = await running("sleep 1000");
    kill(await supervisor(here));
    for (const pid of await here.processes()) kill(pid);
    await until(async () => (await here.seen()).process === "stopped");
    expect((await here.seen()).process).toBe("stopped");
  });
});

describe("a port", () => {
  test("taken by a stranger is refused, and the stranger is named", async () => {
    const here = await begun(commandRun("sleep 1000"));
    await here.driver.switch(here.slot, V1, stamp(1));
    const stranger = createServer();
    await new Promise<void>((done) => stranger.listen(here.slot.port, "127.0.0.1", done));
    const outcome = await here.driver.start(here.slot, stamp(2));
    await new Promise((done) => stranger.close(done));
    expect(outcome).toMatchObject({
      kind: "refused",
      error: { code: "slot.port-taken", message: expect.stringContaining(`process ${process.pid}: `) },
    });
    expect(await here.processes()).toEqual([]);
    expect(await here.driver.start(here.slot, stamp(2))).toMatchObject(DONE);
  });

  test("at another address is nobody's business here", async () => {
    const here = await begun(commandRun("sleep 1000"));
    await here.driver.switch(here.slot, V1, stamp(1));
    const other = createServer();
    await new Promise<void>((done) => other.listen(here.slot.port, "127.0.0.9", done));
    const outcome = await here.driver.start(here.slot, stamp(2));
    await new Promise((done) => other.close(done));
    expect(outcome).toMatchObject(DONE);
  });
});

test("a directory that cannot be written is refused with what the host said", async () => {
  const here = await begun(commandRun("sleep 1000"));
  await writeFile(join(here.root, "slots"), "in the way");
  expect(await here.driver.switch(here.slot, V1, stamp(1))).toMatchObject({
    kind: "refused",
    error: { code: "host.rights", details: expect.stringContaining("slots") },
  });
  expect(dirname(here.slot.dir)).toBe(join(here.root, "slots"));
  await mkdir(join(here.root, "unused"));
});
