import { existsSync, statSync } from "node:fs";
import { lstat, mkdir, mkdtemp, readFile, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { millis, seconds } from "../../../src/base/time.ts";
import type { OwnCommandsRun, StaticRun } from "../../../src/model/application.ts";
import { ADOPTED, type ReleaseId } from "../../../src/model/ids.ts";
import { commandRun, place, stamp, until, type Place } from "./place.ts";

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

/** A place on another file system than the temporary directory, where there is one. */
const OTHER_DISK =
  existsSync("/dev/shm") && statSync("/dev/shm").dev !== statSync(tmpdir()).dev ? "/dev/shm" : null;

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

describe("a directory that was there before Glidepath", () => {
  async function adopted(): Promise<Place> {
    const here = await begun(commandRun("sleep 1000"), (root) => join(root, "www root", "app'1"));
    await mkdir(here.slot.dir, { recursive: true });
    await writeFile(join(here.slot.dir, "precious"), "data");
    return here;
  }
  const precious = (here: Place): Promise<string> => readFile(join(here.slot.dir, "precious"), "utf8");

  test("is a release called adopted; the first switch keeps it, and the way back restores it", async () => {
    const here = await adopted();
    expect((await here.seen()).release).toBe(ADOPTED);
    expect(await here.driver.switch(here.slot, V1, stamp(1))).toMatchObject(DONE);
    expect((await here.seen()).release).toBe("v1");
    expect(await readFile(join(here.slot.dir, "name"), "utf8")).toBe("v1");
    const kept = join(here.root, "releases", `adopted@${here.slot.port}`);
    expect(await readFile(join(kept, "precious"), "utf8")).toBe("data");
    expect(await here.driver.switch(here.slot, ADOPTED, stamp(2))).toMatchObject(DONE);
    expect(await here.seen()).toMatchObject({ release: ADOPTED, generation: 2 });
    expect(await precious(here)).toBe("data");
    expect(await here.driver.start(here.slot, stamp(3))).toMatchObject(DONE);
    expect(await here.driver.stop(here.slot, stamp(4))).toMatchObject(DONE);
    expect(await here.driver.switch(here.slot, V2, stamp(5))).toMatchObject(DONE);
    expect(await readFile(join(kept, "precious"), "utf8")).toBe("data");
  });

  test("stays where it is when adopted is what is wanted, and runs there", async () => {
    const here = await adopted();
    expect(await here.driver.switch(here.slot, ADOPTED, stamp(1))).toMatchObject(DONE);
    expect((await lstat(here.slot.dir)).isDirectory()).toBe(true);
    expect(await here.driver.start(here.slot, stamp(2))).toMatchObject(DONE);
    expect(await here.seen()).toMatchObject({ release: ADOPTED, process: "running" });
  });

  test("is not lost when a switch was cut between its two renames", async () => {
    const here = await adopted();
    await rename(here.slot.dir, join(here.root, "releases", `adopted@${here.slot.port}`));
    expect((await here.seen()).release).toBeNull();
    expect(await here.driver.switch(here.slot, V1, stamp(1))).toMatchObject(DONE);
    expect(await here.driver.switch(here.slot, ADOPTED, stamp(2))).toMatchObject(DONE);
    expect(await precious(here)).toBe("data");
  });

  test("that somebody put there again is kept beside the first", async () => {
    const here = await adopted();
    await here.driver.switch(here.slot, V1, stamp(1));
    await rm(here.slot.dir);
    await mkdir(here.slot.dir);
    await writeFile(join(here.slot.dir, "precious"), "other data");
    expect(await here.driver.switch(here.slot, V2, stamp(2))).toMatchObject(DONE);
    const kept = join(here.root, "releases", `adopted@${here.slot.port}`);
    expect(await readFile(join(kept, "precious"), "utf8")).toBe("other data");
    expect(await readFile(join(`${kept}.1`, "precious"), "utf8")).toBe("data");
  });

  test.runIf(OTHER_DISK !== null)(
    "is copied whole from another file system, and the original stays",
    async () => {
      const other = await mkdtemp(join(OTHER_DISK ?? "", "gp other "));
      const here = await begun(commandRun("sleep 1000"), () => join(other, "app1"));
      await mkdir(here.slot.dir);
      await writeFile(join(here.slot.dir, "precious"), "data");
      expect(await here.driver.switch(here.slot, V1, stamp(1))).toMatchObject(DONE);
      expect(await readFile(join(here.slot.dir, "name"), "utf8")).toBe("v1");
      expect(await readFile(join(`${here.slot.dir}.before-glidepath`, "precious"), "utf8")).toBe("data");
      expect(await here.driver.switch(here.slot, ADOPTED, stamp(2))).toMatchObject(DONE);
      expect(await precious(here)).toBe("data");
      await rm(other, { recursive: true });
    },
  );

  test("may be a link of the user's own", async () => {
    const here = await adopted();
    const real = `${here.slot.dir} real`;
    await rename(here.slot.dir, real);
    await symlink(real, here.slot.dir);
    expect((await here.seen()).release).toBe(ADOPTED);
    await here.driver.switch(here.slot, V1, stamp(1));
    await here.driver.switch(here.slot, ADOPTED, stamp(2));
    expect(await precious(here)).toBe("data");
    expect(await readFile(join(real, "precious"), "utf8")).toBe("data");
  });

  test("is nothing when it is empty, and a file in its place is refused", async () => {
    const here = await adopted();
    await rm(here.slot.dir, { recursive: true });
    await mkdir(here.slot.dir);
    expect((await here.seen()).release).toBeNull();
    expect(await here.driver.switch(here.slot, V1, stamp(1))).toMatchObject(DONE);
    expect(await readlink(here.slot.dir)).toBe(join(here.root, "releases", "v1"));
    await rm(here.slot.dir);
    await writeFile(here.slot.dir, "a file");
    expect(await here.driver.switch(here.slot, V1, stamp(2))).toMatchObject({ kind: "refused" });
    expect(await readFile(here.slot.dir, "utf8")).toBe("a file");
  });
});

const CTL = `#!/bin/sh
case $1 in
  start) sleep 1000 >/dev/null 2>&1 & echo $! >pid; echo "started for $2 on $PORT" ;;
  stop) kill "$(cat pid)"; rm pid ;;
  status) [ -f pid ] && grep -qv ' Z ' "/proc/$(cat pid)/stat" ;;
  foreground) echo $$ >pid; exec sleep 1000 ;;
  broken) echo "no luck"; exit 7 ;;
esac
`;
const OWN: OwnCommandsRun = {
  kind: "own",
  env: {},
  user: null,
  start: "./ctl start {release}",
  stopCommand: "./ctl stop",
  status: "./ctl status",
  stop: { signal: "SIGTERM", timeout: seconds(10) },
};

describe("own commands", () => {
  async function own(run: Partial<OwnCommandsRun> = {}): Promise<Place> {
    const here = await begun({ ...OWN, ...run });
    await writeFile(join(here.root, "releases/v1/ctl"), CTL, { mode: 0o755 });
    expect(await here.driver.switch(here.slot, V1, stamp(1))).toMatchObject(DONE);
    expect((await here.seen()).process).toBe("stopped");
    return here;
  }

  test("start, tell and stop the application", async () => {
    const here = await own();
    for (const _ of [1, 2]) expect(await here.driver.start(here.slot, stamp(2))).toMatchObject(DONE);
    expect(await here.seen()).toEqual({
      generation: 2,
      writer: "r1",
      release: "v1",
      process: "running",
      restarts: 0,
    });
    expect(await here.log()).toBe(`started for v1 on ${here.slot.port}\n`);
    for (const _ of [1, 2]) expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    expect((await here.seen()).process).toBe("stopped");
    expect(await here.processes()).toEqual([]);
    expect(await here.driver.start(here.slot, stamp(2))).toMatchObject({
      error: { code: "slot.fenced" },
    });
  });

  test("a start that stays in the foreground does not hold us", async () => {
    const here = await own({ start: "./ctl foreground" });
    expect(await here.driver.start(here.slot, stamp(2))).toMatchObject(DONE);
    expect((await here.seen()).process).toBe("running");
    expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    await until(async () => (await here.processes()).length === 0);
    expect((await here.seen()).process).toBe("stopped");
  });

  test("a start that fails says how, in its own words", async () => {
    const here = await own({ start: "./ctl broken" });
    expect(await here.driver.start(here.slot, stamp(2))).toMatchObject({
      kind: "refused",
      error: { code: "slot.start", message: expect.stringContaining("exit code 7"), details: "no luck" },
    });
  });

  test("a stop that does nothing is followed by a kill", async () => {
    const here = await own({ stopCommand: "true", stop: { signal: "SIGTERM", timeout: millis(400) } });
    await here.driver.start(here.slot, stamp(2));
    expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    expect(await here.processes()).toEqual([]);
  });

  test("a status that never says no is no stopped slot", async () => {
    const here = await own({ status: "true", stop: { signal: "SIGTERM", timeout: millis(300) } }).catch(
      () => null,
    );
    expect(here).toBeNull();
    const [place] = places;
    expect(await place?.driver.stop(place.slot, stamp(2))).toMatchObject({
      kind: "unknown",
      error: { code: "slot.stop" },
    });
  });
});

describe("only files", () => {
  const STATIC: StaticRun = { kind: "static", env: { WORD: "it's" }, user: null, reload: null };

  test("run while they are switched on", async () => {
    const here = await begun({ ...STATIC, reload: 'echo "$WORD {release}" >>../../reloads' });
    expect((await here.seen()).process).toBe("stopped");
    await here.driver.switch(here.slot, V1, stamp(1));
    expect((await here.seen()).process).toBe("stopped");
    expect(await here.driver.start(here.slot, stamp(2))).toMatchObject(DONE);
    expect(await here.seen()).toMatchObject({ process: "running", release: "v1" });
    expect(await readFile(join(here.root, "reloads"), "utf8")).toBe("it's v1\n");
    expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    expect((await here.seen()).process).toBe("stopped");
  });

  test("that were served before Glidepath came are running", async () => {
    const here = await begun(STATIC);
    await mkdir(here.slot.dir, { recursive: true });
    await writeFile(join(here.slot.dir, "index.html"), "hello");
    expect(await here.seen()).toMatchObject({ generation: 0, release: ADOPTED, process: "running" });
  });

  test("a reload that fails says how", async () => {
    const here = await begun({ ...STATIC, reload: "echo broken >&2; exit 9" });
    await here.driver.switch(here.slot, V1, stamp(1));
    expect(await here.driver.start(here.slot, stamp(2))).toMatchObject({
      kind: "refused",
      error: {
        code: "slot.start",
        message: `slot ${here.slot.key}: run.reload failed with exit code 9`,
        details: "broken",
      },
    });
    expect(await exists(join(here.root, "reloads"))).toBe(false);
    expect((await here.seen()).process).toBe("stopped");
  });

  test("are not there before the reload is over", async () => {
    const wait = "touch ../../begun; while [ ! -e ../../go ]; do sleep 0.02; done";
    const here = await begun({ ...STATIC, reload: wait });
    await here.driver.switch(here.slot, V1, stamp(1));
    const starting = here.driver.start(here.slot, stamp(2));
    await until(() => exists(join(here.root, "begun")));
    expect(await here.seen()).toMatchObject({ generation: 2, process: "stopped", release: "v1" });
    await writeFile(join(here.root, "go"), "");
    expect(await starting).toMatchObject(DONE);
    expect((await here.seen()).process).toBe("running");
  });
});
