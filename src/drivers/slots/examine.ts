import { seconds } from "../../base/time.ts";
import { slotHosts, type Application, type Host } from "../../model/application.ts";
import { expandPlaceholders } from "../../model/command.ts";
import type { Examiner, Finding } from "../../ports/examine.ts";
import type { HostPort, Hosts } from "../../ports/host.ts";
import { findingsOf } from "./findings.ts";
import { hostEnvironment, kernelAddress, markerOf } from "./layout.ts";
import { unitNameOf } from "./unit.ts";
import { EXAMINE, EXAMINE_OWN } from "./script/examine.ts";

export interface ExaminerOptions {
  readonly application: Application;
  readonly hosts: Hosts;
}

/** Looks whether slots could be run on each host. */
export function slotExaminer(options: ExaminerOptions): Examiner {
  return {
    examine: async () =>
      (await Promise.all(slotHosts(options.application.hosts).map((host) => look(options, host)))).flat(),
  };
}

async function look({ application, hosts }: ExaminerOptions, host: Host): Promise<readonly Finding[]> {
  const slots = host.slots.flatMap((slot) => [
    String(slot.port),
    slot.dir,
    markerOf(application, slot),
    kernelAddress(slot.address),
    application.run.kind === "unit" ? unitNameOf(application, slot) : "",
  ]);
  const args = [host.root, application.run.user ?? "", ...application.shared, "", ...slots];
  const reply = await hosts(host.name).run({ script: EXAMINE, args, timeout: seconds(20) });
  if (reply.kind === "exited" && reply.code === 0) {
    const said = await statusSaid(application, host, hosts(host.name));
    return findingsOf(application, host, reply.stdout + said);
  }
  const found = reply.kind === "lost" ? reply.why : `exit code ${reply.code}: ${reply.stderr.trim()}`;
  const todo = "see that the host can be reached and has a POSIX shell";
  return [{ severity: "fault", subject: host.name, found: `could not be looked at: ${found}`, todo }];
}

/** What cannot be asked here says nothing: the look before it found out why. */
async function statusSaid(application: Application, host: Host, port: HostPort): Promise<string> {
  const { run } = application;
  if (run.kind !== "own") return "";
  const slots = host.slots.flatMap((slot) => [String(slot.port), slot.dir]);
  const first = [host.root, run.user ?? "", expandPlaceholders(run.status), String(host.slots.length)];
  const args = [...first, ...slots, ...hostEnvironment(application, host.name)];
  const timeout = seconds(10 + 8 * host.slots.length);
  const reply = await port.run({ script: EXAMINE_OWN, args, timeout });
  return reply.kind === "exited" && reply.code === 0 ? reply.stdout : "";
}
