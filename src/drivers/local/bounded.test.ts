import { expect, test } from "vitest";
import { bounded } from "./bounded.ts";

const CASES = [
  { name: "nothing is nothing", chunks: [], text: "" },
  { name: "what fits is kept whole", chunks: ["abcd", "efgh"], text: "abcdefgh" },
  {
    name: "one large chunk keeps its two ends",
    chunks: ["abcdefghijkl"],
    text: "abcd\n[4 bytes left out]\nijkl",
  },
  {
    name: "many small chunks keep the two ends",
    chunks: "abcdefghijkl".split(""),
    text: "abcd\n[4 bytes left out]\nijkl",
  },
  { name: "chunks across the seam", chunks: ["abc", "def", "ghij"], text: "abcd\n[2 bytes left out]\nghij" },
] as const;

test.each(CASES)("$name", ({ chunks, text }) => {
  const kept = bounded(8);
  for (const chunk of chunks) kept.push(Buffer.from(chunk));
  expect(kept.text()).toBe(text);
});
