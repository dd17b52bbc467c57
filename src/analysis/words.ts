import { formatShare, type BasisPoints } from "../model/share.ts";
import type { HarmReport, RoleSummary, TestReport, Verdict } from "../model/verdict.ts";
import { percent } from "./report.ts";
import type { Gross } from "./state.ts";

/** Why a verdict is what it is. */
export type Reason =
  | { readonly why: "worse"; readonly test: string }
  | { readonly why: "gross"; readonly test: "gross" }
  | { readonly why: "budget"; readonly test: "budget" }
  | { readonly why: "crowd"; readonly test: "traffic" }
  | {
      readonly why: "gap" | "share changing" | "nothing to compare" | "few" | "proven" | "open";
    };

export interface Facts {
  readonly share: BasisPoints | null;
  /** What is told of the two roles is of copies, and of what they are copies of. */
  readonly isCopy: boolean;
  /** Visitors of the stable release stay with it: rollout.pin. */
  readonly isPinned: boolean;
  readonly canary: RoleSummary;
  readonly stable: RoleSummary;
  readonly tests: readonly TestReport[];
  readonly against: Against;
  readonly arrived: { readonly canary: number; readonly stable: number };
  readonly budget: HarmReport;
  /** What only the canary was asked. */
  readonly gross: Pick<Gross, "asked" | "failed"> | null;
  readonly requestsMissing: number | null;
  readonly gaps: readonly string[];
}

/** How near it is to going back. */
export interface Against {
  /** The test that has come nearest. */
  readonly test: string | null;
  /** The part of the way to a `fail` that the evidence (its ln) has come, and the most it ever had. */
  readonly reached: number;
  readonly most: number;
  /** Anytime-valid; `fail` is at `alpha`. */
  readonly p: number;
  readonly alpha: number;
}

/** Where the difference of the error rates lies: how the course of a rollout shows it closing in. */
export function intervalOf({ canary, stable, difference: { low, high } }: Verdict): string {
  if (canary.requests === 0 || stable.requests === 0) return "";
  const points = (part: number): string =>
    `${part < 0 ? "−" : "+"}${Number((Math.abs(part) * 100).toPrecision(2))}`;
  return `; its error rate less the stable's: ${points(low)} to ${points(high)} points`;
}

/** One sentence for people. */
export function sentenceOf(reason: Reason, facts: Facts): string {
  const { budget, gross, requestsMissing: missing, gaps } = facts;
  switch (reason.why) {
    case "worse":
      return worse(reason.test, facts);
    case "gross":
      return `it fails: ${ofAll(gross?.failed ?? 0, gross?.asked ?? 0)}, where the stable hardly did`;
    case "budget":
      return (
        `${Math.round(budget.failed)} requests of the canary failed beyond the stable's rate, ` +
        `more than the ${budget.most} that are borne`
      );
    case "gap":
      return `evidence is missing: ${gaps.join("; ")}`;
    case "share changing":
      return "the share is being changed";
    case "nothing to compare":
      return `there is nothing to compare with; ${counts(facts)}`;
    case "crowd":
      return `more traffic than its share arrives at the canary: ${arrivals(facts)}`;
    case "few":
      return facts.isCopy
        ? `too few requests are mirrored to judge: ${missing ?? 0} more are needed`
        : `too little traffic to judge: ${missing ?? 0} more requests of the canary are needed` +
            (facts.isPinned ? "; who has a page of the stable release stays with it (rollout.pin)" : "");
    case "proven":
      return `no worse than the next share may be; ${counts(facts)}`;
    case "open": {
      const more = missing === null || missing === 0 ? "" : `; about ${missing} more requests prove it fit`;
      return `${sofar(facts.against)}${more}; ${counts(facts)}`;
    }
    default:
      return reason satisfies never;
  }
}

/** Less of the way is what chance does to any release. */
const LITTLE = 0.2;

function sofar({ test, reached, most, p, alpha }: Against): string {
  if (most < LITTLE) return "nothing against it so far";
  const chance = `p ${Number(p.toPrecision(2))}; at ${alpha} it goes back`;
  if (reached < LITTLE)
    return `little against it now, after ${percent(most, 2)} of what it takes (${chance})`;
  return `${test ?? "nothing"} against it: ${percent(reached, 2)} of what it takes (${chance})`;
}

function worse(test: string, facts: Facts): string {
  const { canary, stable, tests } = facts;
  if (test === "errors" || test === "first requests")
    return `more requests fail than is tolerated; ${counts(facts)}`;
  if (test === "refused") return "more requests are refused (4xx) than is tolerated";
  if (test === "traffic") return `requests to the canary are missing: ${arrivals(facts)}`;
  if (test !== "latency") return `${test} is typically out of its bounds`;
  const where = tests.find(({ name }) => name === test)?.where ?? "";
  const [ours, theirs] = [canary, stable].map(({ latency }) =>
    latency
      .filter(({ value }) => value !== null)
      .map(({ q, value }) => `p${q * 100} ${Math.round(value ?? 0)}ms`)
      .join(", "),
  );
  const what = facts.isCopy ? "; mirrored" : "";
  return `slower than is tolerated, most at ${where}${what}; canary ${ours}; stable ${theirs}`;
}

function counts({ canary, stable, isCopy }: Facts): string {
  const what = isCopy ? "failed of what is mirrored" : "failed";
  return `${what}: canary ${failedOf(canary)}, stable ${failedOf(stable)}`;
}

const failedOf = ({ failed, requests }: RoleSummary): string => ofAll(failed, requests);

function arrivals({ arrived, share }: Facts): string {
  const asked = share === null ? "" : `, its share is ${formatShare(share)}`;
  return `${ofAll(arrived.canary, arrived.canary + arrived.stable)}${asked}`;
}

const ofAll = (some: number, all: number): string =>
  all === 0 ? "none" : `${some} of ${all} (${percent(some / all)})`;
