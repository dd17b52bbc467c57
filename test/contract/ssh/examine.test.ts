// What `check` says of the way to the hosts, and that a host that cannot be reached hides nobody else.
import { expect, onTestFinished, test } from "vitest";
import { localHost } from "../../../src/drivers/local/host.ts";
import { getOver } from "../../../src/drivers/local/http.ts";
import { runProgram } from "../../../src/drivers/local/process.ts";
import { reachHosts } from "../../../src/drivers/ssh/examine.ts";
import { sshHosts } from "../../../src/drivers/ssh/host.ts";
import type { Host } from "../../../src/model/application.ts";
import type { HostName } from "../../../src/model/ids.ts";
import type { HostPort, Hosts } from "../../../src/ports/host.ts";
import { canSsh, startFleet, type Fleet, type FleetOptions } from "../../support/sshd.ts";

async function fleetOf(count: number, options: FleetOptions = {}) {
  const fleet = await startFleet(count, options);
  onTestFinished(() => fleet.close());
  const far = sshHosts({ runProgram, getOver, config: fleet.config });
  const known = new Map<string, HostPort>();
  const hosts: Hosts = (name) => {
    const host = known.get(name) ?? far(name, name);
    known.set(name, host);
    return host;
  };
  return { fleet, hosts };
}

const named = ({ targets }: Fleet): readonly Host[] =>
  targets.map(({ address }) => ({ name: address as HostName, address, root: "/srv", slots: [] }));

const SAME = "warning: is the same machine as target0";

test.skipIf(!canSsh("check over SSH"))(
  "an unreached host is named with what to do; the others are looked at",
  async () => {
    const { fleet, hosts } = await fleetOf(3);
    await fleet.targets[1]?.stop();
    const { hosts: reached, findings } = await reachHosts(named(fleet), hosts);
    expect([...reached]).toEqual(["target0", "target2"]);
    const told = findings.map(({ subject, severity, found }) => `${subject}: ${severity}: ${found}`);
    expect(told.filter((line) => !line.endsWith(SAME))).toEqual([
      "target0: ssh target0: fine: reached; its clock agrees",
      expect.stringMatching(
        /^target1: ssh target1: fault: not reached: connection refused \(ssh: connect to host/,
      ),
      "target2: ssh target2: fine: reached; its clock agrees",
    ]);
    expect(findings.find(({ severity }) => severity === "fault")?.todo).toBe(
      "start sshd there, or see its Port",
    );
  },
);

test.skipIf(!canSsh("check over SSH"))("an sshd that allows fewer sessions is named", async () => {
  const { fleet, hosts } = await fleetOf(1, { server: ["MaxSessions 2"] });
  const { findings } = await reachHosts(named(fleet), hosts);
  expect(findings.map(({ severity, found }) => `${severity}: ${found}`)).toEqual([
    "warning: its sshd allows fewer than 8 sessions at a time",
  ]);
});

test("a clock that is wrong and a tool that is missing are named", async () => {
  const odd: HostPort = {
    ...localHost("odd" as HostName),
    run: (command) =>
      Promise.resolve({
        kind: "exited",
        code: 0,
        stdout: command.script.includes("clock") ? "missing flock\nmachine \nclock 1000\n" : "",
        stderr: "",
      }),
  };
  const host: Host = { name: "odd" as HostName, address: "u@odd", root: "/srv", slots: [] };
  const { findings } = await reachHosts([host], () => odd);
  expect(findings.map(({ severity, found }) => `${severity}: ${found}`)).toEqual([
    "fault: missing there: flock",
    expect.stringMatching(/^warning: its clock is \d+ s behind this machine's$/),
  ]);
});
