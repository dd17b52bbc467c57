import { describe, expect, test } from "vitest";
import { appError } from "../base/errors.ts";
import { err, ok } from "../base/result.ts";
import type { Phase } from "../model/rollout.ts";
import type { ControlPlane, RolloutEvent } from "../ports/control.ts";
import { fakeControl, fakeIo, runFake, type FakeIoOptions } from "./testing/fakes.ts";
import { holder, NOW, receipt, rollout, status, traffic } from "./testing/records.ts";

const decided = (because: string): RolloutEvent => ({
  kind: "decided",
  at: NOW,
  rollout: rollout({ because }),
});
/** Lets what a signal began (a question, an order) happen. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("how it ends is the exit code", () => {
  const error = appError("slot.fenced", "refused");
  test.each<[Phase, number]>([
    [{ name: "completed" }, 0],
    [{ name: "rolled-back" }, 1],
    [{ name: "superseded" }, 3],
    [{ name: "stuck", error }, 4],
    [{ name: "updating" }, 5],
    [{ name: "approval", since: NOW }, 5],
  ])("%o ends with %s", async (phase, code) => {
    const control = fakeControl({ end: rollout({ phase }) });
    expect((await runFake("release v2", fakeIo(), { control })).code).toBe(code);
  });
});

test.each([
  { touched: false, code: 3, says: "v2 was refused, and no slot and no gateway was touched" },
  { touched: true, code: 1, says: "v2 was rolled back after" },
])(
  "a failed hook ends a release by whether anything was touched: $touched",
  async ({ touched, code, says }) => {
    const error = appError("hook.failed", "hooks.beforeRelease: `./migrate.sh` failed: exit code 2");
    const aborted = { at: NOW, by: "hook", slot: null, error } as const;
    const hooked = { beforeRelease: "failed" } as const;
    const end = rollout({ phase: { name: "rolled-back" }, touched, hooked, aborted });
    const ran = await runFake("release v2", fakeIo(), { control: fakeControl({ end }) });
    expect(ran.code).toBe(code);
    expect(ran.out).toContain(says);
  },
);

test("elsewhere than on a terminal a line is written when there is news, and only then", async () => {
  const texts = ["draining web1:8001: 3 requests in flight", "draining web1:8001: 1 requests in flight"];
  const control = fakeControl({ events: [...texts, "stopping web1:8001"].map(decided) });
  const { err: said, out } = await runFake("release v2", fakeIo(), { control });
  expect(said.split("\n").map((line) => line.slice(17))).toEqual([texts[0], "stopping web1:8001", ""]);
  expect(out).toContain("✓ v2 serves everybody");
});

const ADVICE: RolloutEvent = {
  kind: "advice",
  at: NOW,
  finding: {
    severity: "warning",
    subject: "slot h:1",
    found: "it closes them",
    todo: "keep them",
  },
};

test.each([
  { where: "in a log", terminal: false },
  { where: "on a terminal", terminal: true },
])("advice is told once, $where, where it stays", async ({ terminal }) => {
  const control = fakeControl({ events: [decided("staging"), ADVICE, decided("stopping h:1")] });
  const { err: said } = await runFake("release v2", fakeIo({ interactive: terminal }), { control });
  expect(said).toContain("! slot h:1  it closes them\n  → keep them\n");
});

test.each<[string, Partial<ControlPlane>]>([
  [
    "cannot be written",
    { run: async () => err(appError("journal.unusable", "it is full", { hint: "free some" })) },
  ],
  [
    "cannot be asked",
    {
      run: async () => {
        throw new Error("no", { cause: appError("journal.unusable", "it is full", { hint: "free some" }) });
      },
    },
  ],
])("a rollout whose store %s was begun and is no refusal: what to do is said", async (_, change) => {
  const { code, err: said } = await runFake("release v2", fakeIo(), { control: fakeControl({}, change) });
  expect(code).toBe(5);
  expect(said).toContain(
    "✗ it is full\n  → free some; the rollout stands where it is: then `glidepath resume`",
  );
});

test("with --json every line is a document, and the last is the result", async () => {
  const events: RolloutEvent[] = [
    decided("staging"),
    { kind: "progress", at: NOW, received: 5, total: 10 },
    { kind: "traffic", at: NOW, during: traffic(100, 10, { failed: 1 }) },
    { kind: "trouble", at: NOW, error: appError("host.unreachable", "web2 does not answer") },
    ADVICE,
    { kind: "ended", at: NOW, rollout: rollout(), receipt: receipt() },
  ];
  const end = rollout({ phase: { name: "completed" }, endedAt: NOW });
  const { out } = await runFake("release v2 --json", fakeIo(), { control: fakeControl({ events, end }) });
  const lines = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; receipt: { during: object } });
  expect(lines.map((line) => line.event)).toEqual([
    "decided",
    "progress",
    "traffic",
    "trouble",
    "advice",
    "result",
  ]);
  expect(lines.at(-1)).toMatchObject({
    outcome: "completed",
    exit: 0,
    requests: 48_112,
    failed: 0,
    release: "v2",
  });
  expect(lines.at(-1)?.receipt.during).toMatchObject({ requests: 48_112, failed: 0, cut: 0 });
});

test("a receipt that no event brought is read from the journal", async () => {
  const record = async () => ({ record: { rollout: rollout(), receipt: receipt() }, entries: [] });
  const { out } = await runFake("release v2", fakeIo(), { control: fakeControl({}, { record }) });
  expect(out).toContain("48,112 requests · 0 failed");
});

describe("a release while another rollout is under way", () => {
  test.each([
    [true, "carried by alice@build1, process 4711, for 7m now", "end that process, then `glidepath resume`"],
    [false, "the process that carried it is gone", "`glidepath resume` goes on with it"],
  ])("whose process lives: %s", async (alive, message, hint) => {
    const control = fakeControl({}, { status: async () => ok(status({ holder: holder(alive) })) });
    const { code, err: said } = await runFake("release v3", fakeIo(), { control });
    expect(code).toBe(3);
    expect(said).toContain(message);
    expect(said).toContain(hint);
    expect(control.asked).toEqual([]);
  });
});

describe("Ctrl-C while this process carries the rollout", () => {
  const interrupted = async (signals: number, options: FakeIoOptions = {}, args = "release v2") => {
    const io = fakeIo(options);
    const between = async () => {
      for (let i = 0; i < signals; i += 1) io.interrupt();
      await settle();
    };
    const control = fakeControl({ events: [decided("baking")], between });
    const ran = await runFake(args, io, { control });
    return { ...ran, asked: control.asked.slice(2), io };
  };

  test("without a terminal pauses it, waits until it is paused, and leaves", async () => {
    const { code, out, asked } = await interrupted(1);
    expect([code, asked]).toEqual([5, ['order {"kind":"pause"}']]);
    expect(out).toContain("v2 is paused: baking at 5 %, step 1 of 3");
    expect(out).toContain("`glidepath resume` goes on from here, `glidepath abort` goes back");
  });

  test("on a terminal asks; `k` keeps going", async () => {
    const { code, asked, io } = await interrupted(1, { interactive: true, keys: ["k"] });
    expect([code, asked]).toEqual([0, []]);
    expect(io.shown.some((text) => text.includes("[k]eep going"))).toBe(true);
    expect(io.shown.at(-1)).not.toContain("[k]eep going");
  });

  test("on a terminal asks; `p` pauses and leaves", async () => {
    const { code, asked } = await interrupted(1, { interactive: true, keys: ["p"] });
    expect([code, asked]).toEqual([5, ['order {"kind":"pause"}']]);
  });

  test("on a terminal asks; `a` goes back and follows it there", async () => {
    const { code, asked } = await interrupted(1, { interactive: true, keys: ["a"] });
    expect([code, asked]).toEqual([0, ['order {"kind":"abort","reason":"alice@build1 pressed Ctrl-C"}']]);
  });

  test("a second time leaves at once, and says that nobody carries it", async () => {
    const { code, out } = await interrupted(2, { interactive: true, keys: [] });
    expect(code).toBe(5);
    expect(out).toContain("v2 is left as it is: baking at 5 %");
  });

  test.each([
    ["when it is closed", [false]],
    ["when it is closed while the question stands", [true, false]],
  ])("on a terminal pauses without an answer %s", async (_, signals) => {
    const io = { ...fakeIo({ interactive: true }), askKey: () => new Promise<string>(() => {}) };
    const between = async () => {
      for (const somebody of signals) io.interrupt(somebody);
      await settle();
    };
    const control = fakeControl({ events: [decided("baking")], between });
    const { code, out } = await runFake("release v2", io, { control });
    expect([code, control.asked.slice(2)]).toEqual([5, ['order {"kind":"pause"}']]);
    expect(out).toContain("v2 is paused: baking at 5 %");
  });

  test("never asks when the answer is for a machine", async () => {
    const { code, out } = await interrupted(1, { interactive: true, keys: ["k"] }, "release v2 --json");
    expect(code).toBe(5);
    expect(JSON.parse(out.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
      event: "result",
      exit: 5,
      paused: true,
    });
  });

  test("leaves when the pause cannot be ordered, and says why", async () => {
    const io = fakeIo();
    const order = async () => err(appError("journal.unusable", "the disk is full"));
    const between = async () => {
      io.interrupt();
      await settle();
    };
    const control = fakeControl({ events: [decided("baking")], between }, { order });
    const { code, err: said } = await runFake("release v2", io, { control });
    expect([code, said.includes("✗ the disk is full")]).toEqual([5, true]);
  });

  test("says nothing of a pause for which the rollout ended too early", async () => {
    const io = fakeIo();
    const order = async () => err(appError("rollout.absent", "the rollout of v2 ended"));
    const between = async () => {
      io.interrupt();
      await settle();
    };
    const control = fakeControl({ events: [decided("baking")], between }, { order });
    const { code, err: said } = await runFake("release v2", io, { control });
    expect([code, said.includes("ended")]).toEqual([0, false]);
  });
});

describe("orders", () => {
  const live = { status: async () => ok(status()) };
  const dead = { status: async () => ok(status({ holder: holder(false) })) };

  test.each([
    ["promote", '{"kind":"promote","to":"next"}'],
    ["promote --full", '{"kind":"promote","to":"full"}'],
    ["promote --to 50%", '{"kind":"promote","to":{"share":5000}}'],
    ["pause", '{"kind":"pause"}'],
    ["resume", '{"kind":"resume"}'],
    ["abort", '{"kind":"abort","reason":"alice@build1 asked for it"}'],
    ["abort --reason slow", '{"kind":"abort","reason":"slow"}'],
    ["abort --reason=slow\n\tas_ever", '{"kind":"abort","reason":"slow as_ever"}'],
    ["abort --reason=", '{"kind":"abort","reason":"alice@build1 asked for it"}'],
  ])("%s goes to the process that carries the rollout, and returns", async (args, order) => {
    const control = fakeControl({}, live);
    const { code, out } = await runFake(args, fakeIo(), { control });
    expect([code, control.asked]).toEqual([0, [`order ${order}`]]);
    expect(out).toMatch(/^✓ v2 .*: baking, step 1 of 3, 5 %\n/);
  });

  test("with --wait follow it to its end", async () => {
    const control = fakeControl({ end: rollout({ phase: { name: "rolled-back" } }) }, live);
    const { code } = await runFake("promote --wait", fakeIo(), { control });
    expect([code, control.asked.at(-1)]).toEqual([1, "follow"]);
  });

  test("with --wait, Ctrl-C leaves and the rollout goes on", async () => {
    const io = fakeIo({ interactive: true });
    const control = fakeControl({ events: [decided("baking")], between: () => io.interrupt() }, live);
    const { code, out } = await runFake("promote --wait", io, { control });
    expect([code, out]).toEqual([5, "… v2: baking at 5 %, step 1 of 3; it goes on without this terminal\n"]);
  });

  test.each([
    ["promote", live],
    ["pause", live],
    ["resume", live],
    ["abort", live],
    ["abort", dead],
  ])("%s asks no host first: one that is silent would hold it up", async (args, scene) => {
    const looks: unknown[] = [];
    const status = (options?: { look: boolean }) => {
      looks.push(options?.look ?? true);
      return scene.status();
    };
    await runFake(args, fakeIo(), { control: fakeControl({}, { status }) });
    expect(looks).toEqual([false]);
  });

  test("are refused when nothing is under way", async () => {
    const order = async () => err(appError("rollout.absent", "no rollout is under way"));
    const control = fakeControl({}, { order });
    expect(await runFake("pause", fakeIo(), { control })).toMatchObject({
      code: 3,
      err: "✗ no rollout is under way\n",
    });
  });

  test.each([
    ["resume", ["takeOver", "run"]],
    ["abort --reason slow", ["takeOver", 'order {"kind":"abort","reason":"slow"}', "run"]],
  ])("%s carries a rollout to its end whose process is gone", async (args, asked) => {
    const control = fakeControl({}, dead);
    const { code, err: said } = await runFake(args, fakeIo(), { control });
    expect([code, control.asked]).toEqual([0, asked]);
    expect(said).toContain("nobody carried the rollout of v2");
    expect(said.includes("it was left at: baking 5 % for 10m")).toBe(args === "resume");
  });

  test("resume says where the rollout stands now, not where that was last written", async () => {
    const takeOver = async () => ok(rollout({ because: "baking 5 % for 10m: 10m left" }));
    const control = fakeControl({}, { ...dead, takeOver });
    const { err: said } = await runFake("resume", fakeIo(), { control });
    expect(said).toContain("it was left at: baking 5 % for 10m: 3m12s left");
  });

  test("resume of a paused rollout whose process is gone also unpauses it", async () => {
    const paused = rollout({ paused: { by: "bob", at: NOW } });
    const asked: string[] = [];
    const takeOver = async () => ok(paused);
    const order = async (given: { kind: string }) => {
      asked.push(given.kind);
      return ok(paused);
    };
    await runFake("resume", fakeIo(), { control: fakeControl({}, { ...dead, takeOver, order }) });
    expect(asked).toEqual(["resume"]);
  });

  test.each(["promote", "pause"])("%s is refused when nobody would obey it", async (args) => {
    const control = fakeControl({}, dead);
    const { code, err: said } = await runFake(args, fakeIo(), { control });
    expect([code, control.asked]).toEqual([3, []]);
    expect(said).toContain("no process carries the rollout of v2");
  });

  test("a takeover that another process won is refused in its words", async () => {
    const takeOver = async () => err(appError("lease.held", "held by bob"));
    const { code } = await runFake("resume", fakeIo(), { control: fakeControl({}, { ...dead, takeOver }) });
    expect(code).toBe(3);
  });
});

test("status --watch shows a new block only when something but a time changed", async () => {
  const io = fakeIo();
  let looks = 0;
  const slower = status({ rollout: rollout({ because: "baking 5 % for 10m: 3m11s left" }) });
  const seen = [status(), slower, status({ stable: null })];
  const look = async () => {
    looks += 1;
    if (looks === 3) io.interrupt();
    return ok(seen[looks - 1] ?? status());
  };
  const { code, out } = await runFake("status --watch", io, { control: fakeControl({}, { status: look }) });
  expect([code, looks]).toEqual([0, 3]);
  expect(out.match(/^shop {2}stable .*/gm)).toEqual(["shop  stable v1", "shop  stable none yet"]);
});

test("a signal while the rollout is being created pauses it as soon as it is there", async () => {
  const io = fakeIo();
  const start = async () => {
    io.interrupt();
    return ok(rollout());
  };
  const control = fakeControl(
    { events: [decided("staging"), decided("updating")], between: settle },
    { start },
  );
  const { code, out } = await runFake("release v2", io, { control });
  expect([code, control.asked]).toEqual([5, ['order {"kind":"pause"}', "run"]]);
  expect(out).toContain("v2 is paused");
});

test("the reason of going back is said in full once", async () => {
  const error = appError("slot.smoke", "GET /login answered 500");
  const aborted = { at: NOW, by: "slot", slot: null, error } as const;
  const texts = ["stopping", "starting"].map(
    (doing) => `going back because ${error.message}; web1:8001 ${doing}`,
  );
  const events = texts.map((because): RolloutEvent => ({
    kind: "decided",
    at: NOW,
    rollout: rollout({ because, aborted }),
  }));
  const { err: said } = await runFake("release v2", fakeIo(), { control: fakeControl({ events }) });
  expect(said.split("\n").map((line) => line.slice(17))).toEqual([
    "going back because GET /login answered 500; web1:8001 stopping",
    "going back because …; web1:8001 starting",
    "",
  ]);
});
