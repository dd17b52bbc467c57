import { structuredPatch } from "diff";
import type { AppError } from "../../base/errors.ts";
import { requestsOfLook, type AnalysisSettings } from "../../model/analysis.ts";
import { HOOKS, slotHosts, type Application } from "../../model/application.ts";
import { drainOf, TRAFFIC_KINDS } from "../../model/drain.ts";
import type { SlotKey } from "../../model/ids.ts";
import { EVERYTHING, NOTHING } from "../../model/share.ts";
import type { PlannedStep } from "../../model/planned.ts";
import type { PlanStory } from "../../ports/control.ts";
import type { Finding } from "../../ports/examine.ts";
import type { ConfigPreview } from "../../ports/gateway.ts";
import { errorLines } from "./error.ts";
import { bad, canary, clean, dim, EMPTY, good, indent, line, strong, warn, wrap, type Line } from "./text.ts";
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
  const hosts = counted(slotHosts(application.hosts).length, "host");
  return `${slots} on ${hosts}; at most ${story.maxUnavailable} out of rotation at once`;
}

/** More names than this are no story any more. */
const MOST_NAMES = 4;

function slotsText(slots: readonly SlotKey[], atOnce: number): string {
  const together = atOnce > 1 && slots.length > 1 ? `, ${Math.min(atOnce, slots.length)} at a time` : "";
  if (slots.length <= MOST_NAMES) {
    return together === "" ? slots.join(", then ") : `${slots.join(", ")}${together}`;
  }
  return `${slots.length} slots (${slots[0]} first, ${slots.at(-1)} last)${together}`;
}

function hostsText(application: Application): string {
  const hosts = slotHosts(application.hosts);
  return hosts.length <= MOST_NAMES
    ? hosts.map((host) => host.name).join(", ")
    : `${hosts[0]?.name ?? ""} to ${hosts.at(-1)?.name ?? ""}, ${hosts.length} hosts`;
}

/** Nobody is served yet, so nothing has to be spared: all slots come up and join together. */
const firstText = ({ release, order }: PlanStory): string =>
  `nothing runs yet: start ${release} on ${slotsText(order, 1).replaceAll(", then ", ", ")} at once; ` +
  "when all are well everybody gets it";

interface Telling {
  readonly story: PlanStory;
  readonly application: Application;
}

function stepText({ story, application }: Telling, index: number): string {
  const step = story.steps[index];
  if (step === undefined) return "";
  const before = Math.max(0, ...story.steps.slice(0, index).map(({ canarySlots }) => canarySlots));
  const taken = story.order.slice(before, Math.max(before, step.canarySlots));
  const isSaid = step.named.length === 0 || step.named.join() === taken.join();
  const named = isSaid ? "" : `${step.named.join(", ")}: `;
  const updated = taken.length === 0 ? "no further slot" : `update ${slotsText(taken, story.maxUnavailable)}`;
  const whom = who(step, { story, application });
  return [`${named}${updated}; then ${whom}`, ...holds(step)].join("; ");
}

function who(step: PlannedStep, { story, application }: Telling): string {
  const { release, from } = story;
  const isByServers = application.gateway.split === "servers";
  const { canary: own, stable: others } = step.loads;
  const slots = counted(step.canarySlots, "slot");
  if (step.mirror !== undefined) {
    const copies = `${share(step.mirror)} of the GET and HEAD requests are copied to ${release} on ${slots}`;
    return `${copies}, whose answers nobody gets`;
  }
  if (application.gateway.passive) {
    return `${release} runs in ${step.canarySlots} of ${step.canarySlots + step.stableSlots} slots`;
  }
  if (step.share === 0) {
    return isByServers ? `nobody gets ${release} yet` : `${release} gets only those whom a rule sends there`;
  }
  if (step.share === 10_000) {
    return `everybody gets ${release} on ${slots}, ${percent(own)} of the traffic each`;
  }
  if (isByServers) {
    const all = step.canarySlots + step.stableSlots;
    return `${step.canarySlots} of ${all} slots run ${release} and get ${share(step.share)} of the requests`;
  }
  const rest = `the rest ${from ?? "nothing"} on ${step.stableSlots} (${percent(others)} each)`;
  return `${share(step.share)} of the users get ${release} on ${slots} (${percent(own)} each), ${rest}`;
}

function holds({ bake, approve }: PlannedStep): readonly string[] {
  return [
    ...(bake > 0 ? [`hold for ${time(bake)} and watch`] : []),
    ...(approve ? ["wait until somebody says `glidepath promote`"] : []),
  ];
}

