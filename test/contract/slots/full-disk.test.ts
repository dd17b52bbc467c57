// What a write to a slot says of a disk that has no room for it.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ReleaseId } from "../../../src/model/ids.ts";
import { canMount, mountSmall, needs, unmount } from "../../support/skip.ts";
import { commandRun, place, stamp, type Place } from "./place.ts";

const canFill = needs(canMount(), "a slot's full disk", "no file system can be mounted here");
const V1 = "v1" as ReleaseId;
const DONE = { kind: "done" };

describe.runIf(canFill)("on a disk without room", () => {
  let here: Place;
  let below: string;
  beforeEach(async () => {
    here = await place(commandRun("sleep 1000"));
    below = join(here.root, "slots");
    mkdirSync(below);
    mountSmall(below, "128k");
  });
  afterEach(async () => {
    // What runs has its log there.
    await here.driver.stop(here.slot, stamp(1000));
    unmount(below);
    await here.close();
  });
  const fill = (): void => {
    spawnSync("/bin/sh", ["-c", 'cat /dev/zero >"$1/full"', "sh", below]);
  };

  test("no write is refused, none is half done, and each is done once there is room", async () => {
    const { driver, slot } = here;
    expect(await driver.switch(slot, V1, stamp(1))).toMatchObject(DONE);
    const writes = [
      ["start", () => driver.start(slot, stamp(2))],
      ["stop", () => driver.stop(slot, stamp(3))],
      ["switch to v2", () => driver.switch(slot, "v2" as ReleaseId, stamp(4))],
    ] as const;
    for (const [, write] of writes) {
      const before = await here.seen();
      fill();
      expect(await write()).toMatchObject({
        kind: "unknown",
        error: { code: "host.disk", message: expect.stringContaining("no room on the disk below") },
      });
      expect(await here.seen()).toEqual(before);
      rmSync(join(below, "full"));
      expect(await write()).toMatchObject(DONE);
    }
    expect(await here.seen()).toMatchObject({ generation: 4, release: "v2", process: "stopped" });
  });
});
