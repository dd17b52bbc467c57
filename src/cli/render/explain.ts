import { basisPoints } from "../../model/share.ts";
import type { Explanation } from "../deps.ts";
import { canary, clean, line, plain, strong, warn, type Line } from "./text.ts";
import { share } from "./words.ts";

type Told = Omit<Explanation, "late">;

function whyWords({ by, share: points, changesAt }: Told): string {
  if ("rule" in by) return `a rule says so, whatever the share: ${clean(by.rule)}`;
  const pin = by.pin === undefined ? "" : `pinned to ${by.pin} until idle; without that `;
  const where = `${pin}bucket ${by.bucket} of ${by.of}`;
  const from = changesAt === null ? "" : `; the canary's from a share of ${share(basisPoints(changesAt))} on`;
  return points === 0
    ? `${where}${from}, and no canary has a share now`
    : `${where}${from}; it is ${share(points)} now`;
}

/** One user or request, what serves it, and what would change that. */
export function explainLines(explanation: Told): readonly Line[] {
  const { user, release, role } = explanation;
  const shown = role === "canary" ? canary(release ?? "nothing") : plain(release ?? "nothing");
  const who = user === "" ? "this request" : clean(user);
  const head = line(strong(who), "  gets ", shown, role === "none" ? "" : ` (${role})`);
  return [head, line("  ", whyWords(explanation))];
}

/** The answer is that of the file, and these gateways have another one. */
export const lateLines = (late: Explanation["late"]): readonly Line[] => [
  line(
    warn("! "),
    `this is how the file decides; ${late.join(", ")} still ${late.length === 1 ? "decides" : "decide"} ` +
      "by what it said before",
  ),
  line("  → ", "`glidepath plan` shows the difference; the next release installs the file's"),
];
