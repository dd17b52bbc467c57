import { describe, expect, test } from "vitest";
import { appError, type ErrorCode } from "../base/errors.ts";
import { err, ok } from "../base/result.ts";
import type { Finding } from "../ports/examine.ts";
import type { CliDeps } from "./deps.ts";
import { fakeControl, fakeIo, runFake } from "./testing/fakes.ts";
import { SETTINGS } from "../../test/support/judged.ts";
import { minutes } from "../base/time.ts";
import { application, holder, NOW, receipt, rollout, status, story } from "./testing/records.ts";

const SHA = "0123456789abcdef".repeat(4);

describe("wrong usage ends with 2 and says what would be right", () => {
  test.each([
    ["promot", "✗ unknown command 'promot'\n(Did you mean promote?)"],
    ["release", "✗ missing required argument 'release'\n  → `glidepath --help` lists"],
    ["release v1 v2", "✗ too many arguments for 'release'"],
    ["release v1 --jsn", "✗ unknown option '--jsn'\n(Did you mean --json?)"],
    ["explain", "✗ explain whom? Neither a user nor a request is given"],
    ["explain --header X-User", `✗ --header takes 'NAME: VALUE', found "X-User"`],
    ["explain --cookie uid --address 10.0.0.1", '✗ --cookie takes NAME=VALUE, found "uid"'],
    ["explain --arg =1", '✗ --arg takes NAME=VALUE, found "=1"'],
    ["explain --address 10.0.0", '✗ --address takes an IP address, found "10.0.0"'],
    ["release ../etc", '✗ "../etc" cannot name a release'],
    ["release v2 --sha256 abc", '✗ --sha256 takes 64 hexadecimal digits, not "abc"'],
    ["release v2 --detach", "✗ --detach hands the rollout to a controller service"],
    ["promote --to half", '✗ --to takes a share from 0% to 100% with at most two decimals, not "half"'],
    ["promote --to 5% --full", "✗ --to and --full say two different things"],
    ["history --limit 0", "✗ --limit takes a whole number from 1"],
  ])("%s", async (args, expected) => {
    const { code, err: said, out } = await runFake(args, fakeIo());
    expect(said).toContain(expected);
    expect(said).not.toMatch(/^ +at /m);
    expect([code, out]).toEqual([2, ""]);
  });

  test("with --json also as a document", async () => {
    const { code, out } = await runFake("statsu --json", fakeIo());
    expect(code).toBe(2);
    const hint = expect.stringMatching(/^`glidepath --help` lists the commands/);
    expect(JSON.parse(out)).toMatchObject({ error: { code: "usage", hint } });
  });

  test("with --json and no command", async () => {
    const { code, out } = await runFake("--json", fakeIo());
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ error: { code: "usage", message: "no command is given" } });
  });
});

test.each(["--help", "release --help", "--version"])("%s ends with 0 and says it on stdout", async (args) => {
  const { code, out, err: said } = await runFake(args, fakeIo());
  expect([code, said]).toEqual([0, ""]);
  expect(out).toContain(args === "--version" ? "1.2.3" : "Usage: glidepath");
});

test("help lists every command of the guide, in its order", async () => {
  const { out } = await runFake("--help", fakeIo({ columns: 200 }));
  const names = [...out.slice(out.indexOf("Commands:")).matchAll(/^ {2}([a-z]+)/gm)].map((match) => match[1]);
  const all =
    "init adopt check plan release status promote pause resume abort rollback history explain analyze demo";
  expect(names).toEqual(all.split(" "));
});

test.each(["--file a.yaml --json status", "status --file a.yaml --json", "--json status --file a.yaml"])(
  "options for all commands stand before the command or after it: %s",
  async (args) => {
    let opened = "";
    const open = async (file: string) => {
      opened = file;
      return err(appError("file.missing", "no such file"));
    };
    const { code, out } = await runFake(args, fakeIo(), { deps: { open } });
    expect([code, opened, JSON.parse(out).error.code]).toEqual([2, "a.yaml", "file.missing"]);
  },
);

