import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { millis } from "../../../src/base/time.ts";
import type { RunSpec } from "../../../src/model/application.ts";
import type { ReleaseId } from "../../../src/model/ids.ts";
import type { LabHost } from "../../support/lab/host.ts";
import { type Lab, canLab, openLab } from "../../support/lab/lab.ts";
import { at, COMMAND, furnish, GENERATED, type Place, placeOn, ROOT, UNIT } from "./world.ts";

const [V1, V2, STUBBORN] = ["v1", "v2", "stubborn"] as unknown as readonly [ReleaseId, ReleaseId, ReleaseId];
const DONE = { kind: "done" };
const KINDS: readonly (readonly [string, RunSpec])[] = [
  ["a command, by Glidepath's supervisor", COMMAND],
  ["a command, by a unit that Glidepath writes", GENERATED],
  ["a unit of the user's own", UNIT],
];

describe.runIf(canLab("slots under systemd"))("slots under systemd", () => {
  let lab: Lab;
  let host: LabHost;
  let nextPort = 8001;
  beforeAll(async () => {
    lab = await openLab({ hosts: ["web1"] });
    host = lab.host("web1");
    await furnish(host);
  });
  afterAll(() => lab?.close());

  const fresh = (run: RunSpec): Place => placeOn(lab, host, { port: nextPort++, run });

  async function running(run: RunSpec, release: ReleaseId = V1): Promise<Place> {
    const place = fresh(run);
    expect(await place.driver.switch(place.slot, release, at(1))).toMatchObject(DONE);
    expect(await place.driver.start(place.slot, at(2))).toMatchObject(DONE);
    return place;
  }

  const enabled = async ({ unit }: Place): Promise<string> =>
    (await host.sh("systemctl is-enabled -- $1 2>/dev/null || true", unit)).stdout.trim();
  const processes = async ({ slot }: Place): Promise<string> =>
    (await host.sh('grep -lzxsF "$1" /proc/[0-9]*/environ; true', `GLIDEPATH_SLOT=shop/${slot.key}@${ROOT}`))
      .stdout;

  describe.each(KINDS)("%s", (_, run) => {
    test("nothing, then a release that runs, then another, then nothing", async () => {
      const place = fresh(run);
      const { driver, slot, seen } = place;
      expect(await seen()).toEqual({ generation: 0, release: null, process: "stopped", restarts: 0 });
      expect(await driver.stop(slot, at(1))).toMatchObject(DONE);
      expect(await driver.switch(slot, V1, at(2))).toMatchObject(DONE);
      for (const _again of [1, 2]) expect(await driver.start(slot, at(3))).toMatchObject(DONE);
      expect(await seen()).toMatchObject({ generation: 3, release: "v1", process: "running", restarts: 0 });
      expect(await enabled(place)).toBe("enabled");
      await expect.poll(() => driver.logTail(slot, 5)).toBe(`v1 on ${slot.port}, port ${slot.port}\n`);
      expect(await driver.switch(slot, V2, at(4))).toMatchObject({ error: { code: "slot.stop" } });
      expect(await driver.stop(slot, at(3))).toMatchObject({ error: { code: "slot.fenced" } });
      expect((await seen()).process).toBe("running");
      for (const _again of [1, 2]) expect(await driver.stop(slot, at(5))).toMatchObject(DONE);
      expect(await processes(place)).toBe("");
      expect(await enabled(place)).toBe("disabled");
      expect(await driver.switch(slot, V2, at(6))).toMatchObject(DONE);
      expect(await driver.start(slot, at(7))).toMatchObject(DONE);
      expect(await seen()).toMatchObject({ generation: 7, release: "v2", process: "running", restarts: 0 });
      await expect.poll(() => driver.logTail(slot, 5)).toContain(`v2 on ${slot.port}`);
      expect(await driver.stop(slot, at(8))).toMatchObject(DONE);
      expect(await driver.switch(slot, null, at(9))).toMatchObject(DONE);
      expect(await seen()).toMatchObject({ generation: 9, release: null, process: "stopped" });
    });

    test("is killed when it does not end in time", async () => {
      const stop = { signal: "SIGTERM", timeout: millis(500) };
      const place = await running({ ...run, stop } as RunSpec, STUBBORN);
      await expect.poll(() => place.driver.logTail(place.slot, 5)).toContain("stubborn on");
      expect(await place.driver.stop(place.slot, at(3))).toMatchObject(DONE);
      expect(await processes(place)).toBe("");
      expect((await host.sh("systemctl --failed --no-legend")).stdout).toBe("");
    });

    test("that crashes is started again, and counted", async () => {
      const place = await running(run);
      await expect.poll(() => processes(place)).not.toBe("");
      const kill = 'for one in $1; do one=${one#/proc/}; kill -9 "${one%/*}" 2>/dev/null; done; true';
      await host.must(kill, await processes(place));
      await expect.poll(async () => (await place.seen()).restarts, { timeout: 20_000 }).toBe(1);
      expect((await place.seen()).process).toBe("running");
      expect(await place.driver.stop(place.slot, at(3))).toMatchObject(DONE);
    });

    test("gets its variables exactly, however hostile, and lives outside of our session", async () => {
      const place = await running({ ...run, env: HOSTILE });
      await expect.poll(() => processes(place)).not.toBe("");
      const [pid = ""] = (await processes(place)).split("\n");
      const raw = await host.must('base64 -w 0 "$1"', pid);
      const has = Buffer.from(raw, "base64").toString("utf8").split("\0");
      for (const [name, value] of Object.entries(HOSTILE)) expect(has).toContain(`${name}=${value}`);
      expect(has).toContain("GLIDEPATH_RELEASE=v1");
      expect(has).toContain(`GLIDEPATH_DIR=${ROOT}/releases/v1`);
      expect(await host.must('grep name=systemd "${1%/*}/cgroup" || cat "${1%/*}/cgroup"', pid)).toContain(
        `/${place.unit}`,
      );
      expect(await place.driver.stop(place.slot, at(3))).toMatchObject(DONE);
    });
  });

  test("a command reaches its application exactly, by either way", async () => {
    for (const run of [COMMAND, GENERATED]) {
      const words = Object.values(HOSTILE).map((value) => `'${value.replaceAll("'", `'\\''`)}'`);
      const command = `exec ./run {port} ${words.join(" ")} "\\$" '%i %% $HOME' "\${GLIDEPATH_HOST}"`;
      const place = await running({ ...run, command });
      await expect.poll(() => processes(place)).not.toBe("");
      const [pid = ""] = (await processes(place)).split("\n");
      const raw = await host.must('base64 -w 0 "${1%/*}/cmdline"', pid);
      const said = Buffer.from(raw, "base64").toString("utf8").split("\0").slice(2, -1);
      expect(said).toEqual([String(place.slot.port), ...Object.values(HOSTILE), "$", "%i %% $HOME", "web1"]);
      expect(await place.driver.stop(place.slot, at(3))).toMatchObject(DONE);
    }
  });

  test("after a reboot, and after a power cut, each slot is as it was left", async () => {
    const up = await Promise.all(KINDS.map(([, run]) => running(run)));
    const down = await Promise.all(KINDS.map(([, run]) => running(run, V2)));
    for (const place of down) expect(await place.driver.stop(place.slot, at(3))).toMatchObject(DONE);
    // Somebody else's target wants them all.
    const wants = `all=/etc/systemd/system/all.target
      printf '[Unit]\\nWants=shop@%s.service\\n[Install]\\nWantedBy=multi-user.target\\n' "$1" >"$all"
      systemctl --quiet enable all.target`;
    await host.must(wants, String(down[2]?.slot.port));
    for (const end of [() => host.reboot(), () => host.powerCut().then(() => host.boot())]) {
      await end();
      for (const place of up) {
        await expect.poll(async () => (await place.seen()).process, { timeout: 20_000 }).toBe("running");
        expect(await place.seen()).toMatchObject({ generation: 2, release: "v1" });
        await expect.poll(() => processes(place)).not.toBe("");
      }
      for (const place of down) {
        expect(await place.seen()).toMatchObject({ generation: 3, release: "v2", process: "stopped" });
        expect(await processes(place)).toBe("");
        expect(await place.driver.start(place.slot, at(2))).toMatchObject({ error: { code: "slot.fenced" } });
      }
    }
    for (const place of [...up, ...down]) {
      expect(await place.driver.start(place.slot, at(4))).toMatchObject(DONE);
      expect((await place.seen()).process).toBe("running");
      expect(await place.driver.stop(place.slot, at(5))).toMatchObject(DONE);
    }
  });
});

const HOSTILE: Readonly<Record<string, string>> = {
  ODD: String.raw`it's "$(id)" \ A ${"`id`"} 
 $HOME ${"${HOME}"} $$ %i %% %n`,
  TABS: "\ta\u001b[31m\u0085b\u2028c ",
  WIDE: "ü 中 😀",
  EMPTY: "",
  HASH: " # ; not a comment",
};
