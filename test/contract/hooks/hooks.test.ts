import { mkdtemp, mkdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { instant } from "../../../src/base/time.ts";
import { hooks } from "../../../src/drivers/hooks/hooks.ts";
import type { Application, Hooks } from "../../../src/model/application.ts";
import type { AppName, ReleaseId, RolloutId, SlotKey } from "../../../src/model/ids.ts";
import type { HookRun } from "../../../src/model/rollout.ts";
import { basisPoints } from "../../../src/model/share.ts";
import type { HookContext } from "../../../src/ports/probe.ts";
import { until } from "../../support/until.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "gp hook's "));
  await mkdir(join(root, "here"));
});
afterAll(() => rm(root, { recursive: true }));

const port = (given: Hooks) =>
  hooks({
    application: {
      directory: join(root, "here"),
      state: join(root, "state"),
      hooks: given,
    } as unknown as Application,
  });

let rollouts = 0;
const context = (run: Partial<HookRun> & Pick<HookRun, "name">, id = (rollouts += 1)): HookContext => ({
  app: "shop" as AppName,
  rollout: `r${id}` as RolloutId,
  release: "v2" as ReleaseId,
  from: "v1" as ReleaseId,
  run: { state: "running", since: instant(Date.now()), attempt: 1, ...run },
  reason: "5xx",
});
const sought = (given: HookContext): HookContext => ({ ...given, run: { ...given.run, state: "sought" } });
const heard = (file: string) => readFile(join(root, "here", file), "utf8").catch(() => "");

describe("a hook", () => {
  test("that is not there is done", async () => {
    expect(await port({}).run(context({ name: "beforeRelease" }))).toEqual({ kind: "done" });
  });

  test("knows the rollout; both its outputs are the note", async () => {
    const names = 'echo "$GLIDEPATH_APP $GLIDEPATH_FROM {release} $GLIDEPATH_HOOK"';
    const onAbort = `${names}; echo "$GLIDEPATH_REASON" >&2`;
    expect(await port({ onAbort }).run(context({ name: "onAbort" }))).toEqual({
      kind: "done",
      note: "shop v1 v2 onAbort\n5xx",
    });
  });

  test("knows the slot, or the share, that it is about", async () => {
    const beforeSlot = 'echo "$GLIDEPATH_HOST $GLIDEPATH_PORT [$GLIDEPATH_SHARE]"';
    const afterShift = 'echo "[$GLIDEPATH_HOST] $GLIDEPATH_SHARE"';
    const both = port({ beforeSlot, afterShift });
    const slot = "web1:8001" as SlotKey;
    const share = basisPoints(25);
    expect(await both.run(context({ name: "beforeSlot", slot }))).toMatchObject({ note: "web1 8001 []" });
    expect(await both.run(context({ name: "afterShift", share }))).toMatchObject({ note: "[] 0.25%" });
  });

  test("that fails is refused with its words", async () => {
    const beforeRelease = "echo no such table >&2; exit 2";
    expect(await port({ beforeRelease }).run(context({ name: "beforeRelease" }))).toEqual({
      kind: "refused",
      error: {
        code: "hook.failed",
        message: "hooks.beforeRelease: `echo no such table >&2; exit 2` failed: exit code 2",
        details: "no such table",
      },
    });
  });

  test("of much output has the end of it", async () => {
    const afterRelease = "seq 1 100000";
    const outcome = await port({ afterRelease }).run(context({ name: "afterRelease" }));
    expect(outcome).toMatchObject({ note: expect.stringMatching(/^…\n\d+\n[^]*\n100000$/) });
    expect(JSON.stringify(outcome).length).toBeLessThan(25_000);
    const beforeShift = "head -c 40000 /dev/zero | tr '\\0' x";
    const oneLine = await port({ beforeShift }).run(context({ name: "beforeShift" }));
    expect(oneLine).toMatchObject({ note: expect.stringMatching(/^…x{16000,}$/) });
  });
});

describe("when the process that ran it is gone", () => {
  test("it goes on, and its end is found", async () => {
    const beforeRelease = "echo once >>count; until [ -e go ]; do sleep 0.02; done; echo migrated";
    const given = context({ name: "beforeRelease" });
    const first = port({ beforeRelease }).run(given);
    await until(
      () => heard("count"),
      (text) => text !== "",
    );
    const second = port({ beforeRelease }).run(sought(given));
    await port({ afterSlot: "touch go" }).run(context({ name: "afterSlot" }, rollouts));
    expect(await second).toEqual({ kind: "done", note: "migrated" });
    expect(await first).toEqual({ kind: "done", note: "migrated" });
    expect(await heard("count")).toBe("once\n");
  });

  test("it is not begun a second time, whoever asks", async () => {
    const beforeRelease = "echo twice >>again";
    const given = context({ name: "beforeRelease" });
    await port({ beforeRelease }).run(given);
    expect(await port({ beforeRelease }).run(given)).toEqual({ kind: "done" });
    expect(await heard("again")).toBe("twice\n");
  });

  test("without a trace it is unknown, and not begun", async () => {
    const beforeRelease = "touch begun";
    const given = sought(context({ name: "beforeRelease" }));
    expect(await port({ beforeRelease }).run(given)).toMatchObject({
      kind: "unknown",
      error: { code: "hook.unknown" },
    });
    expect(await heard("begun")).toBe("");
  });

  test("killed with it, it is unknown; what it said is kept", async () => {
    const beforeRelease = "echo half; echo $PPID >wrapper; sleep 1000";
    const given = context({ name: "beforeRelease" });
    const first = port({ beforeRelease }).run(given);
    const pid = Number(
      await until(
        () => heard("wrapper"),
        (text) => text !== "",
      ),
    );
    const second = port({ beforeRelease }).run(sought(given));
    process.kill(-pid, "SIGKILL");
    expect(await second).toMatchObject({ kind: "unknown", error: { details: "half" } });
    expect(await first).toMatchObject({
      kind: "refused",
      error: { message: expect.stringContaining("SIGKILL") },
    });
  });

  test("one that goes on for too long is ended, whoever waits for it", async () => {
    const beforeRelease = "echo waiting >late; sleep 1000";
    const given = context({ name: "beforeRelease", since: instant(Date.now() - 3_600_000) });
    const first = port({ beforeRelease }).run(given);
    await until(
      () => heard("late"),
      (text) => text !== "",
    );
    const outcome = await port({ beforeRelease }).run(sought(given));
    expect(outcome).toMatchObject({
      kind: "refused",
      error: { message: expect.stringContaining("not finished within 1h") },
    });
    expect(await first).toMatchObject({ kind: "refused" });
  });

  test("an operator's second attempt is another run", async () => {
    const beforeRelease = 'echo "attempt $GLIDEPATH_ATTEMPT"';
    const given = context({ name: "beforeRelease" });
    await port({ beforeRelease }).run(given);
    const again = { ...given, run: { ...given.run, attempt: 2 } };
    expect(await port({ beforeRelease }).run(again)).toEqual({ kind: "done", note: "attempt 2" });
  });
});