test("a bad file is told with every mistake in it", async () => {
  const error = appError("file.invalid", "glidepath.yaml has 2 mistakes", {
    details: "glidepath.yaml:3:5 hosts: missing\nglidepath.yaml:9:1 ap: unknown key",
  });
  const { code, err: said } = await runFake("check", fakeIo(), { deps: { open: async () => err(error) } });
  expect(code).toBe(2);
  expect(said).toBe(
    [
      "✗ glidepath.yaml has 2 mistakes",
      "    glidepath.yaml:3:5 hosts: missing",
      "    glidepath.yaml:9:1 ap: unknown key",
      "",
    ].join("\n"),
  );
});

test.each([
  ["status", true],
  ["pause", true],
  ["abort", true],
  ["check", false],
  ["release v2", false],
])("a file that broke in a release: %s says how orders are given all the same: %s", async (args, says) => {
  const error = appError("file.invalid", "glidepath.yaml has one mistake", { details: "1:1: odd" });
  const { code, err: said } = await runFake(args, fakeIo(), { deps: { open: async () => err(error) } });
  expect([code, said.includes("(`--file COPY`)")]).toEqual([2, says]);
});

test.each([
  ["status", true, 0],
  ["history", true, 0],
  ["pause", true, 0],
  ["abort", true, 0],
  // Whoever carries it on routes by the lists.
  ["abort", false, 2],
  ["release v2", true, 2],
  ["explain --user alice", true, 2],
])("a list of a rule that broke in a release: %s, carried %s, ends with %i", async (args, alive, exit) => {
  const fault = appError("file.invalid", "glidepath.yaml has one mistake", { details: "testers.txt:1: odd" });
  const open: CliDeps["open"] = async (_, { anyway = false } = {}) => {
    if (!anyway) return err(fault);
    const there = { application, warnings: [], examiners: [], fault, close: async () => {} };
    const control = fakeControl({}, { status: async () => ok(status({ holder: holder(alive) })) });
    const never = async () => err(fault);
    return ok({ ...there, control, explain: never, analyze: never });
  };
  const { code, err: said } = await runFake(args, fakeIo(), { deps: { open } });
  expect([code, said.includes("testers.txt:1: odd")]).toEqual([exit, true]);
});

test.each([
  ["lease.held", 3],
  ["slot.unhealthy", 1],
  ["slot.fenced", 4],
  ["release.unknown", 2],
] as const)("a start that fails with %s ends with %s", async (failure: ErrorCode, code) => {
  const control = fakeControl({}, { start: async () => err(appError(failure, "no")) });
  expect((await runFake("release v2", fakeIo(), { control })).code).toBe(code);
});

describe("a defect", () => {
  const opened = (thrown: unknown) => ({
    explain: () => {
      throw thrown;
    },
  });

  test("is one line and asks for a report", async () => {
    const thrown = new TypeError("x is not a function\nat all");
    const { code, err: said } = await runFake("explain --user 1", fakeIo(), { opened: opened(thrown) });
    expect(code).toBe(4);
    expect(said.split("\n")[0]).toBe(
      "✗ Glidepath met a defect of its own: TypeError: x is not a function at all",
    );
    expect(said).toContain("→ please report it");
    expect(said).not.toContain("program.test.ts");
  });

  test("is none if it carries a failure as its cause", async () => {
    const cause = appError("journal.unusable", "the journal is damaged", { hint: "move it away" });
    const { code, err: said } = await runFake("explain --user 1", fakeIo(), {
      opened: opened(new Error("the journal is damaged", { cause })),
    });
    expect([code, said]).toEqual([3, "✗ the journal is damaged\n  → move it away\n"]);
  });
});

test("what was opened is closed again, also after a failure", async () => {
  let closed = 0;
  const close = async () => {
    closed += 1;
  };
  await runFake("status", fakeIo(), { opened: { close } });
  const control = fakeControl({}, { status: async () => err(appError("journal.unusable", "no")) });
  await runFake("status", fakeIo(), { control, opened: { close } });
  expect(closed).toBe(2);
});

