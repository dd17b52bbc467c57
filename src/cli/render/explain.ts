import { basisPoints } from "../../model/share.ts";
import type { Explanation } from "../deps.ts";
import { canary, clean, line, plain, strong, type Line } from "./text.ts";
import { share } from "./words.ts";

function whyWords({ by, share: points, changesAt }: Explanation): string {
  if ("rule" in by) return `a rule says so, whatever the share: ${clean(by.rule)}`;
  const pin = by.pin === undefined ? "" : `pinned to ${by.pin} until idle; without that `;
  const where = `${pin}bucket ${by.bucket} of ${by.of}`;
  const from = changesAt === null ? "" : `; the canary's from a share of ${share(basisPoints(changesAt))} on`;
  return points === 0
    ? `${where}${from}, and no canary has a share now`
    : `${where}${from}; it is ${share(points)} now`;
}

/** One user or request, what serves it, and what would change that. */
export function explainLines(explanation: Explanation): readonly Line[] {
  const { user, release, role } = explanation;
  const shown = role === "canary" ? canary(release ?? "nothing") : plain(release ?? "nothing");
  const who = user === "" ? "this request" : clean(user);
  const head = line(strong(who), "  gets ", shown, role === "none" ? "" : ` (${role})`);
  return [head, line("  ", whyWords(explanation))];
}
