import { expect, test } from "vitest";
import { excerpt, lastLines, place, quoted } from "./text.ts";

test("an excerpt is one short line without control characters", () => {
  expect(excerpt("  a\r\n\tb\u0000c\u001b[31md\u009b ")).toBe("a b c [31md");
  expect(excerpt("x".repeat(201))).toBe(`${"x".repeat(200)}…`);
  expect(excerpt("x".repeat(200))).toBe("x".repeat(200));
});

test("nothing is not quoted", () => {
  expect([quoted(""), quoted(" \n"), quoted("a")]).toEqual(["", "", ' "a"']);
});

test("the last lines of a text", () => {
  expect(lastLines("1\n2\n3\n\n", 2)).toBe("2\n3");
});

test("an address of the sixth version is bracketed", () => {
  expect([place("10.0.0.1", 80), place("::1", 80)]).toEqual(["10.0.0.1:80", "[::1]:80"]);
});