test.each([
  [["fine", "warning"], 0],
  [["fine", "fault"], 3],
  [[], 0],
] as const)("check with %j ends with %s", async (severities, code) => {
  const findings = severities.map((severity): Finding => ({
    severity,
    subject: "x",
    found: "y",
    todo: null,
  }));
  const examiners = [{ examine: async () => findings }, { examine: async () => [] }];
  const people = await runFake("check", fakeIo(), { opened: { examiners } });
  const machines = await runFake("check --json", fakeIo(), { opened: { examiners } });
  expect([people.code, machines.code]).toEqual([code, code]);
  expect(JSON.parse(machines.out)).toEqual({ ready: code === 0, findings });
});

describe("an answer that could not be written", () => {
  const opened = { examiners: [] };
  const control = () =>
    fakeControl(
      {},
      {
        status: async () => ok(status()),
        plan: async () => ok(story()),
        history: async () => [],
      },
    );
  test.each(["status", "status --json", "status --watch", "plan v2", "check", "history", "--help", "-V"])(
    "ends `%s` with 2; a reader who has left does not",
    async (args) => {
      const codes = (["all", "left", "lost"] as const).map(async (told) => {
        // Somebody reads on: only the end of the view ends it.
        if (told === "all" && args.endsWith("--watch")) return 0;
        return (await runFake(args, fakeIo({ told }), { control: control(), opened })).code;
      });
      expect(await Promise.all(codes)).toEqual([0, 0, 2]);
    },
  );
  const rolledBack = rollout({ phase: { name: "rolled-back" } });
  test.each<[string, Parameters<typeof fakeControl>[0], number]>([
    ["release v2 --json", {}, 2],
    ["promote", {}, 2],
    // What became of the release is worth more to know.
    ["release v2", { end: rolledBack }, 1],
  ])("ends `%s` with 2 where it went well", async (args, given, code) => {
    const ran = await runFake(args, fakeIo({ told: "lost" }), { control: fakeControl(given) });
    expect(ran.code).toBe(code);
  });
});

test.each([
  ["promote", "v2 goes on to its next step"],
  ["promote --to 12.5%", "v2 goes to 12.5 %"],
  ["promote --full", "v2 goes to 100 %"],
  ["pause", "v2 is being paused"],
])("the answer to `%s` says what was ordered", async (order, words) => {
  const { out } = await runFake(order, fakeIo(), { control: fakeControl({}) });
  expect(out).toContain(words);
});

describe("with rollout.pin", () => {
  const { gateway, policy } = application;
  const pinned = { ...application, gateway: { ...gateway, pin: minutes(30) } };
  const judged = { ...pinned, analysis: SETTINGS };
  const whole = { ...policy, steps: policy.steps.slice(-1) };
  const words = "steps before 100% are judged by newcomers only";
  test.each([
    ["is told by whom early steps are judged", judged, true],
    ["says nothing of it where nothing is judged", pinned, false],
    ["nor where there is no step before all", { ...judged, policy: whole }, false],
    ["nor without pins", { ...application, analysis: SETTINGS }, false],
  ])("check and plan %s", async (_, given, says) => {
    const control = fakeControl({}, { plan: async () => ok(story()) });
    for (const command of ["check", "plan v2"]) {
      const { out } = await runFake(command, fakeIo(), { control, opened: { application: given } });
      expect([command, out.replaceAll(/\s+/g, " ").includes(words)]).toEqual([command, says]);
    }
  });
});

