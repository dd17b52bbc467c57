import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { millis } from "../../../src/base/time.ts";
import type { RunSpec } from "../../../src/model/application.ts";
import type { ReleaseId } from "../../../src/model/ids.ts";
import { ENV_VALUE } from "../../../src/spec/grammar.ts";
import type { LabHost } from "../../support/lab/host.ts";
import { type Lab, canLab, openLab } from "../../support/lab/lab.ts";
import { until } from "../../support/until.ts";
import { at, COMMAND, furnish, GENERATED, type Place, placesOn, ROOT, started, UNIT } from "./world.ts";

const [V1, V2] = ["v1", "v2"] as unknown as readonly [ReleaseId, ReleaseId];
const DONE = { kind: "done" };
const FENCED = { kind: "refused", error: { code: "slot.fenced" } };
const KINDS: readonly (readonly [string, RunSpec])[] = [
  ["a command, by Glidepath's supervisor", COMMAND],
  ["a command, by a unit that Glidepath writes", GENERATED],
  ["a unit of the user's own", UNIT],
];

/** What could mean something to systemd, to a shell or to a reader of lines, and what chance adds. */
const HOSTILE: readonly string[] = [
  "",
  " # ; no comment ",
  `it's "$(id)" \\ \\x41 \`id\` \\n $HOME \${HOME} $$ %i %% %n \\`,
  "\ta\u001b[31m\u0085b\u2028c\u007f",
  "ü 中 😀",
  ...fc.sample(
    fc.string({ unit: "binary", maxLength: 40 }).filter((text) => ENV_VALUE.pattern.test(text)),
    { numRuns: 60, seed: 42 },
  ),
];
const VARIABLES = Object.fromEntries(HOSTILE.map((value, i) => [`ODD_${i}`, value]));

const says = async ({ driver, slot }: Place, words: string): Promise<void> =>
  void (await until(
    () => driver.logTail(slot, 9),
    (log) => log.includes(words),
  ));

