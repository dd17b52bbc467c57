import { between, formatDuration, seconds, type Instant } from "../base/time.ts";
import type { HostName } from "../model/ids.ts";
import { EVERYTHING, NOTHING, type BasisPoints } from "../model/share.ts";
import type { TestReport, Verdict, VerdictKind } from "../model/verdict.ts";
import { difference } from "./bands.ts";
import { lnTogether, totalsSoFar } from "./close.ts";
import { PATIENCE, isSilent } from "./gateways.ts";
import { lnWealth } from "./mixture.ts";
import { GROSS_LIMIT } from "./gross.ts";
import { isMirroring, mirroredOf } from "./mirror.ts";
import { clamp } from "./numeric.ts";
import type { Proof } from "./proof.ts";
import { PROOF_LIMIT, harmOf, summaryOf, testsOf } from "./report.ts";
import type { Rules } from "./rules.ts";
import { shareNow } from "./shares.ts";
import type { JudgeState } from "./state.ts";
import { sentenceOf, type Against, type Reason } from "./words.ts";

/** Everything that a verdict rests on, in the order in which it decides. */
export function verdictOf(state: JudgeState, rules: Rules, now: Instant): Verdict {
  const totals = totalsSoFar(state);
  const { alpha } = rules.settings;
  const share = shareNow(state.shares);
  const target = nextTarget(rules, share);
  const tests = testsOf(state, rules, target);
  const canary = summaryOf(totals.canary, totals.cold.canary, alpha);
  const stable = summaryOf(totals.stable, totals.cold.stable, alpha);
  const gaps = gapsOf(state, rules, now);
  const reason = reasonOf({ state, rules, now, share, target, gaps });
  const requestsMissing = missingOf(state, rules, { target, reason });
  const mirrored = mirroredOf(state, rules);
  const isCopy = isMirroring(state);
  const told = isCopy && mirrored !== undefined ? mirrored : { canary, stable };
  const isPinned = !rules.countsArrivals;
  const against = againstOf(state, rules, tests);
  const arrived = totals.arrived;
  const facts = { share, ...told, isCopy, isPinned, tests, against, arrived, requestsMissing, gaps };
  const budget = harmOf(state, rules);
  return {
    kind: KINDS[reason.why],
    at: now,
    share,
    sentence: sentenceOf(reason, { ...facts, budget, gross: state.gross ?? null }),
    by: "test" in reason ? reason.test : (nearest(tests)?.name ?? null),
    alpha,
    p: pOf(state, rules, tests),
    canary,
    stable,
    ...(mirrored === undefined ? {} : { mirrored }),
    difference: difference(canary.rate, stable.rate),
    tests,
    budget,
    requestsMissing,
    gaps,
  };
}

const KINDS: Readonly<Record<Reason["why"], VerdictKind>> = {
  worse: "fail",
  gross: "fail",
  budget: "fail",
  gap: "unknown",
  "share changing": "continue",
  "nothing to compare": "continue",
  crowd: "inconclusive",
  few: "inconclusive",
  proven: "proven",
  open: "continue",
};

interface Case {
  readonly state: JudgeState;
  readonly rules: Rules;
  readonly now: Instant;
  readonly share: BasisPoints | null;
  readonly target: number | null;
  readonly gaps: readonly string[];
}

/** Some evidence against it is doubt: nothing is proven then, and a budget may run out. */
export const DOUBT = Math.LN2;

export function failureOf(state: JudgeState, rules: Rules): Reason | null {
  const worse = worseTest(state.lnMost, rules, testsOf(state, rules, null));
  if (worse !== null) return { why: "worse", test: worse };
  if ((state.gross?.mixture.lnMost ?? 0) >= GROSS_LIMIT) return { why: "gross", test: "gross" };
  if (harmOf(state, rules).low <= rules.settings.maxFailedRequests) return null;
  // Where all have the canary no bet can be made, and what was known of the stable has to do.
  const isAlone = shareNow(state.shares) === EVERYTHING;
  return isAlone || failsMore(state, rules) ? { why: "budget", test: "budget" } : null;
}

function reasonOf(one: Case): Reason {
  const { state, rules, share, gaps } = one;
  const failure = failureOf(state, rules);
  if (failure !== null) return failure;
  if (gaps.length > 0) return { why: "gap" };
  if (share === null) return { why: "share changing" };
  const isCompared = share > NOTHING || isMirroring(state);
  if (share === EVERYTHING || !isCompared) return { why: "nothing to compare" };
  if (lnWealth(state.tests.crowd, rules.drip) >= Math.log(1 / rules.settings.alpha))
    return { why: "crowd", test: "traffic" };
  if (state.totals.sinceShare < rules.settings.minRequests) return { why: "few" };
  return isProven(one) ? { why: "proven" } : { why: "open" };
}

/** Some evidence that it fails more than the stable, at some moment. */
export const failsMore = ({ tests }: JudgeState, { settings }: Rules): boolean => {
  const { lnMost } = tests.errors.mixture;
  return (settings.unit === "user" ? Math.max(tests.firstErrors.lnMost, lnMost) : lnMost) > DOUBT;
};

/** Tests on requests see the same and are worth their average together; others stand alone. */
function worseTest(lnMost: number, rules: Rules, reports: readonly TestReport[]): string | null {
  const together = reports.filter(({ unit }) => unit === "request");
  if (together.length > 0 && lnMost >= Math.log(1 / rules.alpha)) return nearest(together)?.name ?? null;
  const alone = reports.filter(({ unit }) => unit !== "request");
  return alone.find(({ p, limit }) => -Math.log10(p) >= limit)?.name ?? null;
}

