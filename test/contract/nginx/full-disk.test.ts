// What a script on the gateway says when it cannot write.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EXIT, RIGHTS } from "../../../src/drivers/nginx/scripts.ts";
import { troubleOf } from "../../../src/drivers/nginx/trouble.ts";
import type { Gateway } from "../../../src/model/application.ts";
import { canMount, mountSmall, needs, unmount } from "../../support/skip.ts";

const canFill = needs(canMount(), "a gateway's full disk", "no file system can be mounted here");
const GATEWAY = { name: "gate1" } as Gateway;

describe.runIf(canFill)("a gateway's script that could not write", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "glidepath-full-"));
    mountSmall(home, "64k");
  });
  afterEach(() => {
    unmount(home);
    rmSync(home, { recursive: true });
  });
  const fails = () => {
    const script = `home=$1\n${RIGHTS}\nrights "write in $home"`;
    const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", script, "sh", home], { encoding: "utf8" });
    return { kind: "exited", code: status ?? -1, stdout, stderr } as const;
  };

  test("on a full disk says so, and it is not known to be refused: it is tried again", () => {
    spawnSync("/bin/sh", ["-c", 'cat /dev/zero >"$1/full"', "sh", home]);
    const reply = fails();
    expect(reply.code).toBe(EXIT.full);
    expect(troubleOf(GATEWAY, "", reply)).toMatchObject({
      kind: "unknown",
      error: { code: "host.disk", message: `gate1: no room on the disk to write in ${home}` },
    });
  });

  test("control: with room on the disk it lacks the right, which is refused", () => {
    const reply = fails();
    expect(reply.code).toBe(EXIT.rights);
    expect(troubleOf(GATEWAY, "", reply)).toMatchObject({
      kind: "refused",
      error: { code: "gateway.rights" },
    });
  });
});