describe.runIf(canLab("slots under systemd"))("slots under systemd", () => {
  let lab: Lab;
  let host: LabHost;
  let fresh: (run: RunSpec, port?: number) => Place;
  beforeAll(async () => {
    lab = await openLab({ hosts: ["web1"] });
    host = lab.host("web1");
    await furnish(host);
    fresh = placesOn(lab, host);
  });
  afterAll(() => lab?.close());

  /** A file of a process, which may hold anything, as texts ended by NUL. */
  async function texts(process: string | undefined, file: string): Promise<readonly string[]> {
    const raw = await host.must('base64 -w 0 "$1/$2"', process ?? "", file);
    return Buffer.from(raw, "base64").toString("utf8").split("\0").slice(0, -1);
  }

  describe.each(KINDS)("%s", (_, run) => {
    test.concurrent("nothing, then a release that runs, then another, then nothing", async () => {
      const place = fresh(run);
      const { driver, slot, seen, processes, enabled } = place;
      expect(await seen()).toEqual({ generation: 0, release: null, process: "stopped", restarts: 0 });
      expect(await driver.stop(slot, at(1))).toMatchObject(DONE);
      expect(await driver.switch(slot, V1, at(2))).toMatchObject(DONE);
      for (const _again of [1, 2]) expect(await driver.start(slot, at(3))).toMatchObject(DONE);
      expect(await seen()).toMatchObject({ generation: 3, release: "v1", process: "running", restarts: 0 });
      expect(await enabled()).toBe("enabled");
      await says(place, `v1 on ${slot.port}, port ${slot.port}\n`);
      expect(await driver.logTail(slot, 1)).toBe(`v1 on ${slot.port}, port ${slot.port}\n`);
      expect(await driver.switch(slot, V2, at(4))).toMatchObject({ error: { code: "slot.stop" } });
      expect(await driver.stop(slot, at(3))).toMatchObject(FENCED);
      expect((await seen()).process).toBe("running");
      for (const _again of [1, 2]) expect(await driver.stop(slot, at(5))).toMatchObject(DONE);
      expect(await enabled()).toBe("disabled");
      // Whoever starts what Glidepath stopped is let pass without it.
      await host.must("systemctl start $1", place.unit);
      expect(await seen()).toMatchObject({ generation: 5, process: "stopped" });
      expect(await processes()).toEqual([]);
      expect(await driver.switch(slot, V2, at(6))).toMatchObject(DONE);
      expect(await driver.start(slot, at(7))).toMatchObject(DONE);
      expect(await seen()).toMatchObject({ generation: 7, release: "v2", process: "running", restarts: 0 });
      await says(place, `v2 on ${slot.port}`);
      expect(await driver.logTail(slot, 5)).not.toContain("v1");
      expect(await driver.stop(slot, at(8))).toMatchObject(DONE);
      expect(await driver.switch(slot, null, at(9))).toMatchObject(DONE);
      expect(await seen()).toMatchObject({ generation: 9, release: null, process: "stopped" });
    });

    test.concurrent("is killed when it does not end in time, and has not failed by that", async () => {
      const stop = { signal: "SIGTERM", timeout: millis(500) };
      const place = await started(fresh({ ...run, stop } as RunSpec), "stubborn");
      await says(place, "stubborn on");
      expect(await place.driver.stop(place.slot, at(3))).toMatchObject(DONE);
      expect(await place.processes()).toEqual([]);
      expect((await host.sh("systemctl is-failed $1", place.unit)).stdout).toBe("inactive\n");
    });

    test.concurrent("hears it when it is asked to send its clients elsewhere, and goes on", async () => {
      const place = await started(fresh(run), "v1");
      const { driver, slot, seen } = place;
      await says(place, "v1 on");
      const ask = { kinds: ["websockets"], ask: { kind: "signal", signal: "SIGUSR1" } } as const;
      expect(await driver.ask(slot, ask, at(1))).toMatchObject(FENCED);
      expect(await driver.ask(slot, ask, at(2))).toMatchObject(DONE);
      await says(place, "heard");
      expect(await seen()).toMatchObject({ generation: 2, process: "running", restarts: 0 });
    });

    test.concurrent("that crashes is started again, and counted", async () => {
      const place = await started(fresh(run), "v1");
      const kill = 'for one; do kill -9 "${one#/proc/}" 2>/dev/null; done; true';
      await host.must(kill, ...(await place.processes()));
      await until(place.seen, ({ restarts }) => restarts === 1);
      expect((await place.seen()).process).toBe("running");
      expect(await place.driver.stop(place.slot, at(3))).toMatchObject(DONE);
    });

    test.concurrent("gets its variables exactly, and lives outside of our session", async () => {
      const place = await started(fresh({ ...run, env: VARIABLES }), "v1");
      const [process] = await place.processes();
      const has = await texts(process, "environ");
      const expected = [
        ...Object.entries(VARIABLES).map(([name, value]) => `${name}=${value}`),
        "GLIDEPATH_RELEASE=v1",
        `GLIDEPATH_DIR=${ROOT}/releases/v1`,
      ];
      expect(has.filter((pair) => /^(ODD_|GLIDEPATH_(REL|DIR))/.test(pair)).toSorted()).toEqual(
        expected.toSorted(),
      );
      expect(await host.must('cat "$1/cgroup"', process ?? "")).toContain(`/${place.unit}`);
      expect(await place.driver.stop(place.slot, at(3))).toMatchObject(DONE);
    });
  });

  test.concurrent.each([COMMAND, GENERATED])("a command arrives exactly: $kind", async (run) => {
    const words = HOSTILE.map((value) => `'${value.replaceAll("'", `'\\''`)}'`);
    const command = `exec ./run {port} ${words.join(" ")} "\\$" '%i %% $HOME' "\${GLIDEPATH_HOST}"\n`;
    const place = await started(fresh({ ...run, command }), "v1");
    const [process] = await place.processes();
    const said = (await texts(process, "cmdline")).slice(2);
    expect(said).toEqual([String(place.slot.port), ...HOSTILE, "$", "%i %% $HOME", "web1"]);
    expect(await place.driver.stop(place.slot, at(3))).toMatchObject(DONE);
  });

  test.concurrent("a unit without [Install] comes back, and one that runs is taken over", async () => {
    const name = "plain-{port}.service";
    const place = fresh({ ...UNIT, unit: name });
    const text = "[Service]\nExecStart=/bin/sleep 1000\n";
    await host.must('printf %s "$1" >"/etc/systemd/system/$2"; systemctl start "$2"', text, place.unit);
    expect(await place.seen()).toMatchObject({ generation: 0, process: "running" });
    expect(await place.driver.switch(place.slot, V1, at(1))).toMatchObject({ error: { code: "slot.stop" } });
    expect(await place.driver.stop(place.slot, at(1))).toMatchObject(DONE);
    await started(place, "v1");
    expect(await host.must("ls /etc/systemd/system/multi-user.target.wants")).toContain(place.unit);
    expect(await place.driver.stop(place.slot, at(3))).toMatchObject(DONE);
  });

  test.concurrent("what cannot be started says why, and is left stopped", async () => {
    const cases = [
      { run: { ...UNIT, unit: "absent@{port}.service" }, code: "slot.unit", says: "no unit absent@" },
      { run: { ...UNIT, unit: "bad@{port}.service" }, code: "slot.start", says: "exit-code" },
      { run: { ...GENERATED, user: "nobody-knows" }, code: "host.rights", says: "nobody-knows" },
    ];
    const bad = "[Service]\nType=exec\nExecStart=/no/such/program\nRestart=always\n";
    await host.must('printf %s "$1" >/etc/systemd/system/bad@.service', bad);
    for (const { run, code, says } of cases) {
      const { driver, slot, seen } = fresh(run);
      expect(await driver.switch(slot, V1, at(1))).toMatchObject(DONE);
      const outcome = await driver.start(slot, at(2));
      expect(outcome).toMatchObject({ kind: "refused", error: { code } });
      expect(JSON.stringify(outcome)).toContain(says);
      expect((await seen()).process).toBe("stopped");
    }
  });

  test.concurrent("another way to run takes over from the one before", async () => {
    const port = 8900;
    let generation = 1;
    const ways = [COMMAND, UNIT, GENERATED, COMMAND];
    for (const way of ways) {
      const place = fresh({ ...way, env: { WAY: way.kind } }, port);
      expect(await place.driver.stop(place.slot, at(generation++))).toMatchObject(DONE);
      expect(await place.processes()).toEqual([]);
      expect(await place.driver.switch(place.slot, V1, at(generation++))).toMatchObject(DONE);
      expect(await place.driver.start(place.slot, at(generation++))).toMatchObject(DONE);
      await until(place.processes, (found) => found.length > 0);
      for (const process of await place.processes()) {
        expect(await texts(process, "environ").catch(() => [`WAY=${way.kind}`])).toContain(`WAY=${way.kind}`);
      }
    }
    const last = fresh(COMMAND, port);
    expect(await last.driver.stop(last.slot, at(generation))).toMatchObject(DONE);
    expect(await fresh(UNIT, port).enabled()).toBe("disabled");
  });

  test("a generated unit keeps its application in bounds", async () => {
    const probe = `id -un; (echo x >/etc/x) 2>&1; echo y >"$GLIDEPATH_DIR/y" && echo written; sleep 1000`;
    const place = await started(fresh({ ...GENERATED, command: probe, user: "shop" }), "v1");
    const { driver, slot } = place;
    await says(place, "y: Permission denied");
    expect(await driver.logTail(slot, 9)).toContain("shop\n");
    expect(await driver.logTail(slot, 9)).toContain("/etc/x: Read-only file system");
    expect(await driver.stop(slot, at(3))).toMatchObject(DONE);
  });

  test("after a reboot, and after a power cut, each slot is as it was left", async () => {
    const up = await Promise.all(KINDS.map(([, run]) => started(fresh(run), "v1")));
    const down = await Promise.all(KINDS.map(([, run]) => started(fresh(run), "v2")));
    await Promise.all(
      down.map(async ({ driver, slot }) => expect(await driver.stop(slot, at(3))).toMatchObject(DONE)),
    );
    // Somebody else's target wants one of them all the same.
    const wants = `all=/etc/systemd/system/all.target
      printf '[Unit]\\nWants=shop@%s.service\\n[Install]\\nWantedBy=multi-user.target\\n' "$1" >"$all"
      systemctl --quiet enable all.target`;
    await host.must(wants, String(down[2]?.slot.port));
    for (const end of [() => host.reboot(), () => host.powerCut().then(() => host.boot())]) {
      await end();
      for (const place of up) {
        await until(place.processes, (found) => found.length > 0);
        expect(await place.seen()).toMatchObject({ generation: 2, release: "v1", process: "running" });
      }
      for (const place of down) {
        expect(await place.seen()).toMatchObject({ generation: 3, release: "v2", process: "stopped" });
        expect(await place.processes()).toEqual([]);
        expect(await place.driver.start(place.slot, at(2))).toMatchObject(FENCED);
      }
    }
    for (const { driver, slot, seen } of [...up, ...down]) {
      expect(await driver.start(slot, at(4))).toMatchObject(DONE);
      expect((await seen()).process).toBe("running");
    }
  });
});