function slotText({ run, smoke, policy, gateway, warm = [] }: Application, isFirst: boolean): string {
  const kinds = TRAFFIC_KINDS.filter((kind) => policy.drainKinds?.[kind] !== undefined);
  const asked = new Set((policy.asks ?? []).flatMap((one) => one.kinds));
  const apart = kinds
    .map((kind) => `${kind} ${time(drainOf(policy, kind))}${asked.has(kind) ? ", asked to go" : ""}`)
    .join(", ");
  const drain = `drain for at most ${time(policy.drain)}${apart === "" ? "" : ` (${apart})`}`;
  const starts = run.kind === "static" ? "switch" : "stop, switch, start, wait until healthy";
  const warmUp = warm.length === 0 ? [] : ["warm up"];
  const checks = smoke.length === 0 ? [] : [`pass ${counted(smoke.length, "smoke check")}`];
  const grows = policy.ramp === undefined ? "" : `, its traffic growing over ${time(policy.ramp)}`;
  if (isFirst) return [starts, ...warmUp, ...checks, "join with all the others"].join(" → ");
  if (gateway.passive) return [starts, ...warmUp, ...checks, "wait until nginx asks it again"].join(" → ");
  return [
    "leave rotation on every gateway",
    drain,
    starts,
    ...warmUp,
    ...checks,
    `join as canary${grows}`,
  ].join(" → ");
}

/** Nobody's release changes at once. */
function pinText(application: Application): string | null {
  const { pin } = application.gateway;
  if (pin === undefined) return null;
  const judged = judgedWithPins(application);
  return (
    `visitors stay with the release of their page until they are idle for ${time(pin)}, ` +
    "while it serves and its slots can carry them: the real share lags behind" +
    (judged === null ? "" : `; ${judged}`)
  );
}

/** Who comes again and again stays where he is until everybody is led to the release. */
export function judgedWithPins({ gateway, analysis, policy }: Application): string | null {
  if (gateway.pin === undefined || analysis === null) return null;
  if (!policy.steps.some(({ share }) => share > NOTHING && share < EVERYTHING)) return null;
  return "steps before 100% are judged by newcomers only, by errors and times, not by how many come";
}

function lastText({ story, application }: Telling): string | null {
  const { steps, order, maxUnavailable } = story;
  const rest = order.slice(Math.max(0, ...steps.map(({ canarySlots }) => canarySlots)));
  if (rest.length === 0) return null;
  const unused = application.gateway.passive ? "" : ", which nobody uses any more";
  return `update ${slotsText(rest, maxUnavailable)}${unused}`;
}

const stepLabel = ({ share: points, mirror }: PlannedStep): string =>
  mirror === undefined ? share(points) : "mirror";

type Put = (label: string, text: string) => readonly Line[];