/** The test that has come nearest to its limit, or went farthest beyond. */
const nearest = (tests: readonly TestReport[]): TestReport | null =>
  tests.reduce<TestReport | null>(
    (a, b) => (a === null || b.wealth - b.limit > a.wealth - a.limit ? b : a),
    null,
  );

/** Which of the targets comes after the share. */
function nextTarget({ targets }: Rules, share: BasisPoints | null): number | null {
  const next = targets.findIndex((target) => share !== null && target > share);
  return next === -1 ? null : next;
}

const LEAST_DWELL = seconds(30);

/** For the next share, by every test, and nothing in doubt. */
function isProven({ state, rules, now, target }: Case): boolean {
  const since = state.shares.at(-1)?.at ?? now;
  if (target === null || now - since < LEAST_DWELL || isDoubted(state, rules)) return false;
  return openProofs(state, rules, target).length === 0;
}

function isDoubted({ tests }: JudgeState, { drip, refused }: Rules): boolean {
  const mixtures = [
    tests.errors.mixture,
    tests.latency.mixture,
    tests.firstErrors,
    tests.traffic,
    ...(refused === null || tests.refused === null ? [] : [tests.refused.mixture]),
    ...Object.values(tests.metrics).map(({ mixture }) => mixture),
  ];
  return mixtures.some((mixture) => lnWealth(mixture, drip) > DOUBT);
}

interface OpenProof {
  readonly proof: Proof;
  readonly margin: number;
}

function openProofs({ proofs }: JudgeState, rules: Rules, target: number): readonly OpenProof[] {
  const all = [
    { proof: proofs.errors, tolerances: rules.proofs.errors },
    { proof: proofs.refused, tolerances: rules.proofs.refused },
    ...proofs.latency.map((proof, k) => ({ proof, tolerances: rules.proofs.latency[k] ?? [] })),
  ];
  return all.flatMap(({ proof, tolerances }) => {
    const margin = tolerances[target]?.margin ?? 1;
    // No rate is above 1: so much needs no proof.
    if (proof === null || margin >= 1 || (proof.lnWealth[target] ?? 0) >= PROOF_LIMIT) return [];
    return [{ proof, margin }];
  });
}

/** How many more requests of the canary it takes, as it has gone so far. */
function missingOf(
  state: JudgeState,
  rules: Rules,
  { target, reason }: { readonly target: number | null; readonly reason: Reason },
): number | null {
  const { sinceShare } = state.totals;
  if (reason.why === "few") return rules.settings.minRequests - sinceShare;
  if (reason.why !== "open" || target === null || isDoubted(state, rules)) return null;
  const left = openProofs(state, rules, target).map(({ proof }) => {
    const ln = proof.lnWealth[target] ?? 0;
    const seen = proof.canary.n + proof.fresh.n;
    return ln <= 0 ? Infinity : Math.ceil((seen * (PROOF_LIMIT - ln)) / ln);
  });
  const most = Math.max(0, ...left);
  return Number.isFinite(most) ? most : null;
}

/** What decides: the tests on requests together, each of the others alone. */
function againstOf(state: JudgeState, rules: Rules, tests: readonly TestReport[]): Against {
  const { alpha } = rules.settings;
  const alone = tests.filter(({ unit }) => unit !== "request").map(({ wealth, limit }) => wealth / limit);
  const isByRequest = rules.settings.unit === "request";
  const together = isByRequest ? [lnTogether(state, rules) / -Math.log(rules.alpha)] : [];
  const p = pOf(state, rules, tests);
  const reached = clamp(Math.max(...alone, ...together), 0, 1);
  return {
    test: nearest(tests)?.name ?? null,
    reached,
    most: clamp(Math.log(p) / Math.log(alpha), 0, 1),
    p,
    alpha,
  };
}

/** Over all tests: together where they are worth their average, else each by its part of alpha. */
function pOf({ lnMost }: JudgeState, rules: Rules, tests: readonly TestReport[]): number {
  const { alpha } = rules.settings;
  const alone = tests.filter(({ unit }) => unit !== "request").map(({ p, limit }) => p * alpha * 10 ** limit);
  const together = rules.settings.unit === "request" ? [(Math.exp(-lnMost) * alpha) / rules.alpha] : [];
  return Math.min(1, ...alone, ...together);
}

const AFTER_LOSS = seconds(10);

function gapsOf(state: JudgeState, rules: Rules, now: Instant): readonly string[] {
  return rules.gateways.flatMap((name) => gapOf(state, name, now) ?? []);
}

function gapOf(state: JudgeState, name: HostName, now: Instant): string | null {
  const gateway = state.gateways[name];
  if (gateway?.ahead === true) return `${name}: its clock is ahead of ours`;
  if (isSilent(state, name, now)) {
    const isHeard = gateway?.heardAt !== null && gateway?.heardAt !== undefined;
    if (!isHeard) return `${name}: its log has not been read yet`;
    if (now - (gateway.heardAt ?? 0) <= PATIENCE) return `${name}: its clock or its log is behind`;
    const silence = formatDuration(between(gateway.heardAt ?? now, now));
    return `${name}: its log has not been read for ${silence}: see that it is there (\`nginx -s reopen\`)`;
  }
  const lostAt = gateway?.lostAt ?? null;
  if (lostAt === null || now - lostAt >= AFTER_LOSS) return null;
  return gateway?.lostWhy ?? `${name}: a part of its log was lost`;
}
