import { ownFiles } from "./doors.ts";
import { fault, section, surveyIn, warning, type Look, type Said } from "./said.ts";
import { filesOf, type FoundUpstream } from "./survey.ts";
import { stillOurs } from "./unserved.ts";

/**
 * The short form relies on nginx's own detection of dead slots: with its defaults it punishes for too long.
 */
export const upstreams: Look = (facts) => {
  if (ownFiles(facts, filesOf(section(facts, "dump"))).length > 0) {
    const { message, hint } = stillOurs(facts);
    return [fault(message, hint ?? "")];
  }
  const slots = new Set(
    facts.application.hosts.flatMap((host) => host.slots.map((slot) => `${slot.address}:${slot.port}`)),
  );
  const survey = surveyIn(facts);
  if (survey === null) return [];
  const found = survey.upstreams.filter((one) => one.servers.some(({ address }) => slots.has(address)));
  if (found.length === 0) {
    return [
      fault(
        "no upstream of this nginx has the slots",
        "write an upstream with a `server ADDRESS:PORT fail_timeout=1s;` for each",
      ),
    ];
  }
  const limits = warning(
    "passive: nginx finds out by failing requests; one that cannot be repeated (POST) can be lost meanwhile",
    "use gateway.mode: upstream for releases that lose nothing",
  );
  return [...found.flatMap((one) => settings(one, slots)), limits];
};

function settings({ name, servers }: FoundUpstream, slots: ReadonlySet<string>): readonly Said[] {
  const here = new Set(servers.map((server) => server.address));
  const absent = [...slots].filter((slot) => !here.has(slot));
  const slow = servers.filter(
    ({ params }) => !params.includes("fail_timeout=1s") && !params.includes("fail_timeout=1"),
  );
  return [
    ...absent.map((slot) =>
      fault(`upstream ${name} does not have ${slot}`, `add \`server ${slot} fail_timeout=1s;\``),
    ),
    ...slow.map(({ address }) =>
      fault(
        `upstream ${name}: ${address} is avoided for 10 s after a failure (nginx's default), not for 1 s`,
        `write \`server ${address} max_fails=1 fail_timeout=1s;\``,
      ),
    ),
  ];
}
