import { expect, test } from "vitest";
import type { HostName } from "../../model/ids.ts";
import type { Explanation } from "../deps.ts";
import { V1, V2 } from "../testing/records.ts";
import { explainLines, lateLines } from "./explain.ts";
import { textOf } from "./text.ts";

const CASES: readonly (readonly [Omit<Explanation, "late">, readonly string[]])[] = [
  [
    { user: "42", release: V2, role: "canary", share: 500, by: { bucket: 123, of: 10_000 }, changesAt: 124 },
    ["42  gets v2 (canary)", "  bucket 123 of 10000; the canary's from a share of 1.24 % on; it is 5 % now"],
  ],
  [
    { user: "42", release: V1, role: "stable", share: 0, by: { bucket: 123, of: 10_000 }, changesAt: 124 },
    [
      "42  gets v1 (stable)",
      "  bucket 123 of 10000; the canary's from a share of 1.24 % on, and no canary has a share now",
    ],
  ],
  [
    {
      user: "",
      release: V1,
      role: "stable",
      share: 500,
      by: { rule: "header X-Canary is never" },
      changesAt: null,
    },
    ["this request  gets v1 (stable)", "  a rule says so, whatever the share: header X-Canary is never"],
  ],
];

test.each(CASES)("explain %#", (explanation, expected) => {
  expect(explainLines(explanation).map(textOf)).toEqual(expected);
});

test.each([
  [["web1"], "web1 still decides by"],
  [["web1", "web2"], "web1, web2 still decide by"],
])("gateways that are late are named: %j", (late, said) => {
  expect(textOf(lateLines(late as HostName[])[0]!)).toContain(said);
});
