import { expect, test } from "vitest";
import type { ReleaseId } from "../model/ids.ts";
import type { Order } from "../model/rollout.ts";
import { orderWords } from "./entries.ts";

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
