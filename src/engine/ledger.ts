import { after, earliest, millis, type Instant } from "../base/time.ts";
import type { Outcome } from "../model/outcome.ts";
import type { Action } from "../rollout/actions.ts";

/** What became of every action that the rollout still asks for, or that is still under way. */
export type Ledger = ReadonlyMap<string, LedgerEntry>;
export type LedgerEntry =
  | { readonly state: "outstanding"; readonly times: number }
  /** It ended; should it still be asked for then, it is dispatched once more. */
  | { readonly state: "over"; readonly times: number; readonly againAt: Instant | null };

export const EMPTY: Ledger = new Map();

/** A done action whose effect is not seen in this time may have been undone by something else. */
const AFTER_DONE = millis(3000);
const AFTER_UNKNOWN = millis(250);
const LONGEST = millis(5000);

/** Which actions to dispatch now. The same key is never under way twice. */
export function admit(
  ledger: Ledger,
  asked: readonly Action[],
  now: Instant,
): { readonly ledger: Ledger; readonly dispatch: readonly Action[] } {
  const next = new Map<string, LedgerEntry>();
  const dispatch: Action[] = [];
  for (const [key, entry] of ledger) if (entry.state === "outstanding") next.set(key, entry);
  for (const action of asked) {
    const entry = ledger.get(action.key);
    const isDue =
      entry === undefined || (entry.state === "over" && entry.againAt !== null && now >= entry.againAt);
    if (isDue) dispatch.push(action);
    next.set(action.key, isDue ? { state: "outstanding", times: (entry?.times ?? 0) + 1 } : entry);
  }
  return { ledger: next, dispatch };
}

export function settle(
  ledger: Ledger,
  key: string,
  { outcome, now }: { outcome: Outcome; now: Instant },
): Ledger {
  const entry = ledger.get(key);
  if (entry === undefined) return ledger;
  const next = new Map(ledger);
  next.set(key, { state: "over", times: entry.times, againAt: againAt(outcome, entry.times, now) });
  return next;
}

/** A refusal is final: asking again would be refused again. */
function againAt(outcome: Outcome, times: number, now: Instant): Instant | null {
  if (outcome.kind === "refused") return null;
  if (outcome.kind === "done") return after(now, AFTER_DONE);
  return after(now, millis(Math.min(LONGEST, AFTER_UNKNOWN * 2 ** (times - 1))));
}

/** When the next action may be dispatched again. */
export function ledgerWake(ledger: Ledger): Instant | null {
  let wake: Instant | null = null;
  for (const entry of ledger.values()) if (entry.state === "over") wake = earliest(wake, entry.againAt);
  return wake;
}
