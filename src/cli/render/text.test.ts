import { describe, expect, test } from "vitest";
import { bad, clean, clip, good, line, print, strong, table, textOf, wrap } from "./text.ts";
import { bar, bytes, gist, ms, percent } from "./words.ts";

const PAGE = { columns: 80, color: false, unicode: true };

describe("clip", () => {
  test.each([
    ["what fits stays", "serving", 7, "serving"],
    ["what does not shows that it was cut", "serving", 6, "servi…"],
    ["a wide character is never cut in half", "灰度发布", 6, "灰度…"],
    ["a combined character is one", "e\u0301e\u0301e\u0301", 2, "e\u0301…"],
  ])("%s", (_, text, width, expected) => {
    expect(textOf(clip(line(text), width))).toBe(expected);
  });

  test("cuts through differently styled spans", () => {
    expect(textOf(clip(line(strong("shop"), "  v1 → ", good("v2")), 9))).toBe("shop  v1…");
  });
});

test("a table's columns are as wide as what is in them, wide characters counted double", () => {
  const rows = table([
    [line("商店"), line("a"), line("x")],
    [line("shop-1"), line("bcd"), line("y")],
  ]);
  expect(rows.map(textOf)).toEqual(["商店    a    x", "shop-1  bcd  y"]);
});

test.each([
  ["breaks at spaces", "one two three", 8, ["one two", "three"]],
  ["leaves a long word whole", "a veryverylongword b", 6, ["a", "veryverylongword", "b"]],
  ["keeps a command whole", "say `glidepath promote` now", 14, ["say", "`glidepath promote`", "now"]],
  ["keeps a number with its sign", "it is at 100 % now", 14, ["it is at 100 %", "now"]],
  [
    "keeps a number with its sign also where it must break",
    "it is at 100 % now",
    12,
    ["it is at", "100 % now"],
  ],
])("wrap %s", (_, text, width, expected) => {
  expect(wrap(text, width)).toEqual(expected);
});

test("nobody's words can move the cursor, ring the bell or change colours", () => {
  expect(clean("\u001B[31mred\u001B[0m\u001B[2J \u0007bell\r\n\ttab \u009B1mc1")).toBe(
    "red bell\n\ttab 1mc1",
  );
});

describe("print", () => {
  const lines = [line(bad("✗ "), "web1 → gone…"), line()];

  test("in colour", () => {
    expect(print([line(bad("no"))], { ...PAGE, color: true })).toBe("\u001B[31mno\u001B[39m\n");
  });
  test("without colour the same words", () => {
    expect(print(lines, PAGE)).toBe("✗ web1 → gone…\n\n");
  });
  test("without Unicode in ASCII, names as they are", () => {
    expect(print([...lines, line("商店 █░")], { ...PAGE, unicode: false })).toBe(
      "x web1 -> gone~\n\n商店 #.\n",
    );
  });
  test("cut to the terminal, or not", () => {
    expect(print([line("1234567890")], { ...PAGE, columns: 5 })).toBe("1234…\n");
    expect(print([line("1234567890")], { ...PAGE, columns: 5 }, false)).toBe("1234567890\n");
  });
});

test.each([
  [999, "999 B"],
  [1500, "1.5 kB"],
  [123_456_789, "123 MB"],
])("%s bytes are %s", (n, expected) => {
  expect(bytes(n)).toBe(expected);
});

test("numbers for people", () => {
  expect([percent(1 / 3), percent(0.25), ms(null), ms(1.234), ms(47.6)]).toEqual([
    "33.3 %",
    "25 %",
    "–",
    "1.2 ms",
    "48 ms",
  ]);
});

test.each([
  [0, "░░░░"],
  [0.001, "█░░░"],
  [0.5, "██░░"],
  [0.99, "███░"],
  [1, "████"],
])("a bar of %s shows the least part and is full only at the end", (part, expected) => {
  const { full, rest } = bar(part, 4);
  expect(full + rest).toBe(expected);
});

test.each([
  ["a countdown", "baking 5 % for 10m: 3m12s left", "baking 5 % for 10m: 2m1s left", true],
  ["a count", "draining web1:8001: 13 requests in flight", "draining web1:8001: 2 requests in flight", true],
  ["another slot", "draining web1:8001: 3 requests", "draining web1:8002: 3 requests", false],
  ["another host", "stopping web1:8001", "stopping web2:8001", false],
  ["another release", "switching to v3.2.31", "switching to v3.2.32", false],
])("%s: is it the same piece of news?", (_, before, after, same) => {
  expect(gist(before) === gist(after)).toBe(same);
});
