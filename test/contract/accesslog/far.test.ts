// The log of a gateway over SSH, on a host whose clock is wrong: it is said, and nothing is good by it.
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { instant, minutes, seconds, type Instant } from "../../../src/base/time.ts";
import { accessLog } from "../../../src/drivers/accesslog/accesslog.ts";
import type { Application, Gateway } from "../../../src/model/application.ts";
import { basisPoints } from "../../../src/model/share.ts";
import type { HostPort } from "../../../src/ports/host.ts";
import type { LogReading } from "../../../src/ports/telemetry.ts";
import { GATEWAY } from "../../support/evidence.ts";
import { judgeOf, ONE } from "../../support/judged.ts";
import { sshTo } from "../../support/ssh-host.ts";
import { canSsh, startTarget } from "../../support/sshd.ts";

const application = { hosts: [], gateway: {}, analysis: null } as unknown as Application;
const ROLES = { joined: {}, warmup: seconds(0) };

/** The host itself, but that `date` is so many seconds ahead there. */
function withClock(host: HostPort, ahead: number): HostPort {
  const date = `date() { [ "$1" = +%s%3N ] && echo $(($(command date +%s%3N) + ${ahead * 1000})); }\n`;
  return { ...host, run: (command) => host.run({ ...command, script: date + command.script }) };
}

const lineAt = (at: number, role: string): string =>
  ["g1", (at / 1000).toFixed(3), "0.010", "200", role, role === "canary" ? "p1" : "s1", "37/52", "GET"]
    .concat(["127.0.0.1:8001", "200", "0.000", "0.010", "100", "OK", "", "12", "12"])
    .join("\t")
    .concat("\n");

interface Read {
  readonly reading: LogReading;
  readonly now: Instant;
}

async function readWith(ahead: number, began: Instant): Promise<Read> {
  const target = await startTarget({});
  onTestFinished(target.close);
  const log = join(dirname(target.config), "shop.log");
  const until = Date.now() - 1000;
  // The host's nginx writes by the host's clock.
  const times = Array.from({ length: 2000 }, (_, i) => began + ((until - began) * i) / 2000 + ahead * 1000);
  writeFileSync(log, times.map((at, i) => lineAt(at, i % 2 === 0 ? "canary" : "stable")).join(""));
  const far = withClock(sshTo(target, GATEWAY), ahead);
  const port = accessLog({ application, hosts: () => far });
  const gateway = { name: GATEWAY, log } as Gateway;
  const opened = await port.open(gateway, instant(0));
  if (!opened.ok) throw new Error(opened.error.message);
  const read = await port.read(gateway, opened.value, ROLES);
  if (!read.ok) throw new Error(read.error.message);
  return { reading: read.value, now: instant(Date.now()) };
}

async function verdictWith(ahead: number) {
  const began = instant(Date.now() - minutes(2));
  const judge = judgeOf({}, ONE);
  const { reading, now } = await readWith(ahead, began);
  const { through, slices, losses } = reading;
  const begun = judge.shareChanged(judge.begin(began), began, basisPoints(5000));
  const state = judge.observe(begun, { gateway: GATEWAY, through, slices, lost: losses }, now);
  return judge.verdict(state, now);
}

describe.skipIf(!canSsh("the log of a gateway over SSH"))("a gateway over SSH", () => {
  test.each([
    [60, "web1: its clock is ahead of ours"],
    [-60, "web1: its clock or its log is behind"],
  ])("whose clock is %i s off: it is said, and unknown, never good", async (ahead, gap) => {
    const { kind, gaps } = await verdictWith(ahead);
    expect(kind).toBe("unknown");
    expect(gaps).toEqual([gap]);
  });

  test("the control: with the right time the same log is evidence", async () => {
    const { kind, gaps, canary } = await verdictWith(0);
    expect({ kind, gaps }).toEqual({ kind: "continue", gaps: [] });
    expect(canary.requests).toBeGreaterThan(900);
  });
});
