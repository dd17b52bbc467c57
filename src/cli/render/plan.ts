import { structuredPatch } from "diff";
import type { AppError } from "../../base/errors.ts";
import type { Application } from "../../model/application.ts";
import type { SlotKey } from "../../model/ids.ts";
import type { PlannedStep, PlanStory } from "../../ports/control.ts";
import type { ConfigPreview } from "../../ports/gateway.ts";
import { errorLines } from "./error.ts";
import { bad, canary, clean, dim, EMPTY, good, indent, line, strong, wrap, type Line } from "./text.ts";
import { counted, percent, share, time } from "./words.ts";

const LABEL = 11;

/** A label, and text that goes on below itself. */
function item(label: string, text: string, columns: number): readonly Line[] {
  return wrap(text, Math.max(24, columns - LABEL - 2)).map((part, i) =>
    line("  ", dim((i === 0 ? label : "").padEnd(LABEL)), part),
  );
}

function poolText(story: PlanStory, application: Application): string {
  const slots = counted(story.order.length, "slot");
  const hosts = counted(application.hosts.length, "host");
  return `${slots} on ${hosts}; at most ${story.maxUnavailable} out of rotation at once`;
}

/** Nobody is served yet, so nothing has to be spared: all slots come up and join together. */
const firstText = ({ release, order }: PlanStory): string =>
  `nothing runs yet: start ${release} on ${order.join(", ")} at once; then everybody gets it`;

const namesOf = (slots: readonly SlotKey[]): string => slots.join(", then ");

function stepText(story: PlanStory, index: number): string {
  const step = story.steps[index];
  if (step === undefined) return "";
  const before = story.steps[index - 1]?.canarySlots ?? 0;
  const taken = story.order.slice(before, Math.max(before, step.canarySlots));
  const updated = taken.length === 0 ? "no further slot is updated" : `update ${namesOf(taken)}`;
  return [`${updated}; then ${who(step, story)}`, ...holds(step)].join("; ");
}

function who(step: PlannedStep, { release, from }: PlanStory): string {
  if (step.share === 0) return `${release} gets only those whom a rule sends there`;
  if (step.share === 10_000) return `everybody gets ${release}`;
  const rest = `the rest ${from ?? "nothing"} on ${step.stableSlots}`;
  return `${share(step.share)} get ${release} on ${counted(step.canarySlots, "slot")}, ${rest}`;
}

function holds({ bake, approve }: PlannedStep): readonly string[] {
  return [
    ...(bake > 0 ? [`hold for ${time(bake)} and watch`] : []),
    ...(approve ? ["wait until somebody says `glidepath promote`"] : []),
  ];
}

function slotText({ run, smoke, policy }: Application): string {
  const drain = `drain for at most ${time(policy.drain)}`;
  const starts = run.kind === "static" ? "switch" : "stop, switch, start, wait until healthy";
  const checks = smoke.length === 0 ? [] : [`pass ${counted(smoke.length, "smoke check")}`];
  return ["leave rotation on every gateway", drain, starts, ...checks, "join as canary"].join(" → ");
}

function lastText({ steps, order }: PlanStory): string | null {
  const rest = order.slice(steps.at(-1)?.canarySlots ?? 0);
  return rest.length === 0 ? null : `update ${namesOf(rest)}, which nobody uses any more`;
}

function stepLines(story: PlanStory, put: (label: string, text: string) => readonly Line[]): readonly Line[] {
  const last = lastText(story);
  return [
    ...story.steps.flatMap((step, i) => put(share(step.share), stepText(story, i))),
    ...(last === null ? [] : put("finish", last)),
  ];
}

const isError = (config: ConfigPreview | AppError): config is AppError => "code" in config;

/** What would change in a file, as a unified diff without its head. */
export function diffLines(current: string | null, wanted: string): readonly Line[] {
  const { hunks } = structuredPatch("", "", current ?? "", wanted, "", "", { context: 2 });
  return hunks
    .flatMap((hunk) => hunk.lines)
    .map((text) => {
      const shown = clean(text);
      if (shown.startsWith("+")) return line(good(shown));
      return shown.startsWith("-") ? line(bad(shown)) : line(dim(shown));
    });
}

/** Lines of a diff that are shown; `plan --json` has the whole config. */
const MOST = 40;
function shorten(lines: readonly Line[]): readonly Line[] {
  if (lines.length <= MOST) return lines;
  return [
    ...lines.slice(0, MOST),
    line(dim(`… and ${lines.length - MOST} more lines: all of it with --json`)),
  ];
}

function gatewayLines({ name, config }: PlanStory["gateways"][number]): readonly Line[] {
  if (isError(config)) return [line(strong(name)), ...errorLines(config).map((given) => indent(2, given))];
  const { path, current, wanted, reload } = config;
  if (!reload && current === wanted) return [line(strong(name), `  ${path} stays as it is: no reload`)];
  const words = current === null ? "is written for the first time" : "is brought up to date";
  const head = line(strong(name), `  ${path} ${words}${reload ? ", with one reload" : ""}`);
  return [head, ...shorten(diffLines(current, wanted)).map((given) => indent(4, given))];
}

const worstText = ({ load, even, when }: PlanStory["worst"]): string =>
  `one slot carries ${percent(load)} of the traffic (${percent(even)} when even): ${when}`;

/** What a release would do, told from its start to its end. */
export function planLines(story: PlanStory, application: Application, columns: number): readonly Line[] {
  const put = (label: string, text: string): readonly Line[] => item(label, text, columns);
  const hosts = application.hosts.map((host) => host.name).join(", ");
  const { worst, wayBack } = story;
  return [
    line(
      strong(application.name),
      `  ${story.from ?? "nothing"} → `,
      canary(story.release),
      dim("  this changes nothing yet"),
    ),
    EMPTY,
    ...put("pool", poolText(story, application)),
    ...put("fetch", `once, verify, and unpack on ${hosts}; no traffic is touched`),
    ...(story.from === null ? put("start", firstText(story)) : stepLines(story, put)),
    EMPTY,
    ...put("each slot", slotText(application)),
    ...put("worst", worstText(worst)),
    ...put("way back", `at most ${percent(wayBack.load)} of the traffic on one slot: ${wayBack.when}`),
    EMPTY,
    line("  ", dim(story.gateways.length === 1 ? "gateway" : "gateways")),
    ...story.gateways.flatMap(gatewayLines).map((given) => indent(4, given)),
  ];
}
