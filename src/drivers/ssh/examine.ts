import { seconds } from "../../base/time.ts";
import type { Host } from "../../model/application.ts";
import type { HostName } from "../../model/ids.ts";
import type { Finding } from "../../ports/examine.ts";
import type { HostPort, Hosts } from "../../ports/host.ts";
import { MOST_SESSIONS } from "./host.ts";

export interface Reached {
  readonly hosts: ReadonlySet<HostName>;
  readonly findings: readonly Finding[];
}

/** Looks at the way to every host; those that cannot be reached are left out of what is looked at next. */
export async function reachHosts(all: readonly Host[], hosts: Hosts): Promise<Reached> {
  const looks = await Promise.all(
    all.map(async (host) => ({ host, ...(await lookAt(host, hosts(host.name))) })),
  );
  return {
    hosts: new Set(looks.filter(({ reached }) => reached).map(({ host }) => host.name)),
    findings: [...looks.flatMap(({ findings }) => findings), ...sameMachines(looks)],
  };
}

interface Look {
  readonly reached: boolean;
  readonly findings: readonly Finding[];
  /** What tells machines apart; empty when the host has nothing of the kind. */
  readonly machine: string;
}

/** Clocks further apart than this make times in receipts and in the analysis wrong. */
const MOST_SKEW_MS = 2000;
/** tcpmux: whether anybody answers there does not matter. */
const NOBODYS_PORT = 1;
const TOOLS = "sh tar flock sha256sum awk find df";

/** What every host needs; what slots and nginx need besides is looked at there. */
const LOOK = `
for tool in ${TOOLS}; do
  command -v "$tool" >/dev/null 2>&1 || printf 'missing %s\\n' "$tool"
done
id=$(cat /etc/machine-id 2>/dev/null)
boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
printf 'machine %s %s\\n' "$id" "$boot"
printf 'clock %s\\n' "$(date +%s)"
`;

async function lookAt({ name, address }: Host, port: HostPort): Promise<Look> {
  const subject = `${name}: ssh ${address}`;
  const told = (severity: Finding["severity"], found: string, todo: string | null = null): Finding => ({
    severity,
    subject,
    found,
    todo,
  });
  const before = Date.now();
  const reply = await port.run({ script: LOOK, timeout: seconds(20) });
  const after = Date.now();
  if (reply.kind === "lost") {
    const todo = reply.todo ?? "see that the host can be reached, then check again";
    return { reached: false, findings: [told("fault", `not reached: ${reply.why}`, todo)], machine: "" };
  }
  // What it needs besides is looked at by those that need it.
  if (address === "local") return { reached: true, findings: [], machine: machineIn(reply.stdout) };
  const lines = reply.stdout.split("\n").map((line) => line.split(" "));
  const valueOf = (word: string): readonly string[] =>
    lines.filter(([first]) => first === word).map(([, ...rest]) => rest.join(" ").trim());
  const findings = [
    ...tools(valueOf("missing")).map((one) => told(...one)),
    ...clock(Number(valueOf("clock")[0]), before, after).map((one) => told(...one)),
    ...(await sessions(port)).map((one) => told(...one)),
  ];
  const fine = findings.length === 0 ? [told("fine", "reached; its clock agrees")] : findings;
  return { reached: true, findings: fine, machine: machineIn(reply.stdout) };
}

const machineIn = (stdout: string): string => /^machine (.*)$/m.exec(stdout)?.[1]?.trim() ?? "";

type Told = readonly [Finding["severity"], string, string];

const tools = (missing: readonly string[]): readonly Told[] =>
  missing.length === 0
    ? []
    : [["fault", `missing there: ${missing.join(", ")}`, "install coreutils, util-linux, findutils and tar"]];

/** The host's second began between our two looks. */
function clock(second: number, before: number, after: number): readonly Told[] {
  const ahead = second * 1000 - after;
  const behind = before - (second * 1000 + 999);
  const skew = Math.round(Math.max(ahead, behind) / 1000);
  if (Number.isFinite(skew) && skew * 1000 <= MOST_SKEW_MS) return [];
  const found = Number.isFinite(skew)
    ? `its clock is ${skew} s ${ahead > behind ? "ahead of" : "behind"} this machine's`
    : "its clock cannot be read";
  return [["warning", found, "let NTP run on both, or times in receipts are wrong"]];
}

/** As many at once as a release may ask for. */
async function sessions(port: HostPort): Promise<readonly Told[]> {
  const probe = { script: "sleep 0.3", timeout: seconds(30) };
  const replies = await Promise.all(Array.from({ length: MOST_SESSIONS }, () => port.run(probe)));
  const broken = replies.find(({ kind }) => kind === "lost");
  if (broken?.kind === "lost") return [["fault", `sessions break off: ${broken.why}`, "see its sshd's log"]];
  const contact = await port.connect({ port: NOBODYS_PORT }, seconds(10));
  if (contact.kind === "lost") {
    return [["fault", `health checks cannot go through: ${contact.why}`, "set AllowTcpForwarding yes there"]];
  }
  const room = port.sessions?.() ?? MOST_SESSIONS;
  if (room >= MOST_SESSIONS) return [];
  const found = `its sshd allows fewer than ${MOST_SESSIONS} sessions at a time`;
  return [["warning", found, "releases get slower; raise MaxSessions in its sshd_config"]];
}

/** Two names for one machine are one place more to fail than it seems. */
function sameMachines(looks: readonly (Look & { readonly host: Host })[]): readonly Finding[] {
  return looks.flatMap(({ host, machine }, i) => {
    const twin = machine.length < 32 ? undefined : looks.slice(0, i).find((one) => one.machine === machine);
    if (twin === undefined || twin.host.address === host.address) return [];
    const found = `is the same machine as ${twin.host.name}`;
    const todo = "make them one host with all its slots: what fails there fails for both";
    return [{ severity: "warning", subject: `${host.name}: ssh ${host.address}`, found, todo }];
  });
}
