import { isSentAlike } from "./adopt/rewrite.ts";
import { snippetOf } from "./place.ts";
import { section, warning, type Facts, type Look } from "./said.ts";
import { filesOf, httpOf, named, type Placed } from "./survey.ts";

/** What nginx inherits only where a location says nothing of the kind; the one that Glidepath serves does. */
const WHERE = "of its http block, in the location that Glidepath serves, nginx does not inherit it";

/** The user's own limits and headers that do not hold where Glidepath serves. */
export const overruled: Look = (facts) => {
  const http = httpOf(filesOf(section(facts, "dump")));
  const limits = named(http, "limit_conn").map(({ args }) => args[0] ?? "");
  const sent = isSaidThere(facts, http) ? [] : named(http, "proxy_set_header");
  const headers = sent.filter(({ args }) => !isSentAlike(args)).map(({ args }) => args[0] ?? "");
  return [
    ...(limits.length === 0
      ? []
      : [
          warning(
            `limit_conn ${limits.join(", ")} limits nobody: ${WHERE}`,
            "limit requests by limit_req, which holds there, or connections before nginx",
          ),
        ]),
    ...(headers.length === 0
      ? []
      : [
          warning(
            `proxy_set_header ${headers.join(", ")} does not reach the application: ${WHERE}`,
            "with gateway.mode: upstream, repeat it in the location",
          ),
        ]),
  ];
};

/** Every location of the user's that includes the snippet says itself what it sends besides. */
function isSaidThere(facts: Facts, http: readonly Placed[]): boolean {
  if (facts.application.gateway.mode !== "upstream") return false;
  const snippet = snippetOf(facts);
  const locations = ours(http, snippet);
  const says = ({ name, file }: Placed): boolean => name === "proxy_set_header" && file !== snippet;
  return locations.length > 0 && locations.every((location) => location.some(says));
}

const ours = (all: readonly Placed[], snippet: string): readonly (readonly Placed[])[] =>
  all.flatMap(({ block }) =>
    block === null
      ? []
      : [...(block.some(({ file }) => file === snippet) ? [block] : []), ...ours(block, snippet)],
  );