function stepLines(telling: Telling, put: Put): readonly Line[] {
  const { story } = telling;
  const last = lastText(telling);
  const pin = story.from === null ? null : pinText(telling.application);
  return [
    ...story.steps.flatMap((step, i) => put(stepLabel(step), stepText(telling, i))),
    ...(pin === null ? [] : put("pin", pin)),
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

const UNTOUCHED = "  nginx's config is left alone: nginx finds out by failing requests which slots serve";

function gatewayLines(
  { name, config }: PlanStory["gateways"][number],
  { gateway }: Application,
): readonly Line[] {
  if (isError(config)) return [line(strong(name)), ...errorLines(config).map((given) => indent(2, given))];
  if (gateway.passive) return [line(strong(name), UNTOUCHED)];
  const { path, current, wanted, reload, lack } = config;
  const lacking = lack === null ? [] : lackLines(lack);
  if (!reload && current === wanted) {
    return [line(strong(name), `  ${path} stays as it is: no reload`), ...lacking];
  }
  const words = current === null ? "is written for the first time" : "is brought up to date";
  const head = line(strong(name), `  ${path} ${words}${reload ? ", with one reload" : ""}`);
  return [head, ...lacking, ...shorten(diffLines(current, wanted)).map((given) => indent(4, given))];
}

const lackLines = ({ found, todo }: Finding): readonly Line[] => [
  indent(2, line(warn("! "), found)),
  ...(todo === null ? [] : [indent(4, line(dim("→ "), todo))]),
];

function worstText({ worst, maxUnavailable, order }: PlanStory): string {
  const few = maxUnavailable === 1 ? "1 slot is" : `${maxUnavailable} of ${order.length} slots are`;
  const even = `${percent(worst.even)} when even`;
  return `one slot carries ${percent(worst.load)} of the traffic (${even}): while ${few} updated`;
}

/** Before anybody is led anywhere this is looked at; where it does not hold, the rollout waits. */
const capacityText = ({ order, maxUnavailable }: PlanStory): string =>
  `before each switch ${order.length - maxUnavailable} of ${order.length} slots must be healthy, ` +
  "and each that gets more traffic";

function backText({ steps, from }: PlanStory, { gateway }: Application): string {
  if (gateway.passive) return `the slots get ${from ?? ""} again, in the same way`;
  const isWhole = ({ back, share: points }: PlannedStep): boolean => back.atOnce >= points / 10_000 - 1e-9;
  const whole = steps.filter(isWhole);
  const load = (some: readonly PlannedStep[]): string =>
    `at most ${percent(Math.max(...some.map(({ back }) => back.load)))} of the traffic on one slot`;
  const last = whole.at(-1);
  const upTo =
    last === undefined || last === steps.at(-1) ? "all users" : `up to ${share(last.share)} all users`;
  return [
    ...(last === undefined ? [] : [`${upTo} get ${from ?? ""} again in one switch, ${load(whole)}`]),
    ...steps
      .filter((step) => !isWhole(step))
      .map((step) => {
        const now = `${percent(step.back.atOnce)} of the users return at once, the rest as slots return`;
        return `at ${share(step.share)} ${now}, ${load([step])}`;
      }),
  ].join("; ");
}

function hookText({ hooks }: Application): string {
  const names = HOOKS.filter((name) => hooks[name] !== undefined);
  return names.length === 0 ? "" : `${names.join(", ")}: each once at its place`;
}

function harmText({ harm, from }: PlanStory, { analysis }: Application): string {
  if (harm === null || analysis === null) return "not at all";
  if (analysis.observe) return "it tells, and never acts";
  const { allFailing, unit, most } = harm;
  const all = "one that fails everything goes back by itself after";
  const usual = `if one request in a thousand of ${from ?? "the stable"} fails`;
  return [
    ...(allFailing === null ? [] : [`${all} ${counted(allFailing, `failed ${unit}`)} at most, ${usual}`]),
    `about ${most} requests may fail beyond what fails of ${from ?? "the stable"}, whatever fails`,
    "and what arrives while the switch is made",
    ...(analysis.look === 0 ? [] : [lookText(analysis)]),
  ].join("; ");
}

const lookText = (analysis: AnalysisSettings): string =>
  "before more slots follow the first ones, and before the last ones do, " +
  `${counted(requestsOfLook(analysis), "request")} of it are seen, or what comes in ${time(analysis.look)}` +
  "; longer while requests to it stay unanswered";

function timeText({ steps }: PlanStory): string {
  const baked = steps.reduce((sum, { bake }) => sum + bake, 0);
  const gates = steps.filter(({ approve }) => approve).length;
  return [
    ...(baked > 0 ? [`at least ${time(baked)} of holding`] : []),
    ...(gates > 0 ? [counted(gates, "approval")] : []),
  ].join(", and ");
}

/** What a release would do, told from its start to its end. */
export function planLines(story: PlanStory, application: Application, columns: number): readonly Line[] {
  const put: Put = (label, text) => (text === "" ? [] : item(label, text, columns));
  const isFirst = story.from === null;
  return [
    line(
      strong(application.name),
      `  ${story.from ?? "nothing"} → `,
      canary(story.release),
      dim("  this changes nothing yet"),
    ),
    EMPTY,
    ...put("pool", poolText(story, application)),
    ...put("fetch", `once, verify, and unpack on ${hostsText(application)}; no traffic is touched`),
    ...(isFirst ? put("start", firstText(story)) : stepLines({ story, application }, put)),
    EMPTY,
    ...put("each slot", slotText(application, isFirst)),
    ...put("hooks", hookText(application)),
    ...put("capacity", isFirst ? "" : capacityText(story)),
    ...put("worst", isFirst ? "" : worstText(story)),
    ...put("way back", isFirst ? FIRST_BACK : backText(story, application)),
    ...put("loses", application.gateway.passive && !isFirst ? LOSES : ""),
    ...put("judged", isFirst ? "" : harmText(story, application)),
    ...put("time", timeText(story)),
    EMPTY,
    line("  ", dim(story.gateways.length === 1 ? "gateway" : "gateways")),
    ...story.gateways.flatMap((each) => gatewayLines(each, application)).map((given) => indent(4, given)),
  ];
}

const LOSES =
  "nothing is drained: requests to a slot that stops can fail where they cannot be repeated (POST)";
const FIRST_BACK =
  "until it serves `glidepath abort` stops it again; once it serves there is nothing to go back to";
