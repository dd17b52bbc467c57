import { seconds } from "../../base/time.ts";
import type { Application, Gateway } from "../../model/application.ts";
import type { Examiner, Finding } from "../../ports/examine.ts";
import type { HostPort, Hosts } from "../../ports/host.ts";
import { EXAMINE } from "./examine-script.ts";
import { findingsOf, sectionsOf } from "./findings.ts";
import { surveyOf, type Survey } from "./survey.ts";
import { unsuitable } from "./unsuitable.ts";

export interface NginxExaminerOptions {
  readonly application: Application;
  readonly hosts: Hosts;
}

/** Looks at every gateway; changes nothing. */
export function nginxExaminer({ application, hosts }: NginxExaminerOptions): Examiner {
  const examine = async (): Promise<readonly Finding[]> => {
    const all = await Promise.all(
      application.gateways.map((gateway) => examineOne(application, gateway, hosts(gateway.name))),
    );
    return all.flat();
  };
  return { examine };
}

async function examineOne(
  application: Application,
  gateway: Gateway,
  host: HostPort,
): Promise<readonly Finding[]> {
  const subject = `${gateway.name}: nginx`;
  const mistake = unsuitable(application, gateway);
  const first: readonly Finding[] =
    mistake === null
      ? []
      : [{ severity: "fault", subject, found: mistake.message, todo: mistake.hint ?? null }];
  const home = `${gateway.state}/${application.name}`;
  const { config, main, nginx, state, log, tls } = gateway;
  const args = [home, config, main, nginx, state, log, tls?.certificate ?? "", tls?.key ?? ""];
  const reply = await host.run({ script: EXAMINE, args, timeout: seconds(20) });
  if (reply.kind === "exited" && reply.code === 0) {
    return [...first, ...findingsOf({ application, gateway, sections: sectionsOf(reply.stdout) })];
  }
  const found =
    reply.kind === "lost" ? `not looked at: ${reply.why}` : `not looked at: ${reply.stderr.trim()}`;
  return [
    ...first,
    { severity: "fault", subject, found, todo: `let Glidepath reach ${gateway.name}, then check again` },
  ];
}

export interface HostSurvey extends Survey {
  /** Where the binary is. */
  readonly binary: string;
}

const DUMP = `PATH=$PATH:/usr/sbin:/sbin
binary=$(command -v "$1") || exit 3
printf '%s\\n' "$binary"
exec "$binary" -T -q 2>/dev/null
`;

/**
 * What the machine's nginx serves with its ordinary config, for \`init\`; null when there is none that can
 * be read.
 */
export async function survey(host: HostPort, nginx = "nginx"): Promise<HostSurvey | null> {
  const reply = await host.run({ script: DUMP, args: [nginx], timeout: seconds(10) });
  if (reply.kind === "lost" || reply.code !== 0) return null;
  const end = reply.stdout.indexOf("\n");
  const found = surveyOf(reply.stdout.slice(end + 1));
  return found === null ? null : { ...found, binary: reply.stdout.slice(0, end) };
}
