import { section, warning, type Look } from "./said.ts";
import { filesOf, httpOf, named } from "./survey.ts";

/** What nginx inherits only where a location says nothing of the kind; the one that Glidepath serves does. */
const ENDED: Readonly<Record<string, readonly [what: string, todo: string]>> = {
  limit_conn: [
    "limits nobody",
    "limit requests by limit_req, which holds there, or connections before nginx",
  ],
  proxy_set_header: [
    "does not reach the application",
    "with gateway.mode: upstream, repeat it in the location",
  ],
};

/** The user's own limits and headers that do not hold where Glidepath serves. */
export const overruled: Look = (facts) => {
  const http = httpOf(filesOf(section(facts, "dump")));
  return Object.entries(ENDED).flatMap(([name, [what, todo]]) => {
    const said = named(http, name).map(({ args }) => args[0] ?? "");
    if (said.length === 0) return [];
    const where = "of its http block, in the location that Glidepath serves";
    return [warning(`${name} ${said.join(", ")} ${what}: ${where}, nginx does not inherit it`, todo)];
  });
};
