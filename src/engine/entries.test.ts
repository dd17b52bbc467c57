import { expect, test } from "vitest";
import type { ReleaseId } from "../model/ids.ts";
import type { Order } from "../model/rollout.ts";
import { rolloutOf } from "../../test/support/rollouts.ts";
import { instant } from "../base/time.ts";
import { NOTHING } from "../model/share.ts";
import { entryOf, orderWords } from "./entries.ts";

test.each<[Order, string]>([
  [{ kind: "promote", to: "next" }, "promote"],
  [{ kind: "promote", to: "full" }, "promote --full"],
  [{ kind: "promote", to: { share: 5000 } }, "promote --to 50 %"],
  [{ kind: "pause" }, "pause"],
  [{ kind: "resume" }, "resume"],
  [{ kind: "resume", hook: "again" }, "resume --hook again"],
  [{ kind: "abort", reason: "checkout is slow" }, "abort: checkout is slow"],
  [{ kind: "supersede", release: "v3" as ReleaseId }, "give way to v3"],
])("the journal tells the order %o", (order, words) => {
  expect(orderWords(order)).toBe(words);
});

test("the last entry of a completed release says that everybody has it by then", () => {
  const begun = rolloutOf();
  const settled = { at: "settled", release: begun.release } as const;
  const slots = Object.fromEntries(begun.plan.slots.map((slot) => [slot, settled]));
  const routing = { ...begun.routing, canary: [], stable: begun.plan.slots, share: NOTHING };
  const completed = { ...begun, phase: { name: "completed" }, slots, routing } as const;
  expect(entryOf(completed, instant(0), "ended").data).toMatchObject({ phase: "completed", share: 10_000 });
  expect(entryOf(begun, instant(0)).data).toMatchObject({ share: 0 });
});