describe("documents for machines", () => {
  test("status has the shape of the guide", async () => {
    const control = fakeControl({}, { status: async () => ok(status()) });
    const { out } = await runFake("status --json", fakeIo(), { control });
    const document = JSON.parse(out) as { slots: unknown[] };
    expect({ ...document, slots: document.slots.slice(0, 1) }).toEqual({
      app: "shop",
      stable: "v1",
      paused: false,
      rollout: {
        id: "01R",
        release: "v2",
        from: "v1",
        phase: "baking",
        step: 1,
        steps: 3,
        share: 500,
        startedAt: "2026-03-14T09:19:53.000Z",
        because: "baking 5 % for 10m: 3m12s left",
      },
      slots: [
        {
          host: "web1",
          port: 8001,
          release: "v1",
          role: "stable",
          process: "running",
          health: "healthy",
          inRotation: true,
          inFlight: 4,
        },
      ],
      gateways: [{ host: "web1", generation: 17, confirmed: true }],
      analysis: { verdict: "continue", metrics: [] },
    });
  });

  test("status without an active rollout has null", async () => {
    const ended = status({ rollout: rollout({ phase: { name: "completed" } }) });
    const control = fakeControl({}, { status: async () => ok(ended) });
    const { out } = await runFake("status --json", fakeIo(), { control });
    expect(JSON.parse(out)).toMatchObject({ rollout: null, paused: false });
  });

  test("history is a list, newest first", async () => {
    const error = appError("slot.smoke", "GET /login answered 500");
    const aborted = { at: NOW, by: "slot", slot: null, error } as const;
    const record = {
      rollout: rollout({ phase: { name: "rolled-back" }, endedAt: NOW, aborted }),
      receipt: receipt(),
    };
    const open = { rollout: rollout(), receipt: null };
    const control = fakeControl({}, { history: async (limit) => [open, record].slice(0, limit) });
    const { out } = await runFake("history --json", fakeIo(), { control });
    const times = { startedAt: "2026-03-14T09:19:53.000Z", endedAt: "2026-03-14T09:26:53.000Z" };
    const names = { id: "01R", release: "v2", from: "v1" };
    expect(JSON.parse(out)).toEqual([
      {
        ...names,
        ...times,
        endedAt: null,
        outcome: null,
        reason: "baking 5 % for 10m: 3m12s left",
        requests: null,
        failed: null,
      },
      {
        ...names,
        ...times,
        outcome: "rolled-back",
        reason: "GET /login answered 500",
        requests: 48_112,
        failed: 0,
      },
    ]);
    const blind = { ...record, receipt: receipt({ missing: ["web1: no room"] }) };
    const partly = fakeControl({}, { history: async () => [blind] });
    const told = await runFake("history --json", fakeIo(), { control: partly });
    expect(JSON.parse(told.out)).toMatchObject([{ requests: 48_112, failed: null }]);
    const limited = await runFake("history --json --limit 1", fakeIo(), { control });
    expect(JSON.parse(limited.out)).toHaveLength(1);
  });

  test("history of a rollout that is not there is refused", async () => {
    const { code, err: said } = await runFake("history 01X", fakeIo());
    expect([code, said.split("\n")[0]]).toEqual([3, "✗ there is no rollout 01X"]);
  });

  test("explain is what was computed", async () => {
    const explanation = {
      user: "42",
      release: "v2",
      role: "canary",
      share: 500,
      by: { bucket: 7, of: 10_000 },
    };
    const explain = async () => ok({ ...explanation, late: [] } as never);
    const { out } = await runFake("explain --user 42 --json", fakeIo(), { opened: { explain } });
    expect(JSON.parse(out)).toEqual(explanation);
  });

  test("explain takes a whole request, each part as often as it comes", async () => {
    const asked: unknown[] = [];
    const explain = async (one: unknown) => {
      asked.push(one);
      return ok({ user: "", release: null, role: "none", share: 0, by: { rule: "" } } as never);
    };
    const line = "explain --header X-A:1 --header x-b:  --cookie a=1=2 --cookie b= --arg q=%20 --address ::1";
    await runFake(line, fakeIo(), { opened: { explain } });
    expect(asked).toEqual([
      {
        user: null,
        headers: [
          { name: "X-A", value: "1" },
          { name: "x-b", value: "" },
        ],
        cookies: [
          { name: "a", value: "1=2" },
          { name: "b", value: "" },
        ],
        args: [{ name: "q", value: "%20" }],
        address: "::1",
      },
    ]);
  });
});

test("release and rollback pass on what was typed", async () => {
  const control = fakeControl();
  await runFake(`release v2 --sha256 ${SHA.toUpperCase()}`, fakeIo(), { control });
  await runFake("rollback", fakeIo(), { control });
  await runFake("rollback v1", fakeIo(), { control });
  expect(control.asked).toEqual([
    `start v2 ${SHA} alice@build1`,
    "run",
    "rollback -",
    "run",
    "rollback v1",
    "run",
  ]);
});
