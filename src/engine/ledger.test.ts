import { describe, expect, it } from "vitest";
import { appError } from "../base/errors.ts";
import { instant } from "../base/time.ts";
import { DONE, refused, unknown, type Outcome } from "../model/outcome.ts";
import type { Action } from "../rollout/actions.ts";
import { admit, EMPTY, ledgerWake, settle } from "./ledger.ts";

const fetch: Action = { kind: "fetch", key: "fetch" };
const trouble = appError("host.timeout", "no answer");
const at = (ms: number) => instant(1_000_000 + ms);

const once = (outcome: Outcome, later: number): readonly Action[] => {
  const first = admit(EMPTY, [fetch], at(0));
  const settled = settle(first.ledger, "fetch", { outcome, now: at(0) });
  return admit(settled, [fetch], at(later)).dispatch;
};

describe("the ledger", () => {
  it("dispatches what is asked for the first time", () => {
    expect(admit(EMPTY, [fetch], at(0)).dispatch).toEqual([fetch]);
  });

  it("never dispatches what is under way", () => {
    const { ledger } = admit(EMPTY, [fetch], at(0));
    expect(admit(ledger, [fetch], at(999_999)).dispatch).toEqual([]);
  });

  it.each([
    { id: "repeats nothing that was refused", outcome: refused(trouble), later: 999_999, again: 0 },
    { id: "waits a while after an unknown outcome", outcome: unknown(trouble), later: 249, again: 0 },
    { id: "asks again when an outcome was unknown", outcome: unknown(trouble), later: 250, again: 1 },
    { id: "lets a done action show its effect first", outcome: DONE, later: 2_999, again: 0 },
    { id: "repeats a done action whose effect is not seen", outcome: DONE, later: 3_000, again: 1 },
  ])("$id", ({ outcome, later, again }) => {
    expect(once(outcome, later)).toHaveLength(again);
  });

  it("waits twice as long after each unknown outcome, up to five seconds", () => {
    let ledger = EMPTY;
    let now = at(0);
    const waits: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      ledger = settle(admit(ledger, [fetch], now).ledger, "fetch", { outcome: unknown(trouble), now });
      const wake = ledgerWake(ledger) ?? now;
      waits.push(wake - now);
      now = wake;
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
  });

  it("forgets what is asked no longer, but not what is still under way", () => {
    const { ledger } = admit(EMPTY, [fetch], at(0));
    expect(admit(ledger, [], at(1)).ledger.has("fetch")).toBe(true);
    const over = settle(ledger, "fetch", { outcome: DONE, now: at(1) });
    expect(admit(over, [], at(2)).ledger.has("fetch")).toBe(false);
  });
});
